//! What people do by form: each form is for those who may, keeps what was entered when something is wrong with it, and leaves
//! the same trace as the API does.

use fitment_domain::tenant::{AccountKind, Action, Role, may};
use serde_json::{Value, json};

use crate::stories::api::filled;
use crate::support::browser::Browser;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{PASSWORD, Platform, Session};
use crate::support::script;
use crate::support::showcase::{HOSTILE, Showcase};

const ALL: &[AccountKind] = &[AccountKind::Publisher, AccountKind::Msp, AccountKind::Operator];
const MSP: &[AccountKind] = &[AccountKind::Msp];
const PUBLISHER: &[AccountKind] = &[AccountKind::Publisher];
const STAFF: &[AccountKind] = &[AccountKind::Operator];

/// What is there for everybody who is signed in, or for nobody in particular.
const OPEN: &[&str] =
    &["/", "/sign-in", "POST /sign-in", "POST /sign-out", "/assets/{name}", "/account", "POST /account/password"];

/// Every other page and form: for which kinds of accounts, and for which action.
const RULES: &[(&str, &[AccountKind], Action)] = &[
    ("/store", ALL, Action::SeeReleases),
    ("/store/{publisher}/{name}", ALL, Action::SeeReleases),
    ("/store/{publisher}/{name}/install", MSP, Action::Install),
    ("POST /store/{publisher}/{name}/install", MSP, Action::Install),
    ("/installations", MSP, Action::SeeSetup),
    ("/installations/{id}", MSP, Action::SeeSetup),
    ("/installations/{id}/change", MSP, Action::Install),
    ("POST /installations/{id}/change", MSP, Action::Install),
    ("POST /installations/{id}/remove", MSP, Action::Install),
    ("/installations/{id}/run", MSP, Action::RunScripts),
    ("POST /installations/{id}/run", MSP, Action::RunScripts),
    ("/requests", MSP, Action::SeeSetup),
    ("/requests/{id}", MSP, Action::SeeSetup),
    ("POST /requests/{id}/cancel", MSP, Action::RunScripts),
    ("/alerts", MSP, Action::SeeDevices),
    ("POST /alerts/{id}/close", MSP, Action::WorkTickets),
    ("/tickets", MSP, Action::SeeDevices),
    ("/tickets/{id}", MSP, Action::SeeDevices),
    ("/releases", PUBLISHER, Action::Publish),
    ("/releases/{publisher}/{name}/{version}", &[AccountKind::Publisher, AccountKind::Operator], Action::SeeReleases),
    ("POST /releases/{publisher}/{name}/{version}/approve", STAFF, Action::Review),
    ("POST /releases/{publisher}/{name}/{version}/reject", STAFF, Action::Review),
    ("POST /releases/{publisher}/{name}/{version}/deprecate", PUBLISHER, Action::Publish),
    ("POST /releases/{publisher}/{name}/{version}/undeprecate", PUBLISHER, Action::Publish),
    ("POST /releases/{publisher}/{name}/{version}/yank", PUBLISHER, Action::Publish),
    ("POST /releases/{publisher}/{name}/{version}/unyank", PUBLISHER, Action::Publish),
    ("/review", STAFF, Action::Review),
    ("/ceilings", MSP, Action::LimitPermissions),
    ("POST /ceilings", MSP, Action::LimitPermissions),
    ("POST /ceilings/{subject}/remove", MSP, Action::LimitPermissions),
    ("/people", MSP, Action::ManagePeople),
    ("POST /people", MSP, Action::ManagePeople),
    ("POST /people/{id}", MSP, Action::ManagePeople),
    ("POST /people/{id}/disable", MSP, Action::ManagePeople),
    ("/audit", ALL, Action::SeeAudit),
    ("/devices", MSP, Action::SeeDevices),
    ("/devices/{id}", MSP, Action::SeeDevices),
];

/// Returns the routes of the console's own table, as the rules write them.
fn routes() -> Vec<String> {
    let table = include_str!("../../../platform/server/src/pages.rs").split(".route(").skip(1);
    let mut found = Vec::new();
    for row in table {
        let path = row.split('"').nth(1).unwrap();
        if row.contains("get(") {
            found.push(path.to_owned());
        }
        if row.contains("post(") {
            let steps: &[&str] = if path.ends_with("/{step}") {
                &["approve", "reject", "deprecate", "undeprecate", "yank", "unyank"]
            } else {
                &[""]
            };
            found.extend(steps.iter().map(|step| format!("POST {}", path.replace("{step}", step))));
        }
    }
    found.sort();
    found
}

