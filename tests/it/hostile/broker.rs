//! The broker believes nobody: not the supervisor that starts it, not the runner whose act it is asked to do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use fitment_agent::broker::{Answer, Asked, Broker, Clerk, Duty, ItemLooks, OrderActs, Right, What};
use fitment_agent::signed_set::SignedSet;
use fitment_domain::act::{Act, Done, ServiceAction};
use fitment_domain::budget::Budget;
use fitment_domain::bytes::Digest;
use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::egress::Policy;
use fitment_domain::id::{DeviceId, InstallationId, TenantId, TransactionId};
use fitment_domain::instruction::{Addressee, InstructionSet, Item, SET_TYPE, SetTime};
use fitment_domain::look::{Look, Seen};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::request::{ORDER_TYPE, Order};
use fitment_domain::run::{Fault, RunReport, encode_frame};
use fitment_domain::signature::{Envelope, PublicKey};
use fitment_domain::time::UnixMs;
use fitment_runner_client::{Acts, CallLimits, DeviceHost, Egress, HostCalls, HttpHost, Secrets, Trust};
use futures_util::future::BoxFuture;
use tempfile::TempDir;

use super::asking::{LIST, LIST_SERVICES, LOGS, READ, REMOVE, RESTART, RUN, STAT, WRITE, fault};
use super::lab::Lab;
use crate::support::programs::programs;

const NOW: UnixMs = UnixMs(1_700_000_000_000);

/// A device, its platform, and a folder in which one script may remove and write.
struct Scene {
    platform: SigningKey,
    me: Addressee,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let me = Addressee { tenant: TenantId::from_random([1; 16]), device: DeviceId::from_random([2; 16]) };
        Self { platform: SigningKey::from_bytes(&[7; 32]), me, folder: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn duty(&self) -> Duty {
        Duty { me: self.me.clone(), instruction_key: PublicKey::of(&self.platform) }
    }

    fn grants(&self) -> Grants {
        let globs = [format!("{}/mine/**", self.root().display())].into();
        let files = Scope { globs, ..Scope::default() };
        let services = Scope { units: ["mine-*.service".to_owned()].into(), ..Scope::default() };
        let programs = Scope { commands: ["/bin/true".to_owned()].into(), ..Scope::default() };
        Grants(
            [(Permission::FilesWrite, files), (Permission::ServicesControl, services), (Permission::Exec, programs)]
                .into(),
        )
    }

    fn order(&self) -> Order {
        let key = PublicKey::of(&self.platform);
        Order {
            tenant: self.me.tenant.clone(),
            device: self.me.device.clone(),
            transaction: TransactionId::from_random([3; 16]),
            item: Item {
                installation: InstallationId::from_random([4; 16]),
                accessory: AccessoryName::parse("somebody/something").unwrap(),
                version: semver::Version::new(1, 0, 0),
                digest: Digest::of(b"component"),
                statement: Envelope::sign("x", &"statement", &self.platform).unwrap(),
                development: None,
                publisher_key: key,
                config: serde_json::json!({}),
                interval_s: 60,
                grants: self.grants(),
                budget: Budget::default_for_accessories(),
                artifact: None,
                warm: false,
            },
            parameters: serde_json::json!({}),
            made: NOW,
            deliver_by: UnixMs(NOW.0 + 60_000),
        }
    }

    fn sign(&self, order: &Order) -> Envelope {
        Envelope::sign(ORDER_TYPE, order, &self.platform).unwrap()
    }

    /// Returns the broker process of this device; it is started by the first question.
    fn broker(&self) -> Arc<Broker> {
        let state = self.root().join("state");
        std::fs::create_dir_all(state.join("identity")).unwrap();
        let key = PublicKey::of(&self.platform);
        let identity = serde_json::json!({
            "tenant": self.me.tenant, "device": self.me.device, "server": "https://localhost:1", "server_ca_pem": "",
            "instruction_key": key, "release_key": key,
        });
        std::fs::write(state.join("identity/identity.json"), identity.to_string()).unwrap();
        Arc::new(Broker::new(&programs(), &state).unwrap())
    }

    /// Signs a set of these items. It has expired: a device that its server does not reach goes on with what it has.
    fn set(&self, t: i64, me: &Addressee, items: &[Item]) -> Envelope {
        let set = InstructionSet {
            tenant: me.tenant.clone(),
            device: me.device.clone(),
            time: SetTime { epoch: 1, t: UnixMs(t) },
            group: String::new(),
            expires: UnixMs(0),
            items: items.to_vec(),
        };
        Envelope::sign(SET_TYPE, &set, &self.platform).unwrap()
    }

    /// Makes a file and returns the act that removes it.
    fn removal(&self, path: &str) -> Act {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "precious").unwrap();
        Act::RemoveFile { path: path.to_str().unwrap().to_owned() }
    }

