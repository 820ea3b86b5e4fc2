//! A connection, and how long each step to it took.

use std::time::Instant;

use fitment_domain::egress::Naming;
use fitment_domain::run::{Fault, NetTiming};
use tokio::net::TcpStream;

use crate::egress::Egress;

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

/// The other end of a look: a host and port within the grant, and how the grant names them.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) egress: &'a Egress,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) naming: Naming,
}

impl Target<'_> {
    /// Connects to the first of its addresses that answers.
    pub(super) async fn connect(&self) -> Result<(TcpStream, Clock), Fault> {
        let started = Instant::now();
        let connected = self.egress.connect(self.host, self.port, self.naming).await;
        let connected = connected.map_err(|error| error.fault("net"))?;
        let clock = Clock {
            started,
            resolve_ms: connected.resolve.as_secs_f64() * 1_000.0,
            connect_ms: connected.connect.as_secs_f64() * 1_000.0,
            address: connected.address.to_string(),
        };
        Ok((connected.stream, clock))
    }
}
