//! Requests as clients see them.

use std::collections::BTreeMap;

use fitment_domain::execution::{Ending, State};
use fitment_domain::run::LogLine;
use fitment_domain::time::UnixMs;
use fitment_store::{ExecutionRow, RequestRow};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A request that was made, and the devices that were left out.
#[derive(Serialize, ToSchema)]
pub struct Requested {
    pub request: RequestView,
    pub refused: Vec<RefusedDevice>,
}

/// A device that gets no order.
#[derive(Serialize, ToSchema)]
pub struct RefusedDevice {
    pub device: String,
    pub name: String,
    /// Every reason why not.
    pub reasons: Vec<String>,
}

/// The tenant's newest requests.
#[derive(Serialize, ToSchema)]
pub struct RequestList {
    pub requests: Vec<RequestSummary>,
}

/// One request in a list.
#[derive(Serialize, ToSchema)]
pub struct RequestSummary {
    pub id: String,
    pub accessory: String,
    pub version: String,
    pub requester: String,
    pub made_ms: i64,
    pub deliver_by_ms: i64,
    /// How many executions stand where.
    pub states: BTreeMap<String, usize>,
}

/// One request.
#[derive(Serialize, ToSchema)]
pub struct RequestView {
    pub id: String,
    pub accessory: String,
    pub version: String,
    /// SHA-256 of the component that runs.
    pub digest: String,
    pub installation: String,
    pub requester: String,
    pub parameters: Value,
    pub made_ms: i64,
    pub deliver_by_ms: i64,
    /// Whether nothing more is to be waited for.
    pub over: bool,
    pub executions: Vec<ExecutionView>,
}

/// One execution, on one device.
#[derive(Serialize, ToSchema, Clone, PartialEq)]
pub struct ExecutionView {
    pub transaction: String,
    pub device: String,
    pub name: String,
    /// `waiting`, `offered`, `fetched`, `started`, `done`, `failed`, `outcome-unknown`, `expired` or `cancelled`.
    pub state: String,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub percent: Option<u8>,
    pub progress: Option<String>,
    /// Whether anything on the device is different now.
    pub changed: Option<bool>,
    /// One line: what was done, or why not.
    pub summary: Option<String>,
    /// What kind of failure it was.
    pub failure: Option<String>,
    /// Named values, in the script's order.
    pub output: Vec<OutputValue>,
    pub log: Vec<LogLineView>,
    /// What the run cost.
    #[schema(value_type = Option<Value>)]
    pub usage: Option<Value>,
    /// Seconds of a person's time that the run says it saved.
    pub saved_s: u32,
}

/// A named value.
#[derive(Serialize, ToSchema, Clone, PartialEq)]
pub struct OutputValue {
    pub name: String,
    pub value: String,
}

/// A line that the script wrote.
#[derive(Serialize, ToSchema, Clone, PartialEq)]
pub struct LogLineView {
    pub level: String,
    pub message: String,
}

fn line(line: &LogLine) -> LogLineView {
    let level = serde_json::to_value(line.level).ok().and_then(|level| level.as_str().map(str::to_owned));
    LogLineView { level: level.unwrap_or_default(), message: line.message.clone() }
}

/// Shows one execution as it stands at a time.
pub(super) fn execution(request: &RequestRow, row: &ExecutionRow, name: &str, now: UnixMs) -> ExecutionView {
    let (mut changed, mut summary, mut failure, mut output) = (None, None, None, Vec::new());
    match &row.ending {
        Some(Ending::Done(done)) => {
            changed = Some(done.changed);
            summary = Some(done.summary.clone());
            let pairs = done.output.iter().cloned();
            output = pairs.map(|(name, value)| OutputValue { name, value }).collect();
        }
        Some(Ending::Failed { kind, message }) => (failure, summary) = (Some(kind.clone()), Some(message.clone())),
        Some(Ending::OutcomeUnknown | Ending::Expired) | None => {}
    }
    ExecutionView {
        transaction: row.id.to_string(),
        device: row.device.to_string(),
        name: name.to_owned(),
        state: row.at(request, now).as_str().to_owned(),
        started_ms: row.started.map(|at| at.0),
        ended_ms: row.ended.map(|at| at.0),
        percent: row.progress.as_ref().map(|(percent, _)| *percent),
        progress: row.progress.as_ref().map(|(_, line)| line.clone()),
        changed,
        summary,
        failure,
        output,
        log: row.log.iter().map(line).collect(),
        usage: row.usage.as_ref().map(|usage| json!(usage)),
        saved_s: row.saved_s,
    }
}

/// Shows a request with its executions.
pub(super) fn request(row: &RequestRow, executions: &[(ExecutionRow, String)], now: UnixMs) -> RequestView {
    RequestView {
        id: row.id.to_string(),
        accessory: row.accessory.to_string(),
        version: row.version.to_string(),
        digest: row.digest.to_string(),
        installation: row.installation.to_string(),
        requester: row.requester.to_string(),
        parameters: row.parameters.clone(),
        made_ms: row.made.0,
        deliver_by_ms: row.deliver_by.0,
        over: super::all_over(row, executions, now),
        executions: executions.iter().map(|(e, name)| execution(row, e, name, now)).collect(),
    }
}

/// Shows a request in a list.
pub(super) fn summary(row: &RequestRow, standing: &BTreeMap<State, usize>) -> RequestSummary {
    let states = standing.iter().map(|(state, count)| (state.as_str().to_owned(), *count)).collect();
    RequestSummary {
        id: row.id.to_string(),
        accessory: row.accessory.to_string(),
        version: row.version.to_string(),
        requester: row.requester.to_string(),
        made_ms: row.made.0,
        deliver_by_ms: row.deliver_by.0,
        states,
    }
}
