//! Lists that grew long: what is open is shown, and whoever asks is told that there is more.

use fitment_domain::alert::{AlertState, Track};
use fitment_domain::finding::Health;
use fitment_domain::id::AlertId;
use fitment_domain::id::TicketId;
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::TicketState;
use fitment_store::{AlertRow, ObjectsConfig, Store, TicketRow};
use serde_json::{Value, json};

use crate::stories::devices::{install, looks};
use crate::support::browser::Browser;
use crate::support::databases::Database;
use crate::support::platform::Platform;
use crate::support::wire::HandDevice;

/// Adds so many alerts and tickets that were opened later than the ones there, and are over.
async fn add_what_came_after(platform: &Platform, device: &HandDevice, many: u8) {
    let objects = ObjectsConfig::Folder(platform.data().join("objects"));
    let store = Store::open_as_it_is(platform.database_url(), objects).await.unwrap();
    let mut tx = store.begin(Scope::Tenant(device.enrolled.tenant.clone())).await.unwrap();
    let alert = tx.alerts(None, None, None).await.unwrap().rows.remove(0);
    let ticket = tx.tickets(None, None, None).await.unwrap().rows.remove(0);
    for (a, b) in (0..many).flat_map(|a| [(a, 0), (a, 1), (a, 2)]) {
        let mut bytes = [9; 16];
        (bytes[0], bytes[1]) = (a, b);
        let mut key = alert.key.clone();
        key.subject = format!("/{a}/{b}");
        let over = AlertRow {
            id: AlertId::from_random(bytes),
            key,
            track: Track { state: AlertState::Closed, ..alert.track },
            opened: alert.opened.map(|at| at.plus_ms(1_000)),
            ..alert.clone()
        };
        tx.put_alert(&over).await.unwrap();
        let closed = TicketRow {
            id: TicketId::from_random(bytes),
            number: tx.next_ticket_number().await.unwrap(),
            alert: None,
            state: TicketState::Closed,
            ..ticket.clone()
        };
        tx.insert_ticket(&closed).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_open_alert_stays_in_sight_however_many_come_and_go_after_it() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let installation = install(&msp, json!("all")).await;
    looks(&device, &installation["id"], Health::Critical, 1, 2).await;
    add_what_came_after(&platform, &device, 170).await;

    for (list, path) in [("alerts", "/api/v1/alerts"), ("tickets", "/api/v1/tickets")] {
        let first = msp.get(path).await.ok();
        assert_eq!((&first[list][0]["state"], &first["complete"]), (&json!("open"), &json!(false)), "{list}");
        assert_eq!(first[list].as_array().unwrap().len(), 500);
        let next = msp.get(&format!("{path}?after={}", first["next"].as_str().unwrap())).await.ok();
        let end = (next[list].as_array().unwrap().len(), &next["complete"], &next["next"]);
        assert_eq!(end, (11, &json!(true), &Value::Null), "{list}");
        let open = msp.get(&format!("{path}?state=open&device={}", device.enrolled.device)).await.ok();
        assert_eq!((open[list].as_array().unwrap().len(), &open["complete"]), (1, &json!(true)));
        for wrong in ["state=bad", "after=x"] {
            let refused = msp.get(&format!("{path}?{wrong}")).await;
            assert_eq!((refused.status, refused.code()), (422, "invalid"), "{wrong}");
        }
    }
    assert_eq!(msp.get("/api/v1/tickets/1").await.ok()["state"], "open", "the oldest is found by its number");
    let run = msp.get(&format!("/api/v1/findings?installation={}", installation["id"].as_str().unwrap())).await.ok();
    assert_eq!((&run["runs"][0]["outcome"], &run["complete"]), (&json!("findings"), &json!(true)));

    let mut browser = Browser::sign_in(&platform, "msp@example.com").await;
    browser.get("/alerts").await.ok().says(&["1 of 1<", "state open"]);
    for list in ["alerts", "tickets"] {
        let shown = browser.get(&format!("/{list}?state=&page=9")).await.ok();
        let shown = shown.says(&["and there are more", "There are more than were looked through here."]);
        let (_, link) = shown.html.split_once("rel=\"next\" href=\"").expect("the list goes on");
        let link = link.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
        browser.get(&link).await.ok().says(&["11 of 11<"]).never_says(&["there are more"]);
    }
    browser.get("/").await.ok().says(&["<b>1</b> open alert<", "<b>1</b> open ticket<"]);
}
