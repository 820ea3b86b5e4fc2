//! From `fitment new` to a finding on a device, far from the repository.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::home::Home;
use crate::support::platform::{PASSWORD, Platform};
use crate::support::programs::{guest_cargo, programs};

/// How long an author waits for the first finding after the install.
const FIRST_FINDING_MAX: Duration = Duration::from_secs(60);

pub(crate) fn sign_in(home: &Home, platform: &Platform, profile: &str, email: &str) {
    let login = ["login", "--url", &platform.url(), "--email", email, "--password-stdin"];
    assert!(home.run(profile, &login, PASSWORD).status.success(), "{email}");
}

/// Where cargo compiles projects: what it compiled for an earlier run of these tests is kept.
fn kept() -> PathBuf {
    programs().parent().unwrap().join("author")
}

/// Makes a project and builds it.
pub(crate) fn project(home: &Home, kind: &str, name: &str, more: &[&str], target: &Path) -> Home {
    home.ok("author", &[&["new", kind, name], more].concat());
    let folder = home.works_in().join(name);
    assert!(!folder.starts_with(env!("CARGO_MANIFEST_DIR")), "outside the repository");
    for file in
        ["Cargo.toml", "fitment.toml", "README.md", "CHANGELOG.md", ".gitignore", "src/lib.rs", "vendor/wit/types.wit"]
    {
        assert!(folder.join(file).exists(), "{file}");
    }
    let inside = home.in_folder(&folder).with_target(target);
    inside.ok("author", &["build"]);
    inside
}

// proves C4 (scaffold, build, check, a simulated device, sign, publish, deprecate, yank)
#[tokio::test]
async fn an_author_comes_from_new_to_a_finding_on_a_device_outside_the_repository() {
    let platform = Platform::start(Database::sqlite()).await;
    let outside = tempfile::tempdir().unwrap();
    let home = Home::new(outside.path());
    sign_in(&home, &platform, "author", "publisher@example.com");
    sign_in(&home, &platform, "operator", "operator@example.com");
    let hello = project(&home, "monitor", "hello", &[], &kept());

    // On this machine: the texts and the component, and two devices that do not exist.
    hello.ok("author", &["check"]);
    let tested = hello.ok("author", &["test"]);
    assert!(tested.contains("ok     little memory is a warning  (fuel "), "{tested}");
    wrong_answers_show(&hello);

    // The marketplace knows another key: a new one is no accident.
    hello.ok("author", &["keygen"]);
    hello.ends("author", &["publish"], 2, "--new-key");
    let create = ["test-tenant", "create", "--email", "lab@example.com", "--password-stdin"];
    assert!(hello.run("author", &create, PASSWORD).status.success());
    let published = hello.ok("author", &["publish", "--new-key"]);
    assert!(published.contains("in-review") && published.contains("can install it now"), "{published}");

    sign_in(&home, &platform, "lab", "lab@example.com");
    let lab = platform.sign_in("lab@example.com").await;
    let (agent, device) = Agent::enrol(&platform, &lab, "agent").await;
    let installing = Instant::now();
    let installed = home.ok("lab", &["install", "fitment/hello", "--all", "--yes"]);
    assert!(installed.contains("nobody reviewed this release"), "{installed}");
    let path = format!("/api/v1/findings?device={device}");
    let findings = lab.until(&path, "the first finding", |body| body["findings"][0].is_object()).await;
    assert!(installing.elapsed() < FIRST_FINDING_MAX, "{:?}", installing.elapsed());
    assert_eq!(
        (&findings["findings"][0]["condition"], &findings["runs"][0]["outcome"]),
        (&json!("memory"), &json!("findings"))
    );

    // Later it is approved, replaced and taken back; where it runs it goes on.
    home.ok("operator", &["approve", "fitment/hello@0.1.0"]);
    let why = ["--reason", "use memory instead", "--replacement", "fitment/memory"];
    home.ok("author", &[&["deprecate", "fitment/hello@0.1.0"][..], &why].concat());
    home.ok("author", &["yank", "fitment/hello@0.1.0", "--reason", "it counts caches as used"]);
    assert!(home.ok("author", &["releases"]).contains("it counts caches as used"));
    home.ends("lab", &["install", "fitment/hello@0.1.0", "--all", "--yes"], 1, "it counts caches as used");
    assert_eq!(agent.status()["items"][0]["state"], "running");
}

