//! Keeping tickets in step: settings, agreements, former ids, notes, and lanes of work.

use std::collections::BTreeSet;

use fitment_domain::id::{ConnectionId, JobId, NoteId};
use fitment_domain::sync::{Agreed, Authority, Decision, Field, Values};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::TicketState;
use fitment_domain::ticket::remote::Audience;
use fitment_domain::time::UnixMs;
use fitment_store::{Connection, ConnectionSync, NoteRow, Store, TicketRow, TicketSync};

use super::fixture::{Msp, NOW, fresh};
use crate::support::databases::Database;

/// Makes a connection and a ticket that is behind it.
async fn linked(store: &Store, msp: &Msp) -> (ConnectionId, TicketRow) {
    let connection = Connection {
        id: ConnectionId::from_random(fresh()),
        name: "Our RT".to_owned(),
        release: msp.release.clone(),
        url: "https://rt.example".to_owned(),
        config: serde_json::json!({}),
        sealed_secrets: Vec::new(),
        account: None,
        closed_status: "resolved".to_owned(),
        state: "ok".to_owned(),
        problem: None,
        created: NOW,
        client: None,
    };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.insert_connection(&connection).await.unwrap();
    let mut ticket = msp.ticket(1, None);
    ticket.connection = Some(connection.id.clone());
    ticket.delivery.external_id = Some("42".to_owned());
    tx.insert_ticket(&ticket).await.unwrap();
    tx.commit().await.unwrap();
    (connection.id, ticket)
}

pub(crate) async fn what_is_agreed_reads_back(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let (connection, ticket) = linked(&store, &msp).await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert_eq!(tx.connection_sync(&connection).await.unwrap(), None);
    let mut settings = ConnectionSync::standard();
    tx.put_connection_sync(&connection, &settings).await.unwrap();
    settings.authorities.set("status", "theirs").unwrap();
    (settings.interval_s, settings.cursor, settings.changes) = (5, Some(vec![0, 255, 39]), 7);
    (settings.state, settings.problem, settings.looked) = ("failing".to_owned(), Some("away".to_owned()), Some(NOW));
    tx.put_connection_sync(&connection, &settings).await.unwrap();
    assert_eq!(tx.connection_sync(&connection).await.unwrap(), Some(settings));

    assert_eq!(tx.ticket_sync(&ticket.id).await.unwrap(), TicketSync::default());
    let ours = Values::ours("disk is full", TicketState::Open, None, "Alerts");
    let decision = Decision {
        field: Field::Board,
        ours: Some("Alerts".to_owned()),
        theirs: None,
        authority: Authority::Newest,
        ours_won: true,
        at: NOW,
    };
    let sync = TicketSync {
        gone: true,
        agreed: Some(Agreed { ours: ours.clone(), theirs: ours }),
        status: Some("new".to_owned()),
        status_class: Some("new".to_owned()),
        changed: [(Field::Summary, NOW)].into(),
        touched_by: Some("theo changed it".to_owned()),
        notes_asked: 3,
        notes_read: 2,
        notes_since: Some(NOW),
        decided: vec![decision],
    };
    tx.put_ticket_sync(&ticket.id, &sync).await.unwrap();
    tx.put_ticket_sync(&ticket.id, &sync).await.unwrap();
    assert_eq!(tx.ticket_sync(&ticket.id).await.unwrap(), sync);
}

// proves T11 (former ids still find their ticket)
pub(crate) async fn a_ticket_is_found_by_every_id_that_it_had(database: &Database) {
    let store = database.open().await;
    let (msp, other) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let (connection, mut ticket) = linked(&store, &msp).await;
    let (elsewhere, foreign) = linked(&store, &other).await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    for _ in 0..2 {
        tx.insert_alias(&connection, "42", &ticket.id).await.unwrap();
    }
    ticket.delivery.external_id = Some("17".to_owned());
    tx.update_ticket(&ticket).await.unwrap();
    for id in ["17", "42"] {
        assert_eq!(tx.tickets_by_external_id(&connection, id).await.unwrap(), std::slice::from_ref(&ticket), "{id}");
    }
    assert_eq!(tx.aliases(&ticket.id).await.unwrap(), ["42"]);
    assert_eq!(tx.tickets_by_external_id(&connection, "4").await.unwrap(), []);
    assert_eq!(tx.tickets_by_external_id(&elsewhere, "42").await.unwrap(), [], "another tenant's connection");
    tx.commit().await.unwrap();
    let mut tx = store.begin(other.scope()).await.unwrap();
    assert_eq!(tx.tickets_by_external_id(&elsewhere, "42").await.unwrap(), [foreign]);
}