    fn ask(&self, order: Envelope, act: &Act, now: UnixMs) -> Result<Done, Fault> {
        let asked = Asked { right: Right::Order(order), what: What::Act(act.clone()), wait_ms: 5_000 };
        match Clerk::new(self.duty()).answer(&asked, now, &|| false) {
            Answer::Act(done) => done,
            other => panic!("{other:?}"),
        }
    }
}

fn http_host() -> HttpHost {
    HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device)).unwrap()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Fault>, words: &str) {
    match answer {
        Err(fault) => assert!(fault.to_string().contains(words), "{fault} does not say {words:?}"),
        Ok(done) => panic!("{done:?} instead of {words:?}"),
    }
}

#[test]
fn the_broker_does_nothing_without_the_platforms_own_order_for_this_device_and_this_moment() {
    let scene = Scene::new();
    let act = scene.removal("mine/file");
    let order = scene.order();

    // Somebody else's order, and one of the right shape in another envelope.
    let stranger = SigningKey::from_bytes(&[8; 32]);
    refused(scene.ask(Envelope::sign(ORDER_TYPE, &order, &stranger).unwrap(), &act, NOW), "signature");
    refused(scene.ask(Envelope::sign("application/json", &order, &scene.platform).unwrap(), &act, NOW), "type");
    // An order for another device, or for a device of that name of another tenant.
    let other = Order { device: DeviceId::from_random([9; 16]), ..order.clone() };
    refused(scene.ask(scene.sign(&other), &act, NOW), "another device");
    let other = Order { tenant: TenantId::from_random([9; 16]), ..order.clone() };
    refused(scene.ask(scene.sign(&other), &act, NOW), "another device");
    // An altered byte, anywhere.
    let good = scene.sign(&order);
    for at in [0, good.payload.len() / 2, good.payload.len() - 2] {
        let mut altered = good.clone();
        let byte = if altered.payload.as_bytes()[at] == b'A' { "B" } else { "A" };
        altered.payload.replace_range(at..=at, byte);
        refused(scene.ask(altered, &act, NOW), "signature");
    }
    // A run that began at the last moment may still act; nothing may long after.
    let last = order.deliver_by.0 + i64::try_from(order.item.budget.wall_ms_max).unwrap();
    refused(scene.ask(good.clone(), &act, UnixMs(last + 1)), "expired");
    refused(scene.ask(good.clone(), &act, UnixMs(last + 86_400_000)), "expired");

    // What was refused all along was this, which is done now.
    assert_eq!(scene.ask(good, &act, UnixMs(last)), Ok(Done::Removed(8)));
}

