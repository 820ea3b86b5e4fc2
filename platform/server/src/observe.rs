//! From a result to a finding, from a finding to an alert, from an alert to a ticket: all in the transaction of the result.

use fitment_domain::alert::{AlertKey, Change, Closing, Hysteresis, Track, step};
use fitment_domain::device::Device;
use fitment_domain::finding::{FAILING, Finding, FindingLimits, Health, Sample, check};
use fitment_domain::id::{AlertId, ClientId, ConnectionId, TicketId};
use fitment_domain::installation::Installation;
use fitment_domain::mapping::{FALLBACK_CATEGORY, Subject, pick};
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::series::points::Point;
use fitment_domain::series::{SeriesKey, canonical_labels, plain};
use fitment_domain::tenant::check_identifier;
use fitment_domain::ticket::{Delivery, SOURCE_AUTOMATIC, TicketState};
use fitment_domain::time::UnixMs;
use fitment_store::{AlertRow, Connection, NewSample, StoreError, TicketRow, Tx};

use crate::clock::{self, NoRandomness};
use crate::in_step::{self, StepError};
use crate::problem::Problem;

/// Bytes of the log lines of one result.
const LOG_BYTES_MAX: usize = 128 * 1024;
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Why a result cannot be taken into account.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("the tenant has no category at all")]
    NoCategory,
}

impl From<ObserveError> for Problem {
    fn from(error: ObserveError) -> Self {
        match error {
            ObserveError::Store(inner) => inner.into(),
            ObserveError::Step(inner) => inner.into(),
            other @ (ObserveError::Randomness(_) | ObserveError::NoCategory) => Problem::internal(other),
        }
    }
}

/// Who reported what, when.
pub struct Observation<'a> {
    pub device: &'a Device,
    pub installation: &'a Installation,
    pub result: &'a RunResult,
    pub received: UnixMs,
}

/// Returns why this result will never be taken; none if it is sound.
pub fn refusal(result: &RunResult) -> Option<String> {
    let log_bytes: usize = result.log.iter().map(|line| line.message.len()).sum();
    if log_bytes > LOG_BYTES_MAX {
        return Some(format!("log: {log_bytes} bytes, at most {LOG_BYTES_MAX}"));
    }
    match &result.outcome {
        Outcome::Findings(findings) => check(findings, &FindingLimits::standard()).err().map(|e| e.to_string()),
        Outcome::Failed { kind, .. } if check_identifier("kind", kind).is_err() => {
            Some("outcome.failed.kind must be 2 to 40 characters of a-z, 0-9 and hyphens".to_owned())
        }
        Outcome::Failed { message, .. } if message.len() > MESSAGE_BYTES_MAX => {
            Some(format!("outcome.failed.message: {} bytes, at most {MESSAGE_BYTES_MAX}", message.len()))
        }
        Outcome::Failed { .. } => None,
        Outcome::Execution { ending, .. } => ending.problem(),
    }
}

/// Returns how a run ended: `findings`, or the kind of its failure.
pub fn end_of(result: &RunResult) -> &str {
    match &result.outcome {
        Outcome::Findings(_) => "findings",
        Outcome::Failed { kind, .. } => kind,
        Outcome::Execution { .. } => "execution",
    }
}

/// Takes one result into account.
pub async fn take(tx: &mut Tx, seen: &Observation<'_>) -> Result<(), ObserveError> {
    let (kind, message) = match &seen.result.outcome {
        Outcome::Findings(findings) => ("findings", format!("{} findings", findings.len())),
        Outcome::Failed { kind, message } => (kind.as_str(), message.clone()),
        // Says nothing about the state of the device: see `execution`.
        Outcome::Execution { .. } => return Ok(()),
    };
    // A device whose clock runs ahead must not shadow what it reports once the clock is mended.
    let at = seen.result.started.min(seen.received);
    tx.set_run_state(&seen.device.id, &seen.installation.id, kind, &message, &seen.result.usage, at).await?;
    take_finding(tx, seen, &own(seen, kind, &message)).await?;
    if let Outcome::Findings(findings) = &seen.result.outcome {
        for finding in findings {
            tx.upsert_finding(&seen.device.id, &seen.installation.id, finding, at).await?;
            take_finding(tx, seen, finding).await?;
        }
    }
    Ok(())
}

