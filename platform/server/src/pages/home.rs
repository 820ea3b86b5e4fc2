//! The first page: what needs attention, by who looks.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use fitment_domain::tenant::AccountKind;

use super::view::{Frame, Page};
use super::{devices, page};
use crate::api::devices::DeviceView;
use crate::api::findings::{self, AlertView, OfDevice, RunView};
use crate::api::releases::{self, ReleaseView};
use crate::api::tickets::{self, TicketView};
use crate::api::uploads::{self, RefusedUpload};
use crate::app::Shared;
use crate::auth::{Msp, Publisher};
use crate::problem::Problem;

const SHOWN_MAX: usize = 8;

#[derive(Template)]
#[template(path = "home_msp.html")]
struct MspHome {
    frame: Frame,
    devices: usize,
    silent: Vec<DeviceView>,
    open_alerts: usize,
    alerts: Vec<(AlertView, String)>,
    open_tickets: usize,
    stuck: Vec<TicketView>,
    failing: Vec<(RunView, String)>,
}

#[derive(Template)]
#[template(path = "home_publisher.html")]
struct PublisherHome {
    frame: Frame,
    name: String,
    has_key: bool,
    releases: Vec<ReleaseView>,
    refused: Vec<RefusedUpload>,
}

#[derive(Template)]
#[template(path = "home_operator.html")]
struct OperatorHome {
    frame: Frame,
    waiting: Vec<ReleaseView>,
    published: usize,
}

/// Shows what needs attention.
pub(super) async fn show(State(app): State<Shared>, view: Page) -> Result<Html<String>, Problem> {
    match (view.kind(), view.msp(), view.publisher()) {
        (AccountKind::Msp, Some(msp), _) => of_msp(app, view, msp).await,
        (AccountKind::Publisher, _, Some(publisher)) => of_publisher(app, view, publisher).await,
        (AccountKind::Operator, ..) => of_operator(app, view).await,
        _ => Err(Problem::forbidden("this account belongs to nobody yet: ask whoever runs the server")),
    }
}

async fn of_msp(app: Shared, view: Page, msp: Msp) -> Result<Html<String>, Problem> {
    let names = devices::Names::read(&app, &msp).await?;
    let all = devices::in_use(&app, msp.clone()).await?;
    let alerts = findings::alerts(State(app.clone()), msp.clone()).await?.0.alerts;
    let mut alerts: Vec<AlertView> = alerts.into_iter().filter(|alert| alert.state == "open").collect();
    alerts.sort_by_key(|alert| alert.health != "critical");
    let tickets = tickets::list(State(app.clone()), msp.clone()).await?.0.tickets;
    let open: Vec<TicketView> = tickets.into_iter().filter(|ticket| ticket.state == "open").collect();
    let runs = findings::list(State(app.clone()), msp, Query(OfDevice { device: None })).await?.0.runs;
    let failing = runs.into_iter().filter(|run| run.outcome != "findings").take(SHOWN_MAX);
    let named = |id: &str| names.device(id);
    let (devices, open_alerts, open_tickets) = (all.len(), alerts.len(), open.len());
    page(&MspHome {
        devices,
        silent: all.iter().filter(|d| devices::is_silent(d, app.now())).take(SHOWN_MAX).cloned().collect(),
        open_alerts,
        alerts: alerts.into_iter().take(SHOWN_MAX).map(|a| (named(&a.device), a)).map(|(n, a)| (a, n)).collect(),
        open_tickets,
        stuck: open.into_iter().filter(|ticket| ticket.problem.is_some()).take(SHOWN_MAX).collect(),
        failing: failing.map(|run| (named(&run.device), run)).map(|(n, r)| (r, n)).collect(),
        frame: view.frame("Home"),
    })
}

async fn of_publisher(app: Shared, view: Page, publisher: Publisher) -> Result<Html<String>, Problem> {
    let releases = releases::list(State(app.clone()), view.caller.clone()).await?.0.releases;
    let me = crate::api::sessions::me(State(app.clone()), view.caller.clone()).await?.0;
    let refused = uploads::list(State(app), publisher).await?.0.uploads;
    let refused = refused.into_iter().take(SHOWN_MAX).collect();
    let (name, has_key) = (me.publisher.unwrap_or_default(), me.public_key.is_some());
    page(&PublisherHome { frame: view.frame("Home"), name, has_key, releases, refused })
}

async fn of_operator(app: Shared, view: Page) -> Result<Html<String>, Problem> {
    let releases = releases::list(State(app), view.caller.clone()).await?.0.releases;
    let published = releases.iter().filter(|release| release.state == "published").count();
    let waiting = releases.into_iter().filter(|release| release.state == "in-review").collect();
    page(&OperatorHome { frame: view.frame("Home"), waiting, published })
}
