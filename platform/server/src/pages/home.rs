//! The first page: what needs attention, by who looks.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use fitment_domain::tenant::AccountKind;

use super::view::{Frame, Page};
use super::{devices, page};
use crate::api::devices::DeviceView;
use crate::api::findings::{self, AlertList, AlertView, OfDevice, RunView, WhichAlerts};
use crate::api::releases::{self, ReleaseList, ReleaseView, WhichReleases};
use crate::api::tickets::{self, TicketList, TicketView, WhichTickets};
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
    more_alerts: bool,
    alerts: Vec<(AlertView, String)>,
    open_tickets: usize,
    more_tickets: bool,
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
    more_releases: bool,
    refused: Vec<RefusedUpload>,
}

#[derive(Template)]
#[template(path = "home_operator.html")]
struct OperatorHome {
    frame: Frame,
    waiting: Vec<ReleaseView>,
    more_wait: bool,
    published: i64,
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
    let open = || Some("open".to_owned());
    let asked = Query(WhichAlerts { state: open(), ..WhichAlerts::default() });
    let AlertList { mut alerts, complete: all_alerts, .. } =
        findings::alerts(State(app.clone()), msp.clone(), asked).await?.0;
    alerts.sort_by_key(|alert| alert.health != "critical");
    let asked = Query(WhichTickets { state: open(), ..WhichTickets::default() });
    let TicketList { tickets: open, complete: all_tickets, .. } =
        tickets::list(State(app.clone()), msp.clone(), asked).await?.0;
    // Those that failed come first.
    let runs = findings::list(State(app.clone()), msp, Query(OfDevice::default())).await?.0.runs;
    let failing = runs.into_iter().filter(|run| run.outcome != "findings").take(SHOWN_MAX);
    let named = |id: &str| names.device(id);
    let (devices, open_alerts, open_tickets) = (all.len(), alerts.len(), open.len());
    page(&MspHome {
        devices,
        silent: all.iter().filter(|d| devices::is_silent(d, app.now())).take(SHOWN_MAX).cloned().collect(),
        open_alerts,
        more_alerts: !all_alerts,
        more_tickets: !all_tickets,
        alerts: alerts.into_iter().take(SHOWN_MAX).map(|a| (named(&a.device), a)).map(|(n, a)| (a, n)).collect(),
        open_tickets,
        stuck: open.into_iter().filter(|ticket| ticket.problem.is_some()).take(SHOWN_MAX).collect(),
        failing: failing.map(|run| (named(&run.device), run)).map(|(n, r)| (r, n)).collect(),
        frame: view.frame("Home"),
    })
}

async fn of_publisher(app: Shared, view: Page, publisher: Publisher) -> Result<Html<String>, Problem> {
    let all = Query(WhichReleases::default());
    let ReleaseList { releases, complete, .. } = releases::list(State(app.clone()), view.caller.clone(), all).await?.0;
    let me = crate::api::sessions::me(State(app.clone()), view.caller.clone()).await?.0;
    let refused = uploads::list(State(app), publisher).await?.0.uploads;
    let refused = refused.into_iter().take(SHOWN_MAX).collect();
    let (name, has_key) = (me.publisher.unwrap_or_default(), me.public_key.is_some());
    page(&PublisherHome { frame: view.frame("Home"), name, has_key, releases, more_releases: !complete, refused })
}

async fn of_operator(app: Shared, view: Page) -> Result<Html<String>, Problem> {
    let in_review = Query(WhichReleases { state: Some("in-review".to_owned()), ..WhichReleases::default() });
    let waiting = releases::list(State(app.clone()), view.caller.clone(), in_review).await?.0;
    let published = releases::count_published(&app, view.caller.clone()).await?;
    let (frame, more_wait) = (view.frame("Home"), !waiting.complete);
    page(&OperatorHome { frame, waiting: waiting.releases, more_wait, published })
}
