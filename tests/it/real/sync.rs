//! Both sides of a ticket kept in step with a real Request Tracker: people work there and here.

use serde_json::{Value, json};

use crate::real::tickets::{connect, reference};
use crate::stories::full_disk::{Watched, ticket, watched};
use crate::support::databases::Database;
use crate::support::records::no_delivery_waits;
use crate::support::relay::Relay;
use crate::support::tracker::Tracker;

/// A filled disk, and its ticket in a Request Tracker of this test's own, which is reached through a relay.
struct Linked {
    watched: Watched,
    tracker: Tracker,
    relay: Relay,
    /// The ticket's number there.
    number: String,
    ticket: String,
    sync: String,
}

impl Linked {
    /// Fills a disk and waits for the ticket. Both sides are compared every so many seconds.
    async fn new(database: Database, interval_s: u32) -> Self {
        let watched = watched(database).await;
        let tracker = Tracker::start(&watched.platform.http);
        let relay = Relay::before(tracker.port()).await;
        by_rule(&watched).await;
        connect(&watched, &relay.url(), &tracker.token(), "resolved").await;
        let connections = watched.msp.get("/api/v1/connections").await.ok();
        let sync = format!("/api/v1/connections/{}/sync", connections["connections"][0]["id"].as_str().unwrap());
        watched.msp.put(&sync, json!({ "interval_s": interval_s })).await.ok();
        watched.disk.fill();
        let made = ticket(&watched.msp, "the ticket is made", |t| !t["external_number"].is_null()).await;
        let number = made["external_number"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/tickets/{}", made["id"].as_str().unwrap());
        let linked = Self { watched, tracker, relay, number, ticket: path, sync };
        linked.until("both sides agree", |t| t["sync"]["state"] == "agreed").await;
        linked
    }

    /// Waits until our ticket is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.watched.msp.until(&self.ticket, what, wanted).await
    }

    async fn change(&self, change: Value) -> Value {
        self.watched.msp.patch(&self.ticket, change).await.ok()
    }

    async fn note(&self, body: &str) {
        self.watched.msp.post(&format!("{}/notes", self.ticket), json!({ "body": body })).await.ok();
    }

    /// Reads the ticket by Request Tracker's own REST.
    async fn there(&self) -> Value {
        self.tracker.get(&format!("ticket/{}?fields%5BQueue%5D=Name", self.number)).await
    }

    /// Waits until the ticket there is as wanted.
    async fn until_there(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..300 {
            let there = self.there().await;
            if wanted(&there) {
                return there;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("waited in vain for: {what}; Request Tracker says {:#}", self.there().await);
    }

    async fn technician_sets(&self, fields: Value) {
        self.tracker.technician_sets(&self.number, fields).await;
    }

    /// Looks at once, and waits until so many more looks ended well.
    async fn looks(&self, count: usize) {
        for _ in 0..count {
            let before = self.watched.msp.get(&self.sync).await.ok()["looked_ms"].as_i64();
            self.watched.msp.post(&self.sync, json!({})).await.ok();
            self.watched.msp.until(&self.sync, "a look ended", |s| s["looked_ms"].as_i64() > before).await;
        }
    }
}

/// Full disks get a category of their own, by a rule that is made by API.
async fn by_rule(watched: &Watched) {
    let storage = json!({ "name": "Storage", "description": "", "board": "Projects", "priority": "70" });
    let storage = watched.msp.post("/api/v1/categories", storage).await.ok();
    let rule = json!({ "position": 0, "condition": "space", "category": storage["id"] });
    watched.msp.post("/api/v1/category-rules", rule).await.ok();
}

fn notes<'a>(ticket: &'a Value, source: &str) -> Vec<&'a str> {
    let notes = ticket["notes"].as_array().unwrap().iter().filter(|note| note["source"] == source);
    notes.map(|note| note["body"].as_str().unwrap()).collect()
}

