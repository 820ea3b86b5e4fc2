//! Orders by transaction id: offered, fetched, let start once, and how far they are.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::device::Device;
use fitment_domain::execution::{self, Event, NoStep, PROGRESS_CHARS_MAX, State as Standing, Step};
use fitment_domain::id::{TenantId, TransactionId};
use fitment_domain::installation::Installation;
use fitment_domain::instruction::Item;
use fitment_domain::protocol::{OrderProgress, StartOrder};
use fitment_domain::request::{ORDER_TYPE, Order};
use fitment_domain::signature::Envelope;
use fitment_domain::time::UnixMs;
use fitment_store::{ExecutionRow, Release, RequestRow, StoreError, Tx};

use super::Peer;
use crate::app::{App, Shared};
use crate::artifact::Offers;
use crate::door::Refused;
use crate::item;
use crate::limits::Limits;
use crate::problem::{Body, Problem};

fn not_found() -> Problem {
    Problem::not_found("transaction of this device")
}

fn refuse(no: NoStep) -> Problem {
    Problem::conflict(no.code(), no.to_string())
}

/// Takes the step that an event asks for, and writes it. Time may have decided before.
async fn advance(
    tx: &mut Tx,
    request: &RequestRow,
    execution: &mut ExecutionRow,
    event: Event,
    now: UnixMs,
) -> Result<Result<Step, NoStep>, StoreError> {
    let step = execution::step(execution.at(request, now), event);
    if let Ok(Step::To(next)) = step {
        execution.state = next;
        match next {
            Standing::Fetched => execution.fetched = Some(now),
            Standing::Started => execution.started = Some(now),
            _ if next.is_over() => execution.ended = Some(now),
            _ => {}
        }
        tx.put_execution(execution).await?;
    }
    Ok(step)
}

/// Finds a transaction of this device. Another device's is not there.
async fn find(tx: &mut Tx, peer: &Peer, id: &str) -> Result<(RequestRow, ExecutionRow), Problem> {
    let id = TransactionId::parse(id).map_err(|_| not_found())?;
    let execution = tx.execution(&id, &peer.device).await?.ok_or_else(not_found)?;
    let request = tx.request(&execution.request).await?.ok_or_else(not_found)?;
    Ok((request, execution))
}

/// Returns the transaction ids that wait for a device, and notes that it was told of them.
pub(super) async fn offer(app: &App, peer: &Peer) -> Result<Vec<TransactionId>, Problem> {
    let known = app.orders.of(&peer.device, app.now());
    if known.is_empty() {
        return Ok(known);
    }
    let now = app.now();
    let (mut offered, mut changed) = (Vec::new(), Vec::new());
    let mut tx = app.store.begin(peer.scope()).await?;
    for id in known {
        let (request, mut execution) = match find(&mut tx, peer, id.as_str()).await {
            Ok(found) => found,
            Err(problem) => {
                app.orders.remove(&peer.device, &id);
                tracing::warn!(transaction = %id, ?problem, "an order in memory is not in the database");
                continue;
            }
        };
        match advance(&mut tx, &request, &mut execution, Event::Offer, now).await? {
            Ok(step) => {
                if matches!(step, Step::To(_)) {
                    changed.push(request.id);
                }
                offered.push(id);
            }
            Err(_over) => app.orders.remove(&peer.device, &id),
        }
    }
    tx.commit().await?;
    changed.iter().for_each(|request| app.orders.changed(request));
    Ok(offered)
}

/// Why an order is not handed out any more.
async fn withdrawn(tx: &mut Tx, peer: &Peer, request: &RequestRow) -> Result<Result<Ready, String>, Problem> {
    let device = tx.device(&peer.device).await?.ok_or_else(not_found)?;
    let Some(installation) = tx.installation(&request.installation).await? else {
        return Ok(Err("the installation was removed after the request".to_owned()));
    };
    if installation.release != request.release {
        return Ok(Err("the installation was changed to another release after the request".to_owned()));
    }
    if !installation.target.covers(&device.client, &device.location, &device.id) {
        return Ok(Err("the device left the scope of the installation after the request".to_owned()));
    }
    let Some(release) = tx.release(&request.release).await? else {
        return Ok(Err("the release is gone".to_owned()));
    };
    // What was asked is what runs, also if the configuration changed since.
    let installation = Installation { config: request.config.clone(), interval_s: 1, ..installation };
    let limits = Limits::of_device(tx, &device).await?;
    Ok(Ok(Ready { device, installation, release, limits }))
}

struct Ready {
    device: Device,
    installation: Installation,
    release: Release,
    limits: Limits,
}

