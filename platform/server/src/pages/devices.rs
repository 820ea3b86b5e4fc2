//! Devices: the list with its filter, and one device with everything that is known of it.

pub(super) mod one;

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use fitment_domain::tenant::Action;
use fitment_domain::time::UnixMs;
use fitment_store::DeviceName;
use serde::Deserialize;
use serde_json::Value;

use super::page;
use super::paging::Paging;
use super::view::{Frame, Page};
use crate::api::devices::{self, DeviceView, WhichDevices};
use crate::api::tenants;
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

/// A device that was not heard of for so long is shown as silent, in milliseconds.
const SILENT_AFTER_MS: u64 = 10 * 60 * 1_000;

/// The names behind ids, read once for a page.
pub(super) struct Names {
    /// By name.
    devices: Vec<DeviceName>,
    by_id: HashMap<String, usize>,
    clients: HashMap<String, String>,
    locations: HashMap<String, String>,
    /// The client of each location.
    locations_of: HashMap<String, String>,
}

impl Names {
    /// Reads them.
    pub(super) async fn read(app: &Shared, msp: &Msp) -> Result<Self, Problem> {
        let devices = app.store.read(msp.clone().may(Action::SeeDevices)?.scope()).await?.device_names().await?;
        let clients = tenants::clients(State(app.clone()), msp.clone()).await?.0.clients;
        let locations = tenants::locations(State(app.clone()), msp.clone()).await?.0.locations;
        let clients: HashMap<String, String> = clients.into_iter().map(|client| (client.id, client.name)).collect();
        Ok(Self {
            by_id: devices.iter().enumerate().map(|(at, device)| (device.id.to_string(), at)).collect(),
            devices,
            clients,
            locations_of: locations.iter().map(|l| (l.id.clone(), l.client.clone())).collect(),
            locations: locations.into_iter().map(|location| (location.id, location.name)).collect(),
        })
    }

    /// Returns ids and names of the devices in use, by name.
    pub(super) fn all_devices(&self) -> Vec<(String, String)> {
        self.devices.iter().filter(|device| !device.retired).map(|d| (d.id.to_string(), d.name.clone())).collect()
    }

    /// Returns the name of a device.
    pub(super) fn device(&self, id: &str) -> String {
        self.by_id.get(id).and_then(|at| self.devices.get(*at)).map_or_else(|| id.to_owned(), |d| d.name.clone())
    }

    /// Returns the name of a client.
    pub(super) fn client(&self, id: &str) -> String {
        self.clients.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Returns ids and names of the clients, by name.
    pub(super) fn all_clients(&self) -> Vec<(String, String)> {
        by_name(&self.clients)
    }

    /// Returns ids and names of the locations, by name; each with its client's.
    pub(super) fn all_locations(&self) -> Vec<(String, String)> {
        let named = |(id, name): (&String, &String)| {
            let client = self.locations_of.get(id).map(|client| format!(" ({})", self.client(client)));
            (id.clone(), format!("{name}{}", client.unwrap_or_default()))
        };
        by_name(&self.locations.iter().map(named).collect())
    }

    /// Returns the name of a location.
    pub(super) fn location(&self, id: &str) -> String {
        self.locations.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn line(&self, device: &DeviceView, now: UnixMs) -> Line {
        let known = |names: &HashMap<String, String>, id: &str| names.get(id).cloned().unwrap_or_default();
        let fact = |name: &str| device.facts.get(name).map(plain).unwrap_or_default();
        Line {
            id: device.id.clone(),
            name: device.name.clone(),
            client: known(&self.clients, &device.client),
            location: known(&self.locations, &device.location),
            system: [fact("os.family"), fact("os.version")].join(" ").trim().to_owned(),
            arch: fact("arch"),
            agent: fact("agent.version"),
            last_seen_ms: device.last_seen_ms,
            state: state(device, now),
        }
    }
}

/// Returns the devices in use, with all that is known of them.
pub(super) async fn in_use(app: &Shared, msp: Msp) -> Result<Vec<DeviceView>, Problem> {
    Ok(devices::list(State(app.clone()), msp, Query(WhichDevices::default())).await?.0.devices)
}

fn by_name(names: &HashMap<String, String>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = names.iter().map(|(id, name)| (id.clone(), name.clone())).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    all
}

/// Tells whether a device that should speak has not been heard of for a while.
pub(super) fn is_silent(device: &DeviceView, now: UnixMs) -> bool {
    device.has_agent && device.revoked_ms.is_none() && now.since_ms(UnixMs(device.last_seen_ms)) > SILENT_AFTER_MS
}

fn state(device: &DeviceView, now: UnixMs) -> &'static str {
    match device {
        _ if device.retired_ms.is_some() => "retired",
        _ if !device.has_agent => "known",
        _ if device.revoked_ms.is_some() => "revoked",
        _ if is_silent(device, now) => "silent",
        _ => "online",
    }
}

/// One device in a list.
struct Line {
    id: String,
    name: String,
    client: String,
    location: String,
    system: String,
    arch: String,
    agent: String,
    last_seen_ms: i64,
    state: &'static str,
}

impl Line {
    fn matches(&self, text: &str) -> bool {
        [&self.name, &self.client, &self.location, &self.system, &self.arch]
            .iter()
            .any(|t| t.to_lowercase().contains(text))
    }
}

/// What the list is narrowed to.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    q: String,
    state: String,
    lines: Vec<Line>,
    found: usize,
    all: usize,
    paging: Paging,
}

/// Lists the devices.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Query(filter): Query<Filter>,
) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let devices = in_use(&app, msp).await?;
    let (text, now) = (filter.q.trim().to_lowercase(), app.now());
    let lines = devices.iter().map(|device| names.line(device, now));
    let lines = lines.filter(|line| filter.state.is_empty() || line.state == filter.state);
    let lines: Vec<Line> = lines.filter(|line| text.is_empty() || line.matches(&text)).collect();
    let (found, query) = (lines.len(), [("q", filter.q.as_str()), ("state", filter.state.as_str())]);
    let paging = Paging::new("/devices", &query, filter.page, found);
    page(&DevicesPage {
        frame: view.frame("Devices"),
        lines: paging.cut(lines),
        found,
        all: devices.len(),
        paging,
        q: filter.q,
        state: filter.state,
    })
}

/// Writes a fact's value for people.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Null => "not set".to_owned(),
        Value::Array(many) if many.is_empty() => "none".to_owned(),
        Value::Array(many) => many.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
