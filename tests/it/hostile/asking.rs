//! A guest for one host function: it calls it with its configuration as the text, and returns the fault that came back, or
//! nothing to say.

use fitment_domain::capability::Permission;
use fitment_domain::run::{End, Fault, Invocation, Returned, RunReport};
use fitment_runner_client::{ComponentRef, RunSpec};

use super::guest::{VERSION, guest_of};
use super::lab::check;

/// One function of the contract, as the canonical ABI lowers it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) permission: Permission,
    pub(super) interface: &'static str,
    pub(super) name: &'static str,
    /// Its arguments before the place of the answer, each an i32 (`l` for an i64): `t` stands for the text.
    arguments: &'static [&'static str],
    /// Where the fault stands in the answer: what 64-bit values in it are aligned to.
    fault_at: u32,
}

const fn function(
    permission: Permission,
    interface: &'static str,
    name: &'static str,
    arguments: &'static [&'static str],
    fault_at: u32,
) -> Function {
    Function { permission, interface, name, arguments, fault_at }
}

pub(super) const READ_CPU: Function = function(Permission::Metrics, "metrics", "read-cpu", &[], 8);
pub(super) const READ_UPTIME: Function = function(Permission::Metrics, "metrics", "read-uptime", &[], 8);
pub(super) const LIST_PROCESSES: Function = function(Permission::Processes, "processes", "list-processes", &[], 4);
/// The newest ten entries of a unit.
pub(super) const LOGS: Function = function(Permission::Logs, "logs", "read", &["t", "0", "0", "0", "10"], 4);
/// A command of one word, which stands where the configuration was put, with nothing to read.
pub(super) const RUN: Function = function(Permission::Exec, "exec", "run", &["0", "1", "0", "0", "0", "5000"], 8);
pub(super) const LIST_SERVICES: Function = function(Permission::ServicesRead, "services", "list-services", &[], 4);
pub(super) const RESTART: Function =
    function(Permission::ServicesControl, "services-control", "control", &["t", "2"], 4);
pub(super) const STAT: Function = function(Permission::FilesRead, "files", "stat", &["t"], 8);
pub(super) const LIST: Function = function(Permission::FilesRead, "files", "list-directory", &["t"], 4);
pub(super) const READ: Function = function(Permission::FilesRead, "files", "read", &["t", "l0", "100"], 4);
pub(super) const WRITE: Function = function(Permission::FilesWrite, "files-write", "write", &["t", "t"], 4);
pub(super) const REMOVE: Function = function(Permission::FilesWrite, "files-write", "remove", &["t"], 8);
pub(super) const LIST_PENDING: Function = function(Permission::Packages, "packages", "list-pending", &[], 4);
/// To port 80, with nothing to send and nothing to read.
pub(super) const TCP: Function = function(Permission::Net, "net", "tcp", &["t", "80", "0", "0", "0", "0", "500"], 8);
pub(super) const PING: Function = function(Permission::Net, "net", "ping", &["t", "1", "300"], 4);
pub(super) const STATE_SET: Function = function(Permission::State, "state", "set", &["t", "t"], 4);
pub(super) const STATE_GET: Function = function(Permission::State, "state", "get", &["t"], 4);

/// Every interface that a permission opens, by one of its functions each.
pub(super) const ALL: &[Function] = &[
    READ_CPU,
    READ_UPTIME,
    LIST_PROCESSES,
    LOGS,
    RUN,
    LIST_SERVICES,
    RESTART,
    STAT,
    LIST,
    READ,
    WRITE,
    REMOVE,
    LIST_PENDING,
    TCP,
    PING,
    STATE_SET,
];

impl Function {
    /// Returns whether only scripts have it.
    pub(super) fn changes(self) -> bool {
        self.permission.changes_the_device()
    }

    fn parameters(self) -> String {
        let types = self.arguments.iter().map(|argument| match *argument {
            "t" => "i32 i32",
            number if number.starts_with('l') => "i64",
            _ => "i32",
        });
        types.chain(["i32"]).collect::<Vec<_>>().join(" ")
    }

    fn values(self) -> String {
        let values = self.arguments.iter().map(|argument| match *argument {
            "t" => "(i32.load (i32.const 0)) (i32.load (i32.const 4))".to_owned(),
            number => match number.strip_prefix('l') {
                Some(long) => format!("(i64.const {long})"),
                None => format!("(i32.const {number})"),
            },
        });
        values.collect::<Vec<_>>().join(" ")
    }

    /// Returns a monitor that calls it, or a script if only scripts have it.
    pub(super) fn guest(self) -> ComponentRef {
        self.guest_of(if self.changes() { "script-run" } else { "monitor-run" })
    }

    /// Returns a guest of the world with this entry.
    pub(super) fn guest_of(self, entry: &str) -> ComponentRef {
        let (export, parameters) = match entry {
            "script-run" => ("script-run@0.1.1#run", ""),
            "probe-run" => ("probe-run@0.1.1#check", "(param i32 i32)"),
            _ => ("monitor-run@0.1.1#check", ""),
        };
        let Function { interface, name, fault_at, .. } = self;
        let fault = 512 + fault_at;
        let (types, values) = (self.parameters(), self.values());
        guest_of(&format!(
            r#"(module
  (import "fitment:accessory/run-context@{VERSION}" "config" (func $config (param i32)))
  (import "fitment:accessory/{interface}@{VERSION}" "{name}" (func $ask (param {types})))
  (global $top (mut i32) (i32.const 0x10000))
  (memory (export "memory") 32)
  (data (i32.const 1024) "asked")
  (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.and (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 15)) (i32.const -8)))
    (local.get $at))
  (func (export "fitment:accessory/{export}") {parameters} (result i32)
    (call $config (i32.const 0))
    (call $ask {values} (i32.const 512))
    ;; The answer of a script has a summary: where a list of findings would stand, "changed" is false and all is empty but it.
    (i32.store (i32.const 264) (i32.const {summary}))
    (i32.store (i32.const 268) (i32.const {summary_bytes}))
    (if (i32.load8_u (i32.const 512))
      (then
        (i32.store8 (i32.const 256) (i32.const 1))
        (i32.store8 (i32.const 260) (i32.load8_u (i32.const {fault})))
        (i32.store (i32.const 264) (i32.load offset=4 (i32.const {fault})))
        (i32.store (i32.const 268) (i32.load offset=8 (i32.const {fault})))))
    (i32.const 256)))"#,
            summary = if entry == "script-run" { 1024 } else { 0 },
            summary_bytes = if entry == "script-run" { 5 } else { 0 },
        ))
    }

    /// Returns a run that calls it with a text.
    pub(super) fn spec(self, text: &str) -> RunSpec {
        let invocation = if self.changes() { Invocation::Script } else { Invocation::Check };
        RunSpec { invocation, config: text.to_owned(), ..check() }
    }
}

/// Returns the fault that came back; none if the host did it.
pub(super) fn fault(report: &RunReport) -> Option<&Fault> {
    match &report.end {
        End::Fault(fault) => Some(fault),
        End::Returned(Returned::Findings(_) | Returned::Script(_)) => None,
        other => panic!("{other:?}, {:?}", report.usage),
    }
}
