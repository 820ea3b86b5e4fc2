//! The world `ticketing-connector`.

use fitment_domain::capability::Permission;
use fitment_domain::run::{End, Invocation, Returned};
use fitment_domain::ticket::remote::{self, Answer, Call};
use wasmtime::Store;

use super::{Calling, Instance, World, another_world};
use crate::contract::connector::TicketingConnectorPre;
use crate::contract::connector::exports::fitment::accessory::ticketing::Guest;
use crate::contract::connector_sync::SyncingPre;
use crate::contract::offered::ticketing_types::{Error, Ticket};
use crate::state::RunState;

pub(super) const WORLD: World = World {
    name: "ticketing-connector",
    permissions: &[Permission::Http],
    on_devices: false,
    tells: false,
    // What it lacks of the optional interface, or has in other types, is an error of that alone.
    check: |pre| {
        Ok(Box::new(Connector { syncing: SyncingPre::new(pre.clone()).ok(), core: TicketingConnectorPre::new(pre)? }))
    },
};

/// The core, and the optional interface if the component has it.
struct Connector {
    core: TicketingConnectorPre<RunState>,
    syncing: Option<SyncingPre<RunState>>,
}

impl super::Guest for Connector {
    fn call<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        _instance: &'a mut Instance,
        invocation: Invocation,
    ) -> Calling<'a> {
        Box::pin(async move {
            let answer = match invocation {
                Invocation::Connector(Call::Changes { cursor, boards, max }) => {
                    let Some(syncing) = &self.syncing else { return Ok(without_sync()) };
                    let guest = syncing.instantiate_async(&mut *store).await?;
                    let guest = guest.fitment_accessory_ticketing_sync();
                    let page = guest.call_changes(store, cursor.as_deref(), &boards, max).await?;
                    page.map(|page| Answer::Changes(page.into()))
                }
                Invocation::Connector(call) => {
                    let guest = self.core.instantiate_async(&mut *store).await?;
                    ask(guest.fitment_accessory_ticketing(), store, call).await?
                }
                _ => return Ok(another_world()),
            };
            Ok(End::Returned(Returned::Connector(answer.map_err(Into::into))))
        })
    }
}

fn without_sync() -> End {
    let unsupported = remote::Error::Unsupported("the connector does not export ticketing-sync".to_owned());
    End::Returned(Returned::Connector(Err(unsupported)))
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
        Call::Changes { .. } => return Err(wasmtime::Error::msg("changes is no function of the core")),
    })
}
