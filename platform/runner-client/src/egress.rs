//! The way out: resolving a name, checking where it leads and dialling are one step, so that nothing can change between check and
//! use. Every connection that a run causes is made here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::egress::{Naming, Place, Policy, classify};
use fitment_domain::run::Fault;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;

/// Addresses that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

/// Turns names into addresses.
pub trait Resolver: Send + Sync {
    /// Returns every address of a name.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The last step before a packet leaves. Tests note who comes by, and lead everybody to a server of their own.
pub trait Way: Send + Sync {
    /// Returns where what is meant for an address is really sent.
    fn towards(&self, address: SocketAddr) -> SocketAddr;
}

/// The system's resolver, which knows the hosts file and search domains that this machine's people know.
#[derive(Debug, Clone, Copy)]
struct System;

impl Resolver for System {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

impl Way for System {
    fn towards(&self, address: SocketAddr) -> SocketAddr {
        address
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    #[error("an address of {host}: {reason}")]
    NotFound { host: String, reason: String },
    /// The address is not told: where names of this network lead is nobody's business.
    #[error("{host} leads to {}; {remedy}", place.words())]
    Barred { host: String, place: Place, remedy: &'static str },
    #[error("connecting to {host}: {reason}")]
    Failed { host: String, reason: String },
}

impl NoConnection {
    /// Says it as the answer to a host call under a permission.
    pub(crate) fn fault(&self, permission: &str) -> Fault {
        match self {
            NoConnection::NotFound { .. } => Fault::NotFound(self.to_string()),
            NoConnection::Barred { .. } => Fault::Denied(format!("{permission} ({self})")),
            NoConnection::Failed { .. } => Fault::Failed(self.to_string()),
        }
    }
}

/// A connection, and how long each step took.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) stream: TcpStream,
    pub(crate) address: IpAddr,
    pub(crate) resolve: Duration,
    pub(crate) connect: Duration,
}

/// Makes connections under one policy.
pub struct Egress {
    policy: Policy,
    resolver: Arc<dyn Resolver>,
    way: Arc<dyn Way>,
}

impl Egress {
    /// Makes the way out of this machine.
    pub fn new(policy: Policy) -> Arc<Self> {
        Self::with(policy, Arc::new(System), Arc::new(System))
    }

    /// Makes a way out with another resolver and another last step.
    pub fn with(policy: Policy, resolver: Arc<dyn Resolver>, way: Arc<dyn Way>) -> Arc<Self> {
        Arc::new(Self { policy, resolver, way })
    }

    /// Resolves a host and returns those of its addresses that may be reached. What is asked of the resolver is never dialled
    /// without this.
    async fn open_addresses(&self, host: &str, naming: Naming) -> Result<Vec<IpAddr>, NoConnection> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let not_found = |reason: String| NoConnection::NotFound { host: shorten(bare), reason };
        let found = match bare.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.resolve(bare).await.map_err(|error| not_found(error.to_string()))?,
        };
        let open = |address: &IpAddr| self.policy.may_reach(*address, naming);
        let (open, barred): (Vec<IpAddr>, Vec<IpAddr>) = found.into_iter().partition(open);
        match (open.is_empty(), barred.first()) {
            (false, _) => Ok(open),
            (true, Some(first)) => {
                let place = classify(*first);
                Err(NoConnection::Barred { host: shorten(bare), place, remedy: self.policy.remedy(place) })
            }
            (true, None) => Err(not_found("it has none".to_owned())),
        }
    }

    /// Says whether a host leads to anything that may be reached, without sending anything there.
    pub async fn check(&self, host: &str) -> Result<(), NoConnection> {
        self.open_addresses(host, Naming::of(host)).await.map(|_| ())
    }

    /// Connects to the first address that answers, of those that may be reached.
    pub(crate) async fn connect(&self, host: &str, port: u16, naming: Naming) -> Result<Connected, NoConnection> {
        let started = Instant::now();
        let addresses = self.open_addresses(host, naming).await?;
        let resolve = started.elapsed();
        let failed = |reason: String| NoConnection::Failed { host: shorten(host), reason };
        let mut last = failed("nobody answers".to_owned());
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            let connecting = Instant::now();
            let dialling = TcpStream::connect(self.way.towards(SocketAddr::new(address, port)));
            match tokio::time::timeout(CONNECT_WAIT_MAX, dialling).await {
                Ok(Ok(stream)) => {
                    // Questions are small, and whoever waits for one packet more waits in vain.
                    let _ = stream.set_nodelay(true);
                    return Ok(Connected { stream, address, resolve, connect: connecting.elapsed() });
                }
                Ok(Err(error)) => last = failed(error.to_string()),
                Err(_elapsed) => last = failed("it takes too long".to_owned()),
            }
        }
        Err(last)
    }

    /// Returns where datagrams for a host go, if they may.
    pub(crate) async fn aim(&self, host: &str, port: u16, naming: Naming) -> Result<SocketAddr, NoConnection> {
        let addresses = self.open_addresses(host, naming).await?;
        let first = addresses.first().copied();
        let first = first.ok_or_else(|| NoConnection::NotFound { host: shorten(host), reason: "none".to_owned() })?;
        Ok(self.way.towards(SocketAddr::new(first, port)))
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
