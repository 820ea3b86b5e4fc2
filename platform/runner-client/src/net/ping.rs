//! Echo requests over a datagram socket, which needs no privilege where the system allows it, icmp(7).

use std::net::{IpAddr, SocketAddr, UdpSocket as Blocking};
use std::time::{Duration, Instant};

use fitment_domain::run::{Fault, NetAnswer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::connect::{Target, milliseconds};

const COUNT_MAX: u32 = 20;
/// The time between two requests.
const APART: Duration = Duration::from_millis(200);
const PAYLOAD: &[u8; 16] = b"fitment ping \0\0\0";

/// Sends `count` requests, one after the other; an answer that comes later than its share of the time is lost.
pub(super) async fn look(target: Target<'_>, count: u32, wait: Duration) -> Result<NetAnswer, Fault> {
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(Fault::Invalid(format!("count is {count}, it must be 1 to {COUNT_MAX}")));
    }
    let begun = Instant::now();
    let Target { egress, host, port, naming } = target;
    let address = egress.aim(host, port, naming).await.map_err(|error| error.fault("net"))?;
    let socket = open(address)?;
    let mut times_ms = Vec::new();
    for sequence in 0..count {
        let left = wait.saturating_sub(begun.elapsed());
        let share = left / (count - sequence);
        times_ms.push(echo(&socket, address.ip(), sequence as u16, share).await?);
        if sequence + 1 < count {
            tokio::time::sleep(APART.min(share / 4)).await;
        }
    }
    Ok(NetAnswer::Ping(times_ms))
}

fn open(address: SocketAddr) -> Result<UdpSocket, Fault> {
    let (domain, protocol) = match address {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let failed = |error: std::io::Error| Fault::Failed(format!("pinging {}: {error}", address.ip()));
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol)).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Fault::Unsupported(
            "ping: this machine does not let the agent's group send echoes (net.ipv4.ping_group_range)".to_owned(),
        ),
        _ => failed(error),
    })?;
    socket.set_nonblocking(true).map_err(failed)?;
    socket.connect(&address.into()).map_err(failed)?;
    UdpSocket::from_std(Blocking::from(socket)).map_err(failed)
}

/// One request and its answer; none if it did not come in time. The kernel fills in identifier and checksum.
async fn echo(socket: &UdpSocket, to: IpAddr, sequence: u16, wait: Duration) -> Result<Option<f64>, Fault> {
    let failed = |error: std::io::Error| Fault::Failed(format!("pinging {to}: {error}"));
    let (request, reply) = if to.is_ipv4() { (8, 0) } else { (128, 129) };
    let [high, low] = sequence.to_be_bytes();
    let mut packet = vec![request, 0, 0, 0, 0, 0, high, low];
    packet.extend_from_slice(PAYLOAD);
    let sent = Instant::now();
    socket.send(&packet).await.map_err(failed)?;
    let deadline = sent + wait;
    let mut buffer = [0; 256];
    while let Ok(received) = tokio::time::timeout_at(deadline.into(), socket.recv(&mut buffer)).await {
        match received {
            Ok(length) if length >= 8 && buffer[0] == reply && buffer[6..8] == [high, low] => {
                return Ok(Some(milliseconds(sent)));
            }
            Ok(_) => {}
            // A router said that there is no way: lost, as the one that nobody answers.
            Err(error) if error.kind() == std::io::ErrorKind::HostUnreachable => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(None)
}
