//! The audit logs.

use fitment_domain::tenant::Scope;
use fitment_store::{AUDIT_PAGE_MAX, AuditPage, Store};
use serde_json::json;
use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::fixture::{Msp, NOW};
use crate::support::databases::Database;

pub(crate) async fn the_chain_holds_and_shows_an_edit(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin(Scope::Platform).await.unwrap();
                tx.append_audit("acc_1", "release.approve", "rel_1", &json!({ "number": number }), NOW).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.append_audit("acc_2", "install", "ins_1", &json!({}), NOW).await.unwrap();
    assert_eq!(tx.audit(None, 10).await.unwrap().entries.len(), 1, "each has a log of its own");
    tx.commit().await.unwrap();

    let log = page(&store, None, 100).await;
    assert_eq!((log.entries.len(), log.broken_at), (20, None));

    let edit = "update audit_entries set actor = 'acc_9' where sequence = 7";
    let mut raw = raw(database).await;
    let changed = raw.execute(edit).await.map_or(0, |done| done.rows_affected());
    assert_eq!(changed, 0, "the log is append-only");
    unlock(database, &mut raw).await;
    assert_eq!(raw.execute(edit).await.unwrap().rows_affected(), 1, "whoever owns the file can force it");
    raw.close().await.unwrap();
    assert_eq!(page(&store, None, 100).await.broken_at, Some(7), "but it shows");
    assert_eq!(page(&store, None, 5).await.broken_at, None, "each page says what is wrong with it");
    assert_eq!(page(&store, Some(10), 5).await.broken_at, Some(7));
}

pub(crate) async fn pages_lead_from_the_newest_entry_to_the_first(database: &Database) {
    let store = database.open().await;
    assert_eq!(page(&store, None, 10).await, AuditPage { entries: Vec::new(), broken_at: None });
    append(&store, AUDIT_PAGE_MAX + 20).await;
    let log = page(&store, None, i64::MAX).await;
    let sequences = |log: &AuditPage| (log.entries[0].sequence, log.entries[log.entries.len() - 1].sequence);
    assert_eq!((sequences(&log), log.broken_at), ((21, AUDIT_PAGE_MAX + 20), None));
    let log = page(&store, Some(21), 15).await;
    assert_eq!((sequences(&log), log.broken_at), ((6, 20), None));
    let log = page(&store, Some(6), 15).await;
    assert_eq!((sequences(&log), log.broken_at), ((1, 5), None));
    for nowhere in [1, 0, -1, i64::MIN] {
        assert_eq!(page(&store, Some(nowhere), 15).await, AuditPage { entries: Vec::new(), broken_at: None });
    }
    assert_eq!(page(&store, Some(i64::MAX), 1).await.entries[0].sequence, AUDIT_PAGE_MAX + 20);
}

pub(crate) async fn a_tail_that_was_cut_off_shows(database: &Database) {
    let store = database.open().await;
    append(&store, 12).await;
    let mut raw = raw(database).await;
    unlock(database, &mut raw).await;
    raw.execute("delete from audit_entries where sequence > 10").await.unwrap();
    let log = page(&store, None, 5).await;
    assert_eq!((log.entries.len(), log.broken_at), (5, Some(11)));
    assert_eq!(page(&store, Some(10), 5).await.broken_at, None);
    assert_eq!(page(&store, Some(12), 5).await.broken_at, Some(11));
    append(&store, 1).await;
    assert_eq!(page(&store, None, 5).await.broken_at, Some(13), "what follows does not hide it");
    raw.execute("delete from audit_entries").await.unwrap();
    assert_eq!(page(&store, None, 5).await, AuditPage { entries: Vec::new(), broken_at: Some(1) });
    raw.close().await.unwrap();
}

async fn page(store: &Store, before: Option<i64>, limit: i64) -> AuditPage {
    store.read(Scope::Platform).await.unwrap().audit(before, limit).await.unwrap()
}

async fn append(store: &Store, count: i64) {
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    for _ in 0..count {
        tx.append_audit("acc_1", "release.approve", "rel_1", &json!({}), NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// A connection past the store.
async fn raw(database: &Database) -> AnyConnection {
    let mut raw = AnyConnection::connect(&database.url).await.unwrap();
    if database.url.starts_with("postgres") {
        raw.execute("select set_config('fitment.scope', 'platform', false)").await.unwrap();
    }
    raw
}

/// Takes the lock off the log, as whoever owns the file can.
async fn unlock(database: &Database, raw: &mut AnyConnection) {
    let unlocks: &[&str] = if database.url.starts_with("postgres") {
        &["alter table audit_entries no force row level security"]
    } else {
        &["drop trigger audit_entries_never_change", "drop trigger audit_entries_never_go"]
    };
    for unlock in unlocks {
        raw.execute(*unlock).await.unwrap();
    }
}
