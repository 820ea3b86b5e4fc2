//! The audit logs.

use fitment_domain::audit::first_break;
use fitment_domain::tenant::Scope;
use serde_json::json;
use sqlx::{Connection as _, Executor as _};

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
    assert_eq!(tx.audit().await.unwrap().len(), 1, "each has a log of its own");
    tx.commit().await.unwrap();

    let entries = store.read(Scope::Platform).await.unwrap().audit().await.unwrap();
    assert_eq!((entries.len(), first_break(&entries)), (20, None));

    let edit = "update audit_entries set actor = 'acc_9' where sequence = 7";
    let mut raw = sqlx::AnyConnection::connect(&database.url).await.unwrap();
    if database.url.starts_with("postgres") {
        raw.execute("select set_config('fitment.scope', 'platform', false)").await.unwrap();
    }
    let changed = raw.execute(edit).await.map_or(0, |done| done.rows_affected());
    assert_eq!(changed, 0, "the log is append-only");
    let unlock = if database.url.starts_with("postgres") {
        "alter table audit_entries no force row level security"
    } else {
        "drop trigger audit_entries_never_change"
    };
    raw.execute(unlock).await.unwrap();
    assert_eq!(raw.execute(edit).await.unwrap().rows_affected(), 1, "whoever owns the file can force it");
    raw.close().await.unwrap();
    let entries = store.read(Scope::Platform).await.unwrap().audit().await.unwrap();
    assert_eq!(first_break(&entries), Some(7), "but it shows");
}