#[test]
fn the_broker_does_nothing_outside_the_orders_grants() {
    let scene = Scene::new();
    let order = scene.sign(&scene.order());
    let inside = scene.removal("mine/below/file");
    let outside = scene.removal("others/file");
    std::os::unix::fs::symlink(scene.root().join("others"), scene.root().join("mine/link")).unwrap();
    let path = |path: &str| Act::RemoveFile { path: scene.root().join(path).to_str().unwrap().to_owned() };

    refused(scene.ask(order.clone(), &outside, NOW), "files:write");
    refused(scene.ask(order.clone(), &path("mine/../others/file"), NOW), "files:write");
    refused(scene.ask(order.clone(), &path("mine"), NOW), "files:write");
    refused(scene.ask(order.clone(), &path("mine/link/file"), NOW), "symbolic link");
    assert!(scene.root().join("others/file").exists());
    for unit in ["ssh.service", "mine-x.socket", "mine-*.service.service.d", "mine-x.service/../ssh.service"] {
        let act = Act::ControlService { unit: unit.to_owned(), action: ServiceAction::Stop };
        refused(scene.ask(order.clone(), &act, NOW), "services:control");
    }
    // An order without the permission allows nothing of it.
    let mut none = scene.order();
    none.item.grants = Grants::default();
    refused(scene.ask(scene.sign(&none), &inside, NOW), "files:write");

    assert_eq!(scene.ask(order.clone(), &inside, NOW), Ok(Done::Removed(8)));
    let within = Act::ControlService { unit: "mine-no-such.service".to_owned(), action: ServiceAction::Stop };
    let answered = scene.ask(order, &within, NOW);
    assert!(matches!(answered, Err(Fault::Unsupported(_) | Fault::NotFound(_))), "{answered:?}");
}

#[tokio::test]
async fn a_script_acts_through_the_broker_process_and_only_where_its_order_lets_it() {
    let (scene, lab) = (Scene::new(), Lab::new().await);
    let broker = scene.broker();
    // The broker's clock is the machine's.
    let now = crate::support::wire::now().0;
    let mut order = scene.order();
    order.deliver_by = UnixMs(now + 60_000);
    let order = scene.sign(&order);
    let run = async |function: super::asking::Function, text: &str, grants: Grants| {
        let http = Arc::new(http_host());
        let acts = Arc::new(OrderActs::new(Arc::clone(&broker), order.clone()));
        let mut spec = function.spec(text);
        spec.grants = grants;
        lab.run_with(&function.guest(), spec, Arc::new(DeviceHost::new(http, acts))).await
    };
    scene.removal("mine/old");
    let path = |path: &str| scene.root().join(path).to_str().unwrap().to_owned();

    assert_eq!(fault(&run(WRITE, &path("mine/new"), scene.grants()).await), None);
    assert_eq!(std::fs::read_to_string(path("mine/new")).unwrap(), path("mine/new"));
    assert_eq!(fault(&run(REMOVE, &path("mine/old"), scene.grants()).await), None);
    assert_eq!(fault(&run(RUN, "/bin/true", scene.grants()).await), None);
    assert!(!scene.root().join("mine/old").exists());
    // A runner that was broken grants itself everything: the order still says what it says.
    scene.removal("others/file");
    let mut wide = scene.grants();
    for scope in wide.0.values_mut() {
        scope.globs = [format!("{}/**", scene.root().display())].into();
        scope.units = ["*.service".to_owned()].into();
        scope.commands = ["/bin/false".to_owned()].into();
    }
    let denied = |report: &RunReport, name: &str, what: &str| {
        let fault = fault(report);
        let said = matches!(fault, Some(Fault::Denied(words)) if words.starts_with(name) && words.contains(what));
        assert!(said, "{name} {what}: {fault:?}");
    };
    denied(&run(REMOVE, &path("others/file"), wide.clone()).await, "files:write: ", "/mine/**");
    denied(&run(RUN, "/bin/false", wide.clone()).await, "exec: ", "/bin/false is not within /bin/true");
    denied(&run(RESTART, "ssh.service", wide).await, "services:control: ", "ssh.service is not within mine-*.service");
    assert!(scene.root().join("others/file").exists());
}

/// Gives a scene's item these scopes.
fn granting(scene: &Scene, grants: impl IntoIterator<Item = (Permission, Scope)>) -> Order {
    let mut order = scene.order();
    order.item.grants = Grants(grants.into_iter().collect());
    order
}

fn reading(scene: &Scene) -> (Permission, Scope) {
    let globs = [format!("{}/logs/*.log", scene.root().display())].into();
    (Permission::FilesRead, Scope { globs, ..Scope::default() })
}

