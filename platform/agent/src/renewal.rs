//! The next certificate, in good time, for the same key.

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::protocol::Renew;

use crate::backoff::Backoff;
use crate::client::{BadClient, Client};
use crate::folder::StateFolder;
use crate::identity::{BadIdentity, Identity};
use crate::problem::{CallError, Problem};
use crate::status::{Board, Topic};
use crate::stop::Stop;
use crate::{clock, random};

/// The wall clock can be set at any time, so it is looked at often.
const LOOK_EVERY_MS: u64 = 60_000;

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
    loop {
        let due_ms = identity.validity().map_or(0, |v| v.renew_at(&identity.me.device).since_ms(clock::now()));
        if due_ms > 0 {
            if stop.sleep(Duration::from_millis(due_ms.min(LOOK_EVERY_MS))).await {
                return;
            }
            continue;
        }
        let Some(renewed) = stop.or(renew(&folder, &identity, &client)).await else { return };
        let wait = match renewed {
            Ok(next) => {
                tracing::info!("the certificate is renewed");
                let until = next.validity().ok().map(|validity| validity.until);
                board.update(|status| status.certificate_until = until);
                board.solved(Topic::Certificate);
                identity = next;
                backoff.reset();
                // Whatever was issued, it is not asked for again at once.
                Duration::from_secs(1)
            }
            Err(error) => tell(&board, &mut backoff, &error),
        };
        if stop.sleep(wait).await {
            return;
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