/// The technician's work in Request Tracker is seen here; what comes of our own writes is not taken for somebody's work.
async fn a_technician_works_there(database: Database) {
    let linked = Linked::new(database, 1).await;
    let there = linked.there().await;
    assert_eq!((&there["Queue"]["Name"], &there["Priority"]), (&json!("Projects"), &json!("70")), "{there:#}");

    linked.tracker.technician_comments(&linked.number, "I am on it.").await;
    linked.technician_sets(json!({ "Status": "waiting customer", "Priority": 80, "Subject": "Theo's disk" })).await;
    let seen =
        linked.until("the work there is seen here", |t| t["priority"] == "80" && !notes(t, "there").is_empty()).await;
    assert_eq!(notes(&seen, "there"), ["I am on it."], "{seen:#}");
    assert_eq!(seen["notes"][0]["author"], "technician");
    assert_eq!(
        (&seen["summary"], &seen["board"], &seen["state"]),
        (&json!("Theo's disk"), &json!("Projects"), &json!("open"))
    );
    let status = (&seen["external_status"], &seen["sync"]["status_class"]);
    assert_eq!(status, (&json!("waiting customer"), &json!("waiting-customer")));

    // Closed there: ours is resolved, though its alert is open.
    linked.technician_sets(json!({ "Status": "resolved" })).await;
    let closed = linked.until("the close is not lost", |t| t["state"] == "closed").await;
    assert!(closed["sync"]["decided"].as_array().unwrap().is_empty(), "{closed:#}");
    let alerts = linked.watched.msp.get("/api/v1/alerts").await.ok();
    assert_eq!(alerts["alerts"][0]["state"], "open", "the disk is as full as before");

    // And opened again there.
    linked.technician_sets(json!({ "Status": "open" })).await;
    linked.until("it is open again", |t| t["state"] == "open").await;

    no_delivery_waits(&linked.watched.platform).await;
    let (before, writes) = (linked.tracker.transactions(), writes(&linked.relay));
    linked.looks(4).await;
    no_delivery_waits(&linked.watched.platform).await;
    assert_eq!((linked.tracker.transactions(), self::writes(&linked.relay)), (before, writes), "no echo");
    assert_eq!(
        linked.tracker.tickets_with(&format!("fitment:{}", linked.ticket.rsplit('/').next().unwrap())).await.len(),
        1
    );
}

/// Counts what was written through the relay.
fn writes(relay: &Relay) -> usize {
    relay.seen().iter().filter(|exchange| exchange.method != "GET").count()
}

// proves T3 (what a technician does in a real Request Tracker comes back), T4 (changes there come here by clock without an echo)
#[tokio::test]
async fn what_a_technician_does_in_request_tracker_is_seen_here_on_sqlite() {
    a_technician_works_there(Database::sqlite()).await;
}

// proves T3 (what a technician does in a real Request Tracker comes back), T4 (changes there come here by clock without an echo)
#[tokio::test]
async fn what_a_technician_does_in_request_tracker_is_seen_here_on_postgresql() {
    a_technician_works_there(Database::postgres()).await;
}

// proves T4 (changes here go there once and on demand)
#[tokio::test]
async fn what_is_done_here_reaches_request_tracker_once() {
    let linked = Linked::new(Database::sqlite(), 3_600).await;
    linked.note("Theo is on his way.").await;
    linked.change(json!({ "summary": "Disk of Acme", "priority": "90", "board": "Service Desk" })).await;
    let agreed = linked.until("both sides agree", |t| t["sync"]["state"] == "agreed").await;
    let there = linked.there().await;
    assert_eq!((&there["Subject"], &there["Queue"]["Name"]), (&json!("Disk of Acme"), &json!("Service Desk")));
    assert_eq!(there["Priority"], "90");
    assert!(agreed["notes"][0]["sent_ms"].is_i64(), "{agreed:#}");

    let comments = linked.tracker.comments(&linked.number).await;
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].starts_with("Theo is on his way.\n\nmsp@example.com"), "{comments:?}");

    // Over there and back, with a reason that becomes a note.
    let refused = linked.watched.msp.patch(&linked.ticket, json!({ "status": "resolved" })).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid"), "a reason is wanted");
    linked.change(json!({ "status": "resolved", "reason": "Log files deleted." })).await;
    linked.until_there("it is resolved there", |t| t["Status"] == "resolved").await;
    linked.change(json!({ "status": "open", "reason": "Full again." })).await;
    linked.until_there("it is open there", |t| t["Status"] == "open").await;
    linked.until("both sides agree", |t| t["sync"]["state"] == "agreed").await;

    no_delivery_waits(&linked.watched.platform).await;
    let (before, writes) = (linked.tracker.transactions(), writes(&linked.relay));
    linked.looks(3).await;
    no_delivery_waits(&linked.watched.platform).await;
    assert_eq!((linked.tracker.transactions(), self::writes(&linked.relay)), (before, writes), "no echo");
    let mine = linked.watched.msp.get(&linked.ticket).await.ok();
    assert_eq!(notes(&mine, "there"), [""; 0], "our own notes are not somebody's");
    assert_eq!(notes(&mine, "here"), ["Theo is on his way.", "Log files deleted.", "Full again."]);

    // Somebody touched it here: it is not closed by itself.
    linked.watched.disk.free();
    linked.watched.msp.until("/api/v1/alerts", "it clears", |body| body["alerts"][0]["state"] == "closed").await;
    no_delivery_waits(&linked.watched.platform).await;
    assert_eq!(linked.there().await["Status"], "open");
    let last = linked.tracker.comments(&linked.number).await.pop().unwrap();
    assert!(last.contains("stays open because msp@example.com wrote a note"), "{last}");
}

