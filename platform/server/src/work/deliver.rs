//! Carries a ticket into the other system: one ticket there, whatever dies in between.
//!
//! The job changes the ticket's row in small steps, each on the row as it is at that moment: results go on counting and
//! clearing meanwhile, and none of it is lost. Whatever they want done enqueues the job again.

use fitment_domain::id::{TenantId, TicketId};
use fitment_domain::sync::{Agreed, Field, Values, both_over, first_agreement};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::remote::{Answer, Audience, Call, Error, NewNote, NewTicket, Note, Ticket, TicketPatch};
use fitment_domain::ticket::{
    Delivery, Step, TicketState, external_reference, left_open_reference, next_step, touched_by,
};
use fitment_store::{Connection, StoreError, TicketRow};

use super::{JobError, Next};
use crate::app::App;
use crate::clock;
use crate::connector::{self, ConnectorError, Opened};
use crate::door::Refused;
use crate::in_step;

mod exchange;

const NOTE_PAGES_MAX: usize = 20;

struct Delivering<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    connection: Connection,
    connector: Opened,
    ticket: TicketRow,
}

/// Takes the next steps of one ticket.
pub async fn run(app: &App, tenant: &TenantId, ticket: &TicketId) -> Result<Next, JobError> {
    let mut tx = app.store.read(Scope::Tenant(tenant.clone())).await?;
    let Some(ticket) = tx.ticket(ticket).await? else { return Ok(Next::Done) };
    let Some(connection) = ticket.connection.clone() else { return Ok(Next::Done) };
    let connection = tx.connection(&connection).await?;
    drop(tx);
    let Some(connection) = connection else { return close_alone(app, tenant, &ticket.id).await };
    let (id, before) = (ticket.id.clone(), connection.clone());
    let (outcome, account) = match connector::open(app, tenant, &connection).await {
        Ok(connector) => {
            let mut job = Delivering { app, tenant, connection, connector, ticket };
            (job.advance().await, job.connection.account)
        }
        Err(error) => (Err(error.into()), None),
    };
    note_outcome(app, tenant, &id, &before, account, &outcome).await?;
    outcome
}

