//! Fixtures in the place of the device: never on a runner that reads real ones, never mixed with them.

use std::sync::Arc;

use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::reading::Memory;
use fitment_domain::run::{End, RunReport};
use fitment_domain::simulation::Simulation;
use fitment_runner_client::{NoHostCalls, RunSpec};

use super::guest::guest;
use super::lab::{Lab, check, told};

const MEMORY: Memory = Memory { total_bytes: 4096, available_bytes: 1024, swap_total_bytes: 0, swap_used_bytes: 0 };

fn measuring() -> RunSpec {
    let mut spec = check();
    spec.grants = Grants([(Permission::Metrics, Scope::default())].into());
    spec
}

async fn simulate(lab: &Lab, simulation: Simulation) -> RunReport {
    lab.sandbox.simulate(&guest("measures"), measuring(), simulation, Arc::new(NoHostCalls)).await
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_runner_of_a_real_device_takes_no_simulated_readings() {
    let lab = Lab::new().await;
    let refused = simulate(&lab, Simulation { memory: Some(Ok(MEMORY)), ..Simulation::default() }).await;
    let words = "this runner takes no simulated readings";
    assert_eq!(refused.end, End::Refused(words.to_owned()));
    assert!(told(&lab.run(&guest("measures"), measuring()).await) > 1e6, "the bytes of this machine's memory");
}

// proves C4 (a simulated device)
#[tokio::test]
async fn a_simulating_runner_answers_from_the_fixture_alone() {
    let lab = Lab::simulating().await;
    let told_of_it = simulate(&lab, Simulation { memory: Some(Ok(MEMORY)), ..Simulation::default() }).await;
    assert_eq!(told(&told_of_it), 4096.0);

    // This guest ends itself when it gets a fault: the machine's own memory is not read instead.
    let left_out = simulate(&lab, Simulation::default()).await;
    assert!(matches!(left_out.end, End::Trapped(_)), "{left_out:?}");

    let without = lab.run(&guest("measures"), measuring()).await;
    let words = "this runner simulates a device: the run brought no fixture";
    assert_eq!(without.end, End::Refused(words.to_owned()));
}