/// Both sides change the priority while nothing passes between them; then everything does.
async fn conflict(linked: &Linked, authority: &str, ours_first: bool, values: (&str, &str)) -> Value {
    let msp = &linked.watched.msp;
    linked.until("both sides agree", |t| t["sync"]["state"] == "agreed").await;
    msp.put(&linked.sync, json!({ "authority": { "priority": authority } })).await.ok();
    linked.looks(1).await;
    no_delivery_waits(&linked.watched.platform).await;
    linked.relay.hold(true);
    let (ours, theirs) = (json!({ "priority": values.0 }), json!({ "Priority": values.1.parse::<i64>().unwrap() }));
    // Stamps are whole seconds.
    let moment = std::time::Duration::from_millis(1_500);
    if ours_first {
        linked.change(ours).await;
        tokio::time::sleep(moment).await;
        linked.technician_sets(theirs).await;
    } else {
        linked.technician_sets(theirs).await;
        tokio::time::sleep(moment).await;
        linked.change(ours).await;
    }
    linked.relay.hold(false);
    msp.post(&linked.sync, json!({})).await.ok();
    linked.until("both sides agree again", |t| t["sync"]["state"] == "agreed").await
}

// proves T4 (where both sides changed a field the configured authority wins)
#[tokio::test]
async fn where_both_sides_changed_a_field_the_authority_wins() {
    let linked = Linked::new(Database::sqlite(), 3_600).await;
    let cases = [
        ("ours", true, ("11", "12"), "11"),
        ("theirs", false, ("21", "22"), "22"),
        ("newest", true, ("31", "32"), "32"),
        ("newest", false, ("41", "42"), "41"),
    ];
    for (count, (authority, ours_first, values, winner)) in cases.into_iter().enumerate() {
        let agreed = conflict(&linked, authority, ours_first, values).await;
        assert_eq!(agreed["priority"], winner, "{authority}: {agreed:#}");
        assert_eq!(linked.there().await["Priority"], winner, "{authority}");
        let decided = agreed["sync"]["decided"].as_array().unwrap();
        assert_eq!(decided.len(), count + 1, "{decided:#?}");
        let last = &decided[count];
        assert_eq!((&last["field"], &last["authority"]), (&json!("priority"), &json!(authority)));
        assert_eq!((&last["ours"], &last["theirs"]), (&json!(values.0), &json!(values.1)));
    }
    let refused = linked.watched.msp.put(&linked.sync, json!({ "authority": { "time": "ours" } })).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid"));
    assert!(refused.body["detail"].as_str().unwrap().contains("authority.time: not supported"), "{refused:#?}");
}

/// The server dies when it has read changes and before it has kept them, and once more when its note is there and it has not
/// heard so.
async fn the_server_is_killed_in_the_midst(database: Database) {
    let mut linked = Linked::new(database, 3_600).await;
    no_delivery_waits(&linked.watched.platform).await;
    linked.tracker.technician_comments(&linked.number, "I am on it.").await;
    linked.technician_sets(json!({ "Priority": 80 })).await;
    linked.relay.kill_at("GET", "/REST/2.0/tickets", 200, linked.watched.platform.pid());
    let url = format!("{}{}", linked.watched.platform.url(), linked.sync);
    let asked = linked.watched.platform.http.post(url).bearer_auth(&linked.watched.msp.token);
    // It may die before it answers.
    drop(asked.send().await);
    linked.relay.killed().await;
    linked.watched.platform.kill();
    linked.watched.platform.serve();
    let seen = linked.until("nothing is lost", |t| t["priority"] == "80" && !notes(t, "there").is_empty()).await;
    assert_eq!(notes(&seen, "there"), ["I am on it."], "and nothing is there twice");

    let comments = format!("/REST/2.0/ticket/{}/comment", linked.number);
    linked.relay.kill_at("POST", &comments, 201, linked.watched.platform.pid());
    linked.note("Theo, call me.").await;
    linked.relay.killed().await;
    linked.watched.platform.kill();
    linked.watched.platform.serve();
    linked.until("the note is known to be there", |t| t["sync"]["state"] == "agreed").await;
    assert_eq!(linked.relay.count("POST", &comments, 201), 1, "sent once");
    let ours = linked.tracker.comments(&linked.number).await;
    assert_eq!(ours.iter().filter(|comment| comment.contains("Theo, call me.")).count(), 1, "{ours:?}");
}

