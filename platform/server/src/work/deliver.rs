//! Carries a ticket into the other system: one ticket there, whatever dies in between.

use fitment_domain::id::{TenantId, TicketId};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::remote::{Answer, Audience, Call, Error, NewNote, NewTicket, Note, Ticket, TicketPatch};
use fitment_domain::ticket::{Delivery, Step, TicketState, external_reference, next_step, touched_by};
use fitment_store::{Connection, StoreError, TicketRow};

use super::{JobError, Next};
use crate::app::App;
use crate::connector::{self, ConnectorError, Opened};

const NOTE_PAGES_MAX: usize = 20;

struct Delivering<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    connection: Connection,
    account_before: Option<String>,
    connector: Opened,
    ticket: TicketRow,
}

/// Takes the next steps of one ticket.
pub async fn run(app: &App, tenant: &TenantId, ticket: &TicketId) -> Result<Next, JobError> {
    let mut tx = app.store.read(Scope::Tenant(tenant.clone())).await?;
    let Some(mut ticket) = tx.ticket(ticket).await? else { return Ok(Next::Done) };
    let Some(connection) = ticket.connection.clone() else { return Ok(Next::Done) };
    let Some(connection) = tx.connection(&connection).await? else { return Ok(Next::Done) };
    if ticket.delivery == Delivery::default()
        && let Some(category) = tx.category(&ticket.category).await?
    {
        // What was never sent goes where its category goes today: a board that is not there can be mended.
        (ticket.board, ticket.priority) = (category.board, category.priority);
    }
    drop(tx);
    let connector = connector::open(app, tenant, &connection).await?;
    let account_before = connection.account.clone();
    let mut job = Delivering { app, tenant, connection, account_before, connector, ticket };
    let outcome = job.advance().await;
    job.note_outcome(&outcome).await?;
    outcome
}

impl Delivering<'_> {
    async fn advance(&mut self) -> Result<Next, JobError> {
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
                Step::Done if self.ticket.delivery.close_wanted && self.ticket.delivery.external_id.is_none() => {
                    return self.close_ours().await;
                }
                Step::Done => return Ok(Next::Done),
            }
        }
    }

    /// Writes into the ledger that a create is under way, then creates: whoever comes after a crash looks first.
    async fn create(&mut self) -> Result<(), JobError> {
        self.ticket.delivery.create_started = Some(self.app.now());
        self.save().await?;
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
                let there = self.read(id).await?;
                self.adopt(there).await
            }
            Err(error) => {
                if !error.maybe_written() {
                    // It surely did not happen: the next try need not wait.
                    self.ticket.delivery.create_started = None;
                    self.save().await?;
                }
                Err(error.into())
            }
        }
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

    async fn adopt(&mut self, there: Ticket) -> Result<(), JobError> {
        tracing::info!(ticket = %self.ticket.id, there = there.number, "the ticket is in the other system");
        self.ticket.delivery.external_id = Some(there.id);
        self.ticket.external_number = Some(there.number);
        self.ticket.external_url = there.url;
        self.ticket.external_status = Some(there.status);
        self.save().await
    }

    async fn close_if_untouched(&mut self) -> Result<Next, JobError> {
        let id = self.ticket.delivery.external_id.clone().unwrap_or_default();
        let there = match self.read(id.clone()).await {
            Err(JobError::Connector(ConnectorError::Remote { error: Error::NotFound | Error::Gone(_), .. })) => {
                return self.close_ours().await;
            }
            other => other?,
        };
        let notes = self.notes(&id).await?;
        self.learn_account().await?;
        let at_creation = self.ticket.external_status.clone().unwrap_or_default();
        if there.deleted || there.status_class.is_over() {
            return self.close_ours().await;
        }
        match touched_by(&there, &notes, self.connection.account.as_deref(), &at_creation) {
            None => {
                let status = Some(self.connection.closed_status.clone());
                let patch = TicketPatch { status, ..TicketPatch::default() };
                match self.call(Call::UpdateTicket { ticket: id, patch, expected: there.version }).await? {
                    Answer::Ticket(closed) => self.ticket.external_status = Some(closed.status),
                    _ => return Err(ConnectorError::WrongAnswer("update-ticket").into()),
                }
                self.close_ours().await
            }
            Some(who) => self.leave_open(&id, &notes, &who).await,
        }
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
        let reference = format!("{}:cleared:{}", external_reference(&self.ticket.id), self.ticket.occurrences);
        if !notes.iter().any(|note| note.body.contains(&reference)) {
            let body = format!("The condition cleared by itself. The ticket stays open because {who}.");
            let note = NewNote { external_ref: reference, audience: Audience::Internal, body };
            self.call(Call::AddNote { ticket: id.to_owned(), note }).await?;
        }
        self.ticket.delivery.close_settled = true;
        self.save().await?;
        Ok(Next::Done)
    }

    async fn notes(&self, id: &str) -> Result<Vec<Note>, JobError> {
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
                break;
            }
        }
        Ok(all)
    }

    async fn close_ours(&mut self) -> Result<Next, JobError> {
        self.ticket.state = TicketState::Closed;
        self.ticket.delivery.close_settled = true;
        self.save().await?;
        Ok(Next::Done)
    }

    async fn call(&self, call: Call) -> Result<Answer, ConnectorError> {
        connector::call(self.app, &self.connector, call).await
    }

    /// Writes what this job learnt; what results added to the ticket meanwhile stays.
    async fn save(&mut self) -> Result<(), JobError> {
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        let Some(current) = tx.ticket(&self.ticket.id).await? else { return Ok(()) };
        let mut merged = self.ticket.clone();
        merged.occurrences = current.occurrences;
        merged.delivery.close_wanted = current.delivery.close_wanted;
        merged.updated = self.app.now();
        if !merged.delivery.close_wanted {
            // It went bad again while this job was about to close it.
            merged.state = current.state;
            merged.delivery.close_settled = current.delivery.close_settled;
        }
        tx.update_ticket(&merged).await?;
        tx.commit().await?;
        self.ticket = merged;
        Ok(())
    }

    /// Says on the ticket and on the connection why delivery waits, or that it goes on.
    async fn note_outcome(&mut self, outcome: &Result<Next, JobError>) -> Result<(), StoreError> {
        if let Ok(Next::At(_)) = outcome {
            // Nobody was asked: what was known before still holds.
            return Ok(());
        }
        let problem = outcome.as_ref().err().map(ToString::to_string);
        let state = outcome.as_ref().err().map_or("ok", connection_state);
        let trouble = problem.as_ref().filter(|_| state != "ok");
        let mut tx = self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?;
        if let Some(mut ticket) = tx.ticket(&self.ticket.id).await?
            && ticket.problem != problem
        {
            ticket.problem.clone_from(&problem);
            tx.update_ticket(&ticket).await?;
        }
        let learnt = self.connection.account != self.account_before;
        if self.connection.state != state || self.connection.problem.as_ref() != trouble || learnt {
            let account = self.connection.account.as_deref();
            tx.set_connection_state(&self.connection.id, state, trouble.map(String::as_str), account).await?;
        }
        tx.commit().await
    }
}

/// Says what a failed delivery means for the connection: a system that refuses one ticket is there all the same.
fn connection_state(error: &JobError) -> &'static str {
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
