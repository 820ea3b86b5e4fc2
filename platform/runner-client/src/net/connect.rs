//! From a host and a port to a connection, and how long each step took.

use std::net::SocketAddr;
use std::time::Instant;

use fitment_domain::run::{Fault, NetTiming};
use tokio::net::TcpStream;

/// Addresses that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;

/// A stopwatch over the steps.
pub(super) struct Clock {
    started: Instant,
    resolve_ms: f64,
    connect_ms: f64,
    address: String,
}

impl Clock {
    /// Returns the times until now.
    pub(super) fn timing(&self) -> NetTiming {
        NetTiming {
            resolve_ms: self.resolve_ms,
            connect_ms: self.connect_ms,
            total_ms: milliseconds(self.started),
            address: self.address.clone(),
        }
    }
}

/// Returns the milliseconds since a time.
pub(super) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Asks the system's resolver, which knows the hosts file and search domains that this machine's people know.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((bare, port)).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| Fault::NotFound(format!("an address of {bare}: {error}")))?.collect();
    if addresses.is_empty() { Err(Fault::NotFound(format!("an address of {bare}"))) } else { Ok(addresses) }
}

/// Connects to the first address that answers.
pub(super) async fn connect(host: &str, port: u16) -> Result<(TcpStream, Clock), Fault> {
    let started = Instant::now();
    let addresses = resolve(host, port).await?;
    let resolve_ms = milliseconds(started);
    let mut last = Fault::NotFound(format!("an address of {host}"));
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        let connecting = Instant::now();
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let connect_ms = milliseconds(connecting);
                return Ok((stream, Clock { started, resolve_ms, connect_ms, address: address.ip().to_string() }));
            }
            Err(error) => last = Fault::Failed(format!("connecting to {address}: {error}")),
        }
    }
    Err(last)
}
