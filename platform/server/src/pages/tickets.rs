//! Tickets: ours, and where each is in the other system.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use fitment_domain::tenant::Action;

use super::devices::Names;
use super::page;
use super::paging::{Paging, given};
use super::view::{Frame, OpenOnes, Page};
use crate::api::connections::{self, ConnectionView};
use crate::api::tickets::{self, TicketList, TicketView, WhichTickets};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "tickets.html")]
struct TicketsPage {
    frame: Frame,
    state: String,
    q: String,
    all: usize,
    found: usize,
    paging: Paging,
    tickets: Vec<TicketView>,
    connections: Vec<ConnectionView>,
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage {
    frame: Frame,
    ticket: TicketView,
    device: Option<String>,
    connection: Option<String>,
    notes: Vec<tickets::note::NoteView>,
}

/// Returns an address that a browser may be led to: a connector gave it, and only the web's own schemes are safe.
fn web_address(ticket: &TicketView) -> Option<&str> {
    let url = ticket.external_url.as_deref()?;
    (url.starts_with("https://") || url.starts_with("http://")).then_some(url)
}

/// Returns the connections, to whoever may know how tickets travel.
async fn read_connections(app: &Shared, view: &Page, msp: Msp) -> Result<Vec<ConnectionView>, Problem> {
    if !view.may(Action::SeeSetup) {
        return Ok(Vec::new());
    }
    Ok(connections::list(State(app.clone()), msp).await?.0.connections)
}

/// Lists the tickets; those that are open unless something else is asked.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Query(filter): Query<OpenOnes>,
) -> Result<Html<String>, Problem> {
    let asked = WhichTickets { state: given(&filter.state), device: None, after: given(&filter.after) };
    let TicketList { tickets, next, .. } = tickets::list(State(app.clone()), msp.clone(), Query(asked)).await?.0;
    let connections = read_connections(&app, &view, msp).await?;
    let (all, wants) = (tickets.len(), filter.wants());
    let whole =
        |ticket: &TicketView| format!("#{} {} {} {}", ticket.number, ticket.summary, ticket.category, ticket.board);
    let found: Vec<TicketView> = tickets.into_iter().filter(|t| wants(t.state, &|| whole(t))).collect();
    drop(wants);
    let (frame, count, paging) =
        (view.frame("Tickets"), found.len(), filter.paging("/tickets", found.len(), next.as_deref()));
    let tickets = paging.cut(found);
    page(&TicketsPage { frame, all, found: count, paging, tickets, connections, state: filter.state, q: filter.q })
}

/// Shows one ticket.
pub(super) async fn show(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let tickets::TicketDetails { ticket, notes, .. } =
        tickets::show(State(app.clone()), msp.clone(), Path(id)).await?.0;
    let names = Names::read(&app, &msp).await?;
    let connections = read_connections(&app, &view, msp).await?;
    page(&TicketPage {
        frame: view.frame(format!("#{} {}", ticket.number, ticket.summary)),
        device: ticket.device.as_deref().map(|id| names.device(id)),
        connection: connections.into_iter().find(|c| Some(&c.id) == ticket.connection.as_ref()).map(|c| c.name),
        ticket,
        notes,
    })
}
