//! The next certificate for the same key: in good time, at the start, and whenever the server says that this one has
//! expired or that it does not know it (any more). An expired certificate is good for this alone, however long ago that was.

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::protocol::Renew;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::client::{BadClient, Client};
use crate::folder::StateFolder;
use crate::identity::{BadIdentity, Identity};
use crate::problem::{CallError, Problem};
use crate::status::{Board, Topic};
use crate::stop::Stop;
use crate::{clock, random};

/// The wall clock can be set at any time, so it is looked at often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Between two renewals of the agent's own accord: a clock that is days ahead calls every certificate expired.
const REST: Duration = Duration::from_secs(600);

#[derive(Debug, thiserror::Error)]
enum RenewalError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    #[error(transparent)]
    Client(#[from] BadClient),
}

/// Renews until it is time to stop. A refusal never leads to a new enrolment: that is for people to decide.
pub async fn keep_renewed(
    folder: StateFolder,
    mut identity: Identity,
    client: Arc<Client>,
    board: Board,
    mut stop: Stop,
) {
    let mut backoff = Backoff::default();
    let mut rested = Instant::now();
    loop {
        let due_ms = identity.validity().map_or(0, |v| v.renew_at(&identity.me.device).since_ms(clock::now()));
        let rest = rested.saturating_duration_since(Instant::now());
        if due_ms > 0 || !rest.is_zero() {
            let look = Duration::from_millis(due_ms).max(rest).min(LOOK_EVERY);
            match stop.or(tokio::time::timeout(look, client.expired())).await {
                None => return,
                Some(Err(_in_time)) => continue,
                Some(Ok(())) => tracing::info!("the server says that the certificate has expired, or does not know it"),
            }
        }
        let Some(renewed) = stop.or(renew(&folder, &identity, &client)).await else { return };
        match renewed {
            Ok(next) => {
                tracing::info!("the certificate is renewed");
                let until = next.validity().ok().map(|validity| validity.until);
                board.update(|status| status.certificate_until = until);
                board.solved(Topic::Certificate);
                identity = next;
                backoff.reset();
                rested = Instant::now() + REST;
            }
            Err(error) => {
                if stop.sleep(tell(&board, &mut backoff, &error)).await {
                    return;
                }
            }
        }
    }
}

async fn renew(folder: &StateFolder, identity: &Identity, client: &Client) -> Result<Identity, RenewalError> {
    let renewed = client.renew(&Renew { request_pem: identity.request_pem()? }).await?;
    let next = identity.renewed(folder, renewed.certificate_pem)?;
    client.exchange(next.credentials())?;
    Ok(next)
}

fn tell(board: &Board, backoff: &mut Backoff, error: &RenewalError) -> Duration {
    let (now, random) = (clock::now(), random::jitter());
    if let RenewalError::Call(error) = error {
        board.problem(Topic::Certificate, Problem::of_call(error, now));
        return if error.needs_a_person() { backoff.after_refusal(random) } else { backoff.after_failure(random) };
    }
    let remedy =
        "the certificate in use stays; make room on the disk of the state folder, and look at the server's log";
    board.problem(Topic::Certificate, Problem::new("renewal-failed", &error.to_string(), remedy, now));
    backoff.after_refusal(random)
}
