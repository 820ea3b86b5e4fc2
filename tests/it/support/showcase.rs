//! A small world to look at: clients with devices, findings good and bad, releases in every state, and a neighbour of whom
//! nobody may learn. Whatever people and accessories may write holds what would run if it came out as HTML.

use fitment_domain::finding::{Finding, Health, Sample};
use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::{Outcome, Results, RunResult, route};
use fitment_domain::run::Fact;
use fitment_domain::time::UnixMs;
use serde_json::{Value, json};

use super::databases::Database;
use super::package::Packing;
use super::platform::{PASSWORD, Platform, Session};
use super::wire::{HandDevice, facts, now};

/// What would run.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script><img src=x onerror=alert(1)>";
/// What only the neighbour has.
pub(crate) const SECRET: &str = "globex-secret";

/// The world.
pub(crate) struct Showcase {
    pub(crate) platform: Platform,
    pub(crate) msp: Session,
    /// Ids of the devices, by host name.
    pub(crate) devices: Vec<(String, String)>,
    pub(crate) installation: String,
}

/// Enrols a device of this name.
async fn device(bundle: &Value, name: &str, system: &str, arch: &str) -> HandDevice {
    let mut facts = facts();
    for (fact, value) in [("hostname", name), ("os.family", "linux"), ("os.version", system), ("arch", arch)] {
        facts.0.insert(fact.to_owned(), Fact::Text(value.to_owned()));
    }
    HandDevice::enrol_with(bundle, facts).await
}

fn space(mount: &str, percent: f64) -> Finding {
    let (health, word) = match percent {
        p if p >= 90.0 => (Health::Critical, "nearly full"),
        p if p >= 80.0 => (Health::Warning, "filling up"),
        _ => (Health::Ok, "in use"),
    };
    Finding {
        health,
        summary: format!("{mount} is {word}: {percent} % of 480 GB"),
        details: None,
        samples: vec![Sample {
            name: "disk.used_percent".to_owned(),
            value: percent,
            unit: "%".to_owned(),
            labels: vec![("mount".to_owned(), mount.to_owned())],
        }],
        condition: "space".to_owned(),
        subject: Some(mount.to_owned()),
    }
}

/// Reports these looks, a minute between each two.
async fn report(device: &HandDevice, installation: &str, looks: Vec<Vec<Finding>>) {
    let (count, end) = (i64::try_from(looks.len()).unwrap(), now());
    let results = looks.into_iter().zip(1..).map(|(findings, sequence)| RunResult {
        version: None,
        sequence,
        installation: serde_json::from_value(json!(installation)).unwrap(),
        started: UnixMs(end.0 - (count - i64::try_from(sequence).unwrap()) * 60_000),
        usage: Default::default(),
        outcome: Outcome::Findings(findings),
        log: Vec::new(),
    });
    let results: Vec<RunResult> = results.collect();
    for (number, batch) in results.chunks(150).enumerate() {
        let spool = SpoolEpoch::from_random([u8::try_from(number).unwrap(); 16]);
        device.wire.post(route::RESULTS, &Results { spool, results: batch.to_vec() }).await.ok();
    }
}

/// Gives an MSP a client with a location, and the bundle that enrols devices there.
async fn site(msp: &Session, client: &str, location: &str) -> Value {
    let client = msp.post("/api/v1/clients", json!({ "name": client })).await.ok();
    let location = msp.post("/api/v1/locations", json!({ "name": location, "client": client["id"] })).await.ok();
    msp.post(
        "/api/v1/zero-certificates",
        json!({ "client": client["id"], "location": location["id"], "uses_max": 1_000 }),
    )
    .await
    .ok()["bundle"]
        .clone()
}

