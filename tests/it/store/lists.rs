//! Lists that are longer than one part: what is open, new or failing is in the first, and every row is in one of them.

use std::collections::BTreeSet;

use fitment_domain::alert::{AlertState, Track};
use fitment_domain::budget::Usage;
use fitment_domain::finding::{Finding, Health};
use fitment_domain::id::DeviceId;
use fitment_domain::release::Publication;
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::TicketState;
use fitment_domain::time::UnixMs;
use fitment_store::{After, AlertRow, FINDINGS_MAX, LIST_MAX, TicketRow};

use super::fixture::{Msp, NOW, fresh, publisher, release};
use crate::support::databases::Database;

/// So many more than one part holds.
const MANY: i64 = LIST_MAX as i64 + 3;

pub(crate) async fn what_is_open_is_not_hidden_by_what_came_after(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let open = AlertRow { opened: Some(UnixMs(NOW.0 - 1_000)), ..msp.alert("/open") };
    let ticket = msp.ticket(1, None);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.put_alert(&open).await.unwrap();
    tx.insert_ticket(&ticket).await.unwrap();
    for number in 0..MANY {
        let alert = msp.alert(&format!("/{number}"));
        let track = Track { state: AlertState::Closed, ..alert.track };
        // Two at each time: the id decides.
        tx.put_alert(&AlertRow { opened: Some(UnixMs(NOW.0 + number / 2)), track, ..alert }).await.unwrap();
        let closed = TicketRow { state: TicketState::Closed, ..msp.ticket(number + 2, None) };
        tx.insert_ticket(&closed).await.unwrap();
    }
    let first = tx.alerts(None, None, None).await.unwrap();
    assert_eq!((first.rows.len(), &first.rows[0]), (LIST_MAX, &open));
    let after = After::parse(&first.next.unwrap().to_string()).unwrap();
    let second = tx.alerts(None, None, Some(&after)).await.unwrap();
    assert_eq!((second.rows.len(), second.next), (4, None));
    let all: BTreeSet<_> = first.rows.iter().chain(&second.rows).map(|alert| alert.id.clone()).collect();
    assert_eq!(all.len(), LIST_MAX + 4, "each is in one part");
    let asked = tx.alerts(Some(AlertState::Open), Some(&msp.device), None).await.unwrap();
    assert_eq!((asked.rows, asked.next), (vec![open], None));
    let elsewhere = DeviceId::from_random(fresh());
    assert!(tx.alerts(None, Some(&elsewhere), None).await.unwrap().rows.is_empty());

    let first = tx.tickets(None, None, None).await.unwrap();
    let numbers: Vec<i64> = first.rows.iter().take(3).map(|ticket| ticket.number).collect();
    assert_eq!((numbers, first.rows.len()), (vec![1, MANY + 1, MANY], LIST_MAX));
    let second = tx.tickets(None, None, first.next.as_ref()).await.unwrap();
    assert_eq!(second.rows.iter().map(|ticket| ticket.number).collect::<Vec<_>>(), [5, 4, 3, 2]);
    let asked = tx.tickets(Some(TicketState::Open), Some(&msp.device), None).await.unwrap();
    assert_eq!((asked.rows, asked.next), (vec![ticket.clone()], None));
    assert_eq!(tx.ticket_by_number(1).await.unwrap(), Some(ticket));
    assert_eq!(tx.ticket_by_number(MANY + 2).await.unwrap(), None);
}

pub(crate) async fn what_is_bad_comes_first(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let finding = |health, subject: String| Finding {
        health,
        summary: String::new(),
        details: None,
        samples: Vec::new(),
        condition: "space".to_owned(),
        subject: Some(subject),
    };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    for number in 0..=FINDINGS_MAX {
        let fine = finding(Health::Ok, format!("/{number}"));
        tx.upsert_finding(&msp.device, &msp.installation, &fine, NOW).await.unwrap();
    }
    let bad = finding(Health::Warning, "/zzz".to_owned());
    tx.upsert_finding(&msp.device, &msp.installation, &bad, NOW).await.unwrap();
    let found = tx.findings(None, None).await.unwrap();
    assert_eq!((found.len(), &found[0].finding), (FINDINGS_MAX + 1, &bad), "one more says that there are more");

    let mut devices = [msp.device.clone(), DeviceId::from_random([255; 16])];
    devices.sort();
    let other = devices.iter().find(|device| **device != msp.device).unwrap().clone();
    tx.enrol_device(&msp.zero, "another key", &msp.device_of(other), false, NOW).await.unwrap();
    for (device, outcome) in devices.iter().zip(["findings", "trapped"]) {
        tx.set_run_state(device, &msp.installation, outcome, "", &Usage::default(), NOW).await.unwrap();
    }
    let runs = tx.run_states(None, Some(&msp.installation)).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.outcome.as_str()).collect::<Vec<_>>(), ["trapped", "findings"]);
    assert_eq!(tx.run_counts().await.unwrap(), [(msp.installation.clone(), 2, 1)]);
}

pub(crate) async fn an_accessory_is_not_hidden_by_the_uploads_of_another(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let acme = publisher(&store, "acme").await;
    let mut tx = store.begin(Scope::Publisher(acme.clone())).await.unwrap();
    let mut all = vec![release(&acme, "acme/quiet", "1.9.0"), release(&acme, "acme/quiet", "1.10.0")];
    let waiting = release(&acme, "acme/waiting", "1.0.0");
    for number in 0..MANY {
        let mut next = release(&acme, "acme/busy", &format!("0.{number}.0"));
        next.uploaded = UnixMs(NOW.0 + 1 + number);
        all.push(next);
    }
    for release in all.iter().chain([&waiting]) {
        tx.insert_release(release).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    for release in &all {
        assert!(tx.approve_release(&release.id, NOW).await.unwrap());
    }
    let queue = tx.releases(Some(Publication::InReview), None, None).await.unwrap();
    assert!(queue.rows.iter().any(|release| release.id == waiting.id), "what waits is asked for");
    assert_eq!(tx.count_releases(Publication::Published).await.unwrap(), MANY + 2);
    tx.commit().await.unwrap();

    let mut tx = store.read(msp.scope()).await.unwrap();
    let newest = tx.newest_releases().await.unwrap();
    let names: Vec<String> = newest.iter().map(|r| format!("{} {}", r.accessory, r.version)).collect();
    assert_eq!(names, [format!("acme/busy 0.{}.0", MANY - 1), "acme/quiet 1.10.0".to_owned()]);
    let first = tx.releases(None, Some("monitor"), None).await.unwrap();
    assert_eq!((first.rows.len(), first.rows[0].version.minor), (LIST_MAX, MANY as u64 - 1));
    let second = tx.releases(None, Some("monitor"), first.next.as_ref()).await.unwrap();
    assert_eq!((second.rows.len(), second.next), (5, None));
    assert!(tx.releases(None, Some("script"), None).await.unwrap().rows.is_empty());
}
