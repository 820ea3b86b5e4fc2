//! Code that somebody else compiled: the same bytes wherever it is compiled, and loaded only when it was adopted.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use fitment_domain::artifact::{Build, Target};
use fitment_domain::bytes::Digest;
use fitment_domain::run::End;
use fitment_runner_client::{Compared, PrepareError, WITHDRAWN};

use super::guest::guest;
use super::lab::{Lab, assert_returned, check, check_within};
use crate::support::programs::{accessory, program};

fn target() -> Target {
    Target::of(std::env::consts::ARCH, std::env::consts::OS, |_| true).unwrap()
}

fn compile(compiler: &Path, component: &[u8], target: &str, change: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(compiler);
    command.args(["compile-for", target]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    change(&mut command);
    let mut child = command.spawn().unwrap();
    // A program that refuses the target reads nothing.
    let _ = child.stdin.take().unwrap().write_all(component);
    child.wait_with_output().unwrap()
}

// proves C3 (compiled once for many devices)
#[test]
fn whoever_compiles_a_component_for_a_target_gets_the_same_bytes() {
    let compiler = program("fitment-compiler");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("another-compiler");
    std::fs::copy(&compiler, &copy).unwrap();
    for name in ["load", "http", "request-tracker"] {
        let component = accessory(name).0;
        let first = compile(Path::new(&compiler), &component, target().as_str(), |command| {
            command.env_clear().current_dir("/");
        });
        assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
        for round in 0..3 {
            let again = compile(&copy, &component, target().as_str(), |command| {
                command.current_dir(folder.path()).env("TMPDIR", folder.path()).env("HOME", "/nowhere");
                command.env("RAYON_NUM_THREADS", round.to_string()).env("LC_ALL", "C.UTF-8").env("RUST_LOG", "trace");
            });
            assert_eq!(Digest::of(&again.stdout), Digest::of(&first.stdout), "{name}, round {round}");
        }
        assert!(first.stdout.len() > 10_000, "{} bytes", first.stdout.len());
    }
}

/// Returns whether code names an instruction set among those that it needs; none if it says nothing of it.
fn needs(code: &[u8], instructions: &str) -> Option<bool> {
    let name = format!("has_{instructions}").into_bytes();
    let length = u8::try_from(name.len()).unwrap();
    // As the compiler writes it: the length, the name, "a truth value", the value.
    let written = [&[length][..], &name, &[2]].concat();
    let at = code.windows(written.len()).position(|window| window == written)? + written.len();
    Some(code[at] == 1)
}

#[cfg(target_arch = "x86_64")]
#[test]
fn code_for_a_target_names_no_other_instructions() {
    let compiler = program("fitment-compiler");
    let code = compile(Path::new(&compiler), &accessory("load").0, Target::X86V2Linux.as_str(), |_| {}).stdout;
    let all = ["sse3", "ssse3", "sse41", "sse42", "popcnt", "avx", "avx2", "fma", "bmi1", "bmi2", "lzcnt", "avx512f"];
    let named: Vec<&str> = all.into_iter().filter(|name| needs(&code, name).expect(name)).collect();
    assert_eq!(named, all[..5]);
}

#[test]
fn a_target_that_this_compiler_does_not_serve_is_refused_by_name() {
    let compiler = program("fitment-compiler");
    let other = Target::ALL.into_iter().find(|other| *other != target()).unwrap();
    let refused = compile(Path::new(&compiler), b"", other.as_str(), |_| {});
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains(&format!("target {other} is not supported")), "{words}");
    let unknown = compile(Path::new(&compiler), b"", "vax-vms", |_| {});
    let words = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && words.contains("\"vax-vms\" is not known") && words.contains(other.as_str()));
}