// proves T4 (a server killed in the midst loses nothing and sends nothing twice)
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_it_reads_changes_loses_none_on_sqlite() {
    the_server_is_killed_in_the_midst(Database::sqlite()).await;
}

// proves T4 (a server killed in the midst loses nothing and sends nothing twice)
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_it_reads_changes_loses_none_on_postgresql() {
    the_server_is_killed_in_the_midst(Database::postgres()).await;
}

// proves T11 (a ticket merged there goes on under its new number)
#[tokio::test]
async fn a_ticket_that_is_merged_there_goes_on_under_its_new_number() {
    let linked = Linked::new(Database::sqlite(), 1).await;
    let survivor = linked.tracker.technician_creates("Service Desk", "All disks are full").await;
    linked.technician_sets(json!({ "MergeInto": survivor })).await;
    let merged = linked.until("it has the survivor's number", |t| t["external_number"] == survivor).await;
    assert_eq!(merged["sync"]["former_external_ids"], json!([linked.number]), "{merged:#}");
    assert!(notes(&merged, "system").concat().contains("was merged into"), "{merged:#}");

    linked.tracker.technician_comments(&survivor, "One for all.").await;
    linked.until("its notes are the survivor's", |t| notes(t, "there").contains(&"One for all.")).await;
    linked.note("Thank you.").await;
    linked.until("and ours go there", |t| t["sync"]["state"] == "agreed").await;
    assert!(linked.tracker.comments(&survivor).await.concat().contains("Thank you."));
    linked.tracker.technician_sets(&survivor, json!({ "Status": "resolved" })).await;
    linked.until("the survivor's close is ours", |t| t["state"] == "closed").await;
}

// proves T11 (a ticket deleted there is said to be gone and not made again)
#[tokio::test]
async fn a_ticket_that_is_deleted_there_is_not_made_again() {
    let linked = Linked::new(Database::sqlite(), 1).await;
    linked.technician_sets(json!({ "Status": "deleted" })).await;
    let gone = linked.until("it is said to be gone", |t| t["sync"]["state"] == "gone").await;
    assert_eq!((&gone["state"], notes(&gone, "system").len()), (&json!("open"), 1), "{gone:#}");
    let writes = writes(&linked.relay);
    linked.note("Where is it?").await;
    linked.change(json!({ "priority": "5" })).await;
    linked.looks(2).await;
    no_delivery_waits(&linked.watched.platform).await;
    assert_eq!(self::writes(&linked.relay), writes, "nothing is written to it, and no other one is made");
    let list = linked.watched.msp.get("/api/v1/tickets").await.ok();
    assert_eq!(list["tickets"].as_array().unwrap().len(), 1);

    // Somebody brings it back.
    linked.technician_sets(json!({ "Status": "open" })).await;
    linked.until("it is there again, and gets what waited", |t| t["sync"]["state"] == "agreed").await;
    assert_eq!(linked.there().await["Priority"], "5");
}

// proves T3 (made by hand by a technician)
#[tokio::test]
async fn a_ticket_made_by_hand_is_made_in_request_tracker_too() {
    let watched = watched(Database::sqlite()).await;
    let tracker = Tracker::start(&watched.platform.http);
    connect(&watched, &tracker.url(), &tracker.token(), "resolved").await;
    let body = json!({ "summary": "New mouse wanted", "description": "The old one squeaks.", "category": "Hardware",
        "board": "Service Desk", "priority": "20", "device": watched.device });
    let made = watched.msp.post("/api/v1/tickets", body).await.ok();
    assert_eq!(
        (&made["source"], &made["category"], &made["alert"]),
        (&json!("technician"), &json!("Hardware"), &Value::Null)
    );
    let made = ticket(&watched.msp, "it is there", |t| !t["external_number"].is_null()).await;
    let there =
        tracker.get(&format!("ticket/{}?fields%5BQueue%5D=Name", made["external_number"].as_str().unwrap())).await;
    assert_eq!((&there["Subject"], &there["Queue"]["Name"]), (&json!("New mouse wanted"), &json!("Service Desk")));
    assert_eq!((&there["Priority"], tracker.tickets_with(&reference(&made)).await.len()), (&json!("20"), 1));
}
