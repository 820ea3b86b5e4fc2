//! Looks at other machines. Permission `net`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::net;

pub use net::{Certificate, DnsAnswer, DnsRecord, Timing, TlsAnswer};

/// Opens a connection, sends what is given, and reads at most `read_at_most` bytes.
pub fn tcp(
    host: &str,
    port: u16,
    send: Option<&[u8]>,
    read_at_most: u32,
    timeout_ms: u32,
) -> Result<(Timing, Vec<u8>), Fault> {
    net::tcp(host, port, send, read_at_most, timeout_ms)
}

/// Shakes hands and reads the certificates, also invalid ones.
pub fn tls(host: &str, port: u16, server_name: Option<&str>, timeout_ms: u32) -> Result<TlsAnswer, Fault> {
    net::tls(host, port, server_name, timeout_ms)
}

/// Asks for one type of record; `server` is "address:port", none for the device's own resolver.
pub fn dns(name: &str, record_type: &str, server: Option<&str>, timeout_ms: u32) -> Result<DnsAnswer, Fault> {
    net::dns(name, record_type, server, timeout_ms)
}

/// Sends echo requests; the answer has one entry per request: milliseconds, or none for a lost one.
pub fn ping(host: &str, count: u32, timeout_ms: u32) -> Result<Vec<Option<f64>>, Fault> {
    net::ping(host, count, timeout_ms)
}
