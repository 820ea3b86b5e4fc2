//! Programs use `fitment` too: with `--json` every command writes one JSON document or, where it is refused, nothing.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::home::Home;
use crate::support::platform::{PASSWORD, Platform};
use crate::support::programs::{accessory, programs};
use crate::support::script;

/// Returns every command of the command line, as its words: those that have no commands of their own, and `series`.
fn commands(home: &Home, words: &[String]) -> Vec<String> {
    let mut asking: Vec<&str> = words.iter().map(String::as_str).collect();
    asking.push("--help");
    let help = home.ok("nobody", &asking);
    let section = help.split("Commands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").collect();
    let mut found = Vec::new();
    if names.is_empty() || words == ["series"] {
        found.push(words.join(" "));
    }
    for name in names {
        found.extend(commands(home, &[words, &[name.to_owned()]].concat()));
    }
    found
}

/// Goes through the command line, and remembers where it was.
struct Walk {
    home: Home,
    commands: Vec<String>,
    seen: BTreeSet<String>,
}

impl Walk {
    fn notes(&mut self, arguments: &[&str]) {
        let said = arguments.join(" ") + " ";
        let fits = |command: &&String| said.starts_with(&format!("{command} "));
        let command = self.commands.iter().filter(fits).max_by_key(|command| command.len());
        self.seen.insert(command.unwrap_or_else(|| panic!("{said} is no command")).clone());
    }

    /// Runs what must be done, and returns the one document that it wrote.
    #[track_caller]
    fn says(&mut self, profile: &str, arguments: &[&str], input: &str) -> Value {
        self.notes(arguments);
        let output = self.home.run(profile, &[&["--json"], arguments].concat(), input);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "fitment {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("fitment {arguments:?}: {e} in {said:?}"))
    }

