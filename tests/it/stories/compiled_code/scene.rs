//! A marketplace with one installed accessory, and devices whose compilers are watched.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use fitment_domain::artifact::{ARTIFACT_TYPE, ArtifactStatement, Target, is_sampled};
use fitment_domain::bytes::Digest;
use fitment_domain::instruction::{InstructionSet, Item, SET_TYPE};
use fitment_domain::signature::Envelope;
use fitment_runner_client::{Compiler, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Answer, Platform, Session};
use crate::support::programs::program;

/// Where the compiled code of the scene's release is.
pub(super) const ARTIFACTS: &str = "/api/v1/releases/fitment/disk-space/0.1.0/artifacts";

/// Returns the target of machines like this one.
pub(super) fn target() -> Target {
    Target::of(std::env::consts::ARCH, std::env::consts::OS, |_| true).unwrap()
}

/// Returns whether the one item runs.
pub(super) fn runs(status: &Value) -> bool {
    status["items"][0]["state"] == "running" && !status["items"][0]["last_run"].is_null()
}

/// Returns what the agent says of who compiled the one item.
pub(super) fn code(status: &Value) -> &str {
    status["items"][0]["code"].as_str().unwrap_or_default()
}

/// Returns the one item of the set that a device keeps.
pub(super) fn item(device: &Device) -> Item {
    let kept = Envelope::from_json(&std::fs::read(device.agent.state().join("set.json")).unwrap()).unwrap();
    let mut set: InstructionSet = kept.open(SET_TYPE, &[]).unwrap();
    set.items.remove(0)
}

/// A device whose compiler writes down what it is asked.
pub(super) struct Device {
    pub(super) agent: Agent,
    asked: PathBuf,
    programs: PathBuf,
    secret: [u8; 32],
}

impl Device {
    /// Returns what the compiler was asked.
    pub(super) fn asked(&self) -> Vec<String> {
        std::fs::read_to_string(&self.asked).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Opens the sandbox that its agent has, over the same cache.
    pub(super) async fn sandbox(&self) -> Sandbox {
        let cache_dir = self.agent.state().join("cache/compiled");
        let config = SandboxConfig { programs_dir: self.programs.clone(), cache_dir, mac_key: self.secret };
        Sandbox::start(config).await.unwrap()
    }

    /// Waits until it was asked this.
    pub(super) async fn until_asked(&self, question: &str) {
        let what = format!("its compiler is asked to {question}");
        self.agent.until_status(&what, |_| self.asked().iter().any(|asked| asked == question)).await;
    }
}

/// A marketplace where an accessory is published and installed everywhere, and what it compiles to.
pub(super) struct Scene {
    pub(super) platform: Platform,
    pub(super) msp: Session,
    pub(super) bundle: Value,
    pub(super) said: ArtifactStatement,
    pub(super) component: Vec<u8>,
    path: String,
}

impl Scene {
    /// One with a monitor.
    pub(super) async fn new() -> Self {
        let platform = Platform::start(Database::sqlite()).await;
        platform.publish("disk-space").await;
        let msp = platform.msp().await;
        let body =
            json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"], "interval_s": 1 });
        msp.post("/api/v1/installations", body).await.ok();
        let component = Packing::of("disk-space").signed_by(&platform.publisher_key).component;
        Self::around(platform, "disk-space", &component).await
    }

    /// One around what is installed already.
    pub(super) async fn around(platform: Platform, name: &str, component: &[u8]) -> Self {
        let msp = platform.msp().await;
        let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        let compiler = Compiler::new(program("fitment-compiler"));
        let code = compiler.compile_for(component, target()).await.unwrap();
        let said = ArtifactStatement {
            component: Digest::of(component),
            target: target(),
            build: compiler.build().await.unwrap(),
            digest: Digest::of(&code),
            bytes: code.len() as u64,
        };
        let path = format!("/api/v1/releases/fitment/{name}/0.1.0/artifacts");
        Self { platform, msp, bundle, said, component: component.to_vec(), path }
    }

    /// Signs a statement as the publisher.
    pub(super) fn sign(&self, said: &ArtifactStatement) -> Envelope {
        Envelope::sign(ARTIFACT_TYPE, said, &self.platform.publisher_key).unwrap()
    }

    /// Signs the truth as the publisher.
    pub(super) fn signed(&self) -> Envelope {
        self.sign(&self.said)
    }

    /// Uploads an attestation.
    pub(super) async fn put(&self, statement: &Envelope) -> Answer {
        self.platform.publisher().await.put(&format!("{}/{}", self.path, target()), json!(statement)).await
    }

    /// Attests the truth, and waits until the platform signed it too.
    pub(super) async fn attest(&self) {
        let answer = self.put(&self.signed()).await;
        assert_eq!((answer.status, &answer.body["state"]), (202, &json!("waiting")), "{answer:#?}");
        let attested = |body: &Value| body["artifacts"][0]["state"] == "attested";
        self.msp.until(&self.path, "the platform signs it", attested).await;
    }

    /// Returns what is known of the code.
    pub(super) async fn artifacts(&self) -> Value {
        self.msp.get(&self.path).await.ok()["artifacts"][0].clone()
    }

    /// Returns the platform's key that countersigns releases.
    pub(super) fn release_key(&self) -> SigningKey {
        let key = std::fs::read(self.platform.data().join("keys/release.key")).unwrap();
        SigningKey::from_bytes(&key.try_into().unwrap())
    }

    /// Starts a device that compares what it is offered, or does not.
    pub(super) fn device(&self, name: &str, wanted: impl Fn(bool) -> bool) -> Device {
        self.start(name, wanted, "")
    }

    /// Starts a device that compares, and whose compiler makes one byte more for others than it should.
    pub(super) fn device_that_differs(&self, name: &str) -> Device {
        self.start(name, |sampled| sampled, "case \"$1\" in compile-for) \"$0.real\" \"$@\"; printf x; exit;; esac")
    }

    /// Starts a device that is to compare, and whose compiler makes nothing for others.
    pub(super) fn device_that_cannot_compare(&self, name: &str) -> Device {
        self.start(name, |sampled| sampled, "case \"$1\" in compile-for) exit 3;; esac")
    }

    fn start(&self, name: &str, wanted: impl Fn(bool) -> bool, first: &str) -> Device {
        let scratch = self.platform.scratch();
        // Whether it compares is drawn with a secret of its own.
        let secret = (0..=255).map(|n| [n; 32]).find(|secret| wanted(is_sampled(secret, &self.said.digest))).unwrap();
        let identity = scratch.join(name).join("identity");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&identity).unwrap();
        write(&identity.join("cache-mac.key"), &secret, 0o600);
        let programs = scratch.join(format!("{name}.programs"));
        std::fs::create_dir(&programs).unwrap();
        for name in ["fitment-runner", "fitment-broker"] {
            symlink(program(name), programs.join(name)).unwrap();
        }
        symlink(program("fitment-compiler"), programs.join("fitment-compiler.real")).unwrap();
        let asked = scratch.join(format!("{name}.asked"));
        let script = format!("#!/bin/sh\necho \"$1\" >> '{}'\n{first}\nexec \"$0.real\" \"$@\"\n", asked.display());
        write(&programs.join("fitment-compiler"), script.as_bytes(), 0o755);
        let agent = Agent::start_with(scratch, name, &self.bundle, &programs);
        Device { agent, asked, programs, secret }
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
