//! Guests that want all the time there is.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::capability::Grants;
use fitment_domain::egress::Policy;
use fitment_domain::run::{End, HostReply, HostRequest, Returned};
use fitment_runner_client::{CallLimits, Egress, HostCalls, HttpHost, Secrets, Trust};
use futures_util::future::BoxFuture;

use super::guest::{guest, guest_with};
use super::lab::{Lab, assert_returned, check, check_within, describe, exhausted, http};
use super::web::{Manner, Web};

/// What a busy machine may add to a bound.
const TOLERANCE: Duration = Duration::from_secs(15);

// proves C3 (bounds of processor and time)
#[tokio::test]
async fn a_guest_that_spins_for_ever_is_ended_by_whichever_bound_comes_first() {
    let lab = Lab::new().await;
    let spins = guest("spins");
    let fuel = lab.run(&spins, check_within(|budget| budget.fuel_max = 10_000_000)).await;
    assert_eq!(fuel.end, exhausted("fuel_max"));

    let spec = check_within(|budget| (budget.fuel_max, budget.cpu_ms_max) = (u64::MAX, 200));
    let started = Instant::now();
    let processor = lab.run(&spins, spec).await;
    assert_eq!(processor.end, exhausted("cpu_ms_max"));
    assert!((200_000..1_200_000).contains(&processor.usage.cpu_us), "{:?}", processor.usage);
    assert!(started.elapsed() < TOLERANCE);

    let spec =
        check_within(|budget| (budget.fuel_max, budget.cpu_ms_max, budget.wall_ms_max) = (u64::MAX, u64::MAX, 200));
    let started = Instant::now();
    let wall = lab.run(&spins, spec).await;
    assert_eq!(wall.end, exhausted("wall_ms_max"));
    assert!(wall.usage.wall_us >= 200_000 && started.elapsed() < TOLERANCE, "{:?}", wall.usage);
}

#[tokio::test]
async fn a_guest_that_spins_for_less_than_its_bounds_comes_to_its_own_end() {
    let lab = Lab::new().await;
    let report = lab.run(&guest_with("spins", &[("turns", "100000")]), check()).await;
    assert_returned(&report, 0);
    assert!((100_000..10_000_000).contains(&report.usage.fuel), "{:?}", report.usage);
}

// proves C3 (bounds of processor and time)
#[tokio::test]
async fn a_guest_that_spins_while_it_is_instantiated_is_ended_too() {
    let lab = Lab::new().await;
    let spec = || check_within(|budget| (budget.fuel_max, budget.cpu_ms_max) = (u64::MAX, 200));
    assert_eq!(lab.run(&guest("spins-at-start"), spec()).await.end, exhausted("cpu_ms_max"));
    assert_eq!(
        lab.run(&guest("spins-at-start"), check_within(|b| b.fuel_max = 10_000_000)).await.end,
        exhausted("fuel_max")
    );
    assert_returned(&lab.run(&guest_with("spins-at-start", &[("turns", "1000")]), spec()).await, 0);
}

// proves C3 (a neighbour is not held up)
#[tokio::test]
async fn neighbours_of_guests_that_spin_finish_meanwhile() {
    let lab = Lab::new().await;
    let neighbour = guest_with("spins", &[("turns", "100")]);
    lab.sandbox.prepare(&neighbour).await.unwrap();
    let long = || check_within(|b| (b.fuel_max, b.cpu_ms_max, b.wall_ms_max) = (u64::MAX, 60_000, 300_000));
    let (first, second) = (lab.under_way(&guest("spins"), long()).await, lab.under_way(&guest("spins"), long()).await);
    for _ in 0..3 {
        assert_returned(&lab.run(&neighbour, check()).await, 0);
    }
    assert!(!first.is_finished() && !second.is_finished());
}

// proves C3 (bounds of processor and time)
#[tokio::test]
async fn a_connector_whose_server_never_answers_is_ended_at_its_wall_time() {
    let lab = Lab::new().await;
    let web = Web::start(Manner::Silent).await;
    let asks = guest("asks");
    lab.sandbox.prepare(&asks).await.unwrap();
    let host = Arc::new(HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device)).unwrap());
    let mut spec = describe(&web.origin(), "", http(&[&web.origin()], &[]));
    spec.budget.wall_ms_max = 1_000;
    let started = Instant::now();
    let report = lab.run_with(&asks, spec, host.clone()).await;
    assert_eq!(report.end, exhausted("wall_ms_max"));
    assert!(report.usage.wall_us >= 1_000_000 && started.elapsed() < TOLERANCE, "{:?}", report.usage);
    assert_eq!(web.heard().await.len(), 1, "it was asked");

    let answers = Web::start(Manner::Echo).await;
    let mut spec = describe(&answers.origin(), "", http(&[&answers.origin()], &[]));
    spec.budget.wall_ms_max = 20_000;
    let report = lab.run_with(&asks, spec, host).await;
    assert!(matches!(report.end, End::Returned(Returned::Connector(Ok(_)))), "{report:?}");
}

/// Answers no host call, ever: what a fault in the supervisor would look like.
struct Mute;

impl HostCalls for Mute {
    fn call<'a>(&'a self, _: HostRequest, _: &'a Grants, _: CallLimits) -> BoxFuture<'a, HostReply> {
        Box::pin(pending())
    }
}

// proves C3 (bounds of processor and time)
#[tokio::test]
async fn a_guest_cannot_wait_for_a_host_call_beyond_its_wall_time() {
    let lab = Lab::new().await;
    let asks = guest("asks");
    lab.sandbox.prepare(&asks).await.unwrap();
    let mut spec = describe("http://127.0.0.1:9", "", http(&["http://127.0.0.1:9"], &[]));
    spec.budget.wall_ms_max = 300;
    assert_eq!(lab.run_with(&asks, spec, Arc::new(Mute)).await.end, exhausted("wall_ms_max"));
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn a_guest_that_calls_the_host_without_end_is_ended_by_their_number() {
    let lab = Lab::new().await;
    let report = lab.run(&guest("calls"), check_within(|budget| budget.host_calls_max = 500)).await;
    assert_eq!(report.end, exhausted("host_calls_max"));
    assert_eq!(report.usage.host_calls, 501, "the one too many is the last");

    let modest = guest_with("calls", &[("calls", "501")]);
    assert_eq!(
        lab.run(&modest, check_within(|budget| budget.host_calls_max = 500)).await.end,
        exhausted("host_calls_max")
    );
    assert_returned(&lab.run(&modest, check_within(|budget| budget.host_calls_max = 501)).await, 0);
}
