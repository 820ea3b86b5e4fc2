//! What is put around a guest: the module that an author's compiler would have made.

use std::sync::Arc;

use fitment_domain::bytes::Digest;
use fitment_runner_client::ComponentRef;
use wit_component::StringEncoding;

use super::super::guest::{VERSION, encoded};
use super::text::{Guest, Side};

const MEMORY: &str = r#"(memory (export "memory") 17)"#;
const REALLOC: &str = r#"
  (global $top (mut i32) (i32.const 0x8000))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.and (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 15)) (i32.const -8)))
    (local.get $at))"#;
/// One finding with one number: `ok` at 16, the finding at 32, its sample at 96, the texts at 240.
const TELL: &str = r#"
  (data (i32.const 16) "\00\00\00\00" "\20\00\00\00\01\00\00\00")
  (data (i32.const 36) "\f0\00\00\00\04\00\00\00")
  (data (i32.const 56) "\60\00\00\00\01\00\00\00" "\f0\00\00\00\04\00\00\00")
  (data (i32.const 96) "\f0\00\00\00\04\00\00\00" "\00\00\00\00\00\00\00\00" "\f4\00\00\00\01\00\00\00")
  (data (i32.const 240) "told1")
  (func $tell (param f64) (result i32) (f64.store (i32.const 104) (local.get 0)) (i32.const 16))"#;
/// A connector's entries; `describe` answers that there is no such thing, when `$check` comes back.
const CONNECTOR: &str = r#"
  (func (export "TICKETING#get-ticket") (param i32 i32) (result i32) (unreachable))
  (func (export "TICKETING#find-by-external-ref") (param i32 i32) (result i32) (unreachable))
  (func (export "TICKETING#create-ticket")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "TICKETING#update-ticket") (param i32) (result i32) (unreachable))
  (func (export "TICKETING#add-note") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "TICKETING#list-notes") (param i32 i32 i32 i64 i32 i32 i32) (result i32) (unreachable))"#;
const DESCRIBED: &str = r#"
  (func $describe (result i32)
    (drop (call $check))
    (i32.store8 (i32.const 768) (i32.const 1))
    (i32.store8 (i32.const 776) (i32.const 1))
    (i32.const 768))"#;