fn looked(answer: Answer) -> Result<Seen, Fault> {
    match answer {
        Answer::Look(seen) => seen,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_runs_on_a_schedule_is_read_for_by_the_platforms_own_set_and_changes_nothing() {
    let scene = Scene::new();
    let item = granting(&scene, [reading(&scene)]).item;
    std::fs::create_dir_all(scene.root().join("logs")).unwrap();
    std::fs::write(scene.root().join("logs/a.log"), "a line").unwrap();
    std::fs::write(scene.root().join("logs/key"), "secret").unwrap();
    let read = |path: &str| Look::Read {
        path: scene.root().join(path).to_str().unwrap().to_owned(),
        offset_bytes: 2,
        length_bytes: 100,
    };
    let mut clerk = Clerk::new(scene.duty());
    let mut ask = |set: &Envelope, shown: bool, installation: &InstallationId, what: What| {
        let right = Right::Item {
            set: Digest::of(&set.to_json()),
            shown: shown.then(|| set.clone()),
            installation: installation.clone(),
        };
        clerk.answer(&Asked { right, what, wait_ms: 5_000 }, NOW, &|| false)
    };
    let mine = &item.installation;
    let items = std::slice::from_ref(&item);
    let good = scene.set(10, &scene.me, items);

    assert_eq!(ask(&good, false, mine, What::Look(read("logs/a.log"))), Answer::ShowSet);
    assert_eq!(looked(ask(&good, true, mine, What::Look(read("logs/a.log")))), Ok(Seen::Bytes(b"line".to_vec())));
    // It is remembered from then on.
    assert_eq!(looked(ask(&good, false, mine, What::Look(read("logs/a.log")))), Ok(Seen::Bytes(b"line".to_vec())));
    refused(looked(ask(&good, false, mine, What::Look(read("logs/key")))), "files:read");
    refused(looked(ask(&good, false, mine, What::Look(read("../etc/shadow")))), "files:read");
    let foreign = InstallationId::from_random([5; 16]);
    refused(looked(ask(&good, false, &foreign, What::Look(read("logs/a.log")))), "not in the set");
    // Of a folder that is only the way to a grant, nothing else is told.
    let folder = Look::List { path: scene.root().join("logs").to_str().unwrap().to_owned() };
    match looked(ask(&good, false, mine, What::Look(folder))) {
        Ok(Seen::Entries(entries)) => assert_eq!(entries.len(), 1, "{entries:?}"),
        other => panic!("{other:?}"),
    }
    // Only an order changes the device.
    match ask(&good, false, mine, What::Act(scene.removal("mine/file"))) {
        Answer::Act(done) => refused(done, "only an order"),
        other => panic!("{other:?}"),
    }
    assert!(scene.root().join("mine/file").exists());
    // Another's set, another device's, an older one, and one under another's digest.
    let other = Addressee { device: DeviceId::from_random([9; 16]), ..scene.me.clone() };
    let stranger = Scene {
        platform: SigningKey::from_bytes(&[8; 32]),
        me: scene.me.clone(),
        folder: tempfile::tempdir().unwrap(),
    };
    let forged = stranger.set(20, &scene.me, items);
    let look = || What::Look(read("logs/a.log"));
    refused(looked(ask(&forged, true, mine, look())), "signature");
    refused(looked(ask(&scene.set(20, &other, &[]), true, mine, look())), "another device");
    refused(looked(ask(&scene.set(9, &scene.me, &[]), true, mine, look())), "older");
    let right = Right::Item { set: Digest::of(b"another"), shown: Some(good.clone()), installation: mine.clone() };
    let asked = Asked { right, what: look(), wait_ms: 5_000 };
    refused(looked(Clerk::new(scene.duty()).answer(&asked, NOW, &|| false)), "another one than is named");
}

// proves C3 (what breaks the runner gains nothing)
#[test]
fn a_broker_has_nothing_open_of_whoever_started_it() {
    let scene = Scene::new();
    drop(scene.broker());
    let secret = tempfile::NamedTempFile::new().unwrap();
    let mut broker = super::confinement::inheriting(secret.path(), &programs().join("fitment-broker"));
    let mut broker = broker.arg("--state").arg(scene.root().join("state")).stdin(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let comm = || std::fs::read_to_string(format!("/proc/{}/comm", broker.id())).unwrap();
    while comm() != "fitment-broker\n" || super::confinement::holds(broker.id(), secret.path()) {
        assert!(Instant::now() < until, "{} holds a file of whoever started it", comm());
        std::thread::sleep(Duration::from_millis(20));
    }
    // It has read whose orders count, and waits for the first.
    assert!(broker.try_wait().unwrap().is_none());
    drop(broker.stdin.take());
    assert!(broker.wait().unwrap().success());
}

#[tokio::test]
async fn a_few_ask_the_broker_at_a_time_and_who_finds_no_place_has_time_left_to_say_so() {
    let scene = Scene::new();
    // A stand-in that takes a second for its answer, which is always the same.
    let programs = scene.root().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let answer = encode_frame(&Answer::Look(Ok(Seen::Bytes(b"seen".to_vec())))).unwrap();
    std::fs::write(programs.join("answer"), answer).unwrap();
    let script = format!("#!/bin/sh\n/bin/sleep 1; /bin/cat {}/answer; /bin/cat >/dev/null\n", programs.display());
    std::fs::write(programs.join("fitment-broker"), script).unwrap();
    std::fs::set_permissions(programs.join("fitment-broker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let broker = Arc::new(Broker::new(&programs, &scene.root()).unwrap());
    let order = scene.sign(&scene.order());
    let look = async || {
        let acts = OrderActs::new(Arc::clone(&broker), order.clone());
        let limits = CallLimits { remaining_ms: 1_700, body_bytes_max: 0 };
        let began = Instant::now();
        (acts.look(Look::Services, limits).await, began.elapsed())
    };
    let looks: Vec<_> = futures_util::future::join_all((0..6).map(|_| look())).await;
    let (seen, busy): (Vec<_>, Vec<_>) = looks.into_iter().partition(|(answer, _)| answer.is_ok());
    assert_eq!((seen.len(), busy.len()), (4, 2));
    for (answer, after) in busy {
        assert!(matches!(&answer, Err(Fault::Failed(words)) if words.contains("busy")), "{answer:?}");
        assert!(after < Duration::from_millis(1_300), "{after:?}");
    }
}

#[tokio::test]
async fn a_monitor_reads_what_its_own_account_may_not_and_only_where_its_set_lets_it() {
    let (scene, lab) = (Scene::new(), Lab::new().await);
    let logs = Scope { units: ["app-*.service".to_owned()].into(), ..Scope::default() };
    let item = granting(&scene, [reading(&scene), (Permission::Logs, logs)]).item;
    let set = Arc::new(SignedSet::default());
    let looks = ItemLooks::new(scene.broker(), Arc::clone(&set), item.installation.clone());
    let http = Arc::new(http_host());
    let host: Arc<dyn HostCalls> = Arc::new(DeviceHost::new(http, Arc::new(looks)));
    let path = |path: &str| scene.root().join(path).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("logs")).unwrap();
    for file in ["logs/a.log", "key"] {
        std::fs::write(path(file), "secret").unwrap();
        std::fs::set_permissions(path(file), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let run = async |function: super::asking::Function, what: &str, grants: &Grants| {
        let text = if function.permission == Permission::Logs { what.to_owned() } else { path(what) };
        let mut spec = function.spec(&text);
        spec.grants = grants.clone();
        fault(&lab.run_with(&function.guest(), spec, Arc::clone(&host)).await).cloned()
    };
    let granted = &item.grants;
    assert!(
        matches!(run(READ, "logs/a.log", granted).await, Some(Fault::Failed(words)) if words.contains("no instruction set"))
    );
    set.put(&scene.set(10, &scene.me, std::slice::from_ref(&item)));
    for (function, file) in [(READ, "logs/a.log"), (STAT, "logs/a.log"), (LIST, "logs")] {
        assert_eq!(run(function, file, granted).await, None, "{} {file}", function.name);
    }
    // A newer set is shown without being asked for, and the one before counts no more.
    let mut narrower = item.clone();
    narrower.grants = Grants::default();
    set.put(&scene.set(11, &scene.me, &[narrower]));
    assert!(
        matches!(run(READ, "logs/a.log", granted).await, Some(Fault::Denied(words)) if words.starts_with("files:read: nothing"))
    );
    set.put(&scene.set(12, &scene.me, std::slice::from_ref(&item)));
    // A runner that was broken grants itself everything: the set still says what it says.
    let mut wide = item.grants.clone();
    for scope in wide.0.values_mut() {
        scope.globs = [format!("{}/**", scene.root().display())].into();
        scope.units = ["*.service".to_owned()].into();
    }
    let said = run(LOGS, "ssh.service", &wide).await;
    assert!(matches!(&said, Some(Fault::Denied(words)) if words.contains("app-*.service")), "{said:?}");
    let said = run(LIST_SERVICES, "", &Grants([(Permission::ServicesRead, Scope::default())].into())).await;
    assert!(matches!(&said, Some(Fault::Denied(words)) if words == "services:read"), "{said:?}");
    let said = run(LOGS, "app-1.service", granted).await;
    assert!(matches!(said, None | Some(Fault::Unsupported(_))), "{said:?}");
    assert!(matches!(run(READ, "key", &wide).await, Some(Fault::Denied(words)) if words.contains("logs/*.log")));
    assert_eq!(run(READ, "logs/a.log", &wide).await, None);
}

/// The broker's own checks and readings within this process, for a script with these grants.
struct BrokerHere {
    clerk: Mutex<Clerk>,
    order: Envelope,
}

impl Acts for BrokerHere {
    fn act<'a>(&'a self, _act: Act, _limits: CallLimits) -> BoxFuture<'a, Result<Done, Fault>> {
        Box::pin(async { Err(Fault::Unsupported("acts here".to_owned())) })
    }

    fn look<'a>(&'a self, look: Look, _limits: CallLimits) -> BoxFuture<'a, Result<Seen, Fault>> {
        let asked = Asked { right: Right::Order(self.order.clone()), what: What::Look(look), wait_ms: 5_000 };
        let answer = self.clerk.lock().unwrap().answer(&asked, NOW, &|| false);
        Box::pin(async { looked(answer) })
    }
}

/// Returns a host whose broker has an order with these grants.
pub(super) fn host_by_an_order(grants: Grants) -> Arc<dyn HostCalls> {
    let scene = Scene::new();
    let order = scene.sign(&granting(&scene, grants.0));
    let acts = BrokerHere { clerk: Mutex::new(Clerk::new(scene.duty())), order };
    Arc::new(DeviceHost::new(Arc::new(http_host()), Arc::new(acts)))
}

#[test]
fn a_program_runs_only_as_the_order_names_it() {
    let scene = Scene::new();
    let commands = ["/bin/echo granted *".to_owned()].into();
    let order = scene.sign(&granting(&scene, [(Permission::Exec, Scope { commands, ..Scope::default() })]));
    let run = |argv: &[&str]| {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        scene.ask(order.clone(), &Act::Run { argv, stdin: None, timeout_ms: 5_000 }, NOW)
    };
    match run(&["/bin/echo", "granted", "$HOME; reboot"]) {
        Ok(Done::Ran(output)) => assert_eq!(output.stdout, b"granted $HOME; reboot\n"),
        other => panic!("{other:?}"),
    }
    for outside in [
        &["/bin/sh", "-c", "echo granted x"][..],
        &["/bin/echo", "granted"],
        &["/bin/echo", "granted", "x", "y"],
        &["/bin/echo", "granted x"],
        &["/bin/echo", "granted", "-x"],
        &["/bin/../bin/echo", "granted", "x"],
        &["echo", "granted", "x"],
        &["/bin/echo", "granted", "x\ny"],
        &[],
    ] {
        refused(run(outside), "exec");
    }
    // Another permission's order lets nothing run.
    let act = Act::Run { argv: vec!["/bin/true".to_owned()], stdin: None, timeout_ms: 5_000 };
    refused(scene.ask(scene.sign(&granting(&scene, [reading(&scene)])), &act, NOW), "exec: nothing is granted");
}
