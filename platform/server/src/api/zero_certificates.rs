//! Zero certificates: one for all machines of a site, opening the route that enrols and no other.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::id::{ClientId, LocationId, ZeroId};
use fitment_domain::protocol::ZeroBundle;
use fitment_domain::tenant::Action;
use fitment_domain::time::{DAY_MS, SECOND_MS};
use fitment_store::{Tx, Zero};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::problem::{Body, Problem};

/// So many places are named where one has to be chosen.
const NAMED_MAX: usize = 10;
const USES_MAX: i64 = 10_000;
const LIFETIME_S_DEFAULT: u64 = 3 * DAY_MS / SECOND_MS;
const LIFETIME_S_MAX: u64 = 90 * DAY_MS / SECOND_MS;

/// A zero certificate to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewZero {
    /// The client whose machines enrol; default: the tenant's first.
    pub client: Option<String>,
    /// The location; default: the client's first.
    pub location: Option<String>,
    /// How many machines may enrol with it, 1 to 10,000; default 100.
    pub uses_max: Option<i64>,
    /// Seconds, at most 90 days; default 3 days.
    pub lifetime_s: Option<u64>,
}

/// A zero certificate, without its key.
#[derive(Serialize, ToSchema)]
pub struct ZeroView {
    pub id: String,
    pub client: String,
    pub location: String,
    pub uses_max: i64,
    pub uses: i64,
    pub expires_ms: i64,
    pub revoked_ms: Option<i64>,
    /// Who enrolled with it.
    pub devices: Vec<UseView>,
}

/// One use.
#[derive(Serialize, ToSchema)]
pub struct UseView {
    pub device: String,
    pub at_ms: i64,
}

/// A zero certificate with its bundle, shown this once.
#[derive(Serialize, ToSchema)]
pub struct IssuedZero {
    pub zero: ZeroView,
    /// What `fitment-agent enrol --bundle` takes. Holds a private key.
    pub bundle: Value,
}

/// The tenant's zero certificates.
#[derive(Serialize, ToSchema)]
pub struct ZeroList {
    pub zero_certificates: Vec<ZeroView>,
}

fn view(zero: Zero, uses: Vec<UseView>) -> ZeroView {
    ZeroView {
        id: zero.id.to_string(),
        client: zero.client.to_string(),
        location: zero.location.to_string(),
        uses_max: zero.uses_max,
        uses: zero.uses,
        expires_ms: zero.expires.0,
        revoked_ms: zero.revoked.map(|at| at.0),
        devices: uses,
    }
}

/// Finds where its machines will belong. Where there are several places, one has to be named: a machine that enrols elsewhere is
/// seen by the wrong people.
async fn place(tx: &mut Tx, new: &NewZero) -> Result<(ClientId, LocationId), Problem> {
    let clients = tx.clients().await?.into_iter().map(|client| (client.id, client.name)).collect();
    let locations = tx.locations().await?.into_iter();
    let client = match &new.location {
        // A location says whose it is.
        Some(id) if new.client.is_none() => locations.clone().find(|l| l.id.as_str() == id).map(|l| l.client),
        _ => only(clients, new.client.as_deref(), ClientId::as_str, "client")?,
    };
    let client = client.ok_or_else(|| Problem::not_found("client"))?;
    let here = locations.filter(|l| l.client == client).map(|l| (l.id, l.name)).collect();
    let location = only(here, new.location.as_deref(), LocationId::as_str, "location")?;
    Ok((client, location.ok_or_else(|| Problem::not_found("location of this client"))?))
}

/// Returns the one that is wanted, or the only one.
fn only<T>(
    mut all: Vec<(T, String)>,
    wanted: Option<&str>,
    text: impl Fn(&T) -> &str,
    what: &str,
) -> Result<Option<T>, Problem> {
    match wanted {
        Some(id) => Ok(all.into_iter().find(|(one, _)| text(one) == id).map(|(one, _)| one)),
        None if all.len() > 1 => {
            let names = all.iter().map(|(_, name)| name.as_str()).take(NAMED_MAX).collect::<Vec<_>>().join(", ");
            Err(Problem::invalid(format!("{what} is needed, as there are {}: {names}", all.len())))
        }
        None => Ok(all.pop().map(|(one, _)| one)),
    }
}

/// Issues a zero certificate. Its private key is in the answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/zero-certificates", tag = "devices", request_body = NewZero, responses((status = 201, body = IssuedZero)))]
pub async fn issue(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewZero>,
) -> Result<(StatusCode, Json<IssuedZero>), Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let uses_max = new.uses_max.unwrap_or(100);
    if !(1..=USES_MAX).contains(&uses_max) {
        return Err(Problem::invalid(format!("uses_max is {uses_max}, it must be 1 to {USES_MAX}")));
    }
    let lifetime_s = new.lifetime_s.unwrap_or(LIFETIME_S_DEFAULT);
    if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
        return Err(Problem::invalid(format!("lifetime_s is {lifetime_s}, it must be 1 to {LIFETIME_S_MAX}")));
    }
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let (client, location) = place(&mut tx, &new).await?;
    tx.widen()?;
    let id = ZeroId::from_random(clock::random()?);
    let issued = app.authorities.issue_zero(&msp.access.tenant, &id, lifetime_s * SECOND_MS, now);
    let (issued, private_key_pem) = issued.map_err(Problem::internal)?;
    let zero = Zero {
        id: id.clone(),
        client,
        location,
        uses_max,
        uses: 0,
        expires: issued.not_after,
        revoked: None,
        serial: issued.serial,
        created: now,
    };
    tx.insert_zero(&zero).await?;
    let details = serde_json::json!({ "uses_max": uses_max, "lifetime_s": lifetime_s, "location": zero.location });
    tx.append_audit(msp.account.as_str(), "zero-certificate.issue", id.as_str(), &details, now).await?;
    tx.commit().await?;
    let bundle = ZeroBundle {
        id,
        tenant: msp.access.tenant,
        server: app.agents_url.clone(),
        server_ca_pem: app.authorities.server.pem().to_owned(),
        certificate_pem: issued.pem,
        private_key_pem,
        expires: issued.not_after,
    };
    let bundle = serde_json::to_value(&bundle).map_err(Problem::internal)?;
    Ok((StatusCode::CREATED, Json(IssuedZero { zero: view(zero, Vec::new()), bundle })))
}

/// Lists the zero certificates and who used them.
#[utoipa::path(get, path = "/api/v1/zero-certificates", tag = "devices", responses((status = 200, body = ZeroList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<ZeroList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let mut zero_certificates = Vec::new();
    for zero in tx.zeros().await? {
        let uses = tx.zero_uses(&zero.id).await?;
        let uses = uses.into_iter().map(|(device, at)| UseView { device: device.to_string(), at_ms: at.0 }).collect();
        zero_certificates.push(view(zero, uses));
    }
    Ok(Json(ZeroList { zero_certificates }))
}

/// Revokes a zero certificate. Devices that enrolled with it keep their own certificates.
#[utoipa::path(delete, path = "/api/v1/zero-certificates/{id}", tag = "devices", responses((status = 204), (status = 404)))]
pub async fn revoke(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let not_found = || Problem::not_found("zero certificate");
    let id = ZeroId::parse(&id).map_err(|_| not_found())?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.revoke_zero(&id, app.now()).await? {
        return Err(not_found());
    }
    tx.append_audit(msp.account.as_str(), "zero-certificate.revoke", id.as_str(), &Value::Null, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
