//! Who may come in. Every request of the agents' listener passes here first, also one for a route that is not there; a
//! route without a rule is closed.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::{Extensions, StatusCode, request::Parts};
use axum::middleware::Next;
use axum::response::Response;
use fitment_domain::bytes::Digest;
use fitment_domain::id::{DeviceId, TenantId};
use fitment_domain::protocol::refusal;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{CertificateRow, Zero};
use x509_parser::certificate::X509Certificate;

use crate::app::{App, Shared};
use crate::authority;
use crate::problem::Problem;
use crate::tls::PeerCertificate;

/// Refuses a certificate.
pub(super) fn refuse(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

/// Which certificate opens a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    /// A zero certificate.
    Enrolment,
    /// A device's certificate, also one that has expired: outages last longer than certificates live.
    Renewal,
    /// A device's certificate.
    Device,
}

/// An enrolled device.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
    /// By which id the agent knows itself: another one after its machine was set up anew.
    pub(crate) agent_id: DeviceId,
}

impl Peer {
    pub(super) fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }
}

/// A device that renews its certificate, which may have expired.
#[derive(Debug, Clone)]
pub(super) struct Renewer {
    pub(super) peer: Peer,
    /// Of the key that it holds: as `Request::key_digest` says it.
    pub(super) key_digest: String,
}

/// The holder of a zero certificate.
#[derive(Debug, Clone)]
pub(super) struct Newcomer {
    pub(super) tenant: TenantId,
    pub(super) zero: Zero,
}

/// What the gate found out is read from the request, and never decided again. Where it let nobody in there is nobody.
macro_rules! admitted {
    ($($who:ty),+) => {$(
        impl FromRequestParts<Shared> for $who {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _app: &Shared) -> Result<Self, Problem> {
                let found = parts.extensions.remove::<Self>();
                found.ok_or_else(|| Problem::internal("a route asks for a peer that its rule does not admit"))
            }
        }
    )+};
}

admitted!(Peer, Renewer, Newcomer);

/// What a certificate says of itself. Its issuer and its key were checked by the TLS layer.
struct Shown {
    issuer: String,
    serial: String,
    key_digest: String,
    not_before: UnixMs,
    not_after: UnixMs,
}

impl Shown {
    fn read(extensions: &Extensions) -> Result<Self, Problem> {
        let missing =
            || refuse(refusal::NO_CERTIFICATE, "this listener speaks only to holders of a certificate; enrol first");
        let der = extensions.get::<PeerCertificate>().and_then(|peer| peer.0.as_ref()).ok_or_else(missing)?;
        let (_, certificate): (_, X509Certificate<'_>) = x509_parser::parse_x509_certificate(der)
            .map_err(|_| refuse(refusal::UNKNOWN, "the certificate does not read"))?;
        let issuer = certificate.issuer().iter_common_name().next().and_then(|name| name.as_str().ok());
        Ok(Self {
            issuer: issuer.unwrap_or_default().to_owned(),
            serial: hex::encode(certificate.raw_serial()),
            key_digest: Digest::of(certificate.public_key().raw).as_str().to_owned(),
            not_before: UnixMs(certificate.validity().not_before.timestamp() * 1000),
            not_after: UnixMs(certificate.validity().not_after.timestamp() * 1000),
        })
    }

    // The server's time helps an agent whose clock is wrong to see that.
    fn check_begun(&self, now: UnixMs) -> Result<(), Problem> {
        if now < self.not_before {
            let problem =
                refuse(refusal::NOT_YET_VALID, "the certificate is not valid yet: check this machine's clock");
            return Err(problem.with("server_time_ms", now.0));
        }
        Ok(())
    }

    fn check_not_over(&self, now: UnixMs, remedy: &str) -> Result<(), Problem> {
        if now > self.not_after {
            let problem = refuse(refusal::EXPIRED, &format!("the certificate has expired: {remedy}"));
            return Err(problem.with("server_time_ms", now.0));
        }
        Ok(())
    }
}

/// The one layer: the rules of all routes.
pub(super) struct Gate {
    app: Shared,
    rules: HashMap<String, Opens>,
}

impl Gate {
    /// Makes a gate that lets nobody to any route.
    pub(super) fn new(app: Shared) -> Self {
        Self { app, rules: HashMap::new() }
    }

