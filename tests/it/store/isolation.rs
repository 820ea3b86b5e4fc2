//! Nobody sees or changes what is another's.

use fitment_domain::budget::Usage;
use fitment_domain::device::Device;
use fitment_domain::id::{AlertId, ClientId, ConnectionId};
use fitment_domain::tenant::{AccountKind, Role, Scope};
use fitment_store::{Connection, EnrolOutcome, StoreError};
use serde_json::json;

use super::fixture::{Msp, NOW, account, fresh};
use crate::support::databases::Database;

// proves T1 (no MSP is aware of another)
pub(crate) async fn another_tenants_ids_find_nothing(database: &Database) {
    let store = database.open().await;
    let (mine, theirs) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let mut tx = store.begin(mine.scope()).await.unwrap();

    assert_eq!(tx.clients().await.unwrap().len(), 1);
    assert_eq!(tx.locations().await.unwrap().len(), 1);
    assert_eq!(tx.devices().await.unwrap().len(), 1);
    assert_eq!(tx.zeros().await.unwrap().len(), 1);
    assert_eq!(tx.installations().await.unwrap().len(), 1);
    assert_eq!(tx.categories().await.unwrap().len(), 1);
    assert_eq!(tx.client(&theirs.client).await.unwrap(), None);
    assert_eq!(tx.location(&theirs.location).await.unwrap(), None);
    assert_eq!(tx.device(&theirs.device).await.unwrap(), None);
    assert_eq!(tx.installation(&theirs.installation).await.unwrap(), None);
    assert_eq!(tx.category(&theirs.category).await.unwrap(), None);
    assert_eq!(tx.instruction_set(&theirs.device).await.unwrap(), None);
    assert_eq!(tx.alert(&AlertId::from_random([0; 16])).await.unwrap(), None);
    assert!(tx.zero_uses(&theirs.zero).await.unwrap().is_empty());
    assert!(tx.findings(Some(&theirs.device), None).await.unwrap().is_empty());
    assert!(!tx.revoke_device(&theirs.device, NOW).await.unwrap());
    assert!(!tx.revoke_zero(&theirs.zero, NOW).await.unwrap());
    assert!(!tx.remove_installation(&theirs.installation, NOW).await.unwrap());
    let device = mine.device_of(theirs.device.clone());
    assert_eq!(tx.enrol_device(&theirs.zero, "key", &device, false, NOW).await.unwrap(), EnrolOutcome::UsedUp);
    tx.update_device(&Device { last_seen: NOW.plus_ms(1), ..device }).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.begin(theirs.scope()).await.unwrap();
    assert_eq!(tx.device(&theirs.device).await.unwrap().unwrap().last_seen, NOW, "nothing of theirs changed");
    assert!(tx.installation(&theirs.installation).await.unwrap().is_some());
    drop(tx);

    let mut tx = store.begin(mine.scope()).await.unwrap();
    let mut alert = mine.alert("/");
    alert.key.device = theirs.device.clone();
    assert!(
        matches!(tx.put_alert(&alert).await, Err(StoreError::Dangling(_))),
        "a row cannot refer to another tenant's"
    );
}

pub(crate) async fn the_wrong_scope_is_refused(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.devices().await.unwrap_err(), StoreError::Scope { needed: "tenant" });
    assert_eq!(tx.next_ticket_number().await.unwrap_err(), StoreError::Scope { needed: "tenant" });
    assert_eq!(tx.upload_reports().await.unwrap_err(), StoreError::Scope { needed: "publisher" });
    drop(tx);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert_eq!(tx.tenants().await.unwrap_err(), StoreError::Scope { needed: "platform" });
    assert_eq!(tx.approve_release(&msp.release, NOW).await.unwrap_err(), StoreError::Scope { needed: "platform" });
    assert_eq!(tx.jobs().await.unwrap_err(), StoreError::Scope { needed: "platform" });
    assert_eq!(tx.zero_by_serial("1").await.unwrap_err(), StoreError::Scope { needed: "platform" });
}

