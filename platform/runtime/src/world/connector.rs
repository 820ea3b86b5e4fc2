//! The world `ticketing-connector`.

use fitment_domain::capability::Permission;
use fitment_domain::run::{End, Invocation, Returned};
use fitment_domain::ticket::remote::{Answer, Call};
use wasmtime::Store;

use super::{Calling, World, another_world};
use crate::contract::connector::TicketingConnectorPre;
use crate::contract::connector::exports::fitment::accessory::ticketing::Guest;
use crate::contract::offered::ticketing_types::{Error, Ticket};
use crate::state::RunState;

pub(super) const WORLD: World = World {
    name: "ticketing-connector",
    permissions: &[Permission::Http],
    on_devices: false,
    tells: false,
    check: |pre| Ok(Box::new(TicketingConnectorPre::new(pre)?)),
};

impl super::Guest for TicketingConnectorPre<RunState> {
    fn call<'a>(&'a self, store: &'a mut Store<RunState>, invocation: Invocation) -> Calling<'a> {
        Box::pin(async move {
            let Invocation::Connector(call) = invocation else { return Ok(another_world()) };
            let guest = self.instantiate_async(&mut *store).await?;
            let answer = ask(guest.fitment_accessory_ticketing(), store, call).await?;
            Ok(End::Returned(Returned::Connector(answer.map_err(Into::into))))
        })
    }
}

async fn ask(guest: &Guest, store: &mut Store<RunState>, call: Call) -> wasmtime::Result<Result<Answer, Error>> {
    let ticket = |ticket: Ticket| Answer::Ticket(ticket.into());
    Ok(match call {
        Call::Describe => guest.call_describe(store).await?.map(|description| Answer::Description(description.into())),
        Call::GetTicket { ticket: id } => guest.call_get_ticket(store, &id).await?.map(ticket),
        Call::FindByExternalRef { external_ref } => guest
            .call_find_by_external_ref(store, &external_ref)
            .await?
            .map(|found| Answer::Found(found.map(Into::into))),
        Call::CreateTicket(new) => guest.call_create_ticket(store, &new.into()).await?.map(ticket),
        Call::UpdateTicket { ticket: id, patch, expected } => {
            guest.call_update_ticket(store, &id, &patch.into(), expected.as_ref()).await?.map(ticket)
        }
        Call::AddNote { ticket: id, note } => {
            guest.call_add_note(store, &id, &note.into()).await?.map(|()| Answer::Noted)
        }
        Call::ListNotes { ticket: id, since_ms, cursor } => guest
            .call_list_notes(store, &id, since_ms, cursor.as_deref())
            .await?
            .map(|(notes, next)| Answer::Notes { notes: notes.into_iter().map(Into::into).collect(), next }),
    })
}
