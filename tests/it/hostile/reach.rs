//! Guests that want more of the device, or of the network, than was granted.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use fitment_domain::capability::{Grants, Permission, Reach, Scope};
use fitment_domain::egress::Policy;
use fitment_domain::run::{End, Fault, RunReport, State};
use fitment_runner_client::{DeviceHost, Egress, HostCalls, HttpHost, NoActs, Secrets, Trust};

use super::asking::{
    ALL, Function, LIST, LIST_PENDING, LIST_PROCESSES, LIST_SERVICES, PING, READ, READ_CPU, READ_UPTIME, STAT,
    STATE_GET, STATE_SET, TCP, fault,
};
use super::broker::host_by_an_order;
use super::lab::Lab;

fn granted(permission: Permission, entries: &[&str]) -> Grants {
    let entries: BTreeSet<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    let mut scope = Scope::default();
    match permission.reach() {
        Some(part) => *scope.part_mut(part) = entries,
        None => assert!(entries.is_empty()),
    }
    Grants([(permission, scope)].into())
}

fn host() -> Arc<DeviceHost> {
    let http = HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device)).unwrap();
    Arc::new(DeviceHost::new(Arc::new(http), Arc::new(NoActs)))
}

async fn ask(lab: &Lab, function: Function, text: &str, entries: &[&str]) -> RunReport {
    let mut spec = function.spec(text);
    spec.grants = granted(function.permission, entries);
    // What the runner's account may not read, which here is everything, the broker reads.
    let host: Arc<dyn HostCalls> = match function.permission {
        Permission::FilesRead => host_by_an_order(spec.grants.clone()),
        _ => host(),
    };
    lab.run_with(&function.guest(), spec, host).await
}

// proves C3 (only what was granted)
#[tokio::test]
async fn what_is_optional_and_was_not_granted_answers_denied() {
    let lab = Lab::new().await;
    for function in ALL {
        let mut spec = function.spec("/");
        spec.optional = [function.permission].into();
        let report = lab.run(&function.guest(), spec).await;
        let denied = Fault::Denied(function.permission.name().to_owned());
        assert_eq!(fault(&report), Some(&denied), "{function:?}");
        assert!(report.usage.host_calls >= 2, "a call that is refused counts: {:?}", report.usage);
    }
}

// proves C3 (only what was granted)
#[tokio::test]
async fn each_interface_is_absent_without_its_permission_or_with_an_empty_scope() {
    let lab = Lab::new().await;
    for function in ALL {
        let words = format!(
            "import fitment:accessory/{}@0.1.1 needs permission {}, which was not granted to this run",
            function.interface,
            function.permission.name()
        );
        let guest = function.guest();
        // Nothing, everything else, and the permission with a scope that opens nothing.
        let others = Permission::ALL.into_iter().filter(|permission| *permission != function.permission);
        let others: Grants = Grants(others.flat_map(|p| granted(p, some_of(p)).0).collect());
        let mut grants = vec![Grants::default(), others];
        if function.permission.reach().is_some() {
            grants.push(granted(function.permission, &[]));
        }
        for grants in grants {
            let mut spec = function.spec("");
            spec.grants = grants;
            let report = lab.run(&guest, spec).await;
            assert_eq!(report.end, End::Refused(words.clone()), "{function:?}");
            assert_eq!(report.usage.fuel, 0, "not one instruction ran");
        }
    }
}

fn some_of(permission: Permission) -> &'static [&'static str] {
    match permission.reach() {
        Some(Reach::Units) => &["a.service"],
        Some(Reach::Globs) => &["/tmp/**"],
        Some(Reach::Hosts) => &["localhost:80"],
        Some(Reach::Origins) => &["http://localhost"],
        Some(Reach::Commands) => &["/bin/true"],
        Some(Reach::Secrets) | None => &[],
    }
}

// proves C3 (only what was granted)
#[tokio::test]
async fn what_changes_a_device_is_absent_for_everything_but_scripts() {
    let lab = Lab::new().await;
    for function in ALL.iter().filter(|function| function.changes()) {
        let mut spec = function.spec("");
        spec.grants = granted(function.permission, some_of(function.permission));
        spec.invocation = fitment_domain::run::Invocation::Check;
        let report = lab.run(&function.guest(), spec).await;
        assert!(matches!(&report.end, End::Refused(words) if words.contains(function.permission.name())), "{report:?}");
    }
}

