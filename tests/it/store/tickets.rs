//! Alerts, tickets, categories, rules and connections.

use std::collections::BTreeSet;

use fitment_domain::id::{CategoryId, ConnectionId, NoteId, RuleId};
use fitment_domain::mapping::{Category, Rule};
use fitment_domain::ticket::remote::Audience;
use fitment_domain::ticket::{Delivery, TicketState};
use fitment_domain::time::UnixMs;
use fitment_store::{Connection, NoteRow, StoreError, TicketRow};

use super::fixture::{Msp, NOW, fresh};
use crate::support::databases::Database;

fn connection(msp: &Msp) -> Connection {
    Connection {
        id: ConnectionId::from_random(fresh()),
        name: "Our RT".to_owned(),
        release: msp.release.clone(),
        url: "https://rt.example".to_owned(),
        config: serde_json::json!({ "queue": "General" }),
        sealed_secrets: vec![0, 255, 39, 92, 0],
        account: None,
        closed_status: "resolved".to_owned(),
        state: "ok".to_owned(),
        problem: None,
        created: NOW,
        client: None,
    }
}

pub(crate) async fn numbers_are_given_once(database: &Database) {
    let store = database.open().await;
    let (msp, other) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, msp) = (store.clone(), msp.clone());
            tokio::spawn(async move {
                let mut tx = store.begin(msp.scope()).await.unwrap();
                let number = tx.next_ticket_number().await.unwrap();
                tx.insert_ticket(&msp.ticket(number, None)).await.unwrap();
                tx.commit().await.unwrap();
                number
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.insert(task.await.unwrap());
    }
    assert_eq!(numbers, (1..=20).collect());
    let mut tx = store.begin(other.scope()).await.unwrap();
    assert_eq!(tx.next_ticket_number().await.unwrap(), 1, "each tenant counts for itself");
}

pub(crate) async fn what_may_have_been_delivered_is_looked_for(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let connection = connection(&msp);
    let ticket = |number, connection: Option<&Connection>, delivery| TicketRow {
        connection: connection.map(|connection| connection.id.clone()),
        delivery,
        ..msp.ticket(number, None)
    };
    let there = Delivery { external_id: Some("7".to_owned()), ..Delivery::default() };
    let begun = Delivery { create_started: Some(UnixMs(5)), ..Delivery::default() };
    let all = [
        (ticket(1, Some(&connection), Delivery::default()), Some(NOW)),
        (ticket(2, Some(&connection), begun), Some(UnixMs(5))),
        (ticket(3, Some(&connection), there), None),
        (ticket(4, None, Delivery::default()), None),
        (TicketRow { state: TicketState::Closed, ..ticket(5, Some(&connection), Delivery::default()) }, None),
    ];
    let note = |ticket: &TicketRow, sent| NoteRow {
        id: NoteId::from_random(fresh()),
        ticket: ticket.id.clone(),
        source: "here".to_owned(),
        author: None,
        audience: Audience::Internal,
        body: "On my way.".to_owned(),
        created: NOW,
        external_id: None,
        sending: None,
        sent,
    };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.insert_connection(&connection).await.unwrap();
    for (ticket, _) in &all {
        tx.insert_ticket(ticket).await.unwrap();
        tx.insert_note(&note(ticket, None)).await.unwrap();
    }
    tx.insert_note(&note(&all[2].0, Some(NOW))).await.unwrap();
    tx.doubt_deliveries(NOW).await.unwrap();
    for (ticket, started) in &all {
        let kept = tx.ticket(&ticket.id).await.unwrap().unwrap();
        assert_eq!(kept.delivery.create_started, *started, "#{}", ticket.number);
        let notes = tx.notes(&ticket.id).await.unwrap();
        let doubted = notes.iter().filter(|note| note.sending == Some(NOW) && note.sent.is_none()).count();
        assert_eq!(doubted, usize::from(ticket.connection.is_some()), "#{}", ticket.number);
    }
}

