//! What happened to a release on many devices, for its publisher and for those who run the marketplace: told without names.

use fitment_domain::crash::{QUARANTINED, SIGNAL_DEVICES, SIGNAL_MSPS, SIGNAL_WINDOW_MS, trap_words};
use fitment_domain::device::Device;
use fitment_domain::execution::Ending;
use fitment_domain::id::ReleaseId;
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{Signal, Tx};

use crate::job::{self, JobKind};
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
    if !matches!(kind.as_str(), TRAPPED | QUARANTINED) {
        return Ok(());
    }
    let Scope::Tenant(tenant) = tx.scope() else { return Ok(()) };
    let tenant = tenant.to_string();
    // A test tenant says nothing about what others published.
    let tried = tx.is_tried(release).await?;
    if tried == Some(false) {
        return Ok(());
    }
    match kind.as_str() {
        TRAPPED => {
            let words = trap_words(message);
            // One MSP is one witness: its devices have its configuration in common, and what is told must not be.
            let signal = Signal { kind: TRAPPED, words: &words, place: "", witness: &tenant, open: tried.is_some() };
            tx.note_signal(release, &signal, since(now), now).await?;
        }
        QUARANTINED if tried.is_none() => {
            let signal =
                Signal { kind: QUARANTINED, words: "", place: &tenant, witness: device.id.as_str(), open: false };
            let seen = tx.note_signal(release, &signal, since(now), now).await?;
            if seen.witnesses >= SIGNAL_DEVICES && seen.marks >= SIGNAL_MSPS && !seen.told {
                job::enqueue(tx, JobKind::Signal, release.as_str(), now).await?;
            }
        }
        _ => {}
    }
    Ok(())
}
