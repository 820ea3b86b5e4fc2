//! "I am there" and "is my set of time T current?".

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use fitment_domain::instruction::{
    Currency, InstructionSet, SET_LIFETIME_MS, SET_TYPE, SetTime, UP_TO_DATE_LIFETIME_MS, UP_TO_DATE_TYPE, UpToDate,
    currency,
};
use fitment_domain::protocol::{AskInstructions, Availability, ComeAgain, InstructionsAnswer, WAIT_MS_MAX};
use fitment_domain::signature::{Envelope, Signer};

use super::{Peer, transactions};
use crate::app::{App, Shared};
use crate::job;
use crate::locate;
use crate::problem::{Body, Problem};

fn changed(app: &App, peer: &Peer, agent: Option<SetTime>) -> bool {
    let centre = app.set_times.get(&peer.device);
    centre.is_some_and(|centre| currency(centre, agent) == Currency::NewSet)
}

/// Waits until there is something to say, and says that; the waiting costs the database nothing.
pub(super) async fn availability(
    State(app): State<Shared>,
    peer: Peer,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(asked): Body<Availability>,
) -> Result<Json<ComeAgain>, Problem> {
    let mut tx = app.store.begin(peer.scope()).await?;
    tx.touch_device(&peer.device, app.now()).await?;
    let mut moved = false;
    if tx.set_peer(&peer.device, &address.ip().to_canonical().to_string()).await?
        && let Some(mut device) = tx.device(&peer.device).await?
    {
        moved = locate::settle(&mut tx, &mut device, app.now()).await?;
    }
    tx.commit().await?;
    if moved {
        app.wake.notify_one();
    }
    // Who is busy, and an agent of before orders, is told of none.
    let takes_orders = asked.available && asked.takes_orders;
    let ordered = || takes_orders && !app.orders.of(&peer.device, app.now()).is_empty();
    let (mut changes, mut arrivals) = (app.set_times.subscribe(), app.orders.arrivals());
    let waiting = async {
        while !changed(&app, &peer, asked.set) && !ordered() {
            let woken = tokio::select! {
                woken = changes.changed() => woken,
                woken = arrivals.changed() => woken,
            };
            if woken.is_err() {
                break;
            }
        }
    };
    let wait = Duration::from_millis(asked.wait_ms.min(WAIT_MS_MAX));
    // The time being over is an answer too, and so is the end of the server.
    let _in_time = tokio::time::timeout(wait, app.stop.run_until_cancelled(waiting)).await;
    let transactions = if takes_orders { transactions::offer(&app, &peer).await? } else { Vec::new() };
    // An agent that is not available is told nothing that would make it come again.
    let instructions_changed = asked.available && changed(&app, &peer, asked.set);
    Ok(Json(ComeAgain { instructions_changed, come_again: !transactions.is_empty(), transactions }))
}

/// Answers with the new set, or with a signed "up to date" that repeats the question's nonce.
pub(super) async fn ask(
    State(app): State<Shared>,
    peer: Peer,
    Body(asked): Body<AskInstructions>,
) -> Result<Json<InstructionsAnswer>, Problem> {
    if asked.nonce.len() != 32 || !asked.nonce.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Problem::invalid("nonce must be 32 hexadecimal digits"));
    }
    let stored = app.store.read(peer.scope()).await?.instruction_set(&peer.device).await?;
    // Too early, and no refusal: an agent asks again in a moment, and not after the minute that a refusal is worth.
    let not_yet = || {
        let detail = "the first set of this device is being made; ask again";
        Problem::new(StatusCode::TOO_EARLY, "no-instructions-yet", detail)
    };
    let stored = stored.ok_or_else(not_yet)?;
    let now = app.now();
    if stored.expires.since_ms(now) < SET_LIFETIME_MS / 2 {
        let mut tx = app.store.begin(peer.scope()).await?;
        job::assign(&mut tx, &peer.device, now).await?;
        tx.commit().await?;
        app.wake.notify_one();
    }
    match (currency(stored.time, asked.set), asked.set) {
        (Currency::UpToDate, Some(time)) => {
            let expires = now.plus_ms(UP_TO_DATE_LIFETIME_MS);
            let answer =
                UpToDate { tenant: peer.tenant, device: peer.agent_id, time, nonce: asked.nonce, at: now, expires };
            let envelope =
                Envelope::sign(UP_TO_DATE_TYPE, &answer, &app.keys.instruction).map_err(Problem::internal)?;
            Ok(Json(InstructionsAnswer::UpToDate(envelope)))
        }
        _ => {
            let wanted = [(Signer::Platform, app.keys.instruction_public())];
            let opened: Result<InstructionSet, _> = stored.envelope.open(SET_TYPE, &wanted);
            // A machine that was set up anew: its set is being made, and the last one was for its predecessor. A set that does
            // not verify goes out all the same: the device refuses it, and says so.
            if opened.is_ok_and(|set| set.device != peer.agent_id) {
                Err(not_yet())
            } else {
                Ok(Json(InstructionsAnswer::NewSet(stored.envelope)))
            }
        }
    }
}
