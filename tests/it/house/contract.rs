//! The contract with accessories: documented, versioned, and grown only on purpose.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use wit_parser::{PackageId, Resolve, World, WorldItem, WorldKey};

use super::assert_none;
use super::source::root;

/// What hosts and guests of version 0.1.1 agree on. An exported interface can never grow: a longer list is a new version.
const SNAPSHOT: &str = "\
fitment:accessory@0.1.1
world base
  import clock: now-ms, monotonic-ns
  import logging: log
  import run-context: config, parameters, remaining-ms
world monitor
  export monitor-run: check
  import clock: now-ms, monotonic-ns
  import device: get-fact, list-facts
  import files: stat, list-directory, read
  import http: send
  import logging: log
  import logs: read
  import metrics: read-cpu, read-memory, read-filesystems, read-networks, read-temperatures, read-uptime
  import net: tcp, tls, dns, ping
  import packages: list-pending, refreshed-ms, reboot-required
  import processes: list-processes
  import run-context: config, parameters, remaining-ms
  import services: list-services, get-service
  import state: get, set, remove
  import types:
world probe
  export probe-run: check
  import clock: now-ms, monotonic-ns
  import device: get-fact, list-facts
  import http: send
  import logging: log
  import net: tcp, tls, dns, ping
  import run-context: config, parameters, remaining-ms
  import state: get, set, remove
  import types:
world script
  export script-run: run
  import clock: now-ms, monotonic-ns
  import device: get-fact, list-facts
  import exec: run
  import files-write: write, remove
  import files: stat, list-directory, read
  import http: send
  import logging: log
  import logs: read
  import metrics: read-cpu, read-memory, read-filesystems, read-networks, read-temperatures, read-uptime
  import net: tcp, tls, dns, ping
  import packages: list-pending, refreshed-ms, reboot-required
  import processes: list-processes
  import run-context: config, parameters, remaining-ms
  import script-host: progress, automation-saved
  import services-control: control
  import services: list-services, get-service
  import state: get, set, remove
  import types:
world ticketing-connector
  export ticketing: describe, get-ticket, find-by-external-ref, create-ticket, update-ticket, add-note, list-notes
  import clock: now-ms, monotonic-ns
  import http: send
  import logging: log
  import run-context: config, parameters, remaining-ms
  import ticketing-types:
  import types:
world ticketing-connector-sync
  export ticketing-sync: changes
  export ticketing: describe, get-ticket, find-by-external-ref, create-ticket, update-ticket, add-note, list-notes
  import clock: now-ms, monotonic-ns
  import http: send
  import logging: log
  import run-context: config, parameters, remaining-ms
  import ticketing-types:
  import types:
";

fn contract() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap_or_else(|e| panic!("wit/ does not parse: {e:#}"));
    (resolve, package)
}

fn undocumented(resolve: &Resolve, package: PackageId) -> Vec<String> {
    let package = &resolve.packages[package];
    let mut found = Vec::new();
    for (name, world) in &package.worlds {
        if resolve.worlds[*world].docs.is_empty() {
            found.push(format!("world {name} has no doc comment"));
        }
    }
    for (name, interface) in &package.interfaces {
        let bare = resolve.interfaces[*interface].functions.iter().filter(|(_, function)| function.docs.is_empty());
        found.extend(bare.map(|(function, _)| format!("{name}.{function} has no doc comment")));
    }
    found
}

fn outline(resolve: &Resolve, package: PackageId) -> String {
    let package = &resolve.packages[package];
    let mut out = format!("{}\n", package.name);
    for (name, world) in &package.worlds {
        let world: &World = &resolve.worlds[*world];
        writeln!(out, "world {name}").unwrap();
        let imports = world.imports.iter().map(|item| ("import", item));
        let all = imports.chain(world.exports.iter().map(|item| ("export", item)));
        let lines: BTreeSet<String> =
            all.map(|(way, (key, item))| format!("  {way} {}\n", one(resolve, key, item))).collect();
        out.extend(lines);
    }
    out
}

fn one(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> String {
    let WorldItem::Interface { id, .. } = item else { return format!("{key:?}: not an interface") };
    let interface = &resolve.interfaces[*id];
    let functions: Vec<&str> = interface.functions.keys().map(String::as_str).collect();
    let name = interface.name.as_deref().unwrap_or("inline");
    format!("{name}: {}", functions.join(", ")).trim_end().to_owned()
}

// proves C2 (the worlds monitor and probe and script and ticketing-connector are documented and versioned)
#[test]
fn the_contract_is_documented_and_versioned() {
    let (resolve, package) = contract();
    assert_eq!(resolve.packages[package].name.to_string(), "fitment:accessory@0.1.1");
    assert_none("contract", &undocumented(&resolve, package));
    assert_eq!(outline(&resolve, package), SNAPSHOT, "the contract changed: is this a new version of the package?");
}

#[test]
fn a_bare_function_and_a_grown_interface_are_seen() {
    let text = "package a:b@0.1.0;\ninterface i { f: func(); }\nworld w { export i; }";
    let mut resolve = Resolve::default();
    let package = resolve.push_str("sample.wit", text).unwrap();
    assert_eq!(undocumented(&resolve, package), ["world w has no doc comment", "i.f has no doc comment"]);
    assert_eq!(outline(&resolve, package), "a:b@0.1.0\nworld w\n  export i: f\n");
}
