//! Who answers the host calls of runs on devices.

use std::sync::Arc;

use fitment_domain::act::{Act, Done};
use fitment_domain::capability::Grants;
use fitment_domain::look::{Look, Seen};
use fitment_domain::run::{Fault, HostReply, HostRequest};
use futures_util::future::BoxFuture;

use crate::host::{CallLimits, HostCalls};
use crate::http::HttpHost;
use crate::net;

/// Does the acts of one run, or has them done. The grants were checked before; whoever acts checks them again.
pub trait Acts: Send + Sync {
    /// Does one act within the limits.
    fn act<'a>(&'a self, act: Act, limits: CallLimits) -> BoxFuture<'a, Result<Done, Fault>>;

    /// Makes one reading for which the runner's account is not enough, within the limits.
    fn look<'a>(&'a self, look: Look, limits: CallLimits) -> BoxFuture<'a, Result<Seen, Fault>>;
}

/// Does nothing: for runs that change nothing, such as monitors and probes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoActs;

impl Acts for NoActs {
    fn act<'a>(&'a self, _act: Act, _limits: CallLimits) -> BoxFuture<'a, Result<Done, Fault>> {
        Box::pin(async { Err(Fault::Unsupported("acts in this place".to_owned())) })
    }

    fn look<'a>(&'a self, _look: Look, _limits: CallLimits) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(async { Err(Fault::Unsupported("this reading in this place".to_owned())) })
    }
}

/// Sends HTTP requests, looks at other machines, and has acts done.
pub struct DeviceHost {
    http: Arc<HttpHost>,
    acts: Arc<dyn Acts>,
    named: Grants,
}

impl DeviceHost {
    /// Makes a host for runs on devices; `http` may be shared by all of them, `acts` belongs to one order.
    pub fn new(http: Arc<HttpHost>, acts: Arc<dyn Acts>) -> Self {
        Self { http, acts, named: Grants::default() }
    }

    /// Says what the installation itself names: hosts of these may lead into the device's own network, other names may not.
    #[must_use]
    pub fn naming(self, named: Grants) -> Self {
        Self { named, ..self }
    }
}

impl HostCalls for DeviceHost {
    fn call<'a>(&'a self, request: HostRequest, grants: &'a Grants, limits: CallLimits) -> BoxFuture<'a, HostReply> {
        match request {
            HostRequest::Http(request) => {
                Box::pin(async move { HostReply::Http(self.http.send(request, grants, &self.named, limits).await) })
            }
            HostRequest::Net(request) => Box::pin(async move {
                let named = net::Named { grants, by_installation: &self.named };
                HostReply::Net(net::look(self.http.egress(), request, named, limits).await)
            }),
            HostRequest::Act(act) => Box::pin(async move {
                HostReply::Act(match fitment_domain::act::check(&act, grants) {
                    Ok(()) => self.acts.act(act, limits).await,
                    Err(fault) => Err(fault),
                })
            }),
            HostRequest::Look(look) => Box::pin(async move {
                HostReply::Look(match fitment_domain::look::check(&look, grants) {
                    Ok(()) => self.acts.look(look, limits).await,
                    Err(fault) => Err(fault),
                })
            }),
        }
    }
}
