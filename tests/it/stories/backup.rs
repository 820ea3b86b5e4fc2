//! The drill: a backup is made while the server works, the server is lost, and everything goes on from the backup.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fitment_domain::time::UnixMs;
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::platform::{Platform, Session};
use crate::support::programs::program;
use crate::support::records::rows;

const PASSPHRASE: &str = "a passphrase for the drill";

/// Runs the server program with a data folder, a database, and a passphrase in a file.
pub(crate) fn run(platform: &Platform, action: &str, data: &Path, database: &str, more: &[&str]) -> Output {
    let mut command = Command::new(program("fitment-server"));
    command.args([action, "--data"]).arg(data).args(["--database", database]).args(more);
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains(PASSPHRASE), "{log}");
    std::fs::write(platform.scratch().join(format!("{action}.log")), &output.stderr).unwrap();
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn install(msp: &Session, config: Value) {
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "config": config, "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A copy of the backup in which one byte is another.
fn flipped(backup: &Path, at: usize) -> PathBuf {
    let mut bytes = std::fs::read(backup).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    let path = backup.with_extension(format!("flipped-{at}"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Nothing but a whole backup with its passphrase is restored, and only into an empty place.
async fn refusals(platform: &Platform, backup: &Path, passphrase: &str, to: &Database) {
    let scratch = platform.scratch();
    let refused = |data: &Path, more: &[&str], words: &str| {
        let output = run(platform, "restore", data, &to.url, more);
        assert!(!output.status.success(), "{words}");
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    };
    let empty = scratch.join("refused");
    let length = usize::try_from(std::fs::metadata(backup).unwrap().len()).unwrap();
    for at in [0, 700, length / 3, length / 2, length - 1_000, length - 40, length - 1] {
        let damaged = flipped(backup, at);
        refused(&empty, &["--from", text(&damaged), "--passphrase-file", passphrase], "the backup is damaged");
    }
    refused(&empty, &["--from", text(backup)], "give --passphrase-file");
    let wrong = scratch.join("wrong.txt");
    std::fs::write(&wrong, "another passphrase").unwrap();
    refused(&empty, &["--from", text(backup), "--passphrase-file", text(&wrong)], "the passphrase does not open");
    assert!(!empty.join("keys").exists() && !empty.join("objects").exists(), "nothing was written");
    let full = &["--from", text(backup), "--passphrase-file", passphrase];
    let output = run(platform, "restore", &platform.data(), platform.database_url(), full);
    assert!(!output.status.success() && said(&output).contains("is not empty"), "{}", said(&output));
}

pub(crate) async fn drill(from: Database, to: Database) {
    let mut platform = Platform::start(from).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let (mut agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    install(&msp, json!({})).await;
    let running = |count: usize| move |s: &Value| s["items"].as_array().is_some_and(|i| i.len() == count);
    agent.until_status("the first set runs", running(1)).await;
    let path = format!("/api/v1/findings?device={device}");
    let found = |body: &Value| !body["findings"].as_array().unwrap().is_empty();
    msp.until(&path, "a finding", found).await;

    // A backup of a server that works; then more, which the backup does not know.
    let backup = platform.scratch().join("backup.fitment");
    let file = platform.scratch().join("passphrase.txt");
    std::fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
    let more = ["--to", text(&backup), "--passphrase-file", text(&file)];
    let output = run(&platform, "backup", &platform.data(), platform.database_url(), &more);
    assert!(output.status.success(), "{}", said(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["objects"].as_u64() >= Some(3) && summary["keys"] == true, "{summary}");
    install(&msp, json!({ "warning_percent": 70 })).await;
    let later = agent.until_status("a set that the backup does not know", running(2)).await;
    platform.kill();

    refusals(&platform, &backup, text(&file), &to).await;
    let data = platform.scratch().join("restored");
    let more = ["--from", text(&backup), "--passphrase-file", text(&file)];
    let output = run(&platform, "restore", &data, &to.url, &more);
    assert!(output.status.success(), "{}", said(&output));
    let restored: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&restored["rows"], &restored["objects"]), (&summary["rows"], &summary["objects"]));
    assert_eq!(restored["epoch"], 2);
    platform.move_to(to, data.clone());
    platform.serve();

    // The agent goes on by itself: with the new epoch's set, although its own was of a later time, and with new results.
    let status = agent.until_status("the restored set", |s| s["set"]["epoch"] == 2 && running(1)(s)).await;
    assert!(later["set"]["epoch"] == 1 && status["problems"]["instructions"].is_null(), "{status:#}");
    let before = UnixMs(status["updated"].as_i64().unwrap());
    let msp = platform.msp().await;
    let fresh =
        |body: &Value| body["findings"].as_array().unwrap().iter().any(|f| f["last_seen_ms"].as_i64() > Some(before.0));
    msp.until(&path, "a finding of after the restore", fresh).await;
    let kept = std::fs::read_to_string(agent.state().join("set.json")).unwrap();
    agent.kill();
    agent.run_again();
    agent.until_status("the same set after a start", |s| s["set"] == status["set"]).await;
    assert!(!kept.is_empty());

    for session in [&msp, &platform.operator().await, &platform.publisher().await] {
        let log = session.get("/api/v1/audit").await.ok();
        assert_eq!((&log["intact"], &log["entries"][0]["sequence"]), (&json!(true), &json!(1)), "{log:#}");
    }
    let store =
        fitment_store::Store::open(platform.database_url(), fitment_store::ObjectsConfig::Folder(data.join("objects")));
    let store = store.await.unwrap();
    let paths = store.objects().paths().await.unwrap();
    assert_eq!(Some(paths.len() as u64), summary["objects"].as_u64());
    for path in paths {
        assert!(store.objects().get_path(&path).await.unwrap().is_some(), "{path} is what its digest says");
    }
}

/// A backup by a newer program must not change the database under the older server that works with it.
#[tokio::test]
async fn a_backup_of_a_database_of_another_version_is_refused_and_changes_nothing() {
    let platform = Platform::start(Database::sqlite()).await;
    let newest = "select max(version) as version from _sqlx_migrations";
    let older = "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)";
    rows(platform.database_url(), older).await;
    let version = async || rows(platform.database_url(), newest).await[0].get::<i64, _>("version");
    let before = version().await;
    let to = platform.scratch().join("backup");
    let output = run(&platform, "backup", &platform.data(), platform.database_url(), &["--to", text(&to)]);
    assert!(!output.status.success() && !to.exists());
    let words = format!("the database is of version {before}, this program's is ");
    assert!(said(&output).contains(&words), "{}", said(&output));
    assert_eq!(version().await, before);
    let nowhere = platform.scratch().join("nowhere");
    let output = run(&platform, "backup", &nowhere, "sqlite:///nowhere", &["--to", text(&to)]);
    assert!(!output.status.success() && !nowhere.exists(), "what is not there is not made");
}

#[tokio::test]
async fn after_a_restore_agents_go_on_and_nothing_damaged_is_restored_on_sqlite() {
    drill(Database::sqlite(), Database::sqlite()).await;
}

/// Two servers on one data folder, and a server whose clients never end their sentences.
#[tokio::test]
async fn a_data_folder_has_one_server_and_a_slow_client_is_cut_off() {
    use std::io::{Read as _, Write as _};
    let platform = Platform::start(Database::sqlite()).await;
    let second = run(
        &platform,
        "serve",
        &platform.data(),
        platform.database_url(),
        &["--listen", "127.0.0.1:0", "--agents-listen", "127.0.0.1:0"],
    );
    assert!(!second.status.success());
    assert!(
        said(&second).contains(&format!("process {}) works on the data folder", platform.pid())),
        "{}",
        said(&second)
    );

    let url = platform.url();
    let slow = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(40))).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow:").unwrap();
        let begun = std::time::Instant::now();
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        (begun.elapsed(), ended.is_ok())
    });
    let (took, ended) = slow.await.unwrap();
    assert!(ended && took < std::time::Duration::from_secs(30), "{took:?}");
    platform.nobody().get("/healthz").await;
}