impl Showcase {
    /// Builds it.
    pub(crate) async fn build() -> Self {
        let platform = Platform::start(Database::sqlite()).await;
        platform.publish("disk-space").await;
        platform.publish("request-tracker").await;
        let hostile =
            Packing::of("disk-space").version("0.2.0").manifest(|m| m.requires.os = vec!["windows".to_owned()]);
        let hostile = hostile.manifest(|m| m.permissions[0].reason = HOSTILE.to_owned()).listing(|listing| {
            listing["summary"] = json!(format!("Hostile {HOSTILE}"));
            listing["readme"] = json!(format!(
                "# Hostile\n\n{HOSTILE}\n\n[click](javascript:alert(2)) ![p](https://example.com/p.png)\n"
            ));
            listing["authors"] = json!([HOSTILE]);
        });
        platform.publish_parts("disk-space", "0.2.0", &hostile.signed_by(&platform.publisher_key)).await;
        let waiting = Packing::of("disk-space").version("0.3.0").signed_by(&platform.publisher_key);
        platform.publisher().await.upload(&waiting).await.ok();
        let mut broken = Packing::of("disk-space").version("0.4.0").signed_by(&platform.publisher_key);
        broken.component.truncate(200);
        platform.publisher().await.upload(&broken).await;

        platform.add_account("msp", "Globex", "globex@example.com");
        let globex = platform.sign_in("globex@example.com").await;
        let bundle = site(&globex, &format!("{SECRET}-client"), &format!("{SECRET}-site")).await;
        device(&bundle, &format!("{SECRET}-device"), "12", "x86_64").await;

        let msp = platform.msp().await;
        let (dental, bakery) =
            (site(&msp, "Harbour Dental", "Reception").await, site(&msp, "Northwind Bakery", "Mill Road").await);
        let install =
            json!({ "accessory": "fitment/disk-space", "version": "0.1.0", "target": "all", "consent": ["metrics"] });
        let mut devices = Vec::new();
        let mut all = Vec::new();
        for (bundle, name, system) in [
            (&dental, "files-01", "Debian 13"),
            (&dental, "reception-02", "Ubuntu 24.04"),
            (&bakery, "till-01", "Debian 12"),
            (&bakery, "oven-control", "Alpine 3.22"),
            (&bakery, "<b>bold</b>", HOSTILE),
        ] {
            let device = device(bundle, name, system, "x86_64").await;
            devices.push((name.to_owned(), device.enrolled.device.to_string()));
            all.push(device);
        }
        let installed = msp.post("/api/v1/installations", install).await.ok();
        let installation = installed["installation"]["id"].as_str().unwrap().to_owned();
        let rising = (0..90).map(|minute| vec![space("/srv", 60.0 + f64::from(minute) * 0.4), space("/", 41.0)]);
        report(&all[0], &installation, rising.collect()).await;
        report(&all[1], &installation, vec![vec![space("/", 35.0)], vec![space("/", 83.5)], vec![space("/", 84.0)]])
            .await;
        report(&all[2], &installation, vec![vec![space("/", 22.0)]]).await;
        let odd = Finding {
            summary: HOSTILE.to_owned(),
            details: Some(HOSTILE.to_owned()),
            subject: Some(HOSTILE.to_owned()),
            ..space("/x", 99.0)
        };
        report(&all[4], &installation, vec![vec![odd.clone()], vec![odd]]).await;
        let clients = msp.get("/api/v1/clients").await.ok();
        let dental =
            clients["clients"].as_array().unwrap().iter().find(|c| c["name"] == "Harbour Dental").unwrap()["id"]
                .clone();
        for (role, clients) in [("viewer", json!("all")), ("technician", json!([dental])), ("client", json!([dental]))]
        {
            let email = format!("{role}@example.com");
            let person = json!({ "email": email, "password": PASSWORD, "role": role, "clients": clients });
            msp.post("/api/v1/people", person).await.ok();
        }
        Self { platform, msp, devices, installation }
    }

    /// Adds so many devices more.
    #[cfg(feature = "measures")]
    pub(crate) async fn add_devices(&self, count: usize) {
        let bundle = site(&self.msp, "Long List", "Site").await;
        for number in 0..count {
            device(&bundle, &format!("site-{number:03}"), "Debian 13", "x86_64").await;
        }
    }

    /// Returns the id of a device.
    pub(crate) fn device(&self, name: &str) -> &str {
        &self.devices.iter().find(|(known, _)| known == name).unwrap().1
    }
}