fn connection(msp: &Msp, client: Option<ClientId>) -> Connection {
    Connection {
        id: ConnectionId::from_random(fresh()),
        name: "Tracker".to_owned(),
        release: msp.release.clone(),
        url: "https://tracker.example.com".to_owned(),
        config: json!({}),
        sealed_secrets: Vec::new(),
        account: None,
        closed_status: "resolved".to_owned(),
        state: "ok".to_owned(),
        problem: None,
        created: NOW,
        client,
    }
}

/// Whoever is there for some clients reads those in SQL, and is refused by every function that is not narrowed.
pub(crate) async fn a_part_of_a_tenant_is_narrowed_or_refused(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let Scope::Tenant(tenant) = msp.scope() else { panic!("an MSP's scope is its tenant") };
    let mut person = account(AccountKind::Msp, "tess@one.example");
    (person.tenant, person.role, person.all_clients) = (Some(tenant.clone()), Role::Technician, false);
    let part = || Scope::Part { tenant: tenant.clone(), account: person.id.clone() };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.insert_person(&person).await.unwrap();
    tx.put_alert(&msp.alert("/")).await.unwrap();
    let (own, everybodys) = (connection(&msp, Some(msp.client.clone())), connection(&msp, None));
    tx.insert_connection(&own).await.unwrap();
    tx.insert_connection(&everybodys).await.unwrap();
    tx.insert_ticket(&msp.ticket(1, None)).await.unwrap();
    tx.set_run_state(&msp.device, &msp.installation, "findings", "", &Usage::default(), NOW).await.unwrap();
    tx.commit().await.unwrap();
    for (clients, seen) in [(vec![], 0), (vec![msp.client.clone()], 1)] {
        let mut tx = store.begin(msp.scope()).await.unwrap();
        tx.set_clients_of(&person.id, &clients.into_iter().collect()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin(part()).await.unwrap();
        assert_eq!(tx.clients().await.unwrap().len(), seen);
        assert_eq!(tx.locations().await.unwrap().len(), seen);
        assert_eq!(tx.devices().await.unwrap().len(), seen);
        assert_eq!(tx.zeros().await.unwrap().len(), seen);
        assert_eq!(tx.installations().await.unwrap().len(), seen, "its target is the device");
        assert_eq!(tx.alerts(None, None, None).await.unwrap().rows.len(), seen);
        assert_eq!(tx.tickets(None, None, None).await.unwrap().rows.len(), seen);
        assert_eq!(tx.ticket_by_number(1).await.unwrap().is_some(), seen == 1);
        assert_eq!(tx.run_counts().await.unwrap().len(), seen);
        assert_eq!(tx.connections().await.unwrap().len(), 1 + seen, "one is for all clients");
        assert_eq!(tx.connection(&own.id).await.unwrap().is_some(), seen == 1);
        assert!(tx.connection(&everybodys.id).await.unwrap().is_some());
        assert_eq!(tx.client(&msp.client).await.unwrap().is_some(), seen == 1);
        assert_eq!(tx.location(&msp.location).await.unwrap().is_some(), seen == 1);
        assert_eq!(tx.device(&msp.device).await.unwrap().is_some(), seen == 1);
        assert_eq!(tx.installation(&msp.installation).await.unwrap().is_some(), seen == 1);
        assert_eq!(tx.revoke_zero(&msp.zero, NOW).await.unwrap(), seen == 1);
        assert_eq!(tx.revoke_device(&msp.device, NOW).await.unwrap(), seen == 1);
        assert_eq!(tx.next_ticket_number().await.unwrap_err(), StoreError::AllClients);
        assert_eq!(tx.people().await.unwrap_err(), StoreError::AllClients);
        tx.widen().unwrap();
        assert_eq!(tx.people().await.unwrap().len(), 2);
    }
}

pub(crate) async fn a_reader_does_not_write(database: &Database) {
    let store = database.open().await;
    let mut tx = store.read(Scope::Platform).await.unwrap();
    assert!(matches!(tx.put_platform_value("key", "value").await, Err(StoreError::Sql(_))));
}
