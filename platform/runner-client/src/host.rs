//! Host calls that the runner cannot answer itself: it holds no key, no secret and no socket.

use fitment_domain::capability::Grants;
use fitment_domain::run::{Fault, HostReply, HostRequest, Told};
use futures_util::future::BoxFuture;

/// What is left for one host call.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Milliseconds until the run ends.
    pub remaining_ms: u64,
    /// Bytes of one body in either direction.
    pub body_bytes_max: u64,
}

/// Answers the host calls of runs.
pub trait HostCalls: Send + Sync {
    /// Hears what a script says while it runs. Must not wait.
    fn told(&self, _told: Told) {}

    /// Answers one call under the grants of its run. The future is dropped when the run ends first.
    fn call<'a>(&'a self, request: HostRequest, grants: &'a Grants, limits: CallLimits) -> BoxFuture<'a, HostReply>;
}

/// Answers nothing: for runs that need no host call, such as monitors.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHostCalls;

impl HostCalls for NoHostCalls {
    fn call<'a>(&'a self, request: HostRequest, _grants: &'a Grants, _limits: CallLimits) -> BoxFuture<'a, HostReply> {
        Box::pin(async move { refused(&request, Fault::Unsupported("host calls in this place".to_owned())) })
    }
}

/// Makes the reply that refuses a request.
pub(crate) fn refused(request: &HostRequest, fault: Fault) -> HostReply {
    match request {
        HostRequest::Http(_) => HostReply::Http(Err(fault)),
        HostRequest::Net(_) => HostReply::Net(Err(fault)),
        HostRequest::Act(_) => HostReply::Act(Err(fault)),
        HostRequest::Look(_) => HostReply::Look(Err(fault)),
    }
}
