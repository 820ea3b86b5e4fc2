//! Two MSPs with two clients each: whoever signs in for one client meets nothing of the other, nor of the other MSP.

use fitment_domain::device::Facts;
use fitment_domain::finding::{Finding, Health, Sample};
use fitment_domain::protocol::{Results, route};
use fitment_domain::run::Fact;
use serde_json::{Value, json};

use crate::stories::api::{OPEN, described};
use crate::stories::tenancy::nobodys;
use crate::support::databases::Database;
use crate::support::looks::{looks, space};
use crate::support::platform::{Answer, PASSWORD, Platform, Session};
use crate::support::script;
use crate::support::wire::{HandDevice, facts};

/// What there is of one client: names and ids by what they name.
struct Branch {
    name: String,
    ids: Value,
}

impl Branch {
    /// Makes a client with a location, a device, an installation, a finding, an alert and a ticket.
    async fn of(msp: &Session, name: &str) -> Self {
        let client = msp.post("/api/v1/clients", json!({ "name": name })).await.ok()["id"].clone();
        let body = json!({ "client": client, "name": format!("{name} office") });
        let location = msp.post("/api/v1/locations", body).await.ok()["id"].clone();
        let body = json!({ "client": client, "location": location });
        let issued = msp.post("/api/v1/zero-certificates", body).await.ok();
        let mut facts: Facts = facts();
        facts.0.insert("hostname".to_owned(), Fact::Text(format!("{name}-host")));
        let device = HandDevice::enrol_with(&issued["bundle"], facts).await;
        let body = json!({ "accessory": "fitment/disk-space", "target": { "client": client }, "consent": ["metrics"] });
        let installed = msp.post("/api/v1/installations", body).await.ok();
        let installation = installed["installation"]["id"].clone();
        device.wire.post(route::RESULTS, &bad_looks(&installation, name)).await.ok();
        let device = json!(device.enrolled.device);
        let script = script::install(msp, json!({ "client": client })).await;
        let request = script::ask(msp, &script, &[device.as_str().unwrap()]).await["id"].clone();
        // Its stream of events ends once nothing is waited for.
        msp.delete(&format!("/api/v1/requests/{}", request.as_str().unwrap())).await.ok();
        let alerts = msp.get("/api/v1/alerts").await.ok();
        let tickets = msp.get("/api/v1/tickets").await.ok();
        let series = msp.get("/api/v1/series").await.ok();
        let of_device =
            |rows: &Value| rows.as_array().unwrap().iter().find(|r| r["device"] == device).unwrap()["id"].clone();
        let ids = json!({
            "client": client, "location": location, "zero": issued["zero"]["id"], "device": device,
            "installation": installation, "alert": of_device(&alerts["alerts"]), "ticket": of_device(&tickets["tickets"]),
            "series": of_device(&series["series"]), "request": request,
        });
        Self { name: name.to_owned(), ids }
    }

    fn id(&self, what: &str) -> &str {
        self.ids[what].as_str().unwrap()
    }

    /// Returns what of this client stands in a text; none if nothing does.
    fn traces(&self, text: &str) -> Vec<String> {
        let ids = self.ids.as_object().unwrap().values().map(|id| id.as_str().unwrap());
        ids.chain([self.name.as_str()]).filter(|trace| text.contains(trace)).map(str::to_owned).collect()
    }
}

fn bad_looks(installation: &Value, name: &str) -> Results {
    let sample = Sample { name: "fs.used".to_owned(), value: 99.0, unit: "%".to_owned(), labels: Vec::new() };
    let finding = Finding { samples: vec![sample], ..space(Health::Critical, format!("/srv of {name} is full")) };
    looks(installation, &finding, [1, 2])
}

/// An MSP with two clients, and its people: an owner, and three who are there for the first client alone.
struct Estate {
    owner: Session,
    branches: [Branch; 2],
    people: Vec<(&'static str, Session)>,
}

impl Estate {
    async fn of(platform: &Platform, name: &str, owner: Session) -> Self {
        let branches =
            [Branch::of(&owner, &format!("{name}-alder")).await, Branch::of(&owner, &format!("{name}-birch")).await];
        let mut people = vec![("owner", owner.clone())];
        for role in ["technician", "viewer", "client"] {
            let email = format!("{role}@{name}.example.com");
            let clients = json!([branches[0].id("client")]);
            let body = json!({ "email": email, "password": PASSWORD, "role": role, "clients": clients });
            owner.post("/api/v1/people", body).await.ok();
            people.push((role, platform.sign_in(&email).await));
        }
        Self { owner, branches, people }
    }

