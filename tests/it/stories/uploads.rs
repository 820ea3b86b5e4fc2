//! What must not be uploaded is refused with a report that names each finding, and leaves no release behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use fitment_domain::bytes::Digest;
use fitment_domain::manifest::{Manifest, PermissionAsked};
use fitment_domain::package::with_manifest;
use serde_json::{Value, json};

use crate::support::binary;
use crate::support::databases::Database;
use crate::support::package::{Packing, Parts, manifest_of, sign};
use crate::support::platform::{Platform, Session};
use crate::support::programs::{accessory, program};

/// Longest that a refusal may take, whatever is uploaded.
const REFUSAL: Duration = Duration::from_secs(5);

/// A platform, its publisher, and how many releases there must be.
struct Shop {
    platform: Platform,
    publisher: Session,
    releases: Value,
}

impl Shop {
    async fn open() -> Self {
        let platform = Platform::start(Database::sqlite()).await;
        let publisher = platform.publisher().await;
        let releases = publisher.get("/api/v1/releases").await.ok();
        Self { platform, publisher, releases }
    }

    fn key(&self) -> &SigningKey {
        &self.platform.publisher_key
    }

    /// Uploads what must be refused by these rules, each with words that hold these; returns the rules of all findings.
    async fn refused(&self, what: &str, parts: &Parts, expected: &[(&str, &str)]) -> Vec<String> {
        let begin = Instant::now();
        let answer = self.publisher.upload(parts).await;
        assert!(begin.elapsed() < REFUSAL, "{what}: refused only after {:?}", begin.elapsed());
        assert_eq!((answer.status, answer.code()), (422, "upload-refused"), "{what}: {answer:#?}");
        let problems = answer.body["report"]["problems"].as_array().unwrap();
        for problem in problems {
            for member in ["rule", "severity", "message", "remedy"] {
                assert!(
                    problem[member].as_str().is_some_and(|text| !text.is_empty()),
                    "{what}: {member} of {problem:#}"
                );
            }
        }
        assert!(problems.iter().any(|p| p["severity"] == "error"), "{what}: {problems:#?}");
        for (rule, words) in expected {
            let said = |p: &&Value| p["rule"] == *rule && p["message"].as_str().unwrap().contains(words);
            assert!(problems.iter().find(said).is_some(), "{what}: no {rule} with {words:?} in {problems:#?}");
        }
        assert_eq!(self.publisher.get("/api/v1/releases").await.ok(), self.releases, "{what}");
        let kept = self.publisher.get("/api/v1/uploads").await.ok()["uploads"][0].clone();
        assert_eq!(kept["digest"], Digest::of(&parts.component).as_str(), "{what}");
        assert_eq!(kept["report"], answer.body["report"], "{what}");
        problems.iter().map(|p| p["rule"].as_str().unwrap().to_owned()).collect()
    }

    async fn manifest_refused(
        &self,
        what: &str,
        change: impl FnOnce(&mut Manifest),
        expected: &[(&str, &str)],
    ) -> Vec<String> {
        let parts = Packing::of("disk-space").manifest(change).signed_by(self.key());
        self.refused(what, &parts, expected).await
    }

    /// Signs bytes as if they were the component of `disk-space`.
    fn signed(&self, component: Vec<u8>) -> Parts {
        let (good, listing) = accessory("disk-space");
        sign(component, listing, &manifest_of(&good), self.key())
    }

    /// Gives a component the manifest of `disk-space` and signs both.
    fn packed(&self, component: &[u8]) -> Parts {
        let manifest = manifest_of(&accessory("disk-space").0);
        self.signed(with_manifest(component, &manifest).unwrap())
    }
}

