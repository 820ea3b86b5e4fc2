//! The networks of a location: by them, devices find where they stand.

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::id::LocationId;
use fitment_domain::location::{NETWORKS_MAX, Network, parse_network};
use fitment_domain::tenant::{Action, Location};
use fitment_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::job::{self, JobKind};
use crate::problem::{Body, Problem};

/// The networks of a location.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Networks {
    /// Such as `10.1.2.0/24` or `2001:db8:7::/48`; at most 256.
    pub networks: Vec<String>,
}

async fn location(tx: &mut Tx, id: &str) -> Result<Location, Problem> {
    let not_found = || Problem::not_found("location");
    let id = LocationId::parse(id).map_err(|_| not_found())?;
    tx.location(&id).await?.ok_or_else(not_found)
}

/// Lists the networks of a location.
#[utoipa::path(get, path = "/api/v1/locations/{id}/networks", tag = "tenants", responses((status = 200, body = Networks), (status = 404)))]
pub async fn list(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<Networks>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let location = location(&mut tx, &id).await?;
    tx.widen()?;
    let networks = tx.networks(&location.client).await?.into_iter().filter(|n| n.location == location.id);
    Ok(Json(Networks { networks: networks.map(|n| n.network.to_string()).collect() }))
}

/// Replaces the networks of a location. The client's devices that nobody placed by hand and whose agent names no location go where
/// their addresses now say.
#[utoipa::path(put, path = "/api/v1/locations/{id}/networks", tag = "tenants", request_body = Networks, responses(
    (status = 200, body = Networks), (status = 404), (status = 409, description = "network-taken: another location of the client has it"), (status = 422)))]
pub async fn set(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(wanted): Body<Networks>,
) -> Result<Json<Networks>, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    if wanted.networks.len() > NETWORKS_MAX {
        return Err(Problem::invalid(format!("networks: {}, at most {NETWORKS_MAX}", wanted.networks.len())));
    }
    let mut tx = app.store.begin(msp.scope()).await?;
    let location = location(&mut tx, &id).await?;
    tx.widen()?;
    let mut networks: Vec<Network> = Vec::new();
    for text in &wanted.networks {
        let network = parse_network(text).map_err(|e| Problem::invalid(format!("networks: {e}")))?;
        if !networks.iter().any(|known| known.network == network) {
            networks.push(Network { network, location: location.id.clone() });
        }
    }
    let others = tx.networks(&location.client).await?;
    let taken = others.iter().find(|o| o.location != location.id && networks.iter().any(|n| n.network == o.network));
    if let Some(taken) = taken {
        let other = tx.location(&taken.location).await?.map(|l| l.name).unwrap_or_default();
        let detail = format!("networks: {} is a network of {other} already; a longer prefix may differ", taken.network);
        return Err(Problem::conflict("network-taken", detail).with("location", &taken.location));
    }
    tx.set_networks(&location, &networks).await?;
    let said: Vec<String> = networks.iter().map(|n| n.network.to_string()).collect();
    let details = serde_json::json!({ "networks": said });
    tx.append_audit(msp.account.as_str(), "location.networks", location.id.as_str(), &details, app.now()).await?;
    job::enqueue(&mut tx, JobKind::Relocate, location.client.as_str(), app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(Networks { networks: said }))
}
