//! Invariant 7: later work is enqueued in the transaction of the change that causes it.

use crate::house::assert_none;
use crate::house::scan::Function;
use crate::house::source::{Source, rust};

/// Tells why a call of `enqueue` does not belong to a change; none if it does.
fn detached(function: &Function, call: usize) -> Option<&'static str> {
    let (before, after) = function.code.split_at(call);
    if let Some(begin) = before.rfind(".begin(") {
        if before[begin..].contains(".commit()") {
            return Some("enqueues after the commit");
        }
        return (!after.contains(".commit()")).then_some("enqueues and never commits");
    }
    (!function.signature.contains("&mut Tx")).then_some("enqueues outside a transaction")
}

fn stray(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for function in source.functions() {
            let calls: Vec<usize> = function.code.match_indices(".enqueue").map(|(at, _)| at).collect();
            let wrong = calls.into_iter().filter_map(|call| detached(&function, call));
            found.extend(wrong.map(|why| format!("{}:{} fn {} {why}", source.path, function.line, function.name)));
        }
    }
    found
}

#[test]
fn later_work_is_enqueued_with_its_cause() {
    let sources = rust(&["platform/server"]);
    let calls = sources.iter().filter(|source| source.code().contains(".enqueue")).count();
    assert!(calls > 0, "nothing enqueues: the check looks in the wrong place");
    assert_none("enqueue", &stray(&sources));
}

#[test]
fn work_apart_from_its_cause_is_seen() {
    for bad in [
        "async fn a(app: &App) { app.queue.enqueue(id, K, s, now).await }",
        "async fn a(app: &App) { let mut tx = app.store.begin(s).await?; tx.commit().await?; later.enqueue(id).await }",
        "async fn a(app: &App) { let mut tx = app.store.begin(s).await?; tx.enqueue(id).await }",
    ] {
        assert_eq!(stray(&[Source::new("a.rs", bad)]).len(), 1, "{bad}");
    }
    for good in [
        "async fn a(tx: &mut Tx) { tx.enqueue(id, K, s, now).await }",
        "async fn a(app: &App) { let mut tx = app.store.begin(s).await?; tx.enqueue(id).await?; tx.commit().await }",
    ] {
        assert_none(good, &stray(&[Source::new("a.rs", good)]));
    }
}