/// A browser of each kind and role.
async fn everybody(platform: &Platform) -> Vec<(AccountKind, Role, Browser)> {
    let (msp, operator) = (platform.msp().await, platform.operator().await);
    let client = msp.post("/api/v1/clients", json!({ "name": "Bakery" })).await.ok()["id"].clone();
    for (role, clients) in [("technician", json!("all")), ("viewer", json!("all")), ("client", json!([client]))] {
        let email = format!("{role}@example.com");
        let person = json!({ "email": email, "password": PASSWORD, "role": role, "clients": clients });
        msp.post("/api/v1/people", person).await.ok();
    }
    let reviewer = json!({ "kind": "operator", "role": "reviewer", "name": "R", "email": "reviewer@example.com", "password": PASSWORD });
    operator.post("/api/v1/accounts", reviewer).await.ok();
    let mut all = Vec::new();
    for (kind, role, email) in [
        (AccountKind::Publisher, Role::Owner, "publisher"),
        (AccountKind::Msp, Role::Owner, "msp"),
        (AccountKind::Operator, Role::Owner, "operator"),
        (AccountKind::Msp, Role::Technician, "technician"),
        (AccountKind::Msp, Role::Viewer, "viewer"),
        (AccountKind::Msp, Role::Client, "client"),
        (AccountKind::Operator, Role::Reviewer, "reviewer"),
    ] {
        all.push((kind, role, Browser::sign_in(platform, &format!("{email}@example.com")).await));
    }
    all
}

#[tokio::test]
async fn every_page_and_form_has_a_rule_and_every_role_is_held_to_it() {
    let platform = Platform::start(Database::sqlite()).await;
    let mut ruled: Vec<String> =
        RULES.iter().map(|rule| rule.0).chain(OPEN.iter().copied()).map(str::to_owned).collect();
    ruled.sort();
    assert_eq!(
        routes(),
        ruled,
        "a page without a rule, or a rule without a page: decide who may, here and in the handler"
    );
    for (kind, role, mut browser) in everybody(&platform).await {
        browser.get("/").await.ok();
        browser.get("/account").await.ok().says(&["Change the password", role.as_str()]);
        for (route, kinds, action) in RULES {
            let answer = match route.strip_prefix("POST ") {
                Some(path) => {
                    let forged = browser.post_from(&filled(path), &[], &[("sec-fetch-site", "same-origin")]).await;
                    assert_eq!(forged.status, 403, "{route} without proof of its page");
                    forged.says(&["forged-form"]);
                    browser.post(&filled(path), &[]).await
                }
                None => browser.get(&filled(route)).await,
            };
            let place = format!("{route} by {} {}: {}\n{}", kind.as_str(), role.as_str(), answer.status, answer.html);
            if kinds.contains(&kind) && may(kind, role, *action) {
                assert!(![401, 403, 500].contains(&answer.status), "{place}");
            } else {
                assert_eq!(answer.status, 403, "{place}");
                assert!(answer.html.contains("forbidden"), "{place}");
            }
        }
    }
}

