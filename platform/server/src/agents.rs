//! The agents' listener above TLS. One layer decides on every certificate, and denies what it does not know.

mod enrol;
mod instructions;
mod results;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use fitment_domain::bytes::Digest;
use fitment_domain::device::Facts;
use fitment_domain::id::{DeviceId, JobId, TenantId};
use fitment_domain::instruction::{InstructionSet, SET_TYPE};
use fitment_domain::protocol::{refusal, route};
use fitment_domain::signature::Signer;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::Zero;
use x509_parser::certificate::X509Certificate;

use crate::app::Shared;
use crate::authority;
use crate::clock;
use crate::problem::{self, Body, Problem};
use crate::tls::PeerCertificate;
use crate::work::ASSIGN;

const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Makes the routes of the agents' listener.
pub fn router(app: Shared) -> Router {
    Router::new()
        .route(route::ENROL, post(enrol::enrol))
        .route(route::RENEW, post(enrol::renew))
        .route(route::AVAILABILITY, post(instructions::availability))
        .route(route::INSTRUCTIONS, post(instructions::ask))
        .route(&format!("{}/{{digest}}", route::OBJECTS), get(object))
        .route(route::RESULTS, post(results::take))
        .route(route::FACTS, put(facts))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn(problem::layer))
        .with_state(app)
}

fn refuse(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

/// What a certificate says of itself. Its issuer and key were checked by the TLS layer.
struct Shown {
    issuer: String,
    serial: String,
    not_before: UnixMs,
    not_after: UnixMs,
}

fn shown(parts: &Parts) -> Result<Shown, Problem> {
    let missing =
        || refuse(refusal::NO_CERTIFICATE, "this listener speaks only to holders of a certificate; enrol first");
    let der = parts.extensions.get::<PeerCertificate>().and_then(|peer| peer.0.as_ref()).ok_or_else(missing)?;
    let (_, certificate): (_, X509Certificate<'_>) = x509_parser::parse_x509_certificate(der)
        .map_err(|_| refuse(refusal::UNKNOWN, "the certificate does not read"))?;
    let issuer = certificate.issuer().iter_common_name().next().and_then(|name| name.as_str().ok());
    Ok(Shown {
        issuer: issuer.unwrap_or_default().to_owned(),
        serial: hex::encode(certificate.raw_serial()),
        not_before: UnixMs(certificate.validity().not_before.timestamp() * 1000),
        not_after: UnixMs(certificate.validity().not_after.timestamp() * 1000),
    })
}

fn check_lifetime(shown: &Shown, now: UnixMs) -> Result<(), Problem> {
    // The server's time helps an agent whose clock is wrong to see that.
    if now > shown.not_after {
        let problem = refuse(refusal::EXPIRED, "the certificate has expired: enrol again with a new zero certificate");
        return Err(problem.with("server_time_ms", now.0));
    }
    if now < shown.not_before {
        let problem = refuse(refusal::NOT_YET_VALID, "the certificate is not valid yet: check this machine's clock");
        return Err(problem.with("server_time_ms", now.0));
    }
    Ok(())
}

/// An enrolled device.
pub(crate) struct Peer {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
}

impl Peer {
    fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }
}

impl FromRequestParts<Shared> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let shown = shown(parts)?;
        if shown.issuer != authority::DEVICES {
            return Err(refuse(refusal::WRONG_KIND, "a zero certificate opens the route that enrols, and no other"));
        }
        check_lifetime(&shown, app.now())?;
        let row = app.store.read(Scope::Platform).await?.certificate(&shown.serial).await?;
        let row =
            row.ok_or_else(|| refuse(refusal::UNKNOWN, "this server did not issue the certificate: enrol again"))?;
        if row.revoked.is_some() {
            return Err(refuse(refusal::REVOKED, "the device was revoked by its MSP"));
        }
        Ok(Self { tenant: row.tenant, device: row.device })
    }
}

/// The holder of a zero certificate.
pub(crate) struct Newcomer {
    pub(crate) tenant: TenantId,
    pub(crate) zero: Zero,
}

impl FromRequestParts<Shared> for Newcomer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let shown = shown(parts)?;
        if shown.issuer != authority::BOOTSTRAP {
            return Err(refuse(
                refusal::WRONG_KIND,
                "enrolment needs a zero certificate; this device is enrolled already",
            ));
        }
        check_lifetime(&shown, app.now())?;
        let found = app.store.read(Scope::Platform).await?.zero_by_serial(&shown.serial).await?;
        let (tenant, zero) =
            found.ok_or_else(|| refuse(refusal::UNKNOWN, "this server did not issue the zero certificate"))?;
        if zero.revoked.is_some() {
            return Err(refuse(refusal::REVOKED, "the zero certificate was revoked: ask the MSP for another"));
        }
        Ok(Self { tenant, zero })
    }
}

/// Hands out a component, if the device's own set names it. Anything else is not there.
async fn object(
    State(app): State<Shared>,
    peer: Peer,
    Path(digest): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let not_found = || Problem::not_found("object in this device's set");
    let digest = Digest::parse(&digest).map_err(|_| not_found())?;
    let stored = app.store.read(peer.scope()).await?.instruction_set(&peer.device).await?.ok_or_else(not_found)?;
    let wanted = [(Signer::Platform, app.keys.instruction_public())];
    let set: InstructionSet = stored.envelope.open(SET_TYPE, &wanted).map_err(Problem::internal)?;
    if !set.items.iter().any(|item| item.digest == digest) {
        return Err(not_found());
    }
    let bytes = app.store.objects().get(&digest).await?.ok_or_else(not_found)?;
    Ok(([("content-type", "application/wasm")], bytes))
}

/// Takes the facts that an agent reports at its start.
async fn facts(State(app): State<Shared>, peer: Peer, Body(facts): Body<Facts>) -> Result<StatusCode, Problem> {
    facts.check().map_err(Problem::invalid)?;
    let now = app.now();
    let mut tx = app.store.begin(peer.scope()).await?;
    let before = tx.device(&peer.device).await?.map(|device| device.facts);
    if before.as_ref() != Some(&facts) {
        tx.set_facts(&peer.device, &facts, now).await?;
        tx.enqueue(&JobId::from_random(clock::random()?), ASSIGN, peer.device.as_str(), now).await?;
    }
    tx.touch_device(&peer.device, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
