//! "Is my set of time T current?": the newer set replaces, everything else is up to date, and nothing old comes back.

use std::process::Command;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use fitment_domain::instruction::{
    Addressee, BadInstruction, InstructionSet, SetTime, UP_TO_DATE_LIFETIME_MS, UpToDate, open_kept_set, open_set,
    open_up_to_date,
};
use fitment_domain::protocol::InstructionsAnswer;
use fitment_domain::signature::{BadSignature, Envelope, PublicKey, Signer};
use fitment_domain::time::{DAY_MS, UnixMs};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::platform::{Platform, Session};
use crate::support::programs::program;
use crate::support::tamper::{self, Part, flipped};
use crate::support::wire::{HandDevice, NONCE, Wire, now};

async fn install(msp: &Session, config: Value) -> String {
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "config": config, "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok()["installation"]["id"].as_str().unwrap().to_owned()
}

async fn up_to_date(device: &HandDevice, time: SetTime) -> (Envelope, UpToDate) {
    let InstructionsAnswer::UpToDate(envelope) = device.asked(Some(time)).await else {
        panic!("a new set for {time:?}")
    };
    let said = open_up_to_date(&envelope, &device.enrolled.instruction_key, &device.me(), time, NONCE, now()).unwrap();
    assert_eq!((said.time, said.nonce.as_str()), (time, NONCE));
    (envelope, said)
}

async fn new_set(device: &HandDevice, time: Option<SetTime>) -> InstructionSet {
    let InstructionsAnswer::NewSet(envelope) = device.asked(time).await else { panic!("up to date for {time:?}") };
    open_kept_set(&envelope, &device.enrolled.instruction_key, &device.me()).unwrap()
}

fn moved(time: SetTime, epochs: i64, ms: i64) -> SetTime {
    SetTime { epoch: time.epoch + epochs, t: UnixMs(time.t.0 + ms) }
}

/// One device asks with every kind of time; the centre moves on, and into a new epoch.
pub(crate) async fn story(database: Database) {
    let mut platform = Platform::start(database).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let key = device.enrolled.instruction_key;

    let before = now();
    let (envelope, set) = device.set_after(None).await;
    let t1 = set.time;
    assert_eq!((set.group.as_str(), set.items.len(), t1.epoch), ("default", 0, 1));
    assert!(t1.t.0.abs_diff(before.0) < 60_000, "T is the time at which it became effective");
    assert_eq!((&set.tenant, &set.device), (&device.enrolled.tenant, &device.enrolled.device));
    assert!(set.expires > now());

    // Older, equal and later T; older and newer epochs.
    assert_eq!(new_set(&device, Some(moved(t1, 0, -1))).await, set);
    assert_eq!(new_set(&device, None).await, set);
    assert_eq!(
        new_set(&device, Some(moved(t1, -1, 1_000_000))).await,
        set,
        "a newer epoch wins over any T of an older one"
    );
    let (answer, _) = up_to_date(&device, t1).await;
    up_to_date(&device, moved(t1, 0, 3_600_000)).await;
    up_to_date(&device, moved(t1, 1, -1_000_000)).await;

    // The answers are good for this device, this question and this time alone.
    let stranger = HandDevice::enrol(&bundle).await;
    assert_eq!(open_set(&envelope, &key, &stranger.me(), None, now()), Err(BadInstruction::NotForMe));
    let tenant = Addressee { tenant: fitment_domain::id::TenantId::from_random([1; 16]), ..device.me() };
    assert_eq!(open_set(&envelope, &key, &tenant, None, now()), Err(BadInstruction::NotForMe));
    let replayed = |nonce: &str, at: SetTime, me: &Addressee, now: UnixMs| {
        open_up_to_date(&answer, &key, me, at, nonce, now).unwrap_err()
    };
    assert_eq!(replayed(&"0".repeat(32), t1, &device.me(), now()), BadInstruction::Replayed);
    assert_eq!(replayed(NONCE, moved(t1, 0, 1), &device.me(), now()), BadInstruction::OtherSet);
    assert_eq!(replayed(NONCE, t1, &stranger.me(), now()), BadInstruction::NotForMe);
    let later = now().plus_ms(UP_TO_DATE_LIFETIME_MS + 60_000);
    assert!(matches!(replayed(NONCE, t1, &device.me(), later), BadInstruction::Expired(_)));
    assert!(matches!(
        open_set(&envelope, &key, &device.me(), None, now().plus_ms(8 * DAY_MS)),
        Err(BadInstruction::Expired(_))
    ));
    let wrong_key = PublicKey::of(&SigningKey::from_bytes(&[9; 32]));
    assert_eq!(
        open_set(&envelope, &wrong_key, &device.me(), None, now()),
        Err(BadSignature::Missing(Signer::Platform).into())
    );
    // An answer of one kind never passes for the other.
    assert!(matches!(
        open_set(&answer, &key, &device.me(), None, now()),
        Err(BadInstruction::Signature(BadSignature::Type { .. }))
    ));
    for nonce in ["", "short", &"g".repeat(32), &"0".repeat(33)] {
        let answer = device.ask(Some(t1), nonce).await;
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{nonce:?}");
    }

    // The centre moves on: the new set replaces, and the old one never comes back.
    install(&msp, json!({})).await;
    let (next_envelope, next) = device.set_after(Some(t1)).await;
    assert!(next.time > t1 && next.time.epoch == 1);
    assert_eq!(next.items.len(), 1);
    up_to_date(&device, next.time).await;
    let older = |envelope: &Envelope| open_set(envelope, &key, &device.me(), Some(next.time), now()).unwrap_err();
    assert_eq!(older(&envelope), BadInstruction::Older { got: t1, have: next.time });
    assert_eq!(older(&next_envelope), BadInstruction::Older { got: next.time, have: next.time });
    assert_eq!(open_up_to_date(&answer, &key, &device.me(), next.time, NONCE, now()), Err(BadInstruction::OtherSet));

    // A restored backup begins a new epoch: its set replaces also what claims a later T, although nothing was installed.
    platform.kill();
    assert_eq!(new_epoch(&platform), "2");
    platform.serve();
    // The connections of before are gone with the server.
    let device = HandDevice { wire: Wire::to_server_of(&bundle, Some(&device.shown)), ..device };
    let (_, restored) = device.set_after(Some(moved(next.time, 0, 3_600_000))).await;
    assert_eq!((restored.time.epoch, &restored.items), (2, &next.items));
    up_to_date(&device, restored.time).await;
    assert_eq!(new_set(&device, Some(moved(next.time, 0, 3_600_000))).await, restored);
}