    fn person(&self, role: &str) -> &Session {
        &self.people.iter().find(|(name, _)| *name == role).unwrap().1
    }
}

/// Returns the paths of every route that is read, those that name one thing apart.
async fn reading_routes(platform: &Platform) -> (Vec<String>, Vec<String>) {
    let openapi = platform.nobody().get("/api/openapi.json").await.ok();
    let read = described(&openapi).into_iter().filter(|(_, methods)| methods.contains("GET")).map(|(path, _)| path);
    let read = read.filter(|path| !OPEN.contains(&format!("GET {path}").as_str()));
    let release = |path: String| {
        path.replace("{publisher}", "fitment").replace("{name}", "disk-space").replace("{version}", "0.1.0")
    };
    read.map(release).partition(|path| !path.contains('{'))
}

/// What no client of this story has: whoever may read it finds nothing, and the store's own test reads it with rows.
const NOT_HERE: &[&str] = &["connections", "tenants"];

/// Fills the id of a route from what there is of a client, by the noun before it.
fn filled(path: &str, branch: &Branch) -> String {
    let noun = path.split("/{").next().unwrap().rsplit('/').next().unwrap();
    if NOT_HERE.contains(&noun) {
        return path.replace("{id}", "x");
    }
    let what = match noun {
        "devices" => "device",
        "tickets" => "ticket",
        "alerts" => "alert",
        "installations" => "installation",
        "series" => "series",
        "requests" => "request",
        "locations" => "location",
        "permission-ceilings" => "device",
        other => panic!("{path}: say which of a client's things {other} holds"),
    };
    path.replace("{id}", branch.id(what)).replace("{subject}", branch.id(what))
}

/// Asks with a client's ids for changes that a technician may make.
async fn changes(who: &Session, ids: &dyn Fn(&str) -> String) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for path in [format!("zero-certificates/{}", ids("zero")), format!("installations/{}", ids("installation"))] {
        answers.push((format!("DELETE {path}"), who.delete(&format!("/api/v1/{path}")).await));
    }
    let install =
        |target: Value| json!({ "accessory": "fitment/disk-space", "consent": ["metrics"], "target": target });
    for (path, body) in [
        (format!("devices/{}/revocation", ids("device")), json!({})),
        ("locations".to_owned(), json!({ "client": ids("client"), "name": "Annex" })),
        ("zero-certificates".to_owned(), json!({ "client": ids("client"), "location": ids("location") })),
        ("installations".to_owned(), install(json!({ "device": ids("device") }))),
        ("installations".to_owned(), install(json!({ "client": ids("client") }))),
        ("installations".to_owned(), install(json!({ "location": ids("location") }))),
    ] {
        answers.push((format!("POST {path} {body}"), who.post(&format!("/api/v1/{path}"), body).await));
    }
    answers
}

/// Everybody reads everything, and nobody meets what is another's.
async fn reading(platform: &Platform, mine: &Estate, theirs: &Estate) {
    let (lists, things) = reading_routes(platform).await;
    assert!(lists.len() > 10 && things.len() >= 2, "{lists:?} {things:?}");
    let [first, second] = &mine.branches;
    for (role, who) in &mine.people {
        let strangers: Vec<&Branch> = theirs.branches.iter().chain((*role != "owner").then_some(second)).collect();
        for path in &lists {
            let answer = who.get(path).await;
            assert!([200, 403].contains(&answer.status), "{role} {path}: {answer:#?}");
            for stranger in &strangers {
                assert_eq!(stranger.traces(&answer.body.to_string()), [""; 0], "{role} {path}");
            }
        }
        for path in &things {
            let own = who.get(&filled(path, first)).await;
            for stranger in &strangers {
                let answer = who.get(&filled(path, stranger)).await;
                let wanted = if own.status == 403 { 403 } else { 404 };
                assert_eq!(answer.status, wanted, "{role} {path}: {answer:#?}");
                assert_eq!(stranger.traces(&answer.body.to_string()), [""; 0], "{role} {path}");
            }
        }
        for list in ["clients", "locations", "devices", "findings", "alerts", "tickets", "series"] {
            let text = who.get(&format!("/api/v1/{list}")).await.ok().to_string();
            assert!(!first.traces(&text).is_empty(), "{role} sees the own {list}: {text}");
        }
        for stranger in &strangers {
            let path = format!("/api/v1/findings?device={}", stranger.id("device"));
            assert_eq!(who.get(&path).await.status, 404, "{role}");
        }
    }
    let technician = mine.person("technician");
    assert_eq!(technician.get("/api/v1/fit/fitment/disk-space").await.ok()["of"], 1, "counts tell nothing either");
    for hidden in ["installations", "connections", "audit", "zero-certificates", "people", "releases", "categories"] {
        let answer = mine.person("client").get(&format!("/api/v1/{hidden}")).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{hidden}");
    }
}

