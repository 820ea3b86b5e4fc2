//! Requests and executions read back as they were written, and are another's to nobody.

use std::collections::BTreeMap;

use fitment_domain::bytes::Digest;
use fitment_domain::execution::{Ending, State};
use fitment_domain::id::{AccountId, RequestId, TransactionId};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::run::{LogLevel, LogLine, ScriptOutcome};
use fitment_domain::tenant::Scope;
use fitment_store::{ExecutionRow, RequestRow};
use serde_json::json;

use super::fixture::{Msp, NOW, fresh};
use crate::support::databases::Database;

fn request(msp: &Msp, digest: &Digest) -> RequestRow {
    RequestRow {
        id: RequestId::from_random(fresh()),
        requester: AccountId::from_random(fresh()),
        installation: msp.installation.clone(),
        release: msp.release.clone(),
        accessory: AccessoryName::parse("publisher-one/works").unwrap(),
        version: "1.0.0".parse().unwrap(),
        digest: digest.clone(),
        config: json!({}),
        parameters: json!({ "times": 2 }),
        wall_ms_max: 30_000,
        made: NOW,
        deliver_by: NOW.plus_ms(1_000),
    }
}

pub(crate) async fn a_request_reads_back_and_is_its_tenants_and_its_devices_alone(database: &Database) {
    let store = database.open().await;
    let (mine, theirs) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let digest = Digest::of(b"component");
    let asked = request(&mine, &digest);
    let mut row = ExecutionRow::waiting(TransactionId::from_random(fresh()), asked.id.clone(), mine.device.clone());
    let mut tx = store.begin(mine.scope()).await.unwrap();
    tx.insert_request(&asked, std::slice::from_ref(&row)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.read(Scope::Platform).await.unwrap();
    let open = tx.open_executions(NOW.plus_ms(1_000)).await.unwrap();
    assert_eq!(open, [(mine.device.clone(), row.id.clone(), asked.deliver_by)]);
    assert!(tx.open_executions(NOW.plus_ms(1_001)).await.unwrap().is_empty());
    drop(tx);

    let mut tx = store.begin(mine.scope()).await.unwrap();
    assert_eq!(tx.request(&asked.id).await.unwrap().unwrap(), asked);
    assert_eq!(tx.requests(10).await.unwrap(), std::slice::from_ref(&asked));
    assert_eq!(tx.execution(&row.id, &mine.device).await.unwrap().unwrap(), row);
    assert_eq!(tx.execution(&row.id, &theirs.device).await.unwrap(), None);
    assert_eq!(tx.open_executions_of(&mine.device, NOW).await.unwrap(), 1);
    assert_eq!(tx.unfinished_executions_of(&mine.device, NOW).await.unwrap(), 1);
    assert!(!tx.order_names(&mine.device, &digest).await.unwrap(), "it is not fetched yet");

    row.state = State::Started;
    row.start_key = Some("00112233445566778899aabbccddeeff".to_owned());
    (row.fetched, row.started, row.ended) = (Some(NOW), Some(NOW), Some(NOW));
    row.progress = Some((50, "half of it".to_owned()));
    row.usage = Some(Default::default());
    row.log = vec![LogLine { level: LogLevel::Warn, message: "careful".to_owned() }];
    row.saved_s = 60;
    let output = vec![("answer".to_owned(), "42".to_owned())];
    row.ending = Some(Ending::Done(ScriptOutcome { changed: true, summary: "all is well".to_owned(), output }));
    tx.put_execution(&row).await.unwrap();
    assert!(tx.order_names(&mine.device, &digest).await.unwrap());
    assert_eq!(tx.open_executions_of(&mine.device, NOW).await.unwrap(), 0);
    assert_eq!(tx.unfinished_executions_of(&mine.device, NOW).await.unwrap(), 1, "it runs");
    assert_eq!(tx.unfinished_executions_of(&mine.device, NOW.plus_ms(86_400_000)).await.unwrap(), 0, "time ended it");
    tx.commit().await.unwrap();
    let mut tx = store.read(mine.scope()).await.unwrap();
    let name = format!("host of {}", mine.device);
    assert_eq!(tx.executions(&asked.id).await.unwrap(), [(row.clone(), name)]);
    assert_eq!(row.at(&asked, NOW), State::Started);
    let all = std::slice::from_ref(&asked);
    assert_eq!(tx.standings(all, NOW).await.unwrap(), [BTreeMap::from([(State::Started, 1)])]);
    let late = NOW.plus_ms(86_400_000);
    assert_eq!(tx.standings(all, late).await.unwrap(), [BTreeMap::from([(State::OutcomeUnknown, 1)])]);
    drop(tx);

    let mut tx = store.begin(theirs.scope()).await.unwrap();
    assert_eq!(tx.request(&asked.id).await.unwrap(), None);
    assert!(tx.requests(10).await.unwrap().is_empty());
    assert!(tx.executions(&asked.id).await.unwrap().is_empty());
    assert_eq!(tx.standings(all, NOW).await.unwrap(), [BTreeMap::new()]);
    assert_eq!(tx.execution(&row.id, &mine.device).await.unwrap(), None);
    assert!(!tx.order_names(&mine.device, &digest).await.unwrap());
    tx.put_execution(&ExecutionRow { state: State::Cancelled, ..row.clone() }).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.read(mine.scope()).await.unwrap();
    assert_eq!(tx.execution(&row.id, &mine.device).await.unwrap().unwrap().state, State::Started);
}
