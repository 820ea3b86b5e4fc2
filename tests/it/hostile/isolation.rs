//! What one run leaves behind, and what becomes of others when the runner dies.

use std::process::Command;
use std::time::{Duration, Instant};

use fitment_domain::run::End;

use super::guest::{guest, guest_with};
use super::lab::{Lab, assert_returned, check, check_within, told};

/// The promise is a second; the rest is for a busy machine.
const BACK_AGAIN: Duration = Duration::from_secs(10);

// proves C3 (a fresh instance per run)
#[tokio::test]
async fn what_a_guest_leaves_in_memory_is_not_there_in_the_next_run() {
    let lab = Lab::new().await;
    let remembers = guest("remembers");
    for _ in 0..10 {
        assert_eq!(told(&lab.run(&remembers, check()).await), 0.0);
    }
    // Nor after a run that broke down in the middle, or was ended, nor for a guest that comes after another.
    let breaks = lab.run(&guest_with("remembers", &[("breaks", "1")]), check()).await;
    assert!(matches!(breaks.end, End::Trapped(_)), "{breaks:?}");
    assert_eq!(told(&lab.run(&remembers, check()).await), 0.0);
    assert_returned(&lab.run(&guest("grows"), check()).await, 1);
    assert_eq!(told(&lab.run(&remembers, check()).await), 0.0);

    let looks_again = lab.run(&guest_with("remembers", &[("looks_again", "1")]), check()).await;
    assert!(told(&looks_again) > 0.0, "within one run it finds what it wrote");
}

// proves C3 (a fresh instance per run)
#[tokio::test]
async fn runs_side_by_side_see_nothing_of_each_other() {
    let lab = Lab::new().await;
    let remembers = guest("remembers");
    lab.sandbox.prepare(&remembers).await.unwrap();
    let runs = (0..24).map(|_| lab.run(&remembers, check()));
    for report in futures_util::future::join_all(runs).await {
        assert_eq!(told(&report), 0.0);
    }
}

// proves C3 (a neighbour is not held up)
#[tokio::test]
async fn a_killed_runner_is_told_to_those_who_wait_and_is_soon_back() {
    let lab = Lab::new().await;
    let short = guest_with("spins", &[("turns", "100")]);
    lab.sandbox.prepare(&short).await.unwrap();
    let long = check_within(|b| (b.fuel_max, b.cpu_ms_max, b.wall_ms_max) = (u64::MAX, 60_000, 300_000));
    let waiting = lab.under_way(&guest("spins"), long).await;
    let before = lab.runner();
    assert!(Command::new("kill").args(["-KILL", &before.to_string()]).status().unwrap().success());
    let told = waiting.await.unwrap().end;
    assert!(matches!(told, End::RunnerLost(_)), "{told:?}");
    let started = Instant::now();
    assert_returned(&lab.run(&short, check()).await, 0);
    assert!(started.elapsed() < BACK_AGAIN, "{:?}", started.elapsed());
    assert_ne!(lab.runner(), before, "another process");
}
