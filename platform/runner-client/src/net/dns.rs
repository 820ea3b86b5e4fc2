//! One question to a name server, over UDP, and over TCP if the answer is cut. Without a named server the device's own list of
//! names comes first.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use fitment_domain::egress::Naming;
use fitment_domain::run::{DnsRecord, Fault, NetAnswer};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use super::connect::milliseconds;
use super::hosts;
use crate::egress::Egress;

const ANSWER_BYTES_MAX: usize = 4096;
const RECORDS_MAX: usize = 100;
const VALUE_CHARS_MAX: usize = 1_000;
/// Datagrams get lost: the question is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(1_500);
const RESOLV_CONF: &str = "/etc/resolv.conf";

const TYPES: &[(&str, TYPE)] = &[
    ("A", TYPE::A),
    ("AAAA", TYPE::AAAA),
    ("CNAME", TYPE::CNAME),
    ("MX", TYPE::MX),
    ("NS", TYPE::NS),
    ("TXT", TYPE::TXT),
    ("SOA", TYPE::SOA),
];

/// Reads a server as a guest names it: `192.0.2.53:53`, `[2001:db8::53]:53`; without a port it is 53.
pub(super) fn server_address(text: &str) -> Result<SocketAddr, Fault> {
    let alone = || text.parse().ok().map(|address| SocketAddr::new(address, 53));
    text.parse().ok().or_else(alone).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        Fault::Invalid(format!("server {shown:?} is no address and port, such as 192.0.2.53:53"))
    })
}

/// Asks, and returns the records of the answer; a name that does not exist is `not-found`. `naming`: how the grant names the server.
pub(super) async fn look(
    egress: &Egress,
    name: &str,
    record_type: &str,
    server: Option<&str>,
    naming: Naming,
) -> Result<NetAnswer, Fault> {
    let known = TYPES.iter().find(|(text, _)| text.eq_ignore_ascii_case(record_type));
    let kind = known
        .map(|(_, kind)| *kind)
        .ok_or_else(|| Fault::Invalid("record-type is not A, AAAA, CNAME, MX, NS, TXT or SOA".to_owned()))?;
    let started = Instant::now();
    let server = match server {
        Some(text) => Server { egress, address: server_address(text)?, naming },
        // Which one this machine asks was decided by its people.
        None => {
            if let Some(records) = of_this_device(name, kind) {
                return Ok(NetAnswer::Dns { duration_ms: milliseconds(started), records });
            }
            Server { egress, address: system_server()?, naming: Naming::NameServer }
        }
    };
    // A number that nobody else can know binds the answer to the question.
    let id = random_id();
    let question = question(id, name, kind)?;
    let answer = server.ask(id, &question).await?;
    let duration_ms = milliseconds(started);
    let packet = Packet::parse(&answer).map_err(|e| server.bad(&e.to_string()))?;
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Err(Fault::NotFound(format!("the name {name}"))),
        other => return Err(Fault::Failed(format!("{} answered {other:?}", server.address))),
    }
    let records = packet.answers.iter().take(RECORDS_MAX).filter_map(|record| {
        let (record_type, value) = value(&record.rdata)?;
        let value = value.chars().filter(|c| !c.is_control()).take(VALUE_CHARS_MAX).collect();
        Some(DnsRecord { record_type: record_type.to_owned(), value, ttl_s: record.ttl })
    });
    Ok(NetAnswer::Dns { duration_ms, records: records.collect() })
}

/// Returns the addresses that this machine itself gives to a name, as records that nobody keeps; none if it leaves the name
/// to its name server.
fn of_this_device(name: &str, kind: TYPE) -> Option<Vec<DnsRecord>> {
    let record_type = match kind {
        TYPE::A => "A",
        TYPE::AAAA => "AAAA",
        _ => return None,
    };
    let addresses = Some(hosts::addresses(name)).filter(|addresses| !addresses.is_empty())?;
    let asked = addresses.iter().filter(|address| matches!(address, IpAddr::V4(_)) == (kind == TYPE::A));
    let record =
        |address: &IpAddr| DnsRecord { record_type: record_type.to_owned(), value: address.to_string(), ttl_s: 0 };
    Some(asked.take(RECORDS_MAX).map(record).collect())
}

/// The first server that this machine asks.
fn system_server() -> Result<SocketAddr, Fault> {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next());
    let address = servers.filter_map(|server| server.parse().ok()).next();
    let address = address.ok_or_else(|| Fault::Unsupported(format!("a resolver: {RESOLV_CONF} names none")))?;
    Ok(SocketAddr::new(address, 53))
}

fn random_id() -> u16 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The standard library seeds it from the system's random source.
    std::hash::RandomState::new().build_hasher().finish() as u16
}