/// Begins a new epoch on the server's own command line, and returns what that prints.
fn new_epoch(platform: &Platform) -> String {
    let mut command = Command::new(program("fitment-server"));
    command.args(["new-epoch", "--data"]).arg(platform.data()).args(["--database", platform.database_url()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

// proves A3, A4, A2 (the instruction set with its time)
#[tokio::test]
async fn a_newer_set_replaces_and_everything_else_is_up_to_date_on_sqlite() {
    story(Database::sqlite()).await;
}

// proves A3 (a restored backup: the centre's sets are newer than what agents run)
#[tokio::test]
async fn after_a_new_epoch_every_agent_gets_a_newer_set_though_nothing_was_installed() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    platform.add_account("msp", "Other", "other@example.com");
    let other = platform.sign_in("other@example.com").await;
    let mut agents = Vec::new();
    for (msp, name) in [(&msp, "one"), (&other, "two")] {
        install(msp, json!({})).await;
        agents.push(Agent::enrol(&platform, msp, name).await.0);
    }
    for agent in &agents {
        agent.until_status("the first epoch's set runs", |s| runs(1)(s) && s["set"]["epoch"] == 1).await;
    }
    // The server that runs does the work.
    assert_eq!(new_epoch(&platform), "2");
    for agent in &agents {
        agent.until_status("the new epoch's set runs", |s| runs(1)(s) && s["set"]["epoch"] == 2).await;
    }
    assert_eq!(new_epoch(&platform), "3");
}

// A release whose object is away for a moment is not taken from the devices that run it.
#[tokio::test]
async fn an_object_that_is_away_takes_nothing_from_a_device() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    install(&msp, json!({})).await;
    let (agent, _) = Agent::enrol(&platform, &msp, "agent").await;
    agent.until_status("the monitor runs", runs(1)).await;

    let objects = platform.data().join("objects");
    let away = platform.scratch().join("away");
    std::fs::rename(&objects, &away).unwrap();
    assert_eq!(new_epoch(&platform), "2");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(runs(1)(&agent.status()), "{:#}", agent.status());

    std::fs::rename(&away, &objects).unwrap();
    agent.until_status("the new epoch's set runs", |s| runs(1)(s) && s["set"]["epoch"] == 2).await;
}

fn kept(agent: &Agent) -> Vec<u8> {
    std::fs::read(agent.state().join("set.json")).unwrap_or_default()
}

fn runs(count: usize) -> impl Fn(&Value) -> bool {
    move |status| {
        status["items"]
            .as_array()
            .is_some_and(|items| items.len() == count && items.iter().all(|i| i["state"] == "running"))
    }
}

// proves A3 (the agent replaces its set), A2 (an agent's set with its time)
#[tokio::test]
async fn an_agent_ends_with_the_newest_set_whatever_lies_on_its_disk_or_comes_its_way() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let (mut agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let first = install(&msp, json!({})).await;
    let old_status = agent.until_status("the first set runs", runs(1)).await;
    let old = kept(&agent);
    assert_eq!(msp.delete(&format!("/api/v1/installations/{first}")).await.status, 204);
    agent.until_status("nothing runs", runs(0)).await;
    install(&msp, json!({ "warning_percent": 70 })).await;
    install(&msp, json!({ "warning_percent": 60 })).await;
    let status = agent.until_status("the newest set runs", runs(2)).await;
    let newest = kept(&agent);
    assert!(status["set"]["t"].as_i64() > old_status["set"]["t"].as_i64());

    // An older set of its own, genuine, on its disk.
    agent.kill();
    std::fs::write(agent.state().join("set.json"), &old).unwrap();
    agent.run_again();
    let again = agent.until_status("the newest set is back", runs(2)).await;
    assert_eq!(again["set"], status["set"]);
    assert_eq!(kept(&agent), newest);

    // A set that was changed on its way: the one before goes on, and the agent says so.
    let path = agent.state().join("set.json");
    agent.kill();
    std::fs::write(&path, &old).unwrap();
    for part in [Part::Payload, Part::Signature(0)] {
        replace_set(&platform, &device, &tamper::envelope(&newest, part)).await;
        agent.run_again();
        let refused = agent
            .until_status("a changed set is refused", |s| {
                s["problems"]["instructions"]["code"] == "instructions-refused"
            })
            .await;
        assert!(
            refused["problems"]["instructions"]["message"].as_str().unwrap().contains("does not verify"),
            "{refused:#}"
        );
        assert_eq!((&refused["set"], &refused["items"][0]["installation"]), (&old_status["set"], &json!(first)));
        assert_eq!(kept(&agent), old, "{part:?}");
        agent.kill();
    }
    replace_set(&platform, &device, &newest).await;
    agent.run_again();
    let healed = agent.until_status("the genuine one is taken", runs(2)).await;
    assert_eq!(healed["set"], status["set"]);
    agent.until_status("and the problem is gone", |s| s["problems"]["instructions"].is_null()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(kept(&agent), newest);
}

/// Puts an envelope in the place of the set that the server has for a device.
async fn replace_set(platform: &Platform, device: &str, envelope: &[u8]) {
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(platform.database_url()).await.unwrap();
    let update = sqlx::query("update instruction_sets set envelope = $1 where device_id = $2");
    let update = update.bind(String::from_utf8(envelope.to_vec()).unwrap()).bind(device.to_owned());
    assert_eq!(update.execute(&mut database).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
}

// proves A3 (every byte of a set counts), A4 (every byte of the answer counts)
#[tokio::test]
async fn no_byte_of_a_set_or_of_an_answer_can_be_changed() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let (key, me) = (device.enrolled.instruction_key, device.me());
    let (_, empty) = device.set_after(None).await;
    install(&msp, json!({})).await;
    let (envelope, set) = device.set_after(Some(empty.time)).await;
    let json = envelope.to_json();
    for at in 0..json.len() {
        let changed = Envelope::from_json(&flipped(&json, at));
        assert!(
            changed.is_err() || open_set(&changed.unwrap(), &key, &me, None, now()).is_err(),
            "byte {at} of the set"
        );
    }
    let (answer, _) = up_to_date(&device, set.time).await;
    let json = answer.to_json();
    for at in 0..json.len() {
        let changed = Envelope::from_json(&flipped(&json, at));
        let opened = changed.map(|c| open_up_to_date(&c, &key, &me, set.time, NONCE, now()));
        assert!(!matches!(opened, Ok(Ok(_))), "byte {at} of the answer");
    }
}
