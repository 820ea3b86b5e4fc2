//! Releases never change; instruction sets only move forward.

use ed25519_dalek::SigningKey;
use fitment_domain::bytes::Digest;
use fitment_domain::instruction::{SET_TYPE, SetTime};
use fitment_domain::release::Publication;
use fitment_domain::signature::{Envelope, PublicKey};
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_domain::validation::{Problem, Report};
use fitment_store::{StoreError, StoredSet};

use super::fixture::{Msp, NOW, publisher, release};
use crate::support::databases::Database;

// proves M4 (a used version is refused)
pub(crate) async fn a_version_is_given_once(database: &Database) {
    let store = database.open().await;
    let acme = publisher(&store, "acme").await;
    let mut tx = store.begin(Scope::Publisher(acme.clone())).await.unwrap();
    tx.insert_release(&release(&acme, "acme/disk", "1.0.0")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin(Scope::Publisher(acme.clone())).await.unwrap();
    let used = tx.insert_release(&release(&acme, "acme/disk", "1.0.0")).await;
    assert_eq!(used, Err(StoreError::Conflict { constraint: "releases_accessory_version_key".to_owned() }));
    drop(tx);

    let mut tx = store.begin(Scope::Publisher(acme)).await.unwrap();
    for number in 0..60 {
        let report = Report { problems: vec![Problem::error("structure", format!("{number}"), "build it again")] };
        tx.insert_upload_report(&Digest::of(b"x"), &report, NOW.plus_ms(number)).await.unwrap();
    }
    let reports = tx.upload_reports().await.unwrap();
    assert_eq!((reports.len(), reports[0].2.problems[0].message.as_str()), (50, "59"));
}

pub(crate) async fn who_sees_which_release(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let (acme, other) = (publisher(&store, "acme").await, publisher(&store, "other").await);
    let (old, new) = (release(&acme, "acme/disk", "1.9.0"), release(&acme, "acme/disk", "1.10.0"));
    let key = PublicKey::of(&SigningKey::from_bytes(&[7; 32]));
    let mut tx = store.begin(Scope::Publisher(acme.clone())).await.unwrap();
    tx.set_publisher_key(&key, NOW).await.unwrap();
    tx.insert_release(&old).await.unwrap();
    tx.insert_release(&new).await.unwrap();
    assert_eq!(tx.release(&old.id).await.unwrap(), Some(old.clone()), "it reads back as it was written");
    let versions: Vec<String> =
        tx.releases_of(&old.accessory).await.unwrap().iter().map(|r| r.version.to_string()).collect();
    assert_eq!(versions, ["1.10.0", "1.9.0"]);
    tx.commit().await.unwrap();

    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.publisher_by_name("acme").await.unwrap().unwrap().key, Some(key));
    assert!(tx.approve_release(&old.id, NOW).await.unwrap());
    assert!(!tx.approve_release(&old.id, NOW).await.unwrap(), "it does not wait any more");
    assert_eq!(tx.releases(None, None, None).await.unwrap().rows.len(), 3);
    tx.commit().await.unwrap();

    let mut tx = store.read(Scope::Publisher(other)).await.unwrap();
    assert_eq!(tx.releases(None, None, None).await.unwrap().rows, [], "a publisher sees its own");
    let mut tx = store.read(msp.scope()).await.unwrap();
    let seen = tx.releases(None, None, None).await.unwrap().rows;
    assert_eq!(seen.len(), 1, "an MSP sees what is published");
    assert_eq!((&seen[0].id, seen[0].state, seen[0].approved), (&old.id, Publication::Published, Some(NOW)));
    assert_eq!(tx.release_by_version(&new.accessory, &new.version).await.unwrap(), None);
    // Several at once: those that it sees, and nothing for none.
    let ids = [old.id.clone(), new.id.clone(), msp.release.clone()].into();
    let together = tx.releases_by_id(&ids).await.unwrap();
    assert_eq!(together.keys().collect::<Vec<_>>(), [&old.id]);
    assert_eq!(together[&old.id], seen[0]);
    assert!(tx.releases_by_id(&[].into()).await.unwrap().is_empty());
}

// proves A3 (the centre's set only moves forward)
pub(crate) async fn only_a_newer_set_replaces_a_set(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let key = SigningKey::from_bytes(&[7; 32]);
    let set = |epoch, t| StoredSet {
        time: SetTime { epoch, t: UnixMs(t) },
        expires: NOW,
        envelope: Envelope::sign(SET_TYPE, &t, &key).unwrap(),
        content_digest: format!("{t}"),
    };
    for (next, taken) in
        [((1, 10), true), ((1, 10), false), ((1, 9), false), ((1, 11), true), ((2, 5), true), ((1, 99), false)]
    {
        let mut tx = store.begin(msp.scope()).await.unwrap();
        let put = tx.put_instruction_set(&msp.device, &set(next.0, next.1)).await;
        assert_eq!(put.is_ok(), taken, "{next:?}: {put:?}");
        assert!(put.is_ok() || matches!(put, Err(StoreError::Conflict { .. })));
        tx.commit().await.unwrap();
    }
    assert_eq!(store.read(msp.scope()).await.unwrap().instruction_set(&msp.device).await.unwrap(), Some(set(2, 5)));
    let times = store.read(Scope::Platform).await.unwrap().instruction_times().await.unwrap();
    assert_eq!(times, [(msp.tenant.clone(), msp.device.clone(), SetTime { epoch: 2, t: UnixMs(5) })]);
}
