//! The agents' listener above TLS. One layer decides on every certificate, and denies what it does not know.

mod artifacts;
mod enrol;
mod gate;
mod instructions;
mod results;
mod transactions;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post, put};
use fitment_domain::bytes::Digest;
use fitment_domain::device::Facts;
use fitment_domain::instruction::{InstructionSet, SET_TYPE};
use fitment_domain::protocol::route;
use fitment_domain::signature::Signer;
use fitment_store::Tx;

pub(crate) use self::gate::Peer;
use self::gate::{Gate, Opens};
use crate::app::{App, Shared};
use crate::job;
use crate::locate;
use crate::problem::{self, Body, Problem};

/// An agent sends batches of about 1 MiB; a larger one would hold the database for too long.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Every route, and which certificate opens it.
fn routes() -> [(String, Opens, MethodRouter<Shared>); 12] {
    [
        (route::ENROL.to_owned(), Opens::Enrolment, post(enrol::enrol)),
        (route::RENEW.to_owned(), Opens::Renewal, post(enrol::renew)),
        (route::AVAILABILITY.to_owned(), Opens::Device, post(instructions::availability)),
        (route::INSTRUCTIONS.to_owned(), Opens::Device, post(instructions::ask)),
        (format!("{}/{{digest}}", route::OBJECTS), Opens::Device, get(object)),
        (format!("{}/{{digest}}", route::ARTIFACTS), Opens::Device, get(artifacts::fetch)),
        (format!("{}/{{digest}}/mismatch", route::ARTIFACTS), Opens::Device, post(artifacts::mismatch)),
        (route::RESULTS.to_owned(), Opens::Device, post(results::take)),
        (format!("{}/{{id}}", route::TRANSACTIONS), Opens::Device, post(transactions::fetch)),
        (format!("{}/{{id}}/start", route::TRANSACTIONS), Opens::Device, post(transactions::start)),
        (format!("{}/{{id}}/progress", route::TRANSACTIONS), Opens::Device, post(transactions::progress)),
        (route::FACTS.to_owned(), Opens::Device, put(facts)),
    ]
}

/// Makes the routes of the agents' listener.
pub fn router(app: Shared) -> Router {
    let mut gate = Gate::new(app.clone());
    let mut router = Router::new();
    for (path, opens, handler) in routes() {
        router = router.route(&path, handler);
        gate.rule(path, opens);
    }
    router
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::new(gate), gate::admit))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(problem::layer))
        .layer(axum::middleware::from_fn_with_state((app.metrics.clone(), "agents"), crate::metrics::layer))
        .with_state(app)
}

/// Returns the set of a device as it was signed; none if it has none.
async fn set_of(app: &App, tx: &mut Tx, peer: &Peer) -> Result<Option<InstructionSet>, Problem> {
    let Some(stored) = tx.instruction_set(&peer.device).await? else { return Ok(None) };
    let wanted = [(Signer::Platform, app.keys.instruction_public())];
    stored.envelope.open(SET_TYPE, &wanted).map(Some).map_err(Problem::internal)
}

/// Hands out a component, if the device's own set names it, or an order that it holds. Anything else is not there.
async fn object(
    State(app): State<Shared>,
    peer: Peer,
    Path(digest): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let not_found = || Problem::not_found("object in this device's set or orders");
    let digest = Digest::parse(&digest).map_err(|_| not_found())?;
    let mut tx = app.store.read(peer.scope()).await?;
    if !tx.order_names(&peer.device, &digest).await? {
        let set = set_of(&app, &mut tx, &peer).await?.ok_or_else(not_found)?;
        if !set.items.iter().any(|item| item.digest == digest) {
            return Err(not_found());
        }
    }
    drop(tx);
    let bytes = app.store.objects().get(&digest).await?.ok_or_else(not_found)?;
    Ok(([("content-type", "application/wasm")], bytes))
}

/// Takes the facts that an agent reports at its start and when they change.
async fn facts(
    State(app): State<Shared>,
    peer: Peer,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(facts): Body<Facts>,
) -> Result<StatusCode, Problem> {
    facts.check().map_err(Problem::invalid)?;
    let now = app.now();
    let mut tx = app.store.begin(peer.scope()).await?;
    let mut device = tx.device(&peer.device).await?.ok_or_else(|| Problem::not_found("device"))?;
    let before = device.clone();
    device.report(facts);
    device.peer = Some(address.ip().to_canonical().to_string());
    if device != before {
        locate::settle(&mut tx, &mut device, now).await?;
        job::assign(&mut tx, &device.id, now).await?;
    }
    tx.touch_device(&device.id, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
