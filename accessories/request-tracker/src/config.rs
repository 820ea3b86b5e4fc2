//! The configuration; `config.schema.json` says the same to people and to the host.

use fitment_sdk::ticketing::StatusClass;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// Where Request Tracker's start page is.
    pub(crate) url: String,
    /// The account that the token belongs to.
    pub(crate) account: Option<String>,
    /// The custom field that holds our reference.
    pub(crate) external_reference_field: String,
    new_statuses: Vec<String>,
    open_statuses: Vec<String>,
    waiting_customer_statuses: Vec<String>,
    waiting_other_statuses: Vec<String>,
    resolved_statuses: Vec<String>,
    closed_statuses: Vec<String>,
    cancelled_statuses: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let list = |statuses: &[&str]| statuses.iter().map(|status| (*status).to_owned()).collect();
        Self {
            url: String::new(),
            account: None,
            external_reference_field: "FitmentReference".to_owned(),
            new_statuses: list(&["new"]),
            open_statuses: list(&["open", "in progress"]),
            waiting_customer_statuses: list(&["stalled", "waiting customer"]),
            waiting_other_statuses: list(&["waiting vendor"]),
            resolved_statuses: list(&["resolved"]),
            closed_statuses: list(&["closed"]),
            cancelled_statuses: list(&["rejected", "deleted"]),
        }
    }
}

impl Config {
    /// Says what a status means; one that is in no list counts as open.
    pub(crate) fn class(&self, status: &str) -> StatusClass {
        let lists = [
            (&self.open_statuses, StatusClass::Open),
            (&self.new_statuses, StatusClass::New),
            (&self.waiting_customer_statuses, StatusClass::WaitingCustomer),
            (&self.waiting_other_statuses, StatusClass::WaitingOther),
            (&self.resolved_statuses, StatusClass::Resolved),
            (&self.closed_statuses, StatusClass::Closed),
            (&self.cancelled_statuses, StatusClass::Cancelled),
        ];
        let holds = |list: &[String]| list.iter().any(|known| known.eq_ignore_ascii_case(status));
        lists.into_iter().find(|(list, _)| holds(list)).map_or(StatusClass::Open, |(_, class)| class)
    }
}
