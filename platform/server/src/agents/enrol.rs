//! From a zero certificate to a certificate of one's own.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use fitment_domain::device::{Device, Facts, Origin, fact};
use fitment_domain::id::{DeviceId, TenantId};
use fitment_domain::protocol::{Enrol, Enrolled, Renew, Renewed, refusal};
use fitment_domain::tenant::{Location, Scope};
use fitment_domain::time::UnixMs;
use fitment_store::{EnrolOutcome, Tx};

use super::gate::{Newcomer, Renewer, refuse};
use crate::app::{App, Shared};
use crate::authority::{AuthorityError, Issued, Request};
use crate::clock;
use crate::job;
use crate::locate;
use crate::problem::{Body, Problem};

fn read_request(pem: &str) -> Result<Request, Problem> {
    Request::parse(pem).map_err(|e| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-certificate-request", format!("request_pem: {e}"))
    })
}

fn failed(error: AuthorityError) -> Problem {
    Problem::internal(error)
}

/// Returns the device of this client that the machine is: one that people entered, or one that they said is set up anew. Which
/// machine it is says the machine itself, so a device that has an agent is never taken over unasked.
async fn known_as(tx: &mut Tx, home: &Location, facts: &Facts) -> Result<Option<Device>, Problem> {
    let identity = facts.identity();
    if identity.is_empty() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for device in tx.devices_like(&identity).await? {
        let here = device.client == home.client && device.revoked.is_none();
        if here && (!device.has_agent || tx.image_expected(&device.id).await?) {
            found.push(device);
        }
    }
    // Two that it may be are none that it is: people decide.
    Ok(if found.len() == 1 { found.pop() } else { None })
}

fn taken_over(known: Device, facts: Facts, home: &Location, now: UnixMs) -> Device {
    let agent_id = known.id.clone();
    let mut device =
        Device { has_agent: true, agent_id, home: home.id.clone(), enrolled: now, last_seen: now, ..known };
    device.report(facts);
    device
}

/// Returns the device of a key that enrolled before. From now on its agent knows itself by this id.
async fn again(tx: &mut Tx, before: &DeviceId) -> Result<DeviceId, Problem> {
    let mut device = tx.device(before).await?.ok_or_else(|| Problem::not_found("device"))?;
    if device.revoked.is_some() {
        return Err(refuse(refusal::REVOKED, "the device was revoked by its MSP"));
    }
    if device.agent_id != device.id {
        device.agent_id = device.id.clone();
        tx.update_device(&device).await?;
    }
    Ok(device.id)
}

/// Enrols a machine. The same key with the same zero certificate is the same device, however often its reply was lost.
pub(super) async fn enrol(
    State(app): State<Shared>,
    newcomer: Newcomer,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(enrol): Body<Enrol>,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    enrol.facts.check().map_err(Problem::invalid)?;
    let request = read_request(&enrol.request_pem)?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Tenant(newcomer.tenant.clone())).await?;
    let home = tx.location(&newcomer.zero.location).await?.ok_or_else(|| Problem::not_found("location"))?;
    let (mut device, known) = match known_as(&mut tx, &home, &enrol.facts).await? {
        Some(known) => (taken_over(known, enrol.facts, &home, now), true),
        None => {
            let id = DeviceId::from_random(clock::random()?);
            let name = enrol.facts.text(fact::HOSTNAME).unwrap_or(id.as_str()).to_owned();
            (Device::new(id, name, &home, enrol.facts, Origin::Agent, now), false)
        }
    };
    device.peer = Some(address.ip().to_canonical().to_string());
    let outcome = tx.enrol_device(&newcomer.zero.id, &request.key_digest(), &device, known, now).await?;
    let device = match outcome {
        EnrolOutcome::New | EnrolOutcome::TookOver => {
            locate::settle(&mut tx, &mut device, now).await?;
            device.id
        }
        EnrolOutcome::Again(before) => again(&mut tx, &before).await?,
        EnrolOutcome::Ended => {
            return Err(refuse(refusal::REVOKED, "another agent took this device over: enrol with a new state folder"));
        }
        EnrolOutcome::UsedUp => {
            return Err(refuse(
                refusal::USED_UP,
                "the zero certificate has enrolled as many machines as it may: ask the MSP for another",
            ));
        }
    };
    let issued = issue(&app, &mut tx, &newcomer.tenant, &device, &request).await?;
    let details = serde_json::json!({ "zero": newcomer.zero.id, "known_before": known });
    tx.append_audit(newcomer.zero.id.as_str(), "device.enrol", device.as_str(), &details, now).await?;
    job::assign(&mut tx, &device, now).await?;
    // A device that is never told the development key takes nothing that it signed.
    let tried = tx.is_test_tenant().await?;
    tx.commit().await?;
    app.wake.notify_one();
    let enrolled = Enrolled {
        development_key: tried.then(|| app.keys.development_public()),
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