    /// Runs what the marketplace refuses: it says why to people, and nothing to programs.
    #[track_caller]
    fn refused(&mut self, profile: &str, arguments: &[&str]) {
        self.notes(arguments);
        let output = self.home.run(profile, &[&["--json"], arguments].concat(), "");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "fitment {arguments:?}: {output:?}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn copy(folder: &Path, name: &str) -> String {
    let (component, listing) = accessory(name);
    std::fs::write(folder.join(format!("{name}.wasm")), component).unwrap();
    std::fs::write(folder.join(format!("{name}.listing.json")), listing).unwrap();
    folder.join(format!("{name}.wasm")).display().to_string()
}

// proves M8 (by command line)
#[tokio::test]
async fn every_command_writes_one_json_document_where_it_is_asked_to() {
    let platform = Platform::start(Database::sqlite()).await;
    script::publish(&platform, 1).await;
    platform.publish("memory").await;
    let msp = platform.msp().await;
    let (_agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let home = Home::new(platform.scratch()).with_target(&programs().parent().unwrap().join("author"));
    let commands = commands(&home, &[]);
    assert!(commands.len() > 60, "{commands:?}");
    let mut walk = Walk { home, commands, seen: BTreeSet::new() };
    let url = platform.url();
    for who in ["publisher", "msp", "operator"] {
        let email = format!("{who}@example.com");
        walk.says(who, &["login", "--url", &url, "--email", &email, "--password-stdin"], PASSWORD);
    }
    publishing(&mut walk, platform.scratch());
    operating(&mut walk);
    places_and_devices(&mut walk, platform.scratch());
    installing(&mut walk, &device);
    msp.until("/api/v1/alerts", "an alert", |body| body["alerts"][0]["state"] == "open").await;
    watching(&mut walk);
    for who in ["publisher", "msp"] {
        walk.says(who, &["logout"], "");
    }
    let missing: Vec<&String> = walk.commands.iter().filter(|command| !walk.seen.contains(*command)).collect();
    assert!(missing.is_empty(), "no word of {missing:?}: let this test run them");
}

fn publishing(walk: &mut Walk, scratch: &Path) {
    let who = "publisher";
    walk.says(who, &["keygen"], "");
    walk.says(who, &["completions", "bash"], "");
    walk.says(who, &["new", "monitor", "hello"], "");
    let hello = walk.home.works_in().join("hello").display().to_string();
    walk.says(who, &["vendor", &hello], "");
    let built = text(&walk.says(who, &["build", &hello], "")["file"]);
    walk.says(who, &["check", &hello], "");
    walk.says(who, &["test", &hello], "");
    walk.says(who, &["sign", &built], "");
    walk.says(who, &["test-tenant", "create", "--email", "lab@example.com", "--password-stdin"], PASSWORD);
    let published = walk.says(who, &["publish", &hello, "--new-key"], "");
    assert!(published["release"].is_object() && published["test"]["tenant"].is_string(), "{published:#}");
    let two = [copy(scratch, "uptime"), copy(scratch, "cpu")];
    let published = walk.says(who, &["publish", &two[0], &two[1]], "");
    assert_eq!(published["published"].as_array().map(Vec::len), Some(2), "{published:#}");
    walk.says("operator", &["reject", "fitment/cpu@0.1.0", "--reason", "it is a second one"], "");
    for release in ["fitment/hello@0.1.0", "fitment/uptime@0.1.0"] {
        walk.says("operator", &["approve", release], "");
    }
    walk.says(who, &["releases", "list"], "");
    walk.says(who, &["releases", "show", "fitment/hello@0.1.0"], "");
    walk.says(who, &["releases", "difference", "fitment/hello@0.1.0"], "");
    walk.says(who, &["releases", "usage", "fitment/hello@0.1.0"], "");
    for (there, back) in [("deprecate", "undeprecate"), ("yank", "unyank")] {
        walk.says(who, &[there, "fitment/hello@0.1.0", "--reason", "it is a test"], "");
        walk.says(who, &[back, "fitment/hello@0.1.0"], "");
    }
    compiled_code(walk, who, &hello);
}

fn compiled_code(walk: &mut Walk, who: &str, component: &str) {
    let release = "fitment/hello@0.1.0";
    let attested = walk.says(who, &["attest", component, "--no-upload"], "");
    assert!(attested["artifact"]["digest"].is_string(), "{attested:#}");
    let attested = walk.says(who, &["attest", component], "");
    let target = text(&attested["target"]);
    walk.says(who, &["artifacts", "list", release], "");
    let withdraw = ["artifacts", "withdraw", release, "--target", &target, "--reason", "it is a test"];
    walk.says("operator", &withdraw, "");
    walk.says("operator", &["artifacts", "allow-again", release, "--target", &target], "");
    for words in [&["artifacts", "minimum", "1"][..], &["artifacts", "minimum"]] {
        assert_eq!(walk.says("operator", words, "")["build_min"], 1);
    }
    for (choice, accepted) in [("accept", true), ("refuse", false), ("show", false)] {
        assert_eq!(walk.says("msp", &["compiled-code", choice], "")["accepted"], accepted);
    }
}

fn operating(walk: &mut Walk) {
    let add = ["accounts", "add", "--kind", "msp", "--name", "Second", "--email", "second@example.com"];
    walk.says("operator", &[&add[..], &["--password-stdin"]].concat(), PASSWORD);
    let accounts = walk.says("operator", &["accounts", "list"], "");
    let msp = accounts["accounts"].as_array().unwrap().iter().find(|account| account["kind"] == "msp").unwrap();
    walk.says("operator", &["accounts", "retention", &text(&msp["tenant"])], "");
    let tenant = text(&msp["tenant"]);
    walk.says("operator", &["plans", "define", "small", "--allow", "metrics"], "");
    walk.says("operator", &["plans", "assign", &tenant, "small"], "");
    walk.says("operator", &["plans", "list"], "");
    walk.says("operator", &["plans", "assign", &tenant], "");
    walk.says("operator", &["plans", "remove", "small"], "");
    walk.says("operator", &["audit"], "");
    walk.says("operator", &["password"], &format!("{PASSWORD}\n{PASSWORD} and more\n"));
    let add = ["people", "add", "viewer@example.com", "--role", "viewer", "--password-stdin"];
    walk.says("msp", &add, PASSWORD);
    walk.says("msp", &["people", "change", "viewer@example.com", "--role", "technician"], "");
    walk.says("msp", &["people", "list"], "");
    walk.says("msp", &["people", "disable", "viewer@example.com"], "");
    walk.says("msp", &["people", "reset", "viewer@example.com", "--password-stdin"], PASSWORD);
}

fn places_and_devices(walk: &mut Walk, scratch: &Path) {
    let who = "msp";
    walk.says(who, &["clients", "add", "Mill"], "");
    walk.says(who, &["clients", "list"], "");
    walk.says(who, &["locations", "add", "Workshop", "--client", "Mill"], "");
    walk.says(who, &["locations", "networks", "Workshop", "--set", "10.1.2.0/24"], "");
    walk.says(who, &["locations", "list"], "");
    let zero = scratch.join("zero.json").display().to_string();
    let zero =
        text(&walk.says(who, &["zero-certificate", "new", "--client", "Mill", "--out", &zero], "")["zero"]["id"]);
    walk.says(who, &["zero-certificate", "list"], "");
    walk.says(who, &["zero-certificate", "revoke", &zero], "");
    walk.says(who, &["devices", "add", "Drill", "--location", "Workshop", "--fact", "os.family=linux"], "");
    let table = scratch.join("devices.csv");
    std::fs::write(&table, "name,location,serial\nSaw,Workshop,CZC0000032\n").unwrap();
    walk.says(who, &["devices", "import", &table.display().to_string()], "");
    walk.says(who, &["devices", "rename", "Saw", "Lathe"], "");
    walk.says(who, &["devices", "state", "Lathe", "arch=x86_64"], "");
    walk.says(who, &["devices", "move", "Lathe", "Workshop"], "");
    walk.says(who, &["devices", "duplicates"], "");
    walk.says(who, &["devices", "list"], "");
    walk.says(who, &["devices", "re-image", "Lathe"], "");
    walk.says(who, &["devices", "retire", "Lathe"], "");
    let shown = walk.home.ok(who, &["devices", "show", "Drill"]);
    assert!(shown.contains("Mill") && !shown.contains("cli_"), "{shown}");
    walk.says(who, &["devices", "show", "Drill"], "");
}

fn installing(walk: &mut Walk, device: &str) {
    let who = "msp";
    walk.says(who, &["devices", "rename", device, "Press"], "");
    walk.says(who, &["fit", "fitment/uptime"], "");
    walk.says(who, &["install", "fitment/uptime", "--client", "Mill", "--device", "Press", "--yes"], "");
    // A share from which it is always a warning.
    let memory = ["install", "fitment/memory", "--device", "Press", "--interval", "1s", "--set", "warning_percent=0"];
    walk.says(who, &[&memory[..], &["--yes"]].concat(), "");
    walk.says(who, &["install", "fitment/works", "--all", "--yes"], "");
    walk.says(who, &["installations", "list"], "");
    // People read names, programs ids.
    let listed = walk.home.ok(who, &["installations"]);
    assert!(listed.contains("client Mill, device Press") && !listed.contains("cli_"), "{listed}");
    let shown = walk.home.ok(who, &["installations", "show", "fitment/uptime"]);
    assert!(shown.contains("client Mill, device Press"), "{shown}");
    let shown = walk.says(who, &["installations", "show", "fitment/uptime"], "");
    assert!(text(&shown["target"]["any"][0]["client"]).starts_with("cli_"), "{shown:#}");
    let changed = walk.says(who, &["installations", "change", "fitment/uptime", "--interval", "90s"], "");
    assert_eq!(changed["installation"]["interval_s"], 90);
    let ran = walk.says(who, &["run", "fitment/works", "--device", "Press", "--param", "times=2"], "");
    let request = text(&ran["request"]["id"]);
    walk.says(who, &["requests", "list"], "");
    walk.says(who, &["requests", "show", &request], "");
    walk.says(who, &["requests", "cancel", &request], "");
    walk.says(who, &["ceilings", "set", "--client", "Mill", "--allow", "metrics", "--allow", "files:read=/var/**"], "");
    walk.says(who, &["ceilings", "list"], "");
    let nothing = walk.says(who, &["ceilings", "set", "--client", "Mill", "--nothing"], "");
    assert_eq!(nothing["permissions"], serde_json::json!({}), "{nothing:#}");
    walk.says(who, &["ceilings", "device", "Press"], "");
    walk.says(who, &["ceilings", "remove", "--client", "Mill"], "");
    walk.says(who, &["installations", "remove", "fitment/uptime"], "");
    walk.says(who, &["devices", "revoke", "Drill"], "");
}

fn watching(walk: &mut Walk) {
    let who = "msp";
    for command in ["findings", "audit"] {
        walk.says(who, &[command], "");
    }
    let series = text(&walk.says(who, &["series", "--installation", "fitment/memory"], "")["series"][0]["id"]);
    walk.says(who, &["series", "points", &series, "--last", "1h"], "");
    let audit = walk.home.ok(who, &["audit"]);
    assert!(audit.contains("msp@example.com  ") && audit.contains("fitment/memory"), "{audit}");
    assert!(walk.home.ok("operator", &["audit"]).contains("operator@example.com"));
    for command in ["findings", "series", "alerts", "tickets"] {
        let listed = walk.home.ok(who, &[command]);
        let ids = ["dev_", "ins_"].iter().any(|id| listed.contains(id));
        assert!(listed.contains("Press") && !ids, "{command}: {listed}");
    }
    for command in ["tickets", "categories", "rules", "connections"] {
        walk.says(who, &[command, "list"], "");
    }
    walk.says(who, &["categories", "add", "Printers", "--board", "General"], "");
    walk.says(who, &["categories", "set", "Printers", "--priority", "50"], "");
    let rule = ["rules", "add", "--position", "7", "--category", "Printers", "--condition", "paper"];
    let rule = text(&walk.says(who, &rule, "")["id"]);
    walk.says(who, &["rules", "remove", &rule], "");
    let ticket = ["tickets", "create", "--summary", "No paper", "--category", "Printers", "--device", "Drill"];
    let number = walk.says(who, &ticket, "")["number"].to_string();
    walk.says(who, &["tickets", "show", &number], "");
    walk.says(who, &["tickets", "note", &number, "Bought some"], "");
    walk.says(who, &["tickets", "change", &number, "--summary", "No paper left"], "");
    assert!(walk.home.ok(who, &["tickets"]).contains("Drill"));
    let alert = text(&walk.says(who, &["alerts", "list"], "")["alerts"][0]["id"]);
    walk.says(who, &["alerts", "close", &alert, "--reason", "it is a test"], "");
    // Without a ticketing system there is no connection.
    let none = format!("con_{}", "0".repeat(32));
    let add = ["--name", "RT", "--accessory", "fitment/none", "--url", "http://127.0.0.1:9"];
    walk.refused(who, &[&["connections", "add"][..], &add].concat());
    for command in ["check", "change", "remove", "sync"] {
        walk.refused(who, &["connections", command, &none]);
    }
}
