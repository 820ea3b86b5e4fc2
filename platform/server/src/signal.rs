//! What happened to a release on many devices, for its publisher and for those who run the marketplace: told without names.

use fitment_domain::crash::{QUARANTINED, SIGNAL_DEVICES, SIGNAL_WINDOW_MS, trap_words};
use fitment_domain::device::Device;
use fitment_domain::execution::Ending;
use fitment_domain::id::{JobId, ReleaseId};
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{Signal, Tx};

use crate::clock;
use crate::job::JobKind;
use crate::problem::Problem;

/// The kind of what is kept of traps.
pub const TRAPPED: &str = "trapped";

/// Returns since when signals count.
pub fn since(now: UnixMs) -> UnixMs {
    UnixMs(now.0.saturating_sub(i64::try_from(SIGNAL_WINDOW_MS).unwrap_or(i64::MAX)))
}

/// Notes in the transaction of a result what it says about its release.
pub async fn note(
    tx: &mut Tx,
    device: &Device,
    release: &ReleaseId,
    result: &RunResult,
    now: UnixMs,
) -> Result<(), Problem> {
    let (Outcome::Failed { kind, message } | Outcome::Execution { ending: Ending::Failed { kind, message }, .. }) =
        &result.outcome
    else {
        return Ok(());
    };
    match kind.as_str() {
        TRAPPED => {
            let (words, open) = (trap_words(message), tx.is_tried_by_its_publisher(release).await?);
            // One MSP is one witness: its devices have its configuration in common, and what is told must not be.
            let witness = match tx.scope() {
                Scope::Tenant(tenant) => tenant.to_string(),
                _ => return Ok(()),
            };
            let signal = Signal { kind: TRAPPED, words: &words, witness: &witness, open };
            tx.note_signal(release, &signal, since(now), now).await?;
        }
        QUARANTINED => {
            let signal = Signal { kind: QUARANTINED, words: "", witness: device.id.as_str(), open: false };
            if tx.note_signal(release, &signal, since(now), now).await? == SIGNAL_DEVICES {
                let job = JobId::from_random(clock::random()?);
                tx.enqueue(&job, JobKind::Signal.as_str(), release.as_str(), now).await?;
            }
        }
        _ => {}
    }
    Ok(())
}