    /// Says what opens a route.
    pub(super) fn rule(&mut self, path: String, opens: Opens) {
        self.rules.insert(path, opens);
    }

    /// Decides on a certificate. `opens` is what the route takes; none where there is no such route.
    async fn decide(&self, shown: Shown, opens: Option<Opens>, extensions: &mut Extensions) -> Result<(), Problem> {
        match (shown.issuer.as_str(), opens) {
            (authority::BOOTSTRAP, Some(Opens::Enrolment) | None) => {
                extensions.insert(newcomer(&self.app, &shown).await?);
            }
            (authority::DEVICES, Some(Opens::Renewal)) => {
                // Not asked: when it expired. It is for the bound key, and the device may have been off for months.
                let peer = renewer(&self.app, &shown).await?;
                extensions.insert(Renewer { peer, key_digest: shown.key_digest });
            }
            (authority::DEVICES, Some(Opens::Device) | None) => {
                shown.check_not_over(self.app.now(), "ask for the next one with the same key")?;
                extensions.insert(device(&self.app, &shown).await?);
            }
            (authority::BOOTSTRAP, Some(Opens::Renewal | Opens::Device)) => {
                return Err(refuse(
                    refusal::WRONG_KIND,
                    "a zero certificate opens the route that enrols, and no other",
                ));
            }
            (authority::DEVICES, Some(Opens::Enrolment)) => {
                return Err(refuse(
                    refusal::WRONG_KIND,
                    "enrolment needs a zero certificate; this device is enrolled already",
                ));
            }
            _ => return Err(refuse(refusal::UNKNOWN, "an authority of this name issues no certificates for agents")),
        }
        Ok(())
    }
}

async fn newcomer(app: &App, shown: &Shown) -> Result<Newcomer, Problem> {
    let now = app.now();
    shown.check_begun(now)?;
    shown.check_not_over(now, "ask the MSP for another zero certificate")?;
    let found = app.store.read(Scope::Platform).await?.zero_by_serial(&shown.serial).await?;
    let (tenant, zero) =
        found.ok_or_else(|| refuse(refusal::UNKNOWN, "this server did not issue the zero certificate"))?;
    if zero.revoked.is_some() {
        return Err(refuse(refusal::REVOKED, "the zero certificate was revoked: ask the MSP for another"));
    }
    Ok(Newcomer { tenant, zero })
}

async fn device(app: &App, shown: &Shown) -> Result<Peer, Problem> {
    shown.check_begun(app.now())?;
    admitted_by(app.store.read(Scope::Platform).await?.certificate(&shown.serial).await?)
}

/// A database that was restored from a backup does not know what was issued since, but it knows the key that enrolled: our
/// authority signed the certificate, and its holder has proved that the key is its own.
async fn renewer(app: &App, shown: &Shown) -> Result<Peer, Problem> {
    shown.check_begun(app.now())?;
    let mut tx = app.store.read(Scope::Platform).await?;
    let row = match tx.certificate(&shown.serial).await? {
        Some(row) => Some(row),
        None => tx.certificate_by_key(&shown.key_digest).await?,
    };
    admitted_by(row)
}

fn admitted_by(row: Option<CertificateRow>) -> Result<Peer, Problem> {
    let row = row.ok_or_else(|| refuse(refusal::UNKNOWN, "this server did not issue the certificate: enrol again"))?;
    if row.revoked.is_some() {
        return Err(refuse(refusal::REVOKED, "the device was revoked by its MSP"));
    }
    Ok(Peer { tenant: row.tenant, device: row.device, agent_id: row.agent_id })
}

/// The layer around all routes. It leaves in the request who the peer is, for the handler to read.
pub(super) async fn admit(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let shown = Shown::read(request.extensions())?;
    let opens = match request.extensions().get::<MatchedPath>() {
        None => None,
        Some(path) => {
            let rule = gate.rules.get(path.as_str()).copied();
            Some(rule.ok_or_else(|| refuse(refusal::WRONG_KIND, "no certificate opens this route"))?)
        }
    };
    gate.decide(shown, opens, request.extensions_mut()).await?;
    Ok(next.run(request).await)
}
