//! From a zero certificate to a certificate of one's own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fitment_domain::device::{Device, fact};
use fitment_domain::id::{DeviceId, JobId, TenantId};
use fitment_domain::protocol::{Enrol, Enrolled, Renew, Renewed, refusal};
use fitment_domain::tenant::Scope;
use fitment_store::{EnrolOutcome, Tx};

use super::gate::{Newcomer, Renewer, refuse};
use crate::app::{App, Shared};
use crate::authority::{AuthorityError, Issued, Request};
use crate::clock;
use crate::problem::{Body, Problem};
use crate::work::ASSIGN;

fn read_request(pem: &str) -> Result<Request, Problem> {
    Request::parse(pem).map_err(|e| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-certificate-request", format!("request_pem: {e}"))
    })
}

fn failed(error: AuthorityError) -> Problem {
    Problem::internal(error)
}

/// Enrols a machine. The same key with the same zero certificate is the same device, however often its reply was lost.
pub(super) async fn enrol(
    State(app): State<Shared>,
    newcomer: Newcomer,
    Body(enrol): Body<Enrol>,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    enrol.facts.check().map_err(Problem::invalid)?;
    let request = read_request(&enrol.request_pem)?;
    let now = app.now();
    let id = DeviceId::from_random(clock::random()?);
    let name = enrol.facts.text(fact::HOSTNAME).unwrap_or(id.as_str()).to_owned();
    let device = Device {
        id: id.clone(),
        name,
        client: newcomer.zero.client.clone(),
        location: newcomer.zero.location.clone(),
        facts: enrol.facts,
        enrolled: now,
        last_seen: now,
        revoked: None,
    };
    let mut tx = app.store.begin(Scope::Tenant(newcomer.tenant.clone())).await?;
    let device = match tx.enrol_device(&newcomer.zero.id, &request.key_digest(), &device, now).await? {
        EnrolOutcome::New => id,
        EnrolOutcome::Again(before) => {
            if tx.device(&before).await?.is_some_and(|device| device.revoked.is_some()) {
                return Err(refuse(refusal::REVOKED, "the device was revoked by its MSP"));
            }
            before
        }
        EnrolOutcome::UsedUp => {
            return Err(refuse(
                refusal::USED_UP,
                "the zero certificate has enrolled as many machines as it may: ask the MSP for another",
            ));
        }
    };
    let issued = issue(&app, &mut tx, &newcomer.tenant, &device, &request).await?;
    let details = serde_json::json!({ "zero": newcomer.zero.id });
    tx.append_audit(newcomer.zero.id.as_str(), "device.enrol", device.as_str(), &details, now).await?;
    tx.enqueue(&JobId::from_random(clock::random()?), ASSIGN, device.as_str(), now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    let enrolled = Enrolled {
        tenant: newcomer.tenant,
        device,
        certificate_pem: issued.pem,
        instruction_key: app.keys.instruction_public(),
        release_key: app.keys.release_public(),
    };
    Ok((StatusCode::CREATED, Json(enrolled)))
}

/// Gives a device its next certificate, for the key of the one that it shows and no other.
pub(super) async fn renew(
    State(app): State<Shared>,
    Renewer { peer, key_digest }: Renewer,
    Body(renew): Body<Renew>,
) -> Result<(StatusCode, Json<Renewed>), Problem> {
    let request = read_request(&renew.request_pem)?;
    if request.key_digest() != key_digest {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            refusal::KEY_DIFFERS,
            "request_pem: it is for another key than the certificate shown; a device renews for the key it enrolled with",
        ));
    }
    let mut tx = app.store.begin(peer.scope()).await?;
    let issued = issue(&app, &mut tx, &peer.tenant, &peer.device, &request).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(Renewed { certificate_pem: issued.pem })))
}

async fn issue(
    app: &App,
    tx: &mut Tx,
    tenant: &TenantId,
    device: &DeviceId,
    request: &Request,
) -> Result<Issued, Problem> {
    let now = app.now();
    let issued = app.authorities.issue_device(tenant, device, request, now).map_err(failed)?;
    tx.insert_certificate(&issued.serial, device, issued.not_before, issued.not_after, now).await?;
    Ok(issued)
}
