//! From a full disk to a ticket, and back: each thing is awaited where the service provider would see it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::guard::Guard;
use super::market::{Installed, MSP, Market, rows, text};
use super::tracker::{Found, Tracker, by_subject};
use super::wait::{STEP_TIMEOUT, wait};
use crate::progress::Reporter;

/// What is watched, and through whom.
pub(crate) struct Watch<'a> {
    pub(crate) market: &'a Market<'a>,
    pub(crate) installed: &'a Installed,
    /// What the monitor calls it when something is bad, and what it is about.
    pub(crate) condition: &'a str,
    pub(crate) subject: &'a str,
}

/// An alert.
pub(crate) struct Alert {
    pub(crate) id: String,
    pub(crate) occurrences: u64,
}

/// A ticket of ours.
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) summary: String,
    pub(crate) board: String,
    pub(crate) category: String,
    pub(crate) external_url: Option<String>,
}

impl Watch<'_> {
    /// Waits until the monitor's last judgement is `health`; returns its words.
    pub(crate) fn finding(&self, guard: &mut Guard, reporter: &mut Reporter, health: &str) -> Result<String> {
        self.wait(guard, reporter, &format!("a finding that says {health}"), "findings", |answer| {
            let ours = |row: &&Value| self.is_ours(row) && row["installation"] == self.installed.id.as_str();
            let Some(finding) = rows(answer, "findings").iter().find(ours) else {
                let run = rows(answer, "runs").iter().find(|run| run["installation"] == self.installed.id.as_str());
                return Ok(Err(run.map_or_else(
                    || "no run yet".to_owned(),
                    |run| format!("last run: {} {}", run["outcome"], run["message"]),
                )));
            };
            let (is, summary) = (text(finding, "health")?, text(finding, "summary")?);
            let seen = || format!("{is}, {}", self.market.state.shortened(&summary));
            if is == health { Ok(Ok(summary)) } else { Ok(Err(seen())) }
        })
    }

    /// Waits until the alert is in `state`.
    pub(crate) fn alert(&self, guard: &mut Guard, reporter: &mut Reporter, state: &str) -> Result<Alert> {
        self.wait(guard, reporter, &format!("an alert that is {state}"), "alerts", |answer| {
            let ours = |row: &&Value| self.is_ours(row) && row["installation"] == self.installed.id.as_str();
            let Some(alert) = rows(answer, "alerts").iter().find(ours) else { return Ok(Err("no alert".to_owned())) };
            if alert["state"] != state {
                return Ok(Err(format!("the alert is {}", alert["state"])));
            }
            Ok(Ok(Alert { id: text(alert, "id")?, occurrences: alert["occurrences"].as_u64().unwrap_or_default() }))
        })
    }

    /// Waits until the alert has a ticket in `state`, and, if there is a Request Tracker, until it is known there.
    pub(crate) fn ticket(
        &self,
        guard: &mut Guard,
        reporter: &mut Reporter,
        alert: &Alert,
        state: &str,
        elsewhere: bool,
    ) -> Result<Ticket> {
        self.wait(guard, reporter, &format!("a ticket that is {state}"), "tickets", |answer| {
            let ours: Vec<&Value> =
                rows(answer, "tickets").iter().filter(|row| row["alert"] == alert.id.as_str()).collect();
            ensure!(ours.len() <= 1, "the alert has {} tickets, and one is right", ours.len());
            let Some(ticket) = ours.first() else { return Ok(Err("no ticket".to_owned())) };
            let there = ticket["external_number"].as_str();
            if ticket["state"] != state || elsewhere && there.is_none() {
                let number = there.unwrap_or("none yet");
                let problem = ticket["problem"].as_str().unwrap_or("no problem is known");
                return Ok(Err(format!(
                    "the ticket is {}, its number elsewhere: {number}; {problem}",
                    ticket["state"]
                )));
            }
            Ok(Ok(Ticket {
                id: text(ticket, "id")?,
                number: ticket["number"].as_u64().context("the ticket has no number")?,
                summary: text(ticket, "summary")?,
                board: text(ticket, "board")?,
                category: text(ticket, "category")?,
                external_url: ticket["external_url"].as_str().map(str::to_owned),
            }))
        })
    }

    /// Looks into Request Tracker itself until a ticket that carries this run's nonce is in one of these statuses.
    pub(crate) fn there(
        &self,
        reporter: &mut Reporter,
        tracker: &Tracker,
        ticket: &Ticket,
        statuses: &[&str],
    ) -> Result<Found> {
        let reference = format!("fitment:{}", ticket.id);
        let nonce = &self.market.state.nonce;
        let query = by_subject(nonce);
        let what = format!("a ticket in Request Tracker with {query}");
        wait(reporter, &what, STEP_TIMEOUT, || {
            let Some(found) = tracker.look(&query)? else { return Ok(Err("none".to_owned())) };
            ensure!(
                found.references == [reference.as_str()],
                "ticket {} there has the reference {:?}",
                found.number,
                found.references
            );
            ensure!(found.subject.contains(nonce), "ticket {} there is about {}", found.number, found.subject);
            let matches = statuses.contains(&found.status.as_str());
            Ok(if matches { Ok(found) } else { Err(format!("ticket {} is {}", found.number, found.status)) })
        })
    }

    fn is_ours(&self, row: &Value) -> bool {
        row["condition"] == self.condition && row["subject"] == self.subject
    }

    fn wait<T>(
        &self,
        guard: &mut Guard,
        reporter: &mut Reporter,
        what: &str,
        list: &str,
        mut look: impl FnMut(&Value) -> Result<Result<T, String>>,
    ) -> Result<T> {
        wait(reporter, what, STEP_TIMEOUT, || {
            guard.all_run()?;
            look(&self.market.calls.ask(MSP, &[list])?)
        })
    }
}
