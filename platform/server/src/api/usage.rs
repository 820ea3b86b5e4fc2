//! What a release costs and how it fares where it runs: for its publisher and for those who run the marketplace, without names.

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::cost::{END_PREFIX, Measure};
use fitment_domain::crash::QUARANTINED;
use fitment_domain::tenant::Action;
use fitment_store::SignalRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::{accessory, find_release};
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::signal::{TRAPPED, since};

/// A trap is shown when so many MSPs saw the same, or the publisher itself in its test tenant: what one MSP's data alone leads to
/// stays with that MSP.
const TRAP_WITNESSES_MIN: i64 = 2;

/// One measure of all runs that were counted.
#[derive(Serialize, ToSchema)]
pub struct MeasureView {
    /// `wall_us`, `cpu_us`, `fuel`, `memory_bytes_peak`, `host_calls` or `result_bytes`.
    pub measure: &'static str,
    pub runs: i64,
    /// Half of the runs take no more than this. Read from buckets: up to a quarter too large.
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
}

/// How many runs ended in one way.
#[derive(Serialize, ToSchema)]
pub struct EndView {
    /// `findings`, `done`, or how it failed.
    pub end: String,
    pub runs: i64,
}

/// A trap, without a word that the accessory made while it ran.
#[derive(Serialize, ToSchema)]
pub struct TrapView {
    /// The kind, and the frames from the innermost on.
    pub trap: String,
    pub times: i64,
    pub first_ms: i64,
    pub last_ms: i64,
}

/// What a release costs and how it fares, over all who run it.
#[derive(Serialize, ToSchema)]
pub struct ReleaseUsage {
    pub accessory: String,
    pub version: String,
    pub measures: Vec<MeasureView>,
    pub ends: Vec<EndView>,
    /// Of the last seven days, those that two MSPs saw or the publisher's own test tenant.
    pub traps: Vec<TrapView>,
    /// Traps of the last seven days that one MSP alone saw.
    pub traps_not_shown: usize,
    /// Devices that quarantined it in the last seven days, because it ended the sandbox there again and again.
    pub quarantined_devices: i64,
    /// Whether these are so many that it is a matter of the release and not of a device.
    pub quarantined: bool,
}

/// Shows what a release costs where it runs, how its runs end and where it traps.
#[utoipa::path(get, path = "/api/v1/releases/{publisher}/{name}/{version}/usage", tag = "publishing", responses(
    (status = 200, body = ReleaseUsage), (status = 403, description = "for publishers and operators"), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path((publisher, name, version)): Path<(String, String, String)>,
) -> Result<Json<ReleaseUsage>, Problem> {
    let scope = caller.may(Action::SeeUsage)?;
    let release = find_release(&app, scope.clone(), &accessory(&publisher, &name)?, Some(&version)).await?;
    let mut tx = app.store.read(scope).await?;
    let costs = tx.release_costs(&release.id).await?;
    let signals = tx.release_signals(&release.id, since(app.now())).await?;
    let measures = Measure::ALL.iter().filter_map(|measure| {
        let histogram = costs.get(measure.as_str())?;
        let (p50, p90) = (histogram.percentile(500)?, histogram.percentile(900)?);
        let p99 = histogram.percentile(990)?;
        Some(MeasureView { measure: measure.as_str(), runs: histogram.runs(), p50, p90, p99 })
    });
    let ends = costs.iter().filter_map(|(measure, histogram)| {
        Some(EndView { end: measure.strip_prefix(END_PREFIX)?.to_owned(), runs: histogram.runs() })
    });
    let (shown, hidden): (Vec<&SignalRow>, Vec<&SignalRow>) = signals
        .iter()
        .filter(|signal| signal.kind == TRAPPED)
        .partition(|signal| signal.open || signal.witnesses >= TRAP_WITNESSES_MIN);
    let trap = |row: &&SignalRow| TrapView {
        trap: row.words.clone(),
        times: row.times,
        first_ms: row.first.0,
        last_ms: row.last.0,
    };
    let quarantined_devices = signals.iter().filter(|s| s.kind == QUARANTINED).map(|s| s.witnesses).sum();
    Ok(Json(ReleaseUsage {
        accessory: release.accessory.to_string(),
        version: release.version.to_string(),
        measures: measures.collect(),
        ends: ends.collect(),
        traps: shown.iter().map(trap).collect(),
        traps_not_shown: hidden.len(),
        quarantined_devices,
        quarantined: release.quarantined,
    }))
}