pub(crate) async fn a_note_from_there_is_kept_once(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let (_, ticket) = linked(&store, &msp).await;
    let note = |source: &str, external: Option<&str>, created: i64| NoteRow {
        id: NoteId::from_random(fresh()),
        ticket: ticket.id.clone(),
        source: source.to_owned(),
        author: Some("theo".to_owned()),
        audience: Audience::Customer,
        body: format!("it's \"me\" of {created}"),
        created: UnixMs(created),
        external_id: external.map(str::to_owned),
        sending: None,
        sent: None,
    };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let (first, mut second, third) = (note("there", Some("7"), 10), note("here", None, 20), note("here", None, 30));
    assert!(tx.insert_note(&first).await.unwrap());
    assert!(!tx.insert_note(&note("there", Some("7"), 11)).await.unwrap(), "the other system's note is known");
    assert!(tx.insert_note(&third).await.unwrap() && tx.insert_note(&second).await.unwrap());
    assert_eq!(tx.unsent_notes(&ticket.id).await.unwrap(), [second.clone(), third.clone()], "in their order");
    tx.set_note_sent(&second.id, Some(NOW), None, None).await.unwrap();
    tx.set_note_sent(&second.id, None, Some(NOW), Some("8")).await.unwrap();
    tx.set_note_sent(&second.id, None, Some(NOW), None).await.unwrap();
    (second.sent, second.external_id) = (Some(NOW), Some("8".to_owned()));
    assert_eq!(tx.unsent_notes(&ticket.id).await.unwrap(), std::slice::from_ref(&third));
    assert_eq!(tx.notes(&ticket.id).await.unwrap(), [first, second, third]);
}

pub(crate) async fn of_a_lane_one_piece_of_work_runs_at_a_time(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let id = || JobId::from_random(fresh());
    let mut tx = store.begin(msp.scope()).await.unwrap();
    for (subject, lane) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")] {
        tx.enqueue_in_lane(&id(), "deliver", subject, UnixMs(10), lane).await.unwrap();
    }
    tx.enqueue(&id(), "assign", "dev", UnixMs(20)).await.unwrap();
    tx.commit().await.unwrap();
    let claim = async |now: i64, in_lanes: i64| {
        let mut tx = store.begin(Scope::Platform).await.unwrap();
        let jobs = tx.claim_due(UnixMs(now), UnixMs(now + 1_000), 10, in_lanes).await.unwrap();
        tx.commit().await.unwrap();
        jobs
    };
    let first = claim(20, 2).await;
    let lanes: BTreeSet<_> = first.iter().map(|job| job.lane.as_deref()).collect();
    assert_eq!((first.len(), lanes.contains(&None)), (3, true), "work outside of lanes always has a place: {first:#?}");
    let second = claim(20, 2).await;
    let all: BTreeSet<_> = first.iter().chain(&second).filter_map(|job| job.lane.as_deref()).collect();
    assert_eq!((second.len(), all), (1, ["a", "b", "c"].into()), "one of each lane");
    assert_eq!(claim(20, 2).await, [], "the second of lane a waits");
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(
        tx.next_due(true).await.unwrap(),
        Some(UnixMs(1_020)),
        "nobody asks again and again for what has to wait"
    );
    let of_a = first.iter().chain(&second).find(|job| job.lane.as_deref() == Some("a")).unwrap();
    assert!(tx.put_off_job(&of_a.id, UnixMs(1_020), of_a.generation, UnixMs(500)).await.unwrap());
    tx.commit().await.unwrap();
    let third = claim(30, 2).await;
    assert_eq!(third.len(), 1);
    assert_ne!(third[0].subject, of_a.subject, "now it is the other one's turn");
}