fn compiled(component: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut command = Command::new(program("fitment-compiler"));
    let mut child = command.arg("compile").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(component).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

// proves M4 (structure)
#[tokio::test]
async fn what_is_no_component_of_ours_is_refused() {
    let shop = Shop::open().await;
    let (good, _) = accessory("disk-space");
    shop.refused("text", &shop.signed(b"#!/bin/sh\nexit 0\n".to_vec()), &[("not-a-component", "header")]).await;
    shop.refused("nothing", &shop.signed(Vec::new()), &[("not-a-component", "header")]).await;
    shop.refused("core module", &shop.signed(binary::MODULE.to_vec()), &[("core-module", "core WebAssembly module")])
        .await;
    shop.refused("compiled", &shop.signed(compiled(&good)), &[("already-compiled", "machine code")]).await;
    shop.refused("cut", &shop.signed(good[..good.len() / 2].to_vec()), &[("malformed-component", "parse")]).await;
    shop.refused("no manifest", &shop.signed(binary::empty()), &[("manifest", "no custom section")]).await;
    let twice = shop.packed(&good);
    shop.refused("two manifests", &twice, &[("manifest", "more than one")]).await;
    shop.refused("empty", &shop.packed(&binary::empty()), &[("no-world", "fits no world")]).await;

    let padded = [&good[..], &custom_section(4 * 1024 * 1024)].concat();
    shop.refused("too big", &shop.signed(padded), &[("too-large", "at most 4194304")]).await;
    // What brings a language along may be larger, where its manifest says so.
    shop.refused("too big for any", &shop.signed(vec![0; 25 * 1024 * 1024]), &[("too-large", "at most 25165824")])
        .await;
    let padded = [&good[..], &custom_section(1024 * 1024)].concat();
    shop.refused("ballast", &shop.signed(padded), &[("custom-sections-too-large", "at most 1048576")]).await;
    let answer = shop.publisher.upload(&shop.signed(vec![0; 27 * 1024 * 1024])).await;
    assert_eq!((answer.status, answer.code()), (413, "too-large"));
    assert_eq!(shop.publisher.get("/api/v1/releases").await.ok(), shop.releases);
}

fn custom_section(bytes: usize) -> Vec<u8> {
    // A length of four bytes reaches to 256 MiB.
    let length = [0, 7, 14, 21].map(|shift| ((bytes + 2) >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 });
    [&[0][..], &length, b"\x01x", &vec![0; bytes]].concat()
}

// proves M4 (limits)
#[tokio::test]
async fn small_files_that_would_cost_a_compiler_minutes_are_refused_in_seconds() {
    let shop = Shop::open().await;
    let bomb = binary::doubling(24);
    assert!(bomb.len() < 2_000);
    let expected = [("too-many-components", "25"), ("too-many-component-instances", "49")];
    shop.refused("doubling components", &shop.packed(&bomb), &expected).await;
    let many = binary::many_functions(100_000);
    shop.refused("many functions", &shop.packed(&many), &[("too-many-functions", "100000 functions, at most 40000")])
        .await;
    // The compiler asks the same before it compiles: whoever comes past an upload's report gets no further.
    let mut command = Command::new(program("fitment-compiler"));
    let mut child =
        command.arg("compile").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &bomb).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("refused before compiling"));
}

fn permission(name: &str) -> PermissionAsked {
    let reason = "Because the test asks for it.".to_owned();
    PermissionAsked {
        optional: false,
        name: name.to_owned(),
        reason,
        origins: Vec::new(),
        secrets: Vec::new(),
        units: Vec::new(),
        globs: Vec::new(),
        commands: Vec::new(),
        hosts: Vec::new(),
    }
}

