//! Guests that foreign toolchains build: they import WASI, used or not, and get an empty world.

use std::time::{Duration, Instant};

use fitment_domain::run::{End, LogLevel};
use fitment_domain::validation::Severity;

use super::guest::{guest, guest_with};
use super::lab::{Lab, assert_returned, check, check_within, exhausted};

// proves C3 (what foreign toolchains import grants nothing)
#[tokio::test]
async fn a_stock_build_gets_a_world_without_environment_folders_and_sockets() {
    let lab = Lab::new().await;
    let report = lab.run(&guest("wasi"), check()).await;
    assert_returned(&report, 0);
    assert!(report.usage.wall_us >= 20_000, "it waited: {:?}", report.usage);
    let lines: Vec<_> = report.log.iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(lines, [(LogLevel::Info, "hello from WASI")]);
    assert!(report.usage.host_calls >= 7, "each call is counted: {:?}", report.usage);

    let report = lab.run(&guest("wasi"), check_within(|budget| budget.host_calls_max = 3)).await;
    assert_eq!(report.end, exhausted("host_calls_max"));
    let report = lab.run(&guest_with("wasi", &[("exits", "1")]), check()).await;
    assert!(matches!(&report.end, End::Trapped(why) if why.contains("ended itself by exit")), "{:?}", report.end);
}

// proves C3 (what foreign toolchains import grants nothing)
#[tokio::test]
async fn a_stock_build_that_waits_for_ever_is_ended_at_its_wall_time() {
    let lab = Lab::new().await;
    let for_years = guest_with("wasi", &[("nanoseconds", "9000000000000000000")]);
    let started = Instant::now();
    let report = lab.run(&for_years, check_within(|budget| budget.wall_ms_max = 300)).await;
    assert_eq!(report.end, exhausted("wall_ms_max"));
    assert!(started.elapsed() < Duration::from_secs(15));
}

// proves M4 (world, permissions)
#[tokio::test]
async fn a_stock_build_passes_the_gate_with_a_warning() {
    let lab = Lab::new().await;
    let inspection = lab.sandbox.inspect(guest("wasi").bytes).await;
    let problems: Vec<_> = inspection.problems.iter().map(|p| (p.rule.as_str(), p.severity)).collect();
    assert_eq!(problems, [("imports-wasi", Severity::Warning)], "{inspection:#?}");
    assert_eq!(inspection.worlds, ["monitor"]);
}
