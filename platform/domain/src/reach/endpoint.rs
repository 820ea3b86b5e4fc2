//! Where a connection or a request may lead, as one pattern: scheme, host and port.

use std::fmt;

use super::{bare_host, is_host, split_host};

/// A pattern of hosts and ports, or of origins. Hosts nest or exclude each other, and so do ports: what two have in common is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    /// `http` or `https`; empty for a host alone.
    scheme: String,
    /// A name, an address, `*.` and a domain, or `*`.
    host: String,
    /// A number, or `*`.
    port: String,
}

impl Endpoint {
    /// Reads `host:port`.
    pub(super) fn of_host(text: &str) -> Option<Self> {
        let (host, port) = split_host(text)?;
        Some(Self { scheme: String::new(), host: read_host(host)?, port: read_port(port)? })
    }

    /// Reads an origin; its host and its port may be patterns.
    pub(super) fn of_origin(text: &str) -> Option<Self> {
        let (scheme, authority) = text.strip_suffix('/').unwrap_or(text).split_once("://")?;
        let default_port = default_port(scheme)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, default_port),
        };
        Some(Self { scheme: scheme.to_owned(), host: read_host(host)?, port: read_port(port)? })
    }

    /// Returns what is within both; none if nothing is.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        if self.scheme != other.scheme {
            return None;
        }
        let narrower = |one: &String, two: &String, covers: fn(&str, &str) -> bool| {
            if covers(one, two) { Some(two.clone()) } else { covers(two, one).then(|| one.clone()) }
        };
        let host = narrower(&self.host, &other.host, host_covers)?;
        let port = narrower(&self.port, &other.port, |outer, inner| outer == "*" || outer == inner)?;
        Some(Self { scheme: self.scheme.clone(), host, port })
    }
}

fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "https" => Some("443"),
        "http" => Some("80"),
        _ => None,
    }
}

fn read_host(text: &str) -> Option<String> {
    (text == "*" || is_host(text)).then(|| bare_host(text)).filter(|host| !host.is_empty())
}

fn read_port(text: &str) -> Option<String> {
    if text == "*" { Some(text.to_owned()) } else { text.parse::<u16>().ok().map(|port| port.to_string()) }
}

/// Returns whether every name that one pattern means is meant by the other.
fn host_covers(outer: &str, inner: &str) -> bool {
    let domain = |pattern: &str| pattern.strip_prefix("*.").map(str::to_owned);
    outer == "*"
        || outer == inner
        || domain(outer).is_some_and(|domain| super::is_below(inner.strip_prefix("*.").unwrap_or(inner), &domain))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        if !scheme.is_empty() {
            write!(f, "{scheme}://")?;
        }
        if host.contains(':') {
            write!(f, "[{host}]")?
        } else {
            f.write_str(host)?
        }
        if default_port(scheme) == Some(port.as_str()) { Ok(()) } else { write!(f, ":{port}") }
    }
}
