//! Who may call what: every route has a rule, and every role is held to it.

use std::collections::BTreeSet;

use fitment_domain::tenant::{AccountKind, Action, Role, may};
use serde_json::{Value, json};

use crate::stories::api::{OPEN, described, filled};
use crate::support::databases::Database;
use crate::support::platform::{PASSWORD, Platform, Session};

const ALL: &[AccountKind] = &[AccountKind::Publisher, AccountKind::Msp, AccountKind::Operator];
const MSP: &[AccountKind] = &[AccountKind::Msp];
const PUBLISHER: &[AccountKind] = &[AccountKind::Publisher];
/// Publishers, and those who run the marketplace.
const MAKERS: &[AccountKind] = &[AccountKind::Publisher, AccountKind::Operator];
const STAFF: &[AccountKind] = &[AccountKind::Operator];

/// What concerns the caller alone.
const OWN: &[&str] = &["DELETE /api/v1/sessions/current", "GET /api/v1/me", "PUT /api/v1/me/password"];

/// Every other route: for which kinds of accounts, for which action, and a body that reads, so that it is the rule that refuses.
const RULES: &[(&str, &[AccountKind], Action, &str)] = &[
    ("GET /api/v1/releases", ALL, Action::SeeReleases, ""),
    ("GET /api/v1/releases/{publisher}/{name}/{version}", ALL, Action::SeeReleases, ""),
    ("GET /api/v1/releases/{publisher}/{name}/{version}/form", ALL, Action::SeeReleases, ""),
    ("GET /api/v1/releases/{publisher}/{name}/{version}/usage", MAKERS, Action::SeeUsage, ""),
    ("GET /api/v1/releases/{publisher}/{name}/{version}/artifacts", ALL, Action::SeeReleases, ""),
    (
        "PUT /api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}",
        PUBLISHER,
        Action::Publish,
        r#"{"payloadType":"x","payload":"","signatures":[]}"#,
    ),
    (
        "POST /api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}/withdrawal",
        STAFF,
        Action::Review,
        r#"{"reason":"because"}"#,
    ),
    ("DELETE /api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}/withdrawal", STAFF, Action::Review, ""),
    ("GET /api/v1/compiler-minimum", STAFF, Action::Review, ""),
    ("PUT /api/v1/compiler-minimum", STAFF, Action::Review, r#"{"build_min":0}"#),
    ("GET /api/v1/compiled-code", MSP, Action::SeeSetup, ""),
    ("PUT /api/v1/compiled-code", MSP, Action::LimitPermissions, r#"{"accepted":false}"#),
    ("GET /api/v1/releases/{publisher}/{name}/{version}/difference", ALL, Action::SeeReleases, ""),
    ("GET /api/v1/facts", ALL, Action::SeeReleases, ""),
    ("GET /api/v1/audit", ALL, Action::SeeAudit, ""),
    ("PUT /api/v1/publisher/key", PUBLISHER, Action::Publish, r#"{"public_key":"x"}"#),
    ("POST /api/v1/releases", PUBLISHER, Action::Publish, "{}"),
    ("GET /api/v1/uploads", PUBLISHER, Action::Publish, ""),
    ("POST /api/v1/releases/{publisher}/{name}/{version}/approval", STAFF, Action::Review, "{}"),
    ("POST /api/v1/releases/{publisher}/{name}/{version}/rejection", STAFF, Action::Review, r#"{"reason":"x"}"#),
    ("POST /api/v1/test-tenant", PUBLISHER, Action::Publish, r#"{"email":"x","password":"x"}"#),
    ("POST /api/v1/releases/{publisher}/{name}/{version}/test", PUBLISHER, Action::Publish, "{}"),
    ("POST /api/v1/releases/{publisher}/{name}/{version}/deprecation", PUBLISHER, Action::Publish, r#"{"reason":"x"}"#),
    ("DELETE /api/v1/releases/{publisher}/{name}/{version}/deprecation", PUBLISHER, Action::Publish, ""),
    ("POST /api/v1/releases/{publisher}/{name}/{version}/yank", PUBLISHER, Action::Publish, r#"{"reason":"x"}"#),
    ("DELETE /api/v1/releases/{publisher}/{name}/{version}/yank", PUBLISHER, Action::Publish, ""),
    ("GET /api/v1/accounts", STAFF, Action::ManageAccounts, ""),
    ("POST /api/v1/accounts", STAFF, Action::ManageAccounts, r#"{"kind":"x","name":"x","email":"x","password":"x"}"#),
    ("GET /api/v1/tenants/{id}/retention", STAFF, Action::ManageAccounts, ""),
    (
        "PUT /api/v1/tenants/{id}/retention",
        STAFF,
        Action::ManageAccounts,
        r#"{"samples_days":1,"five_minutes_days":1,"hours_days":1}"#,
    ),
    ("GET /api/v1/plans", STAFF, Action::ManageAccounts, ""),
    ("GET /api/v1/plans/{name}", STAFF, Action::ManageAccounts, ""),
    ("PUT /api/v1/plans/{name}", STAFF, Action::ManageAccounts, r#"{"permissions":{}}"#),
    ("DELETE /api/v1/plans/{name}", STAFF, Action::ManageAccounts, ""),
    ("GET /api/v1/tenants/{id}/plan", STAFF, Action::ManageAccounts, ""),
    ("PUT /api/v1/tenants/{id}/plan", STAFF, Action::ManageAccounts, r#"{"plan":null}"#),
    ("GET /api/v1/permission-ceilings", MSP, Action::SeeSetup, ""),
    ("GET /api/v1/permission-ceilings/{subject}", MSP, Action::SeeSetup, ""),
    ("PUT /api/v1/permission-ceilings/{subject}", MSP, Action::LimitPermissions, r#"{"permissions":{}}"#),
    ("DELETE /api/v1/permission-ceilings/{subject}", MSP, Action::LimitPermissions, ""),
    ("GET /api/v1/devices/{id}/permissions", MSP, Action::SeeSetup, ""),
    ("GET /api/v1/people", MSP, Action::ManagePeople, ""),
    ("POST /api/v1/people", MSP, Action::ManagePeople, r#"{"email":"x","password":"x","role":"x"}"#),
    ("PUT /api/v1/people/{id}", MSP, Action::ManagePeople, r#"{"role":"viewer"}"#),
    ("DELETE /api/v1/people/{id}", MSP, Action::ManagePeople, ""),
    ("PUT /api/v1/people/{id}/password", MSP, Action::ManagePeople, r#"{"password":"x"}"#),
    ("GET /api/v1/clients", MSP, Action::SeeDevices, ""),
    ("POST /api/v1/clients", MSP, Action::ManageClients, r#"{"name":"Another"}"#),
    ("GET /api/v1/locations", MSP, Action::SeeDevices, ""),
    ("POST /api/v1/locations", MSP, Action::ManageDevices, r#"{"client":"x","name":"Annex"}"#),
    ("GET /api/v1/locations/{id}/networks", MSP, Action::SeeDevices, ""),
    ("PUT /api/v1/locations/{id}/networks", MSP, Action::ManageDevices, r#"{"networks":[]}"#),
    ("GET /api/v1/zero-certificates", MSP, Action::SeeSetup, ""),
    ("POST /api/v1/zero-certificates", MSP, Action::ManageDevices, "{}"),
    ("DELETE /api/v1/zero-certificates/{id}", MSP, Action::ManageDevices, ""),
    ("GET /api/v1/devices", MSP, Action::SeeDevices, ""),
    ("GET /api/v1/devices/{id}", MSP, Action::SeeDevices, ""),
    ("POST /api/v1/devices", MSP, Action::ManageDevices, r#"{"name":"A","location":"x"}"#),
    ("PATCH /api/v1/devices/{id}", MSP, Action::ManageDevices, "{}"),
    ("GET /api/v1/devices/duplicates", MSP, Action::SeeDevices, ""),
    ("POST /api/v1/devices/import", MSP, Action::ManageDevices, "name,location"),
    ("PUT /api/v1/devices/{id}/location", MSP, Action::ManageDevices, r#"{"location":"x"}"#),
    ("DELETE /api/v1/devices/{id}/location", MSP, Action::ManageDevices, ""),
    ("POST /api/v1/devices/{id}/retirement", MSP, Action::ManageDevices, "{}"),
    ("POST /api/v1/devices/{id}/re-image", MSP, Action::ManageDevices, "{}"),
    ("POST /api/v1/devices/{id}/revocation", MSP, Action::ManageDevices, "{}"),
    ("GET /api/v1/fit/{publisher}/{name}", MSP, Action::SeeReleases, ""),
    ("GET /api/v1/installations", MSP, Action::SeeSetup, ""),
    ("POST /api/v1/installations", MSP, Action::Install, r#"{"accessory":"fitment/none","target":"all"}"#),
    ("GET /api/v1/installations/{id}", MSP, Action::SeeSetup, ""),
    ("PATCH /api/v1/installations/{id}", MSP, Action::Install, "{}"),
    ("DELETE /api/v1/installations/{id}", MSP, Action::Install, ""),
    ("GET /api/v1/connections", MSP, Action::SeeSetup, ""),
    (
        "POST /api/v1/connections",
        MSP,
        Action::ManageTicketing,
        r#"{"name":"N","accessory":"fitment/none","url":"http://127.0.0.1:9"}"#,
    ),
    ("PATCH /api/v1/connections/{id}", MSP, Action::ManageTicketing, "{}"),
    ("DELETE /api/v1/connections/{id}", MSP, Action::ManageTicketing, ""),
    ("POST /api/v1/connections/{id}/check", MSP, Action::ManageTicketing, "{}"),
    ("GET /api/v1/findings", MSP, Action::SeeDevices, ""),
    ("POST /api/v1/alerts/{id}/close", MSP, Action::WorkTickets, r#"{"reason":"x"}"#),
    ("GET /api/v1/alerts", MSP, Action::SeeDevices, ""),
    ("GET /api/v1/requests", MSP, Action::SeeSetup, ""),
    ("POST /api/v1/requests", MSP, Action::RunScripts, r#"{"installation":"x","target":"all"}"#),
    ("GET /api/v1/requests/{id}", MSP, Action::SeeSetup, ""),
    ("DELETE /api/v1/requests/{id}", MSP, Action::RunScripts, ""),
    ("GET /api/v1/requests/{id}/events", MSP, Action::SeeSetup, ""),
    ("GET /api/v1/series", MSP, Action::SeeDevices, ""),
    ("GET /api/v1/series/{id}/points", MSP, Action::SeeDevices, ""),
    ("GET /api/v1/tickets", MSP, Action::SeeDevices, ""),
    ("GET /api/v1/tickets/{id}", MSP, Action::SeeDevices, ""),
    ("POST /api/v1/tickets", MSP, Action::WorkTickets, r#"{"summary":"x","category":"x"}"#),
    ("PATCH /api/v1/tickets/{id}", MSP, Action::WorkTickets, "{}"),
    ("POST /api/v1/tickets/{id}/notes", MSP, Action::WorkTickets, r#"{"body":"x"}"#),
    ("GET /api/v1/connections/{id}/sync", MSP, Action::SeeSetup, ""),
    ("PUT /api/v1/connections/{id}/sync", MSP, Action::ManageTicketing, "{}"),
    ("POST /api/v1/connections/{id}/sync", MSP, Action::WorkTickets, "{}"),
    ("GET /api/v1/categories", MSP, Action::SeeSetup, ""),
    ("POST /api/v1/categories", MSP, Action::ManageTicketing, r#"{"name":"Mine","board":"Mine"}"#),
    ("PUT /api/v1/categories/{id}", MSP, Action::ManageTicketing, r#"{"name":"Mine","board":"Mine"}"#),
    ("GET /api/v1/category-rules", MSP, Action::SeeSetup, ""),
    ("POST /api/v1/category-rules", MSP, Action::ManageTicketing, r#"{"position":1,"category":"x"}"#),
    ("DELETE /api/v1/category-rules/{id}", MSP, Action::ManageTicketing, ""),
];

/// Somebody of each kind and role.
async fn everybody(platform: &Platform) -> Vec<(AccountKind, Role, Session)> {
    let (msp, operator) = (platform.msp().await, platform.operator().await);
    let client = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    for (role, clients) in [("technician", json!("all")), ("viewer", json!("all")), ("client", json!([client]))] {
        let email = format!("{role}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "role": role, "clients": clients });
        msp.post("/api/v1/people", body).await.ok();
    }
    let reviewer = json!({ "kind": "operator", "role": "reviewer", "name": "R", "email": "reviewer@example.com", "password": PASSWORD });
    operator.post("/api/v1/accounts", reviewer).await.ok();
    let mut all = vec![
        (AccountKind::Publisher, Role::Owner, platform.publisher().await),
        (AccountKind::Msp, Role::Owner, msp),
        (AccountKind::Operator, Role::Owner, operator),
    ];
    for role in [Role::Technician, Role::Viewer, Role::Client, Role::Reviewer] {
        let kind = if role == Role::Reviewer { AccountKind::Operator } else { AccountKind::Msp };
        all.push((kind, role, platform.sign_in(&format!("{}@example.com", role.as_str())).await));
    }
    all
}

#[tokio::test]
async fn every_route_has_a_rule_and_every_role_is_held_to_it() {
    let platform = Platform::start(Database::sqlite()).await;
    let openapi = platform.nobody().get("/api/openapi.json").await.ok();
    let operations: BTreeSet<String> = described(&openapi)
        .into_iter()
        .flat_map(|(path, methods)| methods.into_iter().map(move |method| format!("{method} {path}")))
        .collect();
    let ruled: BTreeSet<String> =
        RULES.iter().map(|rule| rule.0).chain(OWN.iter().chain(OPEN).copied()).map(str::to_owned).collect();
    assert_eq!(
        operations, ruled,
        "a route without a rule, or a rule without a route: decide who may, here and in the handler"
    );
    let everybody = everybody(&platform).await;
    assert_eq!(everybody.len(), 7);
    for (kind, role, who) in &everybody {
        for (operation, kinds, action, body) in RULES {
            let (method, path) = operation.split_once(' ').unwrap();
            let answer = who.raw(method, &filled(path), "application/json", *body).await;
            let place = format!("{operation} by {} {}: {answer:#?}", kind.as_str(), role.as_str());
            if kinds.contains(kind) && may(*kind, *role, *action) {
                assert!(![401, 403].contains(&answer.status), "{place}");
                continue;
            }
            assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{place}");
            if kinds.contains(kind) {
                let detail = answer.body["detail"].as_str().unwrap();
                assert!(detail.contains(action.sentence()), "it says what is not allowed: {place}");
                assert!(detail.contains("owner") || detail.contains("accounts of kind"), "and who may: {place}");
            }
        }
        assert_eq!(who.get("/api/v1/me").await.ok()["role"], Value::from(role.as_str()));
    }
}