/// A technician of one client changes nothing of another's: it is not there.
async fn changing(mine: &Estate, theirs: &Estate) {
    let technician = mine.person("technician");
    let second = &mine.branches[1];
    for stranger in [second, &theirs.branches[0]] {
        let answers = changes(technician, &|what| stranger.id(what).to_owned()).await;
        let nowhere = changes(technician, &|what| nobodys(stranger.id(what))).await;
        for ((asked, answer), (_, nowhere)) in answers.into_iter().zip(nowhere) {
            assert_eq!((answer.status, answer.code()), (404, "not-found"), "{asked}: {answer:#?}");
            assert_eq!(answer.body["detail"], nowhere.body["detail"], "{asked}: another's looks like nobody's");
        }
    }
    let everywhere = json!({ "accessory": "fitment/disk-space", "consent": ["metrics"], "target": "all" });
    assert_eq!(technician.post("/api/v1/installations", everywhere.clone()).await.status, 403);
    let of_all = mine.owner.post("/api/v1/installations", everywhere).await.ok()["installation"]["id"].clone();
    let path = format!("/api/v1/installations/{}", of_all.as_str().unwrap());
    let listed = technician.get("/api/v1/installations").await.ok().to_string();
    assert!(listed.contains(of_all.as_str().unwrap()), "what runs on the own devices is seen");
    assert_eq!(technician.delete(&path).await.status, 403, "and is not taken from others' devices");

    for role in ["viewer", "client"] {
        for (asked, answer) in changes(mine.person(role), &|what| mine.branches[0].id(what).to_owned()).await {
            assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{role} {asked}");
        }
    }
    for (asked, answer) in changes(technician, &|what| mine.branches[0].id(what).to_owned()).await {
        // The device was revoked before anything is installed on it: refused for that, and not because it is not there.
        assert!([201, 204, 409].contains(&answer.status), "{asked}: {answer:#?}");
    }
}

pub(crate) async fn story(database: Database) {
    let platform = Platform::start(database).await;
    platform.publish("disk-space").await;
    script::publish(&platform, 0).await;
    platform.add_account("msp", "Globex", "globex@example.com");
    let acme = Estate::of(&platform, "acme", platform.msp().await).await;
    let globex = Estate::of(&platform, "globex", platform.sign_in("globex@example.com").await).await;
    reading(&platform, &acme, &globex).await;
    reading(&platform, &globex, &acme).await;
    let before = globex.owner.get("/api/v1/audit").await.ok();
    changing(&acme, &globex).await;
    assert_eq!(globex.owner.get("/api/v1/audit").await.ok(), before, "nothing happened at the other MSP's");
    // A person of another MSP is nobody here.
    let stranger = globex.person("viewer").get("/api/v1/me").await.ok()["id"].clone();
    let path = format!("/api/v1/people/{}", stranger.as_str().unwrap());
    assert_eq!(acme.owner.delete(&path).await.status, 404);
    assert_eq!(acme.owner.put(&path, json!({ "role": "viewer" })).await.status, 404);
    let clients = json!([globex.branches[0].id("client")]);
    let body = json!({ "email": "spy@example.com", "password": PASSWORD, "role": "client", "clients": clients });
    assert_eq!(acme.owner.post("/api/v1/people", body).await.status, 404);
    assert_eq!(globex.person("viewer").get("/api/v1/me").await.status, 200);
}

// proves T1
#[tokio::test]
async fn whoever_signs_in_for_one_client_meets_nothing_of_another_on_sqlite() {
    story(Database::sqlite()).await;
}