fn question(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, Fault> {
    let invalid = |error: simple_dns::SimpleDnsError| Fault::Invalid(format!("name: {error}"));
    let name = Name::new(name.trim_end_matches('.')).map_err(invalid)?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(invalid)
}

/// Who is asked, and the way there.
struct Server<'a> {
    egress: &'a Egress,
    address: SocketAddr,
    naming: Naming,
}

impl Server<'_> {
    async fn ask(&self, id: u16, question: &[u8]) -> Result<Vec<u8>, Fault> {
        let failed = |error: std::io::Error| Fault::Failed(format!("asking {}: {error}", self.address));
        let aimed = self.egress.aim(&self.address.ip().to_string(), self.address.port(), self.naming).await;
        let towards = aimed.map_err(|error| error.fault("net"))?;
        let here: SocketAddr = if towards.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(here).await.map_err(failed)?;
        socket.connect(towards).await.map_err(failed)?;
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        loop {
            socket.send(question).await.map_err(failed)?;
            let repeat = tokio::time::Instant::now() + REPEAT_AFTER;
            while let Ok(received) = tokio::time::timeout_at(repeat, socket.recv(&mut buffer)).await {
                let answer = &buffer[..received.map_err(failed)?];
                if !answers(answer, id, question) {
                    continue;
                }
                // The bit that says "cut".
                if answer[2] & 0b10 == 0 {
                    return Ok(answer.to_vec());
                }
                return self.ask_at_length(id, question).await;
            }
        }
    }

    async fn ask_at_length(&self, id: u16, question: &[u8]) -> Result<Vec<u8>, Fault> {
        let failed = |error: std::io::Error| Fault::Failed(format!("asking {} over TCP: {error}", self.address));
        let length = u16::try_from(question.len()).map_err(|_| self.bad("the question is too long"))?;
        let host = self.address.ip().to_string();
        let connected = self.egress.connect(&host, self.address.port(), self.naming).await;
        let mut stream = connected.map_err(|error| error.fault("net"))?.stream;
        stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await.map_err(failed)?;
        let mut answer = vec![0; usize::from(stream.read_u16().await.map_err(failed)?)];
        stream.read_exact(&mut answer).await.map_err(failed)?;
        if answers(&answer, id, question) { Ok(answer) } else { Err(self.bad("it answers another question")) }
    }

    fn bad(&self, problem: &str) -> Fault {
        Fault::Failed(format!("the answer of {}: {problem}", self.address))
    }
}

/// Returns whether a datagram answers this question: its number, and the question that it repeats.
fn answers(answer: &[u8], id: u16, question: &[u8]) -> bool {
    let head = 12;
    let same_id = answer.len() > head && answer[..2] == id.to_be_bytes() && answer[2] & 0x80 != 0;
    same_id
        && answer[head..].len() >= question[head..].len()
        && answer[head..question.len()].eq_ignore_ascii_case(&question[head..])
}

fn value(rdata: &RData<'_>) -> Option<(&'static str, String)> {
    Some(match rdata {
        RData::A(a) => ("A", std::net::Ipv4Addr::from(a.address).to_string()),
        RData::AAAA(aaaa) => ("AAAA", std::net::Ipv6Addr::from(aaaa.address).to_string()),
        RData::CNAME(cname) => ("CNAME", cname.0.to_string()),
        RData::NS(ns) => ("NS", ns.0.to_string()),
        RData::MX(mx) => ("MX", format!("{} {}", mx.preference, mx.exchange)),
        RData::SOA(soa) => ("SOA", format!("{} {} {}", soa.mname, soa.rname, soa.serial)),
        RData::TXT(txt) => {
            let strings = txt.iter_raw().map(|(key, value)| match value {
                Some(value) => [key, b"=", value].concat(),
                None => key.to_vec(),
            });
            let bytes: Vec<u8> = strings.flatten().collect();
            ("TXT", String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_number_and_question() {
        let question = question(7, "Example.com", TYPE::A).expect("a question");
        let mut answer = question.clone();
        assert!(!answers(&answer, 7, &question), "a question is no answer");
        answer[2] |= 0x80;
        assert!(answers(&answer, 7, &question));
        assert!(!answers(&answer, 8, &question));
        answer[14] = b'F';
        assert!(!answers(&answer, 7, &question));
        assert!(!answers(&[0; 4], 0, &question));
    }

    #[test]
    fn servers_are_addresses() {
        assert_eq!(server_address("192.0.2.53").expect("an address").port(), 53);
        assert_eq!(server_address("[2001:db8::53]:5353").expect("an address").port(), 5353);
        assert!(server_address("ns.example.com:53").is_err());
    }
}