// proves M4 (world, permissions)
#[tokio::test]
async fn wrong_worlds_and_permissions_are_refused_by_name() {
    let shop = Shop::open().await;
    let wrong_world = [("wrong-world", "fits these worlds: monitor")];
    shop.manifest_refused("kind", |m| (m.kind, m.interval_s) = ("ticketing-connector".to_owned(), None), &wrong_world)
        .await;
    shop.manifest_refused("unknown kind", |m| m.kind = "toaster".to_owned(), &[("kind", "\"toaster\" is unknown")])
        .await;
    for kind in fitment_domain::manifest::RESERVED_KINDS {
        shop.manifest_refused(kind, |m| m.kind = (*kind).to_owned(), &[("kind", "not supported")]).await;
    }

    let unknown = [("permission-unknown", "\"root\"")];
    shop.manifest_refused("unknown permission", |m| m.permissions.push(permission("root")), &unknown).await;
    for name in fitment_domain::capability::RESERVED {
        let reserved = [("permission-not-supported", "not supported")];
        shop.manifest_refused(name, |m| m.permissions.push(permission(name)), &reserved).await;
    }
    let missing = [("import-without-permission", "fitment:accessory/metrics")];
    shop.manifest_refused("import without permission", |m| m.permissions.clear(), &missing).await;
    let twice = [("permission-scope", "asked twice")];
    shop.manifest_refused("twice", |m| m.permissions.push(permission("metrics")), &twice).await;
    let closed = [("permission-scope", "origins is empty")];
    shop.manifest_refused("no origin", |m| m.permissions.push(permission("http")), &closed).await;
    let reason = [("permission-scope", "the reason must have")];
    shop.manifest_refused("no reason", |m| m.permissions[0].reason = "why".to_owned(), &reason).await;

    // A permission that nothing uses is a warning: the release is taken, and people see it.
    let with_http = |m: &mut Manifest| {
        let origins = vec!["https://example.com".to_owned()];
        m.permissions.push(PermissionAsked { origins, ..permission("http") });
    };
    let parts = Packing::of("disk-space").manifest(with_http).signed_by(shop.key());
    let answer = shop.publisher.upload(&parts).await;
    assert_eq!(answer.status, 201, "{answer:#?}");
    let problems = &answer.body["report"]["problems"];
    assert_eq!(
        (&problems[0]["rule"], &problems[0]["severity"], &problems[1]),
        (&json!("dead-permission"), &json!("warning"), &Value::Null)
    );
    assert_eq!(answer.body["release"]["problems"], *problems);
}

// proves M4 (limits, metadata)
#[tokio::test]
async fn wrong_texts_and_limits_are_refused_all_at_once() {
    let shop = Shop::open().await;
    let schema = |schema: Value| move |m: &mut Manifest| m.config_schema = schema;
    shop.manifest_refused("broken schema", schema(json!({ "type": "thing" })), &[("config-schema", "broken")]).await;
    let default = json!({ "type": "object", "properties": { "percent": { "type": "number", "default": "ten" } } });
    shop.manifest_refused(
        "default of another type",
        schema(default),
        &[("config-schema", "default of config.percent")],
    )
    .await;
    shop.manifest_refused("no schema", schema(json!("anything")), &[("config-schema", "JSON object")]).await;
    let elsewhere = json!({ "$ref": "https://example.com/schema.json" });
    shop.manifest_refused("schema elsewhere", schema(elsewhere), &[("config-schema", "broken")]).await;
    let local = json!({ "$ref": "file:///etc/passwd" });
    shop.manifest_refused("schema of a file", schema(local), &[("config-schema", "broken")]).await;

    let foreign = [("foreign-namespace", "your namespace is fitment/")];
    shop.manifest_refused("namespace", |m| m.name.publisher = "contoso".to_owned(), &foreign).await;
    let over = |m: &mut Manifest| {
        m.budget.memory_bytes_max = Some(u64::MAX);
        m.budget.wall_ms_max = Some(3_600_000);
    };
    shop.manifest_refused("budget", over, &[("budget", "budget.memory_bytes_max"), ("budget", "budget.wall_ms_max")])
        .await;
    shop.manifest_refused("os", |m| m.requires.os = vec!["plan9".to_owned()], &[("manifest", "requires.os")]).await;
    shop.manifest_refused("agent", |m| m.requires.agent = None, &[("manifest", "requires.agent")]).await;
    shop.manifest_refused("interval", |m| m.interval_s = Some(0), &[("manifest", "schedule.interval_s")]).await;

    for (field, value) in [
        ("summary", json!("")),
        ("summary", json!("x".repeat(201))),
        ("license", json!(" ")),
        ("authors", json!([])),
        ("readme", json!("")),
        ("changelog", json!("\n")),
    ] {
        let parts = Packing::of("disk-space").listing(|l| l[field] = value).signed_by(shop.key());
        shop.refused(field, &parts, &[("listing", &format!("listing.{field}"))]).await;
    }
    let parts = Packing::of("disk-space").listing(|l| l["surprise"] = json!(1)).signed_by(shop.key());
    shop.refused("unknown field", &parts, &[("listing", "surprise")]).await;

    // Nobody has to upload ten times to learn of ten mistakes.
    let wrong = |m: &mut Manifest| {
        m.name.publisher = "contoso".to_owned();
        m.permissions = vec![permission("root"), permission("mail")];
        m.config_schema = json!(7);
        m.budget.fuel_max = Some(u64::MAX);
        m.requires.arch = vec!["z80".to_owned()];
    };
    let other = SigningKey::from_bytes(&[9; 32]);
    let parts = Packing::of("disk-space").manifest(wrong).listing(|l| l["license"] = json!("")).signed_by(&other);
    let expected = [
        ("foreign-namespace", ""),
        ("permission-unknown", "root"),
        ("permission-not-supported", "mail"),
        ("config-schema", ""),
        ("budget", "fuel_max"),
        ("manifest", "z80"),
        ("listing", "license"),
        ("signature", "publisher"),
    ];
    shop.refused("everything", &parts, &expected).await;
}