/// Hands out the signed order, as often as it is asked for, until it is started.
pub(super) async fn fetch(
    State(app): State<Shared>,
    peer: Peer,
    Path(id): Path<String>,
) -> Result<Json<Envelope>, Problem> {
    let mut tx = app.store.read(peer.scope()).await?;
    let (request, execution) = find(&mut tx, &peer, &id).await?;
    execution::step(execution.at(&request, app.now()), Event::Fetch).map_err(refuse)?;
    let ready = withdrawn(&mut tx, &peer, &request).await?;
    drop(tx);
    // Who may run what was decided when it was asked; it is decided again now.
    let item = match ready {
        Ok(ready) => make(&app, &peer.tenant, &ready).await?,
        Err(reason) => Err(reason),
    };
    let mut tx = app.store.begin(peer.scope()).await?;
    let (request, mut execution) = find(&mut tx, &peer, &id).await?;
    let now = app.now();
    let item = match item {
        Ok(item) => item,
        Err(reason) => {
            execution.ending = Some(withdrawal(&reason));
            let step = advance(&mut tx, &request, &mut execution, Event::Withdraw, now).await?;
            tx.commit().await?;
            app.orders.remove(&peer.device, &execution.id);
            app.orders.changed(&request.id);
            step.map_err(refuse)?;
            return Err(Problem::conflict("withdrawn", reason));
        }
    };
    let step = advance(&mut tx, &request, &mut execution, Event::Fetch, now).await?.map_err(refuse)?;
    tx.commit().await?;
    if matches!(step, Step::To(_)) {
        app.orders.changed(&request.id);
    }
    let order = Order {
        tenant: peer.tenant,
        device: peer.agent_id,
        transaction: execution.id,
        item,
        parameters: request.parameters,
        made: request.made,
        deliver_by: request.deliver_by,
    };
    Ok(Json(Envelope::sign(ORDER_TYPE, &order, &app.keys.instruction).map_err(Problem::internal)?))
}

fn withdrawal(reason: &str) -> execution::Ending {
    execution::Ending::Failed { kind: "withdrawn".to_owned(), message: reason.to_owned() }
}

/// Makes the item, or says why not: under the layers as they are now.
async fn make(app: &App, tenant: &TenantId, ready: &Ready) -> Result<Result<Item, String>, Problem> {
    let gone = "the accessory does not fit the device any more";
    let Ready { device, installation, release, limits } = ready;
    match item::make(app, tenant, device, installation, release, limits).await {
        Ok(Ok(item)) => {
            let offers = Offers::to(app, tenant, device).await?;
            Ok(Ok(Offers::put(offers.as_ref(), app, release, item).await?))
        }
        Ok(Err(reasons)) => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            Ok(Err([gone.to_owned()].into_iter().chain(reasons).collect::<Vec<_>>().join(": ")))
        }
        Err(Refused::Store(error)) => Err(error.into()),
        Err(error) => {
            tracing::error!(release = %release.id, %error, "a stored release is refused; the order is withdrawn");
            Ok(Err(gone.to_owned()))
        }
    }
}

/// Lets a device start, once.
pub(super) async fn start(
    State(app): State<Shared>,
    peer: Peer,
    Path(id): Path<String>,
    Body(StartOrder { key }): Body<StartOrder>,
) -> Result<StatusCode, Problem> {
    if key.len() != 32 || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Problem::invalid("key must be 32 hexadecimal digits"));
    }
    let now = app.now();
    let mut tx = app.store.begin(peer.scope()).await?;
    let (request, mut execution) = find(&mut tx, &peer, &id).await?;
    let again = execution.start_key.as_ref() == Some(&key);
    if !again && execution.start_key.is_none() {
        execution.start_key = Some(key);
    }
    advance(&mut tx, &request, &mut execution, Event::Start { again }, now).await?.map_err(refuse)?;
    tx.commit().await?;
    app.orders.remove(&peer.device, &execution.id);
    app.orders.changed(&request.id);
    Ok(StatusCode::NO_CONTENT)
}

/// Notes how far a run is. Too much of it is refused, and nothing is written.
pub(super) async fn progress(
    State(app): State<Shared>,
    peer: Peer,
    Path(id): Path<String>,
    Body(told): Body<OrderProgress>,
) -> Result<StatusCode, Problem> {
    if told.percent > 100 || told.message.chars().count() > PROGRESS_CHARS_MAX {
        return Err(Problem::invalid(format!(
            "percent must be 0 to 100, and message at most {PROGRESS_CHARS_MAX} characters"
        )));
    }
    let now = app.now();
    let parsed = TransactionId::parse(&id).map_err(|_| not_found())?;
    let mut tx = app.store.begin(peer.scope()).await?;
    let (request, mut execution) = find(&mut tx, &peer, &id).await?;
    execution::step(execution.at(&request, now), Event::Progress).map_err(refuse)?;
    if !app.orders.may_tell(&parsed, now) {
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-often", "progress was told a moment ago"));
    }
    execution.progress = Some((told.percent, told.message));
    tx.put_execution(&execution).await?;
    tx.commit().await?;
    app.orders.changed(&request.id);
    Ok(StatusCode::NO_CONTENT)
}