/// Returns how often the log of an account says this.
async fn audited(who: &Session, action: &str) -> usize {
    let audit = who.get("/api/v1/audit").await.ok();
    audit["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).count()
}

// proves M8 (change by page)
#[tokio::test]
async fn an_installation_is_changed_by_form_and_what_reaches_further_is_agreed_to_anew() {
    let world = Showcase::build().await;
    let wider = Packing::of("disk-space").version("0.5.0").manifest(|m| {
        let http = json!({ "name": "http", "reason": HOSTILE, "origins": ["https://status.example.com"] });
        m.permissions.push(serde_json::from_value(http).unwrap());
    });
    world.platform.publish_parts("disk-space", "0.5.0", &wider.signed_by(&world.platform.publisher_key)).await;
    let mut browser = Browser::sign_in(&world.platform, "msp@example.com").await;
    let path = format!("/installations/{}", world.installation);
    browser.get(&path).await.ok().says(&[&format!("{path}/change")]);
    let change = format!("{path}/change");
    let form = browser.get(&change).await.ok();
    form.says(&["as it is: all devices", "value=\"80\"", "0.1.0 (installed)", "0.5.0"]).never_says(&["consent"]);

    let (till, files) = (world.device("till-01").to_owned(), world.device("files-01").to_owned());
    let target = format!("device:{till}");
    let fields = [("version", "0.1.0"), ("target", target.as_str()), ("interval_s", "45")];
    let wrong = browser.post(&change, &[&fields[..], &[("set.warning_percent", "200")]].concat()).await;
    assert_eq!(wrong.status, 422);
    wrong.says(&[
        "aria-describedby=\"set.warning_percent-problem\"",
        "value=\"200\"",
        "value=\"45\"",
        &format!("{target}\" selected"),
    ]);
    let never =
        browser.post(&change, &[("version", "0.1.0"), ("interval_s", "0"), ("set.warning_percent", "71")]).await;
    assert_eq!(never.status, 422);
    never.says(&["it must be 1 to 86400", "value=\"71\""]);
    let budget = ("budget", "wall_ms_max=7s");
    let done = browser.post(&change, &[&fields[..], &[("set.warning_percent", "70"), budget]].concat()).await;
    assert_eq!(done.leads_to(), format!("{path}?done=reconfigured"));
    browser.get(done.leads_to()).await.ok().says(&["Changed.", "device till-01", "45 s", "70"]);

    // Another version asks for more: it is shown before anybody agrees, and again if nobody did.
    let form = browser.get(&format!("{change}?version=0.5.0")).await.ok();
    form.says(&[
        "value=\"wall_ms_max=7s\"",
        "reaches further",
        "May send HTTP requests to https://status.example.com.",
        "value=\"70\"",
        "&#60;script&#62;",
    ])
    .never_says(&[HOSTILE]);
    let other = [("version", "0.5.0"), ("target", ""), ("interval_s", "45"), ("set.warning_percent", "60")];
    let refused = browser.post(&change, &[&other[..], &[("consent", "metrics")]].concat()).await;
    assert_eq!(refused.status, 409);
    refused.says(&["reaches further", "value=\"metrics\" checked", "value=\"60\""]);
    assert_eq!(world.msp.get(&format!("/api/v1{path}")).await.ok()["version"], "0.1.0", "nothing changed");
    let both = [("consent", "metrics"), ("consent", "http")];
    assert_eq!(
        browser.post(&change, &[&other[..], &both].concat()).await.leads_to(),
        format!("{path}?done=reconfigured")
    );
    let after = world.msp.get(&format!("/api/v1{path}")).await.ok();
    assert_eq!((&after["version"], &after["target"]), (&json!("0.5.0"), &json!({ "device": till })));
    assert_eq!(audited(&world.msp, "installation.change").await, 2);

    let log = browser.get("/audit").await.ok();
    log.says(&["msp@example.com</span>", "fitment/disk-space 0.5.0</span>", "installation.change", "device: till-01"]);

    // Several places are said by their names.
    let several = json!({ "target": { "any": [{ "device": till }, { "device": files }] } });
    world.msp.patch(&format!("/api/v1{path}"), several).await.ok();
    browser.get(&change).await.ok().says(&["as it is: device till-01, device files-01"]);
    let mut neighbour = Browser::sign_in(&world.platform, "globex@example.com").await;
    assert_eq!(neighbour.get(&change).await.status, 404, "what is another's is not there");
    assert_eq!(neighbour.post(&change, &fields).await.status, 403, "no page of ours was loaded");
}

// proves M5 (reject and deprecate and yank by page)
#[tokio::test]
async fn releases_are_rejected_deprecated_and_yanked_by_form_each_with_its_reason() {
    let world = Showcase::build().await;
    let mut operator = Browser::sign_in(&world.platform, "operator@example.com").await;
    let waiting = "/releases/fitment/disk-space/0.3.0";
    operator.get(waiting).await.ok().says(&["Reject it"]).never_says(&["Yank it"]);
    let short = operator.post(&format!("{waiting}/reject"), &[("reason", "x")]).await;
    assert_eq!(short.status, 422);
    short.says(&["<details class=\"after-tight\" open>", "value=\"x\"", "reason must have 3 to 500 characters"]);
    let moved = operator.post(&format!("{waiting}/reject"), &[("reason", HOSTILE)]).await;
    assert_eq!(moved.leads_to(), "/review?done=rejected");
    assert_eq!(operator.post(&format!("{waiting}/approve"), &[]).await.status, 409, "what is rejected stays so");
    let mut publisher = Browser::sign_in(&world.platform, "publisher@example.com").await;
    publisher.get(waiting).await.ok().says(&["It is rejected", "&#60;script&#62;"]).never_says(&[HOSTILE]);

    let released = "/releases/fitment/disk-space/0.1.0";
    operator.get(released).await.ok().never_says(&["Deprecate it", "Yank it"]);
    assert_eq!(operator.post(&format!("{released}/yank"), &[("reason", "not mine")]).await.status, 403);
    publisher.get(released).await.ok().says(&["Deprecate it", "Yank it"]).never_says(&["Take the"]);
    let odd = [("reason", "0.2.0 reads more"), ("replacement", "no name")];
    let wrong = publisher.post(&format!("{released}/deprecate"), &odd).await;
    assert_eq!(wrong.status, 422);
    wrong.says(&["value=\"0.2.0 reads more\"", "value=\"no name\"", "must be publisher/name"]);
    let good = [("reason", "0.2.0 reads more"), ("replacement", "fitment/disk-space@0.2.0")];
    assert_eq!(
        publisher.post(&format!("{released}/deprecate"), &good).await.leads_to(),
        format!("{released}?done=deprecated")
    );
    let mut msp = Browser::sign_in(&world.platform, "msp@example.com").await;
    let page = "/store/fitment/disk-space?version=0.1.0";
    msp.get(page).await.ok().says(&[
        "This release is deprecated: 0.2.0 reads more",
        "names fitment/disk-space@0.2.0",
        "/install?",
    ]);
    publisher.get(released).await.ok().says(&["Take the deprecation back"]).never_says(&["Deprecate it"]);
    publisher.post(&format!("{released}/undeprecate"), &[]).await.leads_to();
    publisher.post(&format!("{released}/yank"), &[("reason", "it is wrong")]).await.leads_to();
    publisher.get(released).await.ok().says(&["Take the yank back", "it is wrong"]).never_says(&["Yank it"]);
    let again = publisher.post(&format!("{released}/yank"), &[("reason", "once more")]).await;
    assert_eq!(again.status, 409);
    publisher.post(&format!("{released}/unyank"), &[]).await.leads_to();
    msp.get(page).await.ok().never_says(&["This release is"]);
    assert_eq!(publisher.post(&format!("{released}/nothing"), &[]).await.status, 404);
    let log = world.platform.publisher().await;
    for step in ["deprecate", "undeprecate", "yank", "unyank"] {
        assert_eq!(audited(&log, &format!("release.{step}")).await, 1, "{step}");
    }
    assert_eq!(audited(&world.platform.operator().await, "release.reject").await, 1);
}

#[tokio::test]
async fn one_changes_ones_own_password_by_form_and_everybody_else_is_signed_out() {
    let platform = Platform::start(Database::sqlite()).await;
    let mut browser = Browser::sign_in(&platform, "msp@example.com").await;
    let mut elsewhere = Browser::sign_in(&platform, "msp@example.com").await;
    browser.get("/account").await.ok().says(&["msp@example.com", "owner"]);
    let new = "an entirely new password";
    for (old, new, again, status, field, words) in [
        ("wrong wrong wrong", new, new, 403, "old", "not the password of your account"),
        (PASSWORD, "short", "short", 422, "new", "password must have 12 to 256 characters"),
        (PASSWORD, new, "another new password", 422, "again", "it differs"),
    ] {
        let refused = browser.post("/account/password", &[("old", old), ("new", new), ("again", again)]).await;
        assert_eq!(refused.status, status, "{}", refused.html);
        let invalid = format!("aria-invalid=\"true\" aria-describedby=\"{field}-problem\"");
        refused.says(&[&invalid, words]).never_says(&[PASSWORD, new, "wrong wrong wrong"]);
    }
    elsewhere.get("/devices").await.ok();
    let changed = browser.post("/account/password", &[("old", PASSWORD), ("new", new), ("again", new)]).await;
    assert_eq!(changed.leads_to(), "/account?done=password");
    browser.get("/account?done=password").await.ok().says(&["Your password is changed."]);
    assert_eq!(elsewhere.get("/devices").await.leads_to(), "/sign-in?return_to=%2Fdevices");
    let mut late = Browser::open(&platform);
    assert_eq!(late.post("/sign-in", &[("email", "msp@example.com"), ("password", PASSWORD)]).await.status, 401);
    assert_eq!(late.post("/sign-in", &[("email", "msp@example.com"), ("password", new)]).await.leads_to(), "/");
    assert_eq!(audited(&platform.operator().await, "account.password").await, 1);
}

#[tokio::test]
async fn an_alert_is_closed_by_form_with_a_reason() {
    let world = Showcase::build().await;
    let mut browser = Browser::sign_in(&world.platform, "msp@example.com").await;
    let alerts = world.msp.get("/api/v1/alerts").await.ok()["alerts"].clone();
    let open =
        alerts.as_array().unwrap().iter().find(|a| a["state"] == "open" && a["subject"] == "/srv").unwrap().clone();
    let path = format!("/alerts/{}/close", open["id"].as_str().unwrap());
    browser.get("/alerts").await.ok().says(&[&path]);
    let long = "x".repeat(121);
    let refused = browser.post(&path, &[("state", "open"), ("reason", &long)]).await;
    assert_eq!(refused.status, 422);
    refused.says(&["reason must have 1 to 120 characters", &long, "<details open>"]);
    assert_eq!(browser.post(&path, &[("reason", "the disk is new")]).await.leads_to(), "/alerts?done=closed");
    browser.get("/alerts?state=closed").await.ok().says(&["/srv", "the disk is new"]).never_says(&[&path]);
    assert_eq!(browser.post(&path, &[("reason", "again")]).await.status, 409);
    assert_eq!(audited(&world.msp, "alert.close").await, 1);
    let mut viewer = Browser::sign_in(&world.platform, "viewer@example.com").await;
    viewer.get("/alerts").await.ok().never_says(&["/close"]);
}

#[tokio::test]
async fn a_script_is_run_by_form_watched_and_taken_back() {
    let world = Showcase::build().await;
    script::publish(&world.platform, 0).await;
    let installation = script::install(&world.msp, json!("all")).await;
    let device = world.device("files-01").to_owned();
    let mut browser = Browser::sign_in(&world.platform, "technician@example.com").await;
    let run = format!("/installations/{installation}/run");
    browser
        .get(&format!("/devices/{device}"))
        .await
        .ok()
        .says(&[&format!("{run}?target=device:{device}"), "fitment/works"]);
    let target = format!("device:{device}");
    let form = browser.get(&format!("{run}?target={target}")).await.ok();
    form.says(&[&format!("{target}\" selected"), "set.times", "Run it once"]).never_says(&["till-01"]);
    let wrong = browser.post(&run, &[("target", &target), ("set.times", "0")]).await;
    assert_eq!(wrong.status, 422);
    wrong.says(&["set.times-problem", "value=\"0\"", &format!("{target}\" selected")]);
    let nowhere = browser.post(&run, &[("target", ""), ("set.times", "3")]).await;
    assert_eq!(nowhere.status, 422);
    nowhere.says(&["where: choose", "value=\"3\""]);
    let narrow = script::install(&world.msp, json!({ "device": world.device("reception-02") })).await;
    let outside =
        browser.post(&format!("/installations/{narrow}/run"), &[("target", &target), ("set.times", "3")]).await;
    assert_eq!(outside.status, 409);
    outside
        .says(&["can run on none of these devices", "files-01: the device is outside the scope of the installation"]);
    let asked = browser.post(&run, &[("target", &target), ("set.times", "3")]).await;
    let path = asked.leads_to().split('?').next().unwrap().to_owned();
    browser.get(&path).await.ok().says(&["files-01", "waiting", "http-equiv=\"refresh\"", "<dt>times</dt><dd>3</dd>"]);
    browser.get("/requests").await.ok().says(&[&path, "1 waiting"]);
    let cancel = format!("{path}/cancel");
    assert_eq!(browser.post(&cancel, &[]).await.leads_to(), format!("{path}?done=cancelled"));
    let over = browser.get(&path).await.ok();
    over.says(&["cancelled"]).never_says(&["http-equiv=\"refresh\"", "Take back what has not started"]);
    assert_eq!(browser.post(&cancel, &[]).await.status, 409);
    let nothing: Value = world.msp.get("/api/v1/audit").await.ok();
    assert!(nothing["entries"].as_array().unwrap().iter().any(|entry| entry["action"] == "request.make"));
}
