//! Accounts of the marketplace and people of an MSP: made through the API, changed, ended.

use serde_json::{Value, json};

use crate::support::databases::Database;
use crate::support::platform::{Answer, PASSWORD, Platform, Session};
use crate::support::wire::HandDevice;

const OTHER_PASSWORD: &str = "another horse, another staple";

async fn sign_in(platform: &Platform, email: &str, password: &str) -> Answer {
    platform.nobody().post("/api/v1/sessions", json!({ "email": email, "password": password })).await
}

fn account(kind: &str, name: &str, email: &str) -> Value {
    json!({ "kind": kind, "name": name, "email": email, "password": PASSWORD })
}

async fn devices_of(operator: &Session, email: &str) -> Value {
    let accounts = operator.get("/api/v1/accounts").await.ok();
    accounts["accounts"].as_array().unwrap().iter().find(|a| a["email"] == email).unwrap()["devices"].clone()
}

/// Staff makes a publisher and two MSPs by API; each signs in, and each MSP's devices hang on its account.
pub(crate) async fn accounts(database: Database) {
    let platform = Platform::start(database).await;
    let operator = platform.operator().await;
    let made = operator.post("/api/v1/accounts", account("publisher", "acme-tools", "Tools@example.com")).await;
    assert_eq!(made.status, 201, "{made:#?}");
    assert_eq!((&made.body["kind"], &made.body["email"]), (&json!("publisher"), &json!("tools@example.com")));
    for (name, email) in [("Umbrella", "umbrella@example.com"), ("Initech", "initech@example.com")] {
        operator.post("/api/v1/accounts", account("msp", name, email)).await.ok();
    }
    for (body, status, code) in [
        (account("publisher", "acme-tools", "other@example.com"), 409, "exists"),
        (account("msp", "Twin", "UMBRELLA@example.com"), 409, "exists"),
        (account("publisher", "No Namespace", "other@example.com"), 422, "invalid"),
        (account("wizard", "W", "other@example.com"), 422, "invalid"),
        (
            json!({ "kind": "msp", "role": "reviewer", "name": "W", "email": "w@example.com", "password": PASSWORD }),
            422,
            "invalid",
        ),
        (json!({ "kind": "msp", "name": "W", "email": "w@example.com", "password": "short" }), 422, "invalid"),
    ] {
        let answer = operator.post("/api/v1/accounts", body.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {answer:#?}");
    }

    let publisher = platform.sign_in("tools@example.com").await;
    assert_eq!(publisher.get("/api/v1/me").await.ok()["publisher"], "acme-tools");
    assert_eq!(publisher.get("/api/v1/releases").await.ok()["releases"], json!([]));
    let umbrella = platform.sign_in("umbrella@example.com").await;
    let issued = umbrella.post("/api/v1/zero-certificates", json!({})).await.ok();
    for _ in 0..3 {
        HandDevice::enrol(&issued["bundle"]).await;
    }
    assert_eq!(devices_of(&operator, "umbrella@example.com").await, 3);
    assert_eq!(devices_of(&operator, "initech@example.com").await, 0);
    assert_eq!(devices_of(&operator, "tools@example.com").await, Value::Null);
    assert_eq!(umbrella.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 3);
    let initech = platform.sign_in("initech@example.com").await;
    assert_eq!(initech.get("/api/v1/devices").await.ok()["devices"], json!([]));
    let log = operator.get("/api/v1/audit").await.ok();
    let actor = operator.get("/api/v1/me").await.ok()["id"].clone();
    let added =
        log["entries"].as_array().unwrap().iter().filter(|e| e["action"] == "account.add" && e["actor"] == actor);
    assert_eq!(added.count(), 3);
    assert!(!log.to_string().contains(PASSWORD));
}

// proves M1
#[tokio::test]
async fn staff_makes_publishers_and_msps_whose_devices_hang_on_their_accounts_on_sqlite() {
    accounts(Database::sqlite()).await;
}

fn person(email: &str, role: &str, clients: Value) -> Value {
    json!({ "email": email, "password": PASSWORD, "role": role, "clients": clients })
}

/// An owner adds people, changes what they may do, and ends it; an owner always stays.
pub(crate) async fn people(database: Database) {
    let platform = Platform::start(database).await;
    let msp = platform.msp().await;
    let me = msp.get("/api/v1/me").await.ok();
    let own = format!("/api/v1/people/{}", me["id"].as_str().unwrap());
    let client = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    for answer in [msp.delete(&own).await, msp.put(&own, json!({ "role": "viewer" })).await] {
        assert_eq!((answer.status, answer.code()), (409, "last-owner"));
    }
    for (body, status, code) in [
        (person("msp@example.com", "viewer", json!("all")), 409, "exists"),
        (person("publisher@example.com", "viewer", json!("all")), 409, "exists"),
        (person("x@example.com", "reviewer", json!("all")), 422, "invalid"),
        (person("x@example.com", "client", json!("all")), 422, "invalid"),
        (person("x@example.com", "technician", json!([])), 422, "invalid"),
        (person("x@example.com", "owner", json!([client])), 422, "invalid"),
        (person("x@example.com", "viewer", json!(["cli_0123456789abcdef0123456789abcdef"])), 404, "not-found"),
        (json!({ "email": "x@example.com", "password": "short", "role": "viewer" }), 422, "invalid"),
    ] {
        let answer = msp.post("/api/v1/people", body.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {answer:#?}");
    }
    let added = msp.post("/api/v1/people", person("Tess@example.com", "technician", json!([client]))).await.ok();
    assert_eq!((&added["email"], &added["clients"]), (&json!("tess@example.com"), &json!([client])));
    let path = format!("/api/v1/people/{}", added["id"].as_str().unwrap());
    let tess = platform.sign_in("tess@example.com").await;
    assert_eq!(tess.get("/api/v1/me").await.ok()["clients"], json!([client]));
    assert_eq!(tess.post("/api/v1/zero-certificates", json!({})).await.status, 201);

    msp.put(&path, json!({ "role": "viewer", "clients": "all" })).await.ok();
    assert_eq!(tess.get("/api/v1/me").await.ok()["role"], "viewer", "from the next request on");
    assert_eq!(tess.post("/api/v1/zero-certificates", json!({})).await.status, 403);
    msp.put(&path, json!({ "role": "owner" })).await.ok();
    msp.put(&own, json!({ "role": "viewer" })).await.ok();
    assert_eq!(msp.get("/api/v1/people").await.status, 403, "there is another owner now");
    tess.put(&own, json!({ "role": "owner" })).await.ok();

    assert_eq!(msp.delete(&path).await.status, 204);
    assert_eq!(tess.get("/api/v1/me").await.status, 401, "every token ends at once");
    let [disabled, unknown] = ["tess@example.com", "nobody@example.com"];
    let words = |answer: &Answer| (answer.status, answer.code().to_owned(), answer.body["detail"].clone());
    let disabled = sign_in(&platform, disabled, PASSWORD).await;
    assert_eq!(words(&disabled), words(&sign_in(&platform, unknown, PASSWORD).await));
    assert_eq!(msp.delete(&path).await.status, 404);
    let listed = msp.get("/api/v1/people").await.ok();
    assert_eq!(listed["people"].as_array().unwrap().len(), 2);
    assert!(listed["people"][1]["disabled_ms"].is_i64(), "{listed:#}");
    // A forgotten password and a slip of the hand have one remedy.
    let first = format!("{path}/password");
    assert_eq!(msp.put(&first, json!({ "password": "short" })).await.code(), "invalid");
    assert_eq!(msp.put(&first, json!({ "password": "another first password" })).await.status, 204);
    assert_eq!(sign_in(&platform, "tess@example.com", PASSWORD).await.status, 401);
    let again = sign_in(&platform, "tess@example.com", "another first password").await;
    assert_eq!(again.status, 201, "{again:#?}");
    assert_eq!(tess.get("/api/v1/me").await.status, 401, "what was ended stays ended");
    let actions: Vec<Value> = msp.get("/api/v1/audit").await.ok()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action"].clone())
        .collect();
    for action in ["person.add", "person.change", "person.disable", "person.let-in-again"] {
        assert!(actions.contains(&json!(action)), "{actions:?}");
    }
}

// proves T1 (people of an MSP with roles)
#[tokio::test]
async fn an_owner_adds_changes_and_disables_people_and_an_owner_stays_on_sqlite() {
    people(Database::sqlite()).await;
}

#[tokio::test]
async fn a_new_password_of_ones_own_ends_every_other_token() {
    let platform = Platform::start(Database::sqlite()).await;
    let (here, elsewhere) = (platform.msp().await, platform.msp().await);
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let wrong = here.put("/api/v1/me/password", change("not the old password", OTHER_PASSWORD)).await;
    assert_eq!((wrong.status, wrong.code()), (403, "wrong-password"));
    let short = here.put("/api/v1/me/password", change(PASSWORD, "short")).await;
    assert_eq!((short.status, short.code()), (422, "invalid"));
    assert_eq!(here.put("/api/v1/me/password", change(PASSWORD, OTHER_PASSWORD)).await.status, 204);
    assert_eq!(here.get("/api/v1/me").await.status, 200);
    assert_eq!(elsewhere.get("/api/v1/me").await.status, 401);
    assert_eq!(sign_in(&platform, "msp@example.com", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&platform, "msp@example.com", OTHER_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn too_many_wrong_passwords_for_one_address_have_to_wait() {
    let platform = Platform::start(Database::sqlite()).await;
    for email in ["msp@example.com", "nobody@example.com"] {
        for _ in 0..10 {
            assert_eq!(sign_in(&platform, email, "wrong password, long enough").await.status, 401);
        }
        // The right password too: an answer that tells it apart would go on with the guessing.
        let answer = sign_in(&platform, &email.to_uppercase(), PASSWORD).await;
        assert_eq!((answer.status, answer.code()), (429, "too-often"), "{answer:#?}");
        let request = platform.http.post(format!("{}/api/v1/sessions", platform.url()));
        let answer = request.json(&json!({ "email": email, "password": PASSWORD })).send().await.unwrap();
        let seconds: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
    }
    assert_eq!(sign_in(&platform, "operator@example.com", PASSWORD).await.status, 201, "others are not concerned");
}
