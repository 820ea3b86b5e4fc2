//! Reports what is known of the device: at the start, and whenever it changed since.

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::device::{Facts, fact};
use fitment_domain::run::Fact;

use crate::backoff::Backoff;
use crate::client::Client;
use crate::problem::Problem;
use crate::status::{Board, Topic};
use crate::stop::Stop;
use crate::{clock, enrolment, random};

/// Addresses, memory and versions change rarely.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// Reports until it is time to stop.
pub async fn keep_reported(
    client: Arc<Client>,
    mut facts: Facts,
    location: Option<String>,
    board: Board,
    mut stop: Stop,
) {
    while report(&client, &facts, &board, &mut stop).await {
        loop {
            if stop.sleep(LOOK_EVERY).await {
                return;
            }
            let now = with_lacks(enrolment::facts(location.as_deref()), board.lacks());
            if now != facts {
                facts = now;
                break;
            }
        }
    }
}

/// The sandbox says what it lacks when the first accessory runs: it is told with the next look.
fn with_lacks(mut facts: Facts, lacks: Vec<String>) -> Facts {
    if !lacks.is_empty() {
        facts.0.insert(fact::SANDBOX_LACKS.to_owned(), Fact::Many(lacks));
    }
    facts
}

/// Reports until it is heard; false if it is time to stop.
async fn report(client: &Client, facts: &Facts, board: &Board, stop: &mut Stop) -> bool {
    let mut backoff = Backoff::default();
    while let Some(answer) = stop.or(client.facts(facts)).await {
        let Err(error) = answer else {
            board.solved(Topic::Facts);
            return true;
        };
        board.problem(Topic::Facts, Problem::of_call(&error, clock::now()));
        let random = random::jitter();
        let wait = if error.needs_a_person() { backoff.after_refusal(random) } else { backoff.after_failure(random) };
        if stop.sleep(wait).await {
            return false;
        }
    }
    false
}