/// What the platform itself finds about the accessory: whether its runs come to their end. One that cannot look says nothing about
/// the device, and would go unnoticed.
fn own(seen: &Observation<'_>, kind: &str, message: &str) -> Finding {
    let accessory = &seen.installation.accessory;
    let (health, summary, details) = match &seen.result.outcome {
        Outcome::Findings(_) => (Health::Ok, format!("{accessory} runs"), None),
        _ => (Health::Warning, format!("{accessory} does not run: {kind}"), Some(message.to_owned())),
    };
    Finding { health, summary, details, samples: Vec::new(), condition: FAILING.to_owned(), subject: None }
}

/// Returns the samples of a result, each with the series that it belongs to.
pub fn samples(seen: &Observation<'_>) -> Vec<NewSample> {
    let Outcome::Findings(findings) = &seen.result.outcome else { return Vec::new() };
    let at = seen.result.started.min(seen.received);
    let of = |finding: &Finding, sample: &Sample| NewSample {
        key: SeriesKey {
            device: seen.device.id.clone(),
            installation: seen.installation.id.clone(),
            condition: finding.condition.clone(),
            subject: finding.subject.clone().unwrap_or_default(),
            name: sample.name.clone(),
            labels: canonical_labels(&sample.labels),
            unit: plain(&sample.unit),
        },
        point: Point { at, value: sample.value },
    };
    findings.iter().flat_map(|finding| finding.samples.iter().map(move |sample| of(finding, sample))).collect()
}

async fn take_finding(tx: &mut Tx, seen: &Observation<'_>, finding: &Finding) -> Result<(), ObserveError> {
    let key = AlertKey {
        installation: seen.installation.id.clone(),
        device: seen.device.id.clone(),
        condition: finding.condition.clone(),
        subject: finding.subject.clone().unwrap_or_default(),
    };
    let known = tx.alert_by_key(&key).await?;
    let track = known.as_ref().map_or(Track::new(), |row| row.track);
    let (next, change) = step(track, finding.health, &Hysteresis::standard());
    if known.is_none() && next.bad_streak == 0 {
        // A condition that was never bad needs no memory.
        return Ok(());
    }
    let before = match known {
        Some(row) => row,
        None => AlertRow {
            id: AlertId::from_random(clock::random()?),
            key,
            track,
            health: finding.health,
            summary: String::new(),
            opened: None,
            closed: None,
            closed_because: None,
            last_seen: seen.received,
        },
    };
    let alert = AlertRow {
        track: next,
        health: finding.health,
        summary: finding.summary.clone(),
        opened: if change == Some(Change::Opened) { Some(seen.received) } else { before.opened },
        closed: match change {
            Some(Change::Cleared) => Some(seen.received),
            Some(Change::Opened) => None,
            _ => before.closed,
        },
        closed_because: match change {
            Some(Change::Cleared) => Some(Closing::Cleared.words()),
            Some(Change::Opened) => None,
            _ => before.closed_because,
        },
        last_seen: seen.received,
        ..before
    };
    tx.put_alert(&alert).await?;
    match change {
        Some(Change::Opened) => opened(tx, seen, finding, &alert).await,
        Some(Change::Again) => again(tx, seen, &alert).await,
        Some(Change::Cleared) => cleared(tx, &alert, seen.received).await,
        None => Ok(()),
    }
}

async fn opened(tx: &mut Tx, seen: &Observation<'_>, finding: &Finding, alert: &AlertRow) -> Result<(), ObserveError> {
    match tx.open_ticket_of_alert(&alert.id).await? {
        Some(ticket) => returned(tx, seen, alert, ticket).await,
        None => make_ticket(tx, seen, finding, alert).await,
    }
}

/// The condition is back while its ticket is open: somebody works on it, or its closing is under way.
async fn returned(
    tx: &mut Tx,
    seen: &Observation<'_>,
    alert: &AlertRow,
    mut ticket: TicketRow,
) -> Result<(), ObserveError> {
    ticket.occurrences += i64::from(alert.track.occurrences);
    ticket.delivery.close_wanted = false;
    ticket.delivery.close_settled = false;
    ticket.delivery.returned = true;
    ticket.updated = seen.received;
    tx.update_ticket(&ticket).await?;
    enqueue_delivery(tx, &ticket, seen.received).await
}

