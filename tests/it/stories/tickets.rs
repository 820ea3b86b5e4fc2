//! Tickets that people make, change and write on, without another system.

use serde_json::{Value, json};

use crate::support::databases::Database;
use crate::support::platform::Platform;

// proves T3 (made by hand by a technician)
#[tokio::test]
async fn a_ticket_is_made_noted_and_changed_by_hand() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let new = json!({ "summary": "New mouse wanted", "category": "Hardware" });
    let made = msp.post("/api/v1/tickets", new.clone()).await.ok();
    assert_eq!((&made["number"], &made["board"], &made["priority"]), (&json!(1), &json!("Alerts"), &json!("50")));
    assert_eq!((&made["source"], &made["sync"]["state"]), (&json!("technician"), &json!("none")), "{made:#}");

    let note = json!({ "body": "Which colour?", "audience": "customer" });
    msp.post("/api/v1/tickets/1/notes", note).await.ok();
    let change = json!({ "summary": "Grey mouse wanted", "status": "resolved", "reason": "It was in the cupboard." });
    let changed = msp.patch("/api/v1/tickets/1", change).await.ok();
    assert_eq!((&changed["state"], &changed["summary"]), (&json!("closed"), &json!("Grey mouse wanted")));
    let said: Vec<&Value> = changed["notes"].as_array().unwrap().iter().map(|note| &note["body"]).collect();
    assert_eq!(said, ["Which colour?", "It was in the cupboard."], "{changed:#}");
    assert_eq!(changed["notes"][0]["author"], "msp@example.com");

    for (refused, field) in [
        (msp.patch("/api/v1/tickets/1", json!({ "status": "open" })).await, "reason"),
        (msp.patch("/api/v1/tickets/1", json!({})).await, "nothing to change"),
        (msp.patch("/api/v1/tickets/1", json!({ "summary": "two\nlines" })).await, "summary"),
        (msp.post("/api/v1/tickets/1/notes", json!({ "body": " " })).await, "body"),
        (msp.post("/api/v1/tickets/1/notes", json!({ "body": "a", "audience": "all" })).await, "audience"),
    ] {
        assert_eq!((refused.status, refused.code()), (422, "invalid"), "{field}");
        assert!(refused.body["detail"].as_str().unwrap().contains(field), "{field}: {refused:#?}");
    }
    let nowhere = msp.post("/api/v1/tickets", json!({ "summary": "a", "category": "Nothing" })).await;
    assert_eq!((nowhere.status, nowhere.code()), (404, "not-found"));

    platform.add_account("msp", "Other", "other@example.com");
    let other = platform.sign_in("other@example.com").await;
    let path = format!("/api/v1/tickets/{}", made["id"].as_str().unwrap());
    assert_eq!(other.patch(&path, json!({ "summary": "mine" })).await.status, 404);
    assert_eq!(other.post(&format!("{path}/notes"), json!({ "body": "mine" })).await.status, 404);
    let publisher = platform.publisher().await;
    assert_eq!(publisher.post("/api/v1/tickets", new).await.status, 403);
}