// proves T3 (one open ticket per alert)
pub(crate) async fn an_alert_has_one_open_ticket(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let alert = msp.alert("/");
    let mut first = msp.ticket(1, Some(alert.id.clone()));
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.put_alert(&alert).await.unwrap();
    tx.insert_ticket(&first).await.unwrap();
    assert_eq!(tx.open_ticket_of_alert(&alert.id).await.unwrap(), Some(first.clone()));
    tx.commit().await.unwrap();

    let mut tx = store.begin(msp.scope()).await.unwrap();
    let second = tx.insert_ticket(&msp.ticket(2, Some(alert.id.clone()))).await;
    assert_eq!(second, Err(StoreError::Conflict { constraint: "tickets_tenant_id_open_alert_key".to_owned() }));
    drop(tx);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let twin = tx.put_alert(&msp.alert("/")).await;
    assert!(matches!(twin, Err(StoreError::Conflict { .. })), "one alert per key: {twin:?}");
    drop(tx);

    let mut tx = store.begin(msp.scope()).await.unwrap();
    first.state = TicketState::Closed;
    tx.update_ticket(&first).await.unwrap();
    assert_eq!(tx.open_ticket_of_alert(&alert.id).await.unwrap(), None);
    tx.insert_ticket(&msp.ticket(2, Some(alert.id.clone()))).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn everything_reads_back(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let alert = msp.alert("");
    tx.put_alert(&alert).await.unwrap();
    assert_eq!(tx.alert_by_key(&alert.key).await.unwrap(), Some(alert.clone()));
    assert_eq!(tx.alerts(None, None, None).await.unwrap().rows, std::slice::from_ref(&alert));

    let mut category = Category {
        id: CategoryId::from_random(fresh()),
        name: "Backup".to_owned(),
        description: "late or failed".to_owned(),
        board: "Alerts".to_owned(),
        priority: None,
    };
    tx.insert_category(&category).await.unwrap();
    category.priority = Some("80".to_owned());
    assert!(tx.update_category(&category).await.unwrap());
    assert_eq!(tx.category(&category.id).await.unwrap(), Some(category.clone()));
    let rule = |position, condition: Option<&str>| Rule {
        id: RuleId::from_random(fresh()),
        position,
        accessory: None,
        condition: condition.map(str::to_owned),
        category: category.id.clone(),
    };
    let (late, early) = (rule(20, None), rule(10, Some("space")));
    tx.insert_rule(&late).await.unwrap();
    tx.insert_rule(&early).await.unwrap();
    assert_eq!(tx.rules().await.unwrap(), [early.clone(), late.clone()]);
    assert!(tx.delete_rule(&late.id).await.unwrap());
    assert!(!tx.delete_rule(&late.id).await.unwrap());

    let mut connection = connection(&msp);
    tx.insert_connection(&connection).await.unwrap();
    assert_eq!(tx.connection(&connection.id).await.unwrap(), Some(connection.clone()));
    tx.set_connection_state(&connection.id, "ok", None, Some("robot")).await.unwrap();
    tx.set_connection_state(&connection.id, "away", Some("connection refused"), None).await.unwrap();
    (connection.account, connection.state) = (Some("robot".to_owned()), "away".to_owned());
    connection.problem = Some("connection refused".to_owned());
    assert_eq!(tx.connections().await.unwrap(), std::slice::from_ref(&connection));

    let mut ticket = msp.ticket(7, Some(alert.id.clone()));
    tx.insert_ticket(&ticket).await.unwrap();
    ticket.connection = Some(connection.id.clone());
    ticket.delivery = Delivery {
        create_started: Some(NOW),
        external_id: Some("42".to_owned()),
        close_wanted: true,
        close_settled: false,
        returned: true,
    };
    ticket.external_number = Some("#42".to_owned());
    ticket.external_url = Some("https://rt.example/Ticket/Display.html?id=42".to_owned());
    ticket.external_status = Some("new".to_owned());
    ticket.problem = Some("it's \"away\"".to_owned());
    ticket.chosen_by = Some(early.id);
    ticket.occurrences = 9;
    tx.update_ticket(&ticket).await.unwrap();
    assert_eq!(tx.ticket(&ticket.id).await.unwrap(), Some(ticket.clone()));
    assert_eq!(tx.tickets(None, None, None).await.unwrap().rows, [ticket]);
}

/// What a transaction read is still true when it writes: read, change, write loses nothing.
pub(crate) async fn no_change_is_lost(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let ticket = msp.ticket(1, None);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.insert_ticket(&ticket).await.unwrap();
    tx.commit().await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, scope, id) = (store.clone(), msp.scope(), ticket.id.clone());
            tokio::spawn(async move {
                let mut tx = store.begin(scope).await.unwrap();
                let mut ticket = tx.ticket(&id).await.unwrap().unwrap();
                ticket.occurrences += 1;
                tx.update_ticket(&ticket).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.read(msp.scope()).await.unwrap().ticket(&ticket.id).await.unwrap().unwrap().occurrences, 21);
}