// proves M4 (signature)
#[tokio::test]
async fn unsigned_uploads_and_used_versions_are_refused() {
    let mut shop = Shop::open().await;
    let good = Packing::of("disk-space").signed_by(shop.key());
    let missing = shop.publisher.upload_form(&[("component", &good.component), ("listing", &good.listing)]).await;
    assert_eq!((missing.status, missing.code()), (422, "invalid"));
    assert!(missing.body["detail"].as_str().unwrap().contains("must be signed"), "{missing:#?}");
    let unsigned = |change: &dyn Fn(&mut Value)| {
        let mut statement = serde_json::from_slice(&good.statement).unwrap();
        change(&mut statement);
        Parts { statement: serde_json::to_vec(&statement).unwrap(), ..good.clone() }
    };
    let none = [("signature", "signature of the publisher is missing")];
    shop.refused("no signature", &unsigned(&|s| s["signatures"] = json!([])), &none).await;
    shop.refused(
        "no envelope",
        &Parts { statement: b"{}".to_vec(), ..good.clone() },
        &[("signature", "does not read")],
    )
    .await;
    let other = Packing::of("disk-space").signed_by(&SigningKey::from_bytes(&[9; 32]));
    shop.refused("signed by another", &other, &none).await;
    let renamed = unsigned(&|s| s["payloadType"] = json!("application/json"));
    shop.refused("another type", &renamed, &[("signature", "of type")]).await;
    let mut speaks_of_another = manifest_of(&good.component);
    speaks_of_another.version = "0.2.0".parse().unwrap();
    let parts = sign(good.component.clone(), good.listing.clone(), &speaks_of_another, shop.key());
    shop.refused("another version is signed", &parts, &[("signature", "manifest says version 0.1.0")]).await;

    shop.publisher.upload(&good).await.ok();
    shop.releases = shop.publisher.get("/api/v1/releases").await.ok();
    assert_eq!(shop.releases["releases"].as_array().unwrap().len(), 1);
    let used = [("version-used", "0.1.0 exists already")];
    shop.refused("the same again", &good, &used).await;
    let changed = Packing::of("disk-space").manifest(|m| m.interval_s = Some(7)).signed_by(shop.key());
    shop.refused("a changed one", &changed, &used).await;

    // Somebody else's publisher: no key, and never in this namespace.
    shop.platform.add_account("publisher", "contoso", "contoso@example.com");
    let stranger = shop.platform.sign_in("contoso@example.com").await;
    let answer = stranger.upload(&good).await;
    assert_eq!((answer.status, answer.code()), (422, "upload-refused"));
    let rules: Vec<&Value> = answer.body["report"]["problems"].as_array().unwrap().iter().map(|p| &p["rule"]).collect();
    assert_eq!(rules, ["foreign-namespace", "publisher-key-missing"]);
    assert_eq!(stranger.get("/api/v1/releases").await.ok()["releases"], json!([]));
    assert_eq!(
        stranger.get("/api/v1/uploads").await.ok()["uploads"].as_array().unwrap().len(),
        1,
        "their own report alone"
    );
}