/// A component that makes handles of its own for the module in it.
const HANDLES: &str = r#"(component
  (import "fitment:accessory/types@VERSION" (instance $types
    (type $health' (enum "ok" "warning" "critical" "unknown")) (export "health" (type $health (eq $health')))
    (type $sample' (record (field "name" string) (field "value" f64) (field "unit" string)
      (field "labels" (list (tuple string string)))))
    (export "sample" (type $sample (eq $sample')))
    (type $finding' (record (field "health" $health) (field "summary" string) (field "details" (option string))
      (field "samples" (list $sample)) (field "condition" string) (field "subject" (option string))))
    (export "finding" (type (eq $finding')))
    (type $fault' (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "unsupported" string) (case "timed-out") (case "exhausted" string) (case "failed" string)))
    (export "fault" (type (eq $fault')))))
  (alias export $types "health" (type $health))
  (alias export $types "sample" (type $sample))
  (alias export $types "finding" (type $finding))
  (alias export $types "fault" (type $fault))
  (core module $end (func (export "end") (param i32) DESTRUCTOR))
  (core instance $end (instantiate $end))
  (type $r (resource (rep i32) (dtor (func $end "end"))))
  (type $other (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core func $rep (canon resource.rep $r))
  (core func $drop (canon resource.drop $r))
  (core func $drop-other (canon resource.drop $other))
  (core module $inside
    (import "handles" "new" (func $new (param i32) (result i32)))
    (import "handles" "rep" (func $rep (param i32) (result i32)))
    (import "handles" "drop" (func $drop (param i32)))
    (import "handles" "drop-other" (func $drop-other (param i32)))
    (memory (export "memory") 17)
    INSIDE
    (export "check" (func $check)))
  (core instance $inside (instantiate $inside (with "handles" (instance
    (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))
    (export "drop-other" (func $drop-other))))))
  (func $check (result (result (list $finding) (error $fault)))
    (canon lift (core func $inside "check") (memory $inside "memory")))
  (component $shim
    (type $health' (enum "ok" "warning" "critical" "unknown")) (import "health" (type $health (eq $health')))
    (type $sample' (record (field "name" string) (field "value" f64) (field "unit" string)
      (field "labels" (list (tuple string string)))))
    (import "sample" (type $sample (eq $sample')))
    (type $finding' (record (field "health" $health) (field "summary" string) (field "details" (option string))
      (field "samples" (list $sample)) (field "condition" string) (field "subject" (option string))))
    (import "finding" (type $finding (eq $finding')))
    (type $fault' (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "unsupported" string) (case "timed-out") (case "exhausted" string) (case "failed" string)))
    (import "fault" (type $fault (eq $fault')))
    (import "check" (func $check (result (result (list $finding) (error $fault)))))
    (export $found "finding" (type $finding))
    (export $faulty "fault" (type $fault))
    (export "check" (func $check) (func (result (result (list $found) (error $faulty))))))
  (instance $run (instantiate $shim (with "health" (type $health)) (with "sample" (type $sample))
    (with "finding" (type $finding)) (with "fault" (type $fault)) (with "check" (func $check))))
  (export "fitment:accessory/monitor-run@VERSION" (instance $run)))"#;

impl Guest {
    /// Returns its component for one of the worlds in which it runs.
    pub(super) fn component(&self, side: Side) -> ComponentRef {
        let fail = |e: String| -> Vec<u8> { panic!("{}/{}: {e}", self.family, self.name) };
        let bytes = match self.key("handles") {
            Some(destructor) => {
                let text = HANDLES.replace("VERSION", VERSION).replace("DESTRUCTOR", destructor);
                let text = text.replace("INSIDE", self.inside);
                wat::parse_str(text).unwrap_or_else(|e| fail(e.to_string()))
            }
            None => {
                let text = self.module(side);
                let module = wat::parse_str(&text).unwrap_or_else(|e| fail(format!("{e}\n{text}")));
                let world = if side == Side::Device { "monitor" } else { "ticketing-connector" };
                encoded(module, world, self.texts()).unwrap_or_else(fail)
            }
        };
        ComponentRef { digest: Digest::of(&bytes), bytes: Arc::from(bytes) }
    }

    fn texts(&self) -> StringEncoding {
        match self.key("encoding") {
            None => StringEncoding::UTF8,
            Some("utf16") => StringEncoding::UTF16,
            Some("compact-utf16") => StringEncoding::CompactUTF16,
            Some(other) => panic!("{}: encoding {other}", self.name),
        }
    }

    fn module(&self, side: Side) -> String {
        let mut text = format!("(module {}", self.inside.replace("\"@", "\"fitment:accessory/"));
        // A name without a version has the contract's.
        for interface in self.inside.split("\"@").skip(1).filter_map(|rest| rest.split('"').next()) {
            let name = format!("\"fitment:accessory/{interface}\"");
            text = text.replace(&name, &format!("\"fitment:accessory/{interface}@{VERSION}\""));
        }
        let brings = |what: &str| self.inside.contains(what);
        let mut add = |part: &str, wanted: bool| {
            if wanted {
                text.push_str(part);
            }
        };
        add(MEMORY, !brings("(memory (export"));
        add(REALLOC, !brings("cabi_realloc"));
        add(TELL, brings("$tell"));
        let entry = match side {
            Side::Device => format!("fitment:accessory/monitor-run@{VERSION}#check"),
            Side::Server => format!("fitment:accessory/ticketing@{VERSION}#describe"),
        };
        let called = if side == Side::Device { "$check" } else { "$describe" };
        add(&format!("(export \"{entry}\" (func {called}))"), true);
        add(&format!("(func (export \"cabi_post_{entry}\") (param i32) (call $post))"), brings("(func $post"));
        if side == Side::Server {
            add(DESCRIBED, !brings("(func $describe"));
            add(&CONNECTOR.replace("TICKETING", &format!("fitment:accessory/ticketing@{VERSION}")), true);
        }
        text.push(')');
        text
    }
}