// proves C4 (scaffold, build, check, a simulated device)
#[test]
fn a_new_project_of_every_kind_builds_and_passes_its_own_cases() {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/cli/templates");
    let names = std::fs::read_dir(templates).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut kinds: Vec<String> = names.filter(|name| name != "common").collect();
    kinds.sort();
    assert_eq!(kinds, ["monitor", "probe", "script", "ticketing-connector"]);
    let outside = tempfile::tempdir().unwrap();
    let home = Home::new(outside.path());
    for kind in &kinds {
        let made = project(&home, kind, &format!("my-{kind}"), &["--publisher", "acme"], &kept());
        let checked = made.json("author", &["check"]);
        assert_eq!((&checked["accepts"], &checked["problems"]), (&json!(true), &json!([])), "{kind}");
        let tested = made.json("author", &["test"]);
        assert!(tested["cases"].as_array().unwrap().len() >= 2, "{kind}: {tested}");
    }
    // What no installer could install and no device would look at is no case.
    let probe = home.in_folder(&outside.path().join("my-probe"));
    let cases = [
        ("config = { targets = [\"a.example.com:1\"] }", "not among the `targets`"),
        ("config = { targets = [\"b.example.com:1\"], warning_ms = 0 }", "config.warning_ms"),
        ("", "targets"),
    ];
    for (config, words) in cases {
        let case = format!("target = \"b.example.com:1\"\n{config}\n");
        std::fs::write(probe.works_in().join("tests/wrong.toml"), case).unwrap();
        probe.ends("author", &["test", "--only", "wrong"], 2, words);
    }
}

/// A changed answer fails with the difference, and is taken by `--accept`; what a case costs can be bounded.
fn wrong_answers_show(hello: &Home) {
    let tests = hello.works_in().join("tests");
    let (case, snapshot) = (tests.join("little-memory.toml"), tests.join("little-memory.snap"));
    let (good, accepted) = (read(&case), read(&snapshot));
    std::fs::write(&case, good.replace("1_200_000_000", "7_200_000_000")).unwrap();
    let output = hello.run("author", &["test"], "");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("- ") && said.contains("90 % of the memory is available"), "{said}");
    hello.ok("author", &["test", "--accept"]);
    hello.ok("author", &["test"]);
    std::fs::write(&case, format!("{good}host_calls_max = 1\n")).unwrap();
    std::fs::write(&snapshot, accepted).unwrap();
    assert!(String::from_utf8_lossy(&hello.run("author", &["test"], "").stdout).contains("cost.host_calls_max is 1"));
    std::fs::write(&case, &good).unwrap();

    // What a fixture leaves out is no reading of this machine.
    std::fs::write(tests.join("empty.toml"), "").unwrap();
    let output = hello.run("author", &["test", "--only", "empty"], "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("fixture has no memory"), "{output:?}");
    std::fs::remove_file(tests.join("empty.toml")).unwrap();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

// proves C4 (errors with file and line and remedy)
#[tokio::test]
async fn what_an_author_wrote_wrong_is_named_with_file_line_and_remedy() {
    let outside = tempfile::tempdir().unwrap();
    let home = Home::new(outside.path());
    home.ends("author", &["new", "monitr", "hello", "--publisher", "acme"], 2, "did you mean monitor?");
    home.ends("author", &["new", "monitor", "Hello", "--publisher", "acme"], 2, "2 to 40 characters");
    home.ends("author", &["new", "monitor", "hello"], 2, "--publisher NAME");
    home.ok("author", &["new", "monitor", "hello", "--publisher", "acme"]);
    home.ends("author", &["new", "monitor", "hello", "--publisher", "acme"], 2, "not empty");
    let hello = home.in_folder(&outside.path().join("hello"));
    hello.ends("author", &["test"], 2, "run `fitment build` for version 0.1.0");
    let path = hello.works_in().join("fitment.toml");
    let good = read(&path);
    for (from, to, words) in [
        (
            "interval_s",
            "intervall_s",
            "fitment.toml:25:1: unknown field `intervall_s`, expected `interval_s`; did you mean `interval_s`?",
        ),
        ("kind = \"monitor\"", "kind = \"monitr\"", "fitment.toml:4:8: error[kind]"),
        ("name = \"metrics\"", "name = \"metrcs\"", "fitment.toml:18:8: error[permission-unknown]"),
        ("\"config.schema.json\"", "\"schema.json\"", "there is no such file"),
    ] {
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let output = hello.run("author", &["build"], "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "no {words:?} in {said}");
    }
    std::fs::write(&path, &good).unwrap();
}

/// Returns the commands of a document: the lines of its blocks of `sh`.
fn commands(text: &str) -> Vec<&str> {
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.flat_map(str::lines).collect()
}

// proves C4 (scaffold, build, check, a simulated device, publish, a test tenant)
#[tokio::test]
async fn the_tutorials_commands_run_as_they_are_written() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.add_account("publisher", "acme", "you@example.com");
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("password"), PASSWORD).unwrap();
    let tutorial = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/guest/README.md"));
    let commands = commands(&tutorial);
    assert!(commands.len() > 10 && commands[0].starts_with("fitment new monitor"), "{commands:?}");
    let script = commands.join("\n").replace("https://fitment.example.com", &platform.url());
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-eu", "-c", &script]).current_dir(outside.path()).env("PATH", path);
    shell.env("FITMENT_HOME", outside.path().join("home"));
    shell.env("CARGO_TARGET_DIR", programs().parent().unwrap().join("author"));
    if let Some(cargo) = guest_cargo() {
        shell.env("CARGO", cargo);
    }
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lab = platform.sign_in("lab@example.com").await;
    let installed = lab.get("/api/v1/installations").await.ok();
    assert_eq!(installed["installations"][0]["accessory"], "acme/hello");
}
