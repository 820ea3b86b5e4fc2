//! Zero certificates and the devices that come through them.

use fitment_domain::id::{DeviceId, ZeroId};
use fitment_domain::tenant::Scope;
use fitment_store::{EnrolOutcome, StoreError};

use super::fixture::{Msp, NOW, fresh};
use crate::support::databases::Database;

// proves R1 (the use limit, who used it is listed)
pub(crate) async fn twenty_enrolments_on_five_uses_give_five(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let zero = msp.zero_of(ZeroId::from_random(fresh()), 5);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.insert_zero(&zero).await.unwrap();
    tx.commit().await.unwrap();

    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (store, msp, zero) = (store.clone(), msp.clone(), zero.id.clone());
            tokio::spawn(async move {
                let mut tx = store.begin(msp.scope()).await.unwrap();
                let device = msp.device_of(DeviceId::from_random(fresh()));
                let outcome = tx.enrol_device(&zero, &format!("key {number}"), &device, false, NOW).await.unwrap();
                tx.commit().await.unwrap();
                outcome
            })
        })
        .collect();
    let mut new = 0;
    for task in tasks {
        match task.await.unwrap() {
            EnrolOutcome::New => new += 1,
            EnrolOutcome::UsedUp => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(new, 5);
    let mut tx = store.read(msp.scope()).await.unwrap();
    assert_eq!(tx.zero_uses(&zero.id).await.unwrap().len(), 5);
    assert_eq!(tx.devices().await.unwrap().len(), 6);
    assert_eq!(tx.zeros().await.unwrap().iter().find(|z| z.id == zero.id).unwrap().uses, 5);
}

pub(crate) async fn the_same_key_is_the_same_device(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let other = msp.device_of(DeviceId::from_random(fresh()));
    let again = tx.enrol_device(&msp.zero, "key of the first", &other, false, NOW).await.unwrap();
    assert_eq!(again, EnrolOutcome::Again(msp.device.clone()));
    assert_eq!(tx.zeros().await.unwrap()[0].uses, 1);
}

pub(crate) async fn revocation_is_seen(database: &Database) {
    let store = database.open().await;
    let (msp, other) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.insert_certificate("c1", &msp.device, NOW, NOW.plus_ms(9), NOW).await.unwrap();
    assert!(tx.revoke_device(&msp.device, NOW).await.unwrap());
    assert!(!tx.revoke_device(&msp.device, NOW).await.unwrap());
    assert!(tx.revoke_zero(&msp.zero, NOW).await.unwrap());
    let device = msp.device_of(DeviceId::from_random(fresh()));
    assert_eq!(tx.enrol_device(&msp.zero, "new key", &device, false, NOW).await.unwrap(), EnrolOutcome::UsedUp);
    tx.commit().await.unwrap();

    let mut tx = store.begin(Scope::Platform).await.unwrap();
    let certificate = tx.certificate("c1").await.unwrap().unwrap();
    assert_eq!(
        (certificate.tenant, certificate.device, certificate.revoked),
        (msp.tenant.clone(), msp.device, Some(NOW))
    );
    let (tenant, zero) = tx.zero_by_serial(&format!("serial of {}", msp.zero)).await.unwrap().unwrap();
    assert_eq!((tenant, zero.revoked), (msp.tenant, Some(NOW)));
    assert_eq!(tx.certificate("unknown").await.unwrap(), None);
    drop(tx);

    let mut tx = store.begin(other.scope()).await.unwrap();
    let twice = tx.insert_certificate("c1", &other.device, NOW, NOW, NOW).await;
    assert_eq!(twice, Err(StoreError::Conflict { constraint: "certificate_serials_pkey".to_owned() }));
}