impl Delivering<'_> {
    async fn advance(&mut self) -> Result<Next, JobError> {
        match self.settle().await? {
            // What people changed and wrote goes over once the ticket is where its alert wants it.
            Next::Done => self.exchange().await,
            wait => Ok(wait),
        }
    }

    /// Brings the ticket where its alert wants it.
    async fn settle(&mut self) -> Result<Next, JobError> {
        loop {
            match next_step(&self.ticket.delivery, self.app.now(), self.connector.call_ms_max()) {
                Step::Create => self.create().await?,
                Step::WaitUntil(until) => return Ok(Next::At(until)),
                Step::LookThenCreate => match self.find().await? {
                    Some(there) => self.adopt(there).await?,
                    None if self.ticket.delivery.close_wanted => return self.close_ours().await,
                    None => self.create().await?,
                },
                Step::CloseIfUntouched => return self.close_if_untouched().await,
                Step::TellReturned => return self.tell_returned().await,
                Step::Done if self.ticket.delivery.close_wanted && self.ticket.delivery.external_id.is_none() => {
                    return self.close_ours().await;
                }
                Step::Done => return Ok(Next::Done),
            }
        }
    }

    /// Writes into the ledger that a create is under way, then creates: whoever comes after a crash looks first.
    async fn create(&mut self) -> Result<(), JobError> {
        self.begin_create().await?;
        let new = NewTicket {
            external_ref: external_reference(&self.ticket.id),
            board: self.ticket.board.clone(),
            status: None,
            priority: self.ticket.priority.clone(),
            summary: self.ticket.summary.clone(),
            description: self.ticket.description.clone(),
        };
        match self.call(Call::CreateTicket(new)).await {
            Ok(Answer::Ticket(there)) => {
                // Whoever changed the ticket we just made is us: some systems tell us so in no other way.
                self.connection.account = self.connection.account.take().or(there.updated_by.clone());
                self.adopt(there).await
            }
            Ok(_) => Err(ConnectorError::WrongAnswer("create-ticket").into()),
            Err(ConnectorError::Remote { error: Error::Partial(id, undone), .. }) => {
                tracing::warn!(ticket = %self.ticket.id, id, undone, "created there, but not as asked");
                // It is there: that is kept before anything else can go wrong.
                self.change(|ticket| {
                    ticket.delivery.external_id = Some(id.clone());
                    ticket.external_number = Some(id.clone());
                })
                .await?;
                let there = self.read(id).await?;
                self.adopt(there).await
            }
            Err(error) => {
                if !error.maybe_written() {
                    // It surely did not happen: the next try need not wait.
                    self.change(|ticket| ticket.delivery.create_started = None).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn begin_create(&mut self) -> Result<(), JobError> {
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        let Some(mut ticket) = tx.ticket(&self.ticket.id).await? else { return Ok(()) };
        let mut sync = tx.ticket_sync(&ticket.id).await?;
        let category = tx.category(&ticket.category).await?;
        let now = self.app.now();
        let never_sent = ticket.delivery.create_started.is_none();
        ticket.delivery = Delivery { create_started: Some(now), returned: false, ..ticket.delivery };
        if let Some(category) = category.filter(|_| never_sent) {
            // What was never sent goes where its category goes today, unless a person said otherwise: a board that is not
            // there can be mended.
            if !sync.changed.contains_key(&Field::Board) {
                ticket.board = category.board;
            }
            if !sync.changed.contains_key(&Field::Priority) {
                ticket.priority = category.priority;
            }
        }
        ticket.updated = now;
        let sent = Values::ours(&ticket.summary, TicketState::Open, ticket.priority.as_deref(), &ticket.board);
        sync.agreed = Some(Agreed { ours: sent.clone(), theirs: sent });
        tx.update_ticket(&ticket).await?;
        tx.put_ticket_sync(&ticket.id, &sync).await?;
        tx.commit().await?;
        self.ticket = ticket;
        Ok(())
    }

    async fn find(&self) -> Result<Option<Ticket>, JobError> {
        match self.call(Call::FindByExternalRef { external_ref: external_reference(&self.ticket.id) }).await? {
            Answer::Found(found) => Ok(found),
            _ => Err(ConnectorError::WrongAnswer("find-by-external-ref").into()),
        }
    }

    async fn read(&self, id: String) -> Result<Ticket, JobError> {
        match self.call(Call::GetTicket { ticket: id }).await? {
            Answer::Ticket(there) => Ok(there),
            _ => Err(ConnectorError::WrongAnswer("get-ticket").into()),
        }
    }

    /// Reads the ticket there; none if it is gone, deleted or over: nobody looks at it any more.
    async fn read_live(&self, id: &str) -> Result<Option<Ticket>, JobError> {
        match self.read(id.to_owned()).await {
            Ok(there) if there.deleted || there.status_class.is_over() => Ok(None),
            Ok(there) => Ok(Some(there)),
            Err(JobError::Connector(ConnectorError::Remote { error: Error::NotFound | Error::Gone(_), .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn adopt(&mut self, there: Ticket) -> Result<(), JobError> {
        tracing::info!(ticket = %self.ticket.id, there = there.number, "the ticket is in the other system");
        let (now, theirs) = (self.app.now(), Values::theirs(&there));
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        let Some(mut ticket) = tx.ticket(&self.ticket.id).await? else { return Ok(()) };
        let mut sync = tx.ticket_sync(&ticket.id).await?;
        // What was sent is what ours was then; somebody may have changed it since.
        let sent = sync.agreed.map_or_else(|| in_step::values(&ticket), |agreed| agreed.ours);
        sync.agreed = Some(first_agreement(&sent, &theirs));
        sync.status = Some(there.status.clone());
        sync.status_class = Some(there.status_class.as_str().to_owned());
        ticket.delivery.external_id = Some(there.id);
        ticket.external_number = Some(there.number);
        ticket.external_url = there.url;
        ticket.external_status = Some(there.status);
        ticket.updated = now;
        tx.update_ticket(&ticket).await?;
        tx.put_ticket_sync(&ticket.id, &sync).await?;
        // Whoever had it in hand before we knew of it may have changed it.
        in_step::ask_sync(&mut tx, &self.connection.id, now).await?;
        tx.commit().await?;
        self.app.wake.notify_one();
        self.ticket = ticket;
        Ok(())
    }

    async fn close_if_untouched(&mut self) -> Result<Next, JobError> {
        let id = self.ticket.delivery.external_id.clone().unwrap_or_default();
        let Some(there) = self.read_live(&id).await? else { return self.close_ours().await };
        let (notes, complete) = self.notes(&id).await?;
        self.learn_account().await?;
        let at_creation = self.ticket.external_status.clone().unwrap_or_default();
        let account = self.connection.account.as_deref();
        let touched = touched_by(&self.ticket.id, &there, &notes, account, &at_creation);
        let touched = self.touched_here().await?.or(touched);
        let touched = touched.or_else(|| (!complete).then(|| "it has more notes than were read".to_owned()));
        match touched {
            None => {
                let status = Some(self.connection.closed_status.clone());
                let patch = TicketPatch { status, ..TicketPatch::default() };
                match self.call(Call::UpdateTicket { ticket: id, patch, expected: there.version }).await? {
                    Answer::Ticket(closed) => {
                        self.change(|ticket| ticket.external_status = Some(closed.status)).await?
                    }
                    _ => return Err(ConnectorError::WrongAnswer("update-ticket").into()),
                }
                self.close_ours().await
            }
            Some(who) => self.leave_open(&id, &notes, &who).await,
        }
    }

    /// Returns who touched the ticket as far as our own side knows: a status that was set there and set back leaves no trace there.
    async fn touched_here(&self) -> Result<Option<String>, JobError> {
        let mut tx = self.app.store.read(Scope::Tenant(self.tenant.clone())).await?;
        Ok(tx.ticket_sync(&self.ticket.id).await?.touched_by)
    }

    /// Finds out who we are there, if no answer told us so far: a crash between create and commit takes it along.
    async fn learn_account(&mut self) -> Result<(), JobError> {
        if self.connection.account.is_none() {
            match self.call(Call::Describe).await? {
                Answer::Description(description) => self.connection.account = description.account,
                _ => return Err(ConnectorError::WrongAnswer("describe").into()),
            }
        }
        Ok(())
    }

    /// The condition cleared, but somebody works on the ticket: they are told, and they close it.
    async fn leave_open(&mut self, id: &str, notes: &[Note], who: &str) -> Result<Next, JobError> {
        let reference = format!("{}{}", left_open_reference(&self.ticket.id), self.ticket.occurrences);
        let body = format!("The condition cleared by itself. The ticket stays open because {who}.");
        self.note_once(id, notes, reference, body).await?;
        self.change(|ticket| ticket.delivery.close_settled = ticket.delivery.close_wanted).await?;
        Ok(Next::Done)
    }

    /// The condition is back. Whoever has the ticket there is told; if nobody has, a new ticket takes its place.
    async fn tell_returned(&mut self) -> Result<Next, JobError> {
        let id = self.ticket.delivery.external_id.clone().unwrap_or_default();
        if self.read_live(&id).await?.is_none() {
            return self.replace().await;
        }
        let (notes, _) = self.notes(&id).await?;
        let reference = format!("{}:returned:{}", external_reference(&self.ticket.id), self.ticket.occurrences);
        self.note_once(&id, &notes, reference, "The condition is back.".to_owned()).await?;
        self.change(|ticket| ticket.delivery.returned = false).await?;
        Ok(Next::Done)
    }

    /// Closes our ticket and puts a successor in its place, with its delivery, in one transaction.
    async fn replace(&mut self) -> Result<Next, JobError> {
        let now = self.app.now();
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        let Some(mut old) = tx.ticket(&self.ticket.id).await? else { return Ok(Next::Done) };
        let successor = TicketRow {
            id: TicketId::from_random(clock::random()?),
            number: tx.next_ticket_number().await?,
            state: TicketState::Open,
            created: now,
            updated: now,
            delivery: Delivery { close_wanted: old.delivery.close_wanted, ..Delivery::default() },
            external_number: None,
            external_url: None,
            external_status: None,
            problem: None,
            ..old.clone()
        };
        old.state = TicketState::Closed;
        old.delivery = Delivery { returned: false, close_settled: true, ..old.delivery };
        tx.update_ticket(&old).await?;
        tx.insert_ticket(&successor).await?;
        in_step::ask_delivery(&mut tx, &self.connection.id, &successor.id, now).await?;
        tx.commit().await?;
        self.app.wake.notify_one();
        Ok(Next::Done)
    }

    async fn note_once(&self, id: &str, notes: &[Note], reference: String, body: String) -> Result<(), JobError> {
        if !notes.iter().any(|note| note.body.contains(&reference)) {
            let note = NewNote { external_ref: reference, audience: Audience::Internal, body };
            self.call(Call::AddNote { ticket: id.to_owned(), note }).await?;
        }
        Ok(())
    }

    /// Returns the notes there, and whether these are all.
    async fn notes(&self, id: &str) -> Result<(Vec<Note>, bool), JobError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        for _ in 0..NOTE_PAGES_MAX {
            match self.call(Call::ListNotes { ticket: id.to_owned(), since_ms: None, cursor }).await? {
                Answer::Notes { notes, next } => {
                    all.extend(notes);
                    cursor = next;
                }
                _ => return Err(ConnectorError::WrongAnswer("list-notes").into()),
            }
            if cursor.is_none() {
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }

    /// Closes our ticket, unless the condition came back meanwhile: then this job was asked for again.
    async fn close_ours(&mut self) -> Result<Next, JobError> {
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        let Some(mut ticket) = tx.ticket(&self.ticket.id).await? else { return Ok(Next::Done) };
        if ticket.delivery.close_wanted {
            ticket.state = TicketState::Closed;
            ticket.delivery.close_settled = true;
            ticket.updated = self.app.now();
            tx.update_ticket(&ticket).await?;
            let mut sync = tx.ticket_sync(&ticket.id).await?;
            if let Some(agreed) = &mut sync.agreed {
                // Whoever calls this has seen it over or gone there.
                both_over(agreed);
                tx.put_ticket_sync(&ticket.id, &sync).await?;
            }
            tx.commit().await?;
        }
        self.ticket = ticket;
        Ok(Next::Done)
    }

    async fn call(&self, call: Call) -> Result<Answer, ConnectorError> {
        connector::call(self.app, &self.connector, call).await
    }

    /// Changes the ticket as it is now, and goes on with what came of it.
    async fn change(&mut self, change: impl FnOnce(&mut TicketRow)) -> Result<(), JobError> {
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        let Some(mut ticket) = tx.ticket(&self.ticket.id).await? else { return Ok(()) };
        change(&mut ticket);
        ticket.updated = self.app.now();
        tx.update_ticket(&ticket).await?;
        tx.commit().await?;
        self.ticket = ticket;
        Ok(())
    }
}

/// Closes the ticket of a connection that was removed, if that is wanted: the other system is out of reach.
async fn close_alone(app: &App, tenant: &TenantId, ticket: &TicketId) -> Result<Next, JobError> {
    let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
    if let Some(mut ticket) = tx.ticket(ticket).await? {
        if ticket.delivery.close_wanted {
            ticket.state = TicketState::Closed;
            ticket.delivery.close_settled = true;
        }
        ticket.delivery.returned = false;
        tx.update_ticket(&ticket).await?;
        tx.commit().await?;
    }
    Ok(Next::Done)
}

/// Says on the ticket and on the connection why delivery waits, or that it goes on.
async fn note_outcome(
    app: &App,
    tenant: &TenantId,
    ticket: &TicketId,
    connection: &Connection,
    account: Option<String>,
    outcome: &Result<Next, JobError>,
) -> Result<(), StoreError> {
    if let Ok(Next::At(_)) = outcome {
        // Nobody was asked: what was known before still holds.
        return Ok(());
    }
    let problem = outcome.as_ref().err().map(words);
    let state = outcome.as_ref().err().map_or("ok", connection_state);
    let trouble = problem.as_ref().filter(|_| state != "ok");
    let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
    if tx.connection(&connection.id).await?.is_none() {
        // It was removed meanwhile: its tickets say so, and that is the last word.
        return Ok(());
    }
    if let Some(mut ticket) = tx.ticket(ticket).await?
        && ticket.problem != problem
    {
        ticket.problem.clone_from(&problem);
        tx.update_ticket(&ticket).await?;
    }
    let learnt = account.is_some() && account != connection.account;
    if connection.state != state || connection.problem.as_ref() != trouble || learnt {
        tx.set_connection_state(&connection.id, state, trouble.map(String::as_str), account.as_deref()).await?;
    }
    tx.commit().await
}

/// What people read: the other system's words, but nothing of our own inside.
pub(super) fn words(error: &JobError) -> String {
    match error {
        JobError::Store(_)
        | JobError::Connector(ConnectorError::Store(_) | ConnectorError::Refused(Refused::Store(_))) => {
            "the marketplace's own database or object store is away".to_owned()
        }
        other => other.to_string(),
    }
}

/// Says what a failed delivery means for the connection: a system that refuses one ticket is there all the same.
pub(super) fn connection_state(error: &JobError) -> &'static str {
    match error {
        JobError::Connector(ConnectorError::Remote { error, .. }) => match error {
            Error::AuthFailed(_) => "auth-failed",
            Error::RateLimited(_) | Error::OutcomeUnknown(_) | Error::Unavailable(_) | Error::BadResponse(_) => "away",
            Error::NotFound
            | Error::Gone(_)
            | Error::Conflict
            | Error::Forbidden(_)
            | Error::Invalid(_)
            | Error::Unsupported(_)
            | Error::Partial(..) => "ok",
        },
        _ => "away",
    }
}
