//! Ports for servers that go away and come back in the middle of a test.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems take for outgoing connections: one of those could sit on a port while its server is away.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Returns a port that is free, and that no call in this process returns again.
pub(crate) fn free_port() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let place = begin.wrapping_add(u32::from(CALLS.fetch_add(1, Ordering::Relaxed))) % u32::from(COUNT);
        let port = FIRST + u16::try_from(place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