#[tokio::test]
async fn what_was_granted_is_read() {
    let lab = Lab::new().await;
    for function in [READ_CPU, READ_UPTIME, LIST_PROCESSES] {
        assert_eq!(fault(&ask(&lab, function, "", &[]).await), None, "{function:?}");
    }
    for (function, path) in [(LIST_SERVICES, "/run/systemd/system"), (LIST_PENDING, "/var/lib/dpkg/status")] {
        let report = ask(&lab, function, "", &[]).await;
        match fault(&report) {
            None => assert!(Path::new(path).exists()),
            // Where it cannot be read, it says why and does not answer with nothing.
            Some(said) => assert!(matches!(said, Fault::Unsupported(_)), "{said:?}"),
        }
    }
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_path_leads_out_of_its_grant_neither_by_dots_nor_by_links() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let text = |path: &str| root.join(path).to_str().unwrap().to_owned();
    std::fs::create_dir_all(root.join("mine/below")).unwrap();
    std::fs::write(root.join("secret"), "secret").unwrap();
    std::fs::write(root.join("mine/below/file"), "mine").unwrap();
    symlink("../secret", root.join("mine/link")).unwrap();
    symlink(&root, root.join("mine/up")).unwrap();
    let glob = format!("{}/**", text("mine"));
    let denied = Some(Fault::Denied("files:read".to_owned()));

    for function in [STAT, READ, LIST] {
        for outside in ["secret", "mine/../secret", "mine/./below/file", "mine//below/file", "mine2/file"] {
            let report = ask(&lab, function, &text(outside), &[&glob]).await;
            assert_eq!(fault(&report).cloned(), denied, "{} {outside}", function.name);
        }
    }
    // Within the grant by its name, and elsewhere by where it leads.
    for (function, path) in [(READ, "mine/link"), (READ, "mine/up/secret"), (STAT, "mine/up/secret"), (LIST, "mine/up")]
    {
        let report = ask(&lab, function, &text(path), &[&glob]).await;
        let said = fault(&report).cloned();
        assert!(matches!(&said, Some(Fault::Denied(words)) if words.contains("symbolic link")), "{path}: {said:?}");
    }
    for (function, path) in [(READ, "mine/below/file"), (STAT, "mine/link"), (STAT, "mine/below/file"), (LIST, "mine")]
    {
        assert_eq!(fault(&ask(&lab, function, &text(path), &[&glob]).await), None, "{path}");
    }
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_look_at_another_machine_stays_within_the_hosts_that_were_granted() {
    let lab = Lab::new().await;
    let denied = |report: &RunReport| matches!(fault(report), Some(Fault::Denied(words)) if words.starts_with("net"));
    for (host, entry) in [
        ("127.0.0.1", "127.0.0.1:81"),
        ("127.0.0.1", "127.0.0.2:80"),
        ("127.1", "127.0.0.1:80"),
        ("localhost.example.com", "localhost:80"),
        ("example.com", "*.example.com:80"),
        ("", "localhost:80"),
    ] {
        let report = ask(&lab, TCP, host, &[entry]).await;
        assert!(denied(&report), "{host} with {entry}: {:?}", report.end);
    }
    assert!(denied(&ask(&lab, PING, "127.0.0.2", &["127.0.0.1:*"]).await));
    // Nobody listens at port 80 here, as a rule: it was tried, and not denied.
    let report = ask(&lab, TCP, "127.0.0.1", &["127.0.0.1:80"]).await;
    assert!(!denied(&report), "{:?}", report.end);
    let report = ask(&lab, PING, "127.0.0.1", &["127.0.0.1:*"]).await;
    assert!(!denied(&report), "{:?}", report.end);
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn looks_at_other_machines_are_counted() {
    let lab = Lab::new().await;
    let mut spec = PING.spec("127.0.0.1");
    spec.grants = granted(Permission::Net, &["127.0.0.1:*"]);
    spec.budget.http_calls_max = 0;
    let report = lab.run_with(&PING.guest(), spec, host()).await;
    assert_eq!(fault(&report), Some(&Fault::Exhausted("http_calls_max".to_owned())));
}

// proves C3 (a fresh instance per run)
#[tokio::test]
async fn state_comes_with_the_run_and_goes_back_with_its_report_within_its_bound() {
    let lab = Lab::new().await;
    let run = async |function: Function, text: &str, state: State| {
        let mut spec = function.spec(text);
        spec.grants = granted(Permission::State, &[]);
        spec.state = state;
        lab.run(&function.guest(), spec).await
    };
    let report = run(STATE_SET, "key", State::new()).await;
    assert_eq!(fault(&report), None);
    let left = report.state.expect("it changed");
    assert_eq!(left.get("key").map(|value| value.to_vec()), Some(b"key".to_vec()));
    // Reading changes nothing, so nothing goes back.
    let report = run(STATE_GET, "key", left.clone()).await;
    assert_eq!((fault(&report), &report.state), (None, &None));
    // Keys and values together stay within the bound, whatever is there already.
    let full: State = [("full".to_owned(), vec![0; fitment_domain::run::STATE_BYTES_MAX - 8].into())].into();
    let report = run(STATE_SET, "key", full).await;
    assert_eq!((fault(&report), &report.state), (Some(&Fault::Exhausted("state_bytes_max".to_owned())), &None));
}
