//! Plans and ceilings, and releases that are read together.

use fitment_domain::capability::{Ceiling, Grants};
use fitment_domain::ceiling::Subject;
use fitment_domain::tenant::Scope;
use fitment_store::{CeilingRow, Plan, StoreError};

use super::fixture::{Msp, NOW};
use crate::support::databases::Database;

fn nothing() -> Ceiling {
    Ceiling::Only(Grants::default())
}

pub(crate) async fn of_one_place_those_that_hold_there_are_read(database: &Database) {
    let store = database.open().await;
    let (msp, other) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let client = tx.device(&msp.device).await.unwrap().unwrap().client;
    let subjects = [
        Subject::Msp,
        Subject::Client(client.clone()),
        Subject::Device(msp.device.clone()),
        // No foreign row is read, whatever it is called.
        Subject::Device(other.device.clone()),
    ];
    for subject in subjects.clone() {
        tx.put_ceiling(&CeilingRow { subject, ceiling: nothing(), changed: NOW }).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.read(msp.scope()).await.unwrap();
    let mut at = async |client, device| -> Vec<Subject> {
        tx.ceilings_at(client, device).await.unwrap().into_iter().map(|row| row.subject).collect()
    };
    let mut there = at(Some(&client), Some(&msp.device)).await;
    there.sort_by_key(|subject| subjects.iter().position(|one| one == subject));
    assert_eq!(there, subjects[..3]);
    assert_eq!(at(None, None).await, [Subject::Msp]);
    assert_eq!(at(Some(&client), None).await.len(), 2);
    let mut tx = store.read(other.scope()).await.unwrap();
    assert_eq!(tx.ceilings_at(Some(&client), Some(&msp.device)).await.unwrap(), []);
}

pub(crate) async fn a_plan_that_went_meanwhile_is_said_to_be_gone(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let gone = tx.set_tenant_plan(Some("small")).await;
    assert!(matches!(gone, Err(StoreError::Dangling(_))), "{gone:?}");
    drop(tx);
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    tx.put_plan(&Plan { name: "small".to_owned(), ceiling: nothing(), changed: NOW }).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.set_tenant_plan(Some("small")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    let held = tx.remove_plan("small").await;
    assert!(matches!(held, Err(StoreError::Dangling(_))), "{held:?}");
}
