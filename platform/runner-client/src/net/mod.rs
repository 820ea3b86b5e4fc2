//! Looks at other machines: a connection, a handshake, a name, an echo. Each is within the grant, bounded in time and bytes.

mod connect;
mod dns;
mod hosts;
mod ping;
mod tcp;
mod tls;

use std::time::Duration;

use fitment_domain::capability::{Grants, Permission};
use fitment_domain::egress::Naming;
use fitment_domain::reach;
use fitment_domain::run::{Fault, NetAnswer, NetRequest};

use crate::egress::Egress;
use crate::host::CallLimits;
use connect::Target;

/// What may be looked at, and what of it the installation itself names.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) grants: &'a Grants,
    pub(crate) by_installation: &'a Grants,
}

/// Does one look under its grants.
pub(crate) async fn look(
    egress: &Egress,
    request: NetRequest,
    named: Named<'_>,
    limits: CallLimits,
) -> Result<NetAnswer, Fault> {
    let naming = check(&request, named.grants)?;
    let naming = if check(&request, named.by_installation).is_ok() { naming } else { naming.published() };
    let timeout_ms = match &request {
        NetRequest::Tcp { timeout_ms, .. }
        | NetRequest::Tls { timeout_ms, .. }
        | NetRequest::Dns { timeout_ms, .. }
        | NetRequest::Ping { timeout_ms, .. } => u64::from(*timeout_ms).min(limits.remaining_ms),
    };
    let wait = Duration::from_millis(timeout_ms);
    let look = async {
        match request {
            NetRequest::Tcp { host, port, send, read_bytes_max, .. } => {
                let send = send.unwrap_or_default();
                if send.len() as u64 > limits.body_bytes_max {
                    return Err(Fault::Exhausted("http_body_bytes_max".to_owned()));
                }
                let read_bytes_max = u64::from(read_bytes_max).min(limits.body_bytes_max);
                let target = Target { egress, host: &host, port, naming };
                tcp::look(target, &send, read_bytes_max, wait).await
            }
            NetRequest::Tls { host, port, server_name, .. } => {
                tls::look(Target { egress, host: &host, port, naming }, server_name.as_deref()).await
            }
            NetRequest::Dns { name, record_type, server, .. } => {
                dns::look(egress, &name, &record_type, server.as_deref(), naming).await
            }
            // Lost echoes are an answer: the waiting is part of it.
            NetRequest::Ping { host, count, .. } => {
                ping::look(Target { egress, host: &host, port: 0, naming }, count, wait).await
            }
        }
    };
    // A little more than the call was given, so that what ends by itself can say what it has.
    tokio::time::timeout(wait + Duration::from_millis(50), look).await.map_err(|_elapsed| Fault::TimedOut)?
}

/// Refuses what leads elsewhere than granted, and says how the grant names the other end: of a question to a name server the server.
/// Names to resolve and echoes have no port: there the host decides.
fn check(request: &NetRequest, grants: &Grants) -> Result<Naming, Fault> {
    let hosts = grants.scope(Permission::Net).map(|scope| &scope.hosts).ok_or_else(|| denied("net"))?;
    let with_port = |host: &str, port: u16| match reach::host_is_within(hosts, host, port) {
        true => Ok(Naming::within(hosts, host, Some(port))),
        false => Err(denied(&format!("net {}:{port}", shorten(host)))),
    };
    let alone = |host: &str| match reach::host_is_within_at_any_port(hosts, host) {
        true => Ok(Naming::within(hosts, host, None)),
        false => Err(denied(&format!("net {}", shorten(host)))),
    };
    match request {
        NetRequest::Tcp { host, port, .. } | NetRequest::Tls { host, port, .. } => with_port(host, *port),
        NetRequest::Ping { host, .. } => alone(host),
        NetRequest::Dns { name, server, .. } => {
            let naming = alone(name)?;
            let Some(server) = server else { return Ok(naming) };
            let address = dns::server_address(server)?;
            with_port(&address.ip().to_string(), address.port())
        }
    }
}

fn denied(what: &str) -> Fault {
    Fault::Denied(what.to_owned())
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use fitment_domain::capability::Scope;

    use super::*;

    #[test]
    fn every_look_is_within_the_hosts_that_were_granted() {
        let hosts = ["example.com:443", "*.example.org:*", "192.0.2.53:53"].map(str::to_owned);
        let scope = Scope { hosts: hosts.into(), ..Scope::default() };
        let grants = Grants([(Permission::Net, scope)].into());
        let (host, wait) = (|host: &str| host.to_owned(), 1);
        let tcp = |name: &str, port| NetRequest::Tcp {
            host: host(name),
            port,
            send: None,
            read_bytes_max: 0,
            timeout_ms: wait,
        };
        let tls = |name: &str, port| NetRequest::Tls { host: host(name), port, server_name: None, timeout_ms: wait };
        let ping = |name: &str| NetRequest::Ping { host: host(name), count: 1, timeout_ms: wait };
        let dns = |name: &str, server: Option<&str>| NetRequest::Dns {
            name: host(name),
            record_type: host("A"),
            server: server.map(str::to_owned),
            timeout_ms: wait,
        };
        for within in [
            tcp("EXAMPLE.com.", 443),
            tls("a.example.org", 8443),
            ping("example.com"),
            dns("example.com", None),
            dns("example.com", Some("192.0.2.53:53")),
        ] {
            assert!(check(&within, &grants).is_ok(), "{within:?}");
            assert!(check(&within, &Grants::default()).is_err(), "{within:?}");
        }
        for outside in [
            tcp("example.com", 80),
            tcp("example.com.evil.net", 443),
            tls("example.org", 443),
            ping("example.net"),
            ping(""),
            dns("example.net", None),
            dns("example.com", Some("192.0.2.53:54")),
            dns("example.com", Some("192.0.2.54:53")),
            dns("example.com", Some("ns.example.com:53")),
        ] {
            assert!(check(&outside, &grants).is_err(), "{outside:?}");
        }
    }
}