async fn make_ticket(
    tx: &mut Tx,
    seen: &Observation<'_>,
    finding: &Finding,
    alert: &AlertRow,
) -> Result<(), ObserveError> {
    let subject = Subject { accessory: &seen.installation.accessory, condition: &finding.condition };
    let rules = tx.rules().await?;
    let chosen = pick(&rules, &subject);
    let categories = tx.categories().await?;
    let by_rule = chosen.and_then(|rule| categories.iter().find(|c| c.id == rule.category));
    // Categories can be renamed: an alert without a ticket would be worse than a ticket in an odd category.
    let otherwise = || categories.iter().find(|c| c.name == FALLBACK_CATEGORY).or(categories.first());
    let category = by_rule.or_else(otherwise).ok_or(ObserveError::NoCategory)?;
    let connection = connection_for(&tx.connections().await?, Some(&seen.device.client));
    let ticket = TicketRow {
        id: TicketId::from_random(clock::random()?),
        number: tx.next_ticket_number().await?,
        alert: Some(alert.id.clone()),
        device: Some(seen.device.id.clone()),
        source: SOURCE_AUTOMATIC.to_owned(),
        category: category.id.clone(),
        board: category.board.clone(),
        priority: category.priority.clone(),
        summary: format!("{}: {}", seen.device.name, finding.summary),
        description: describe(seen, finding),
        state: TicketState::Open,
        occurrences: i64::from(alert.track.occurrences),
        created: seen.received,
        updated: seen.received,
        connection,
        delivery: Delivery::default(),
        external_number: None,
        external_url: None,
        external_status: None,
        problem: None,
        chosen_by: chosen.map(|rule| rule.id.clone()),
    };
    tx.insert_ticket(&ticket).await?;
    enqueue_delivery(tx, &ticket, seen.received).await
}

/// Returns the connection that carries a client's tickets: its own, or the first that is for everybody.
pub fn connection_for(connections: &[Connection], client: Option<&ClientId>) -> Option<ConnectionId> {
    let own = connections.iter().find(|connection| client.is_some() && connection.client.as_ref() == client);
    own.or_else(|| connections.iter().find(|connection| connection.client.is_none())).map(|c| c.id.clone())
}

async fn again(tx: &mut Tx, seen: &Observation<'_>, alert: &AlertRow) -> Result<(), ObserveError> {
    if let Some(mut ticket) = tx.open_ticket_of_alert(&alert.id).await? {
        ticket.occurrences += 1;
        ticket.updated = seen.received;
        tx.update_ticket(&ticket).await?;
    }
    Ok(())
}

/// Closes the ticket of an alert that is over, or asks for it to be closed in the other system.
pub(crate) async fn cleared(tx: &mut Tx, alert: &AlertRow, now: UnixMs) -> Result<(), ObserveError> {
    let Some(mut ticket) = tx.open_ticket_of_alert(&alert.id).await? else { return Ok(()) };
    ticket.updated = now;
    if ticket.connection.is_some() {
        ticket.delivery.close_wanted = true;
        tx.update_ticket(&ticket).await?;
        enqueue_delivery(tx, &ticket, now).await?;
    } else {
        ticket.state = TicketState::Closed;
        tx.update_ticket(&ticket).await?;
    }
    Ok(())
}

/// Asks, in this transaction, for the delivery of a ticket that has somewhere to go.
async fn enqueue_delivery(tx: &mut Tx, ticket: &TicketRow, now: UnixMs) -> Result<(), ObserveError> {
    match &ticket.connection {
        Some(connection) => Ok(in_step::ask_delivery(tx, connection, &ticket.id, now).await?),
        None => Ok(()),
    }
}

fn describe(seen: &Observation<'_>, finding: &Finding) -> String {
    let mut lines = vec![
        finding.summary.clone(),
        String::new(),
        format!("Device: {} ({})", seen.device.name, seen.device.id),
        format!("Accessory: {} {}", seen.installation.accessory, seen.installation.version),
        format!("Condition: {}", finding.condition),
    ];
    lines.extend(finding.subject.iter().map(|subject| format!("Subject: {subject}")));
    lines.extend(finding.samples.iter().map(|s| format!("{}: {:.2} {}", s.name, s.value, s.unit)));
    lines.extend(finding.details.iter().map(|details| format!("\n{details}")));
    lines.join("\n")
}