// proves C3 (compiled once for many devices)
#[tokio::test]
async fn adopted_code_runs_where_there_is_no_compiler_also_after_a_restart() {
    let reports = guest("reports");
    let elsewhere = Lab::new().await;
    assert_eq!(elsewhere.sandbox.build(), &Build::of_this_version());
    let code = elsewhere.sandbox.compile_for(&reports.bytes, target()).await.unwrap();
    let digest = Digest::of(&code);

    let lab = Lab::new().await;
    lab.lose_the_compiler();
    let refused = lab.run(&reports, check()).await;
    assert!(matches!(&refused.end, End::Refused(why) if why.contains("cannot be started")), "{refused:?}");
    lab.sandbox.adopt(&reports, &digest, code.clone()).await.unwrap();
    assert_returned(&lab.run(&reports, check()).await, 1);
    assert_eq!(lab.sandbox.adopted(&reports.digest, &digest).await, Some(code.clone()));
    assert_eq!(lab.sandbox.adopted(&reports.digest, &Digest::of(b"other")).await, None);

    // Nothing but being adopted again makes it count after a restart.
    let lab = lab.with_the_compiler().again([7; 32]).await;
    let kept = lab.sandbox.adopted(&reports.digest, &digest).await;
    assert_eq!(kept, Some(code.clone()));
    lab.lose_the_compiler();
    let refused = lab.run(&reports, check()).await;
    assert!(matches!(&refused.end, End::Refused(_)), "{refused:?}");
    lab.sandbox.adopt(&reports, &digest, code).await.unwrap();
    assert_returned(&lab.run(&reports, check()).await, 1);

    // Dropped, it is gone from runner and disk.
    lab.sandbox.compile_here(&reports.digest).await;
    assert_eq!(lab.sandbox.adopted(&reports.digest, &digest).await, None);
    assert!(matches!(lab.run(&reports, check()).await.end, End::Refused(_)));
}

// proves C3 (compiled code is only our own)
#[tokio::test]
async fn adopted_code_that_was_changed_on_the_disk_or_does_not_load_is_compiled_here() {
    let reports = guest("reports");
    let lab = Lab::new().await;
    let code = lab.sandbox.compile_for(&reports.bytes, target()).await.unwrap();
    let digest = Digest::of(&code);
    let refused = lab.sandbox.adopt(&reports, &Digest::of(b"garbage"), b"garbage".to_vec()).await;
    assert!(matches!(refused, Err(PrepareError::Load { .. })), "{refused:?}");
    assert_returned(&lab.run(&reports, check()).await, 1);
    std::fs::remove_file(lab.compiled()).unwrap();

    let lab = lab.again([7; 32]).await;
    lab.sandbox.adopt(&reports, &digest, code).await.unwrap();
    let path = lab.compiled();
    let mut flipped = std::fs::read(&path).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    assert_eq!(lab.sandbox.adopted(&reports.digest, &digest).await, None);
    assert!(!path.exists(), "what is not authentic is removed");
    // The runner dies and comes back: it is compiled, and what others compiled never stands under our own name.
    let lab = lab.again([7; 32]).await;
    assert_returned(&lab.run(&reports, check()).await, 1);
    assert_ne!(lab.compiled(), path);
    lab.sandbox.note(&reports.digest, &digest, &Compared::Differs(Digest::of(b"x"))).await;
    let lab = lab.again([7; 32]).await;
    assert_eq!(lab.sandbox.noted(&reports.digest, &digest).await, Some(Compared::Differs(Digest::of(b"x"))));
    assert_eq!(lab.sandbox.noted(&reports.digest, &Digest::of(b"y")).await, None);
}

// proves C3 (compiled code is only our own)
#[tokio::test]
async fn the_runner_that_ran_code_of_others_ends_when_that_code_does_not_count_any_more() {
    let (reports, busy) = (guest("reports"), guest("spins"));
    let lab = Lab::new().await;
    let code = lab.sandbox.compile_for(&reports.bytes, target()).await.unwrap();
    let digest = Digest::of(&code);
    let first = lab.runner();
    lab.sandbox.compile_here(&reports.digest).await;
    assert_returned(&lab.run(&reports, check()).await, 1);
    assert_eq!(lab.runner(), first, "nothing of others was in use");

    lab.sandbox.adopt(&reports, &digest, code.clone()).await.unwrap();
    assert_returned(&lab.run(&reports, check()).await, 1);
    let long = check_within(|b| (b.fuel_max, b.cpu_ms_max, b.wall_ms_max) = (u64::MAX, 60_000, 300_000));
    let neighbour = lab.under_way(&busy, long).await;
    lab.sandbox.compile_here(&reports.digest).await;
    let lost = neighbour.await.unwrap();
    assert!(matches!(&lost.end, End::RunnerLost(why) if why == WITHDRAWN), "{lost:?}");
    assert_returned(&lab.run(&reports, check()).await, 1);
    let second = lab.runner();
    assert_ne!(second, first, "nobody knows what native code left in it");

    // So it is when other code of others takes its place.
    lab.sandbox.adopt(&reports, &digest, code.clone()).await.unwrap();
    lab.sandbox.adopt(&reports, &digest, code.clone()).await.unwrap();
    assert_eq!(lab.runner(), second, "it is the same code");
    lab.sandbox.adopt(&reports, &Digest::of(b"other"), code).await.unwrap();
    assert_returned(&lab.run(&reports, check()).await, 1);
    assert_ne!(lab.runner(), second);
}
