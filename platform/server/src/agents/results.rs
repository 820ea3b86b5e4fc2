//! Results come up in batches, and are acknowledged after commit.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fitment_domain::cost::Tally;
use fitment_domain::device::Device;
use fitment_domain::id::{InstallationId, ReleaseId, RequestId, SpoolEpoch};
use fitment_domain::installation::Installation;
use fitment_domain::protocol::{Acknowledged, BATCH_RESULTS_MAX, Outcome, Refused, Results, RunResult};
use fitment_domain::time::UnixMs;
use fitment_store::Tx;

use super::Peer;
use crate::app::Shared;
use crate::execution;
use crate::observe::{self, Observation};
use crate::problem::{Body, Problem};
use crate::signal;

/// Takes a batch. A result that was taken before is acknowledged again and changes nothing.
pub(super) async fn take(
    State(app): State<Shared>,
    peer: Peer,
    Body(batch): Body<Results>,
) -> Result<Json<Acknowledged>, Problem> {
    if batch.results.len() > BATCH_RESULTS_MAX {
        let detail = format!("results: {} in one batch, at most {BATCH_RESULTS_MAX}", batch.results.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    let received = app.now();
    let mut acknowledged = Acknowledged { sequences: Vec::new(), refused: Vec::new() };
    let mut installations: HashMap<InstallationId, Option<Installation>> = HashMap::new();
    let mut tx = app.store.begin(peer.scope()).await?;
    let mut samples = Vec::new();
    let device = tx.device(&peer.device).await?.ok_or_else(|| Problem::not_found("device"))?;
    let (mut requests, mut costs) = (Vec::new(), Tally::default());
    for result in &batch.results {
        if matches!(result.outcome, Outcome::Execution { .. }) {
            match execution(&mut tx, &device, &batch.spool, result, received).await? {
                Ok(request) => {
                    acknowledged.sequences.push(result.sequence);
                    if request.is_some() {
                        app.metrics.result(observe::end_of(result));
                    }
                    if let Some((request, release)) = request {
                        costs.add(&release, result);
                        signal::note(&mut tx, &device, &release, result, received).await?;
                        requests.push(request);
                    }
                }
                Err(reason) => {
                    app.metrics.refused();
                    acknowledged.refused.push(Refused { sequence: result.sequence, reason });
                }
            }
            continue;
        }
        if !installations.contains_key(&result.installation) {
            let found = tx.installation(&result.installation).await?;
            installations.insert(result.installation.clone(), found);
        }
        let installation = installations.get(&result.installation).and_then(Option::as_ref);
        let refusal = match installation {
            None => Some("installation: no such installation for this tenant".to_owned()),
            Some(_) => observe::refusal(result),
        };
        if let Some(reason) = refusal {
            app.metrics.refused();
            acknowledged.refused.push(Refused { sequence: result.sequence, reason });
            continue;
        }
        if tx.record_result(&device.id, &batch.spool, result, received).await?
            && let Some(installation) = installation
        {
            let seen = Observation { device: &device, installation, result, received };
            observe::take(&mut tx, &seen).await?;
            // What ran before the installation was changed says nothing of the release that it has now; agents that do not say which
            // it was are believed.
            if result.version.as_ref().is_none_or(|version| *version == installation.version) {
                costs.add(&installation.release, result);
                signal::note(&mut tx, &device, &installation.release, result, received).await?;
            }
            app.metrics.result(observe::end_of(result));
            samples.extend(observe::samples(&seen));
        }
        acknowledged.sequences.push(result.sequence);
    }
    let dropped = tx.record_samples(&samples, received).await?;
    tx.touch_device(&device.id, received).await?;
    tx.add_costs(&costs, device.id.as_str()).await?;
    tx.commit().await?;
    app.metrics.dropped(&dropped);
    if !dropped.is_empty() {
        tracing::warn!(device = %device.id, ?dropped, "samples were not kept; GET /api/v1/series lists them by reason");
    }
    app.wake.notify_one();
    for result in &batch.results {
        if let Outcome::Execution { transaction, .. } = &result.outcome {
            app.orders.remove(&device.id, transaction);
        }
    }
    requests.iter().for_each(|request| app.orders.changed(request));
    Ok(Json(acknowledged))
}

/// Takes the end of an execution. It counts also if its installation was removed meanwhile: something ran.
async fn execution(
    tx: &mut Tx,
    device: &Device,
    spool: &SpoolEpoch,
    result: &RunResult,
    received: UnixMs,
) -> Result<Result<Option<(RequestId, ReleaseId)>, String>, Problem> {
    if let Some(reason) = observe::refusal(result) {
        return Ok(Err(reason));
    }
    let reported = match execution::find(tx, device, result).await? {
        Ok(reported) => reported,
        Err(reason) => return Ok(Err(reason)),
    };
    if !tx.record_result(&device.id, spool, result, received).await? {
        return Ok(Ok(None));
    }
    Ok(Ok(Some(reported.take(tx, received).await?)))
}
