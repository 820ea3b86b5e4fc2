//! From a key to a finding by `fitment` alone.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::home::Home;
use crate::support::platform::{PASSWORD, PATIENCE, Platform};
use crate::support::programs::accessory;

/// Copies a built accessory to where `fitment` may write its signature beside it.
fn copy(folder: &Path, name: &str) -> String {
    let (component, listing) = accessory(name);
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    std::fs::write(path("wasm"), component).unwrap();
    std::fs::write(path("listing.json"), listing).unwrap();
    path("wasm").display().to_string()
}

fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

// proves M8 (by command line, consent, configuration, scope, change, remove), M2 (by hand, by import), T1 (location by hand), M7 (reasons)
#[tokio::test]
async fn everything_from_a_key_to_a_finding_works_by_command_line() {
    let platform = Platform::start(Database::sqlite()).await;
    let home = Home::new(platform.scratch());
    let url = platform.url();
    for who in ["publisher", "msp", "operator"] {
        let email = format!("{who}@example.com");
        let login = ["login", "--url", &url, "--email", &email, "--password-stdin"];
        assert_eq!(home.run(who, &login, "wrong password, long enough").status.code(), Some(1));
        assert!(home.run(who, &login, PASSWORD).status.success());
    }
    assert_eq!(mode(&home.folder().join("profiles/msp.json")), 0o600);

    let (monitor, connector) = (copy(platform.scratch(), "disk-space"), copy(platform.scratch(), "request-tracker"));
    home.ends("publisher", &["publish", &monitor], 2, "fitment keygen");
    home.ok("publisher", &["keygen"]);
    assert_eq!(mode(&home.folder().join("publisher.key")), 0o600);
    home.ok("publisher", &["check", &monitor]);
    home.ends("publisher", &["publish", &monitor, &connector], 2, "--new-key");
    home.ok("publisher", &["publish", "--new-key", &monitor, &connector]);
    home.ends("publisher", &["publish", &monitor], 1, "version-used");
    home.ends("msp", &["install", "fitment/disk-space@0.1.0", "--all", "--yes"], 1, "no such release");
    home.ends("msp", &["approve", "fitment/disk-space@0.1.0"], 1, "forbidden");
    for accessory in ["fitment/disk-space@0.1.0", "fitment/request-tracker@0.1.0"] {
        home.ok("operator", &["approve", accessory]);
    }

    let bundle = platform.scratch().join("zero.json");
    home.ok("msp", &["zero-certificate", "new", "--out", bundle.to_str().unwrap(), "--uses-max", "1"]);
    assert_eq!(mode(&bundle), 0o600);
    let bundle: Value = serde_json::from_slice(&std::fs::read(&bundle).unwrap()).unwrap();
    let agent = Agent::start(platform.scratch(), "agent", &bundle);
    let status = agent.until_status("the agent enrols", |s| !s["device"].is_null()).await;
    let device = status["device"].as_str().unwrap();

    let fit = home.json("msp", &["fit", "fitment/disk-space"]);
    assert_eq!((&fit["fits"], &fit["of"], &fit["devices"][0]["device"]), (&json!(1), &json!(1), &json!(device)));
    assert!(home.ok("msp", &["fit", "fitment/disk-space"]).contains("fits 1 of 1 devices"));
    assert_eq!(home.json("msp", &["devices"])["devices"][0]["id"], device);
    assert_eq!(home.json("msp", &["zero-certificate", "list"])["zero_certificates"][0]["devices"][0]["device"], device);

    let install =
        |more: &[&'static str]| [&["install", "fitment/disk-space", "--all", "--interval", "1s"], more].concat();
    home.ends("msp", &install(&[]), 2, "consent is needed");
    home.ends("msp", &install(&["--consent", "http"]), 1, "consent-needed");
    home.ends("msp", &install(&["--consent", "metrics", "--set", "warning_percent=200"]), 1, "config.warning_percent");
    home.ends("msp", &["install", "fitment/request-tracker", "--all", "--yes"], 1, "not-for-devices");
    assert_eq!(home.json("msp", &["installations"])["installations"], json!([]));
    let installed = home.json("msp", &install(&["--consent", "metrics", "--set", "warning_percent=50"]));
    assert_eq!(installed["installation"]["config"]["warning_percent"], 50);

    let deadline = Instant::now() + PATIENCE;
    let findings = loop {
        let answer = home.json("msp", &["findings", "--device", device]);
        if answer["findings"][0].is_object() {
            break answer;
        }
        assert!(Instant::now() < deadline, "no finding: {answer:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(findings["runs"][0]["outcome"], "findings");
    assert_eq!(findings["findings"][0]["installation"], installed["installation"]["id"]);

    // Where it stands, what it is called, and what is changed of the installation.
    home.ok("msp", &["locations", "add", "Workshop", "--client", "Acme"]);
    home.ok("msp", &["devices", "move", device, "Workshop"]);
    home.ok("msp", &["devices", "rename", device, "Lathe"]);
    home.ok("msp", &["locations", "networks", "Workshop", "--set", "10.1.2.0/24,2001:db8::/32"]);
    assert!(home.ok("msp", &["locations", "networks", "Workshop"]).contains("10.1.2.0/24"));
    home.ends("msp", &["locations", "networks", "Workshop", "--set", "10.1.2.3/24"], 1, "write 10.1.2.0/24");
    let lathe = home.json("msp", &["devices", "show", "Lathe"]);
    assert_eq!((&lathe["id"], &lathe["location_source"]), (&json!(device), &json!("hand")));
    home.ok("msp", &["devices", "add", "Drill", "--location", "Workshop", "--fact", "serial=CZC0000031"]);
    let table = platform.scratch().join("devices.csv");
    std::fs::write(&table, "name,location,serial\nSaw,Workshop,CZC0000032\nAnvil,Nowhere,\n").unwrap();
    let said = home.ok("msp", &["devices", "import", table.to_str().unwrap()]);
    assert!(said.contains("1 devices are known now") && said.contains("Nowhere"), "{said}");
    let id = installed["installation"]["id"].as_str().unwrap();
    let narrow =
        ["installations", "change", id, "--device", "Lathe", "--device", "Drill", "--set", "critical_percent=99"];
    let changed = home.json("msp", &narrow)["installation"].clone();
    assert_eq!(changed["target"]["any"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&changed["config"]["warning_percent"], &changed["config"]["critical_percent"]),
        (&json!(50), &json!(99))
    );
    home.ok("msp", &["devices", "retire", "Drill"]);
    assert!(home.ok("msp", &["devices", "list", "--retired"]).contains("Drill"));
    home.ends(
        "msp",
        &["alerts", "close", "alr_00000000000000000000000000000000", "--reason", "none"],
        1,
        "no such alert",
    );

    home.ok("msp", &["installations", "remove", installed["installation"]["id"].as_str().unwrap()]);
    agent.until_status("it is gone from the device", |s| s["items"] == json!([])).await;
    home.ok("msp", &["logout"]);
    home.ends("msp", &["devices"], 2, "not signed in");
}
