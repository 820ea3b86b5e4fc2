//! Instances that are kept: only where that was chosen, for what is the same in everything, and never after an error.

use std::sync::Arc;

use fitment_domain::budget::Budget;
use fitment_domain::run::{End, Fact, RunReport};
use fitment_runner_client::RunSpec;

use super::guest::{guest, guest_with};
use super::lab::{Lab, assert_returned, check, told};

fn warm(installation: &str) -> RunSpec {
    RunSpec { warm: Some(installation.to_owned()), ..check() }
}

/// Whether the guest found what an earlier run had left.
fn found_something(report: &RunReport) -> bool {
    told(report) > 0.0
}

// proves C3 (an instance kept where an MSP chose it)
#[tokio::test]
async fn a_kept_instance_is_called_again_and_only_for_what_is_the_same_in_everything() {
    let lab = Lab::new().await;
    let remembers = guest("remembers");
    assert!(!found_something(&lab.run(&remembers, warm("ins_1")).await), "the first run begins anew");
    assert!(found_something(&lab.run(&remembers, warm("ins_1")).await), "the second finds what the first left");

    let others: [(&str, RunSpec); 6] = [
        ("a run that did not ask for it", check()),
        ("another installation", warm("ins_2")),
        ("another configuration", RunSpec { config: r#"{"a":1}"#.to_owned(), ..warm("ins_1") }),
        ("other parameters", RunSpec { parameters: r#"{"a":1}"#.to_owned(), ..warm("ins_1") }),
        ("another budget", RunSpec { budget: Budget { log_bytes_max: 100, ..check().budget }, ..warm("ins_1") }),
        ("other permissions", RunSpec { grants: super::lab::http(&["http://127.0.0.1:1"], &[]), ..warm("ins_1") }),
    ];
    for (what, spec) in others {
        let _ = lab.run(&remembers, RunSpec { config: r#"{"b":1}"#.to_owned(), ..warm("ins_1") }).await;
        assert!(!found_something(&lab.run(&remembers, warm("ins_1")).await), "after another it begins anew: {what}");
        assert!(found_something(&lab.run(&remembers, warm("ins_1")).await));
        assert!(!found_something(&lab.run(&remembers, spec).await), "{what}");
    }
}

// proves C3 (an instance kept where an MSP chose it)
#[tokio::test]
async fn after_anything_but_an_answer_the_next_run_begins_anew() {
    let lab = Lab::new().await;
    // It grows by a mebibyte in each run, and breaks down when it gets no more.
    let remembers = guest("remembers");
    let (mut ends, mut anew) = (0, 0);
    for _ in 0..80 {
        let report = lab.run(&remembers, warm("ins_1")).await;
        match &report.end {
            End::Exhausted(bound) => {
                assert_eq!(bound, "memory_bytes_max");
                ends += 1;
            }
            _ => anew += u32::from(!found_something(&report)),
        }
        assert!(report.usage.memory_bytes_peak <= check().budget.memory_bytes_max, "one budget for all its runs");
    }
    assert!(ends >= 2, "it reached its bound {ends} times in 80 runs");
    assert_eq!(anew, ends + 1, "once at first, and after each end");
}

// proves C3 (an instance kept where an MSP chose it)
#[tokio::test]
async fn each_run_of_a_kept_instance_has_its_own_facts_fuel_and_time() {
    let lab = Lab::new().await;
    let short = guest_with("spins", &[("turns", "1000")]);
    let mut fuel = Vec::new();
    for number in 0..20 {
        let facts = Arc::new([("run".to_owned(), Fact::Number(f64::from(number)))]);
        let report = lab.run(&short, RunSpec { facts, ..warm("ins_1") }).await;
        assert_returned(&report, 0);
        fuel.push(report.usage.fuel);
    }
    assert!(fuel.iter().skip(1).all(|spent| *spent == fuel[1]), "each run is charged for itself: {fuel:?}");
    // Of more than are kept, none is wrong: they begin anew.
    for installation in 0..40 {
        assert_returned(&lab.run(&short, warm(&format!("ins_{installation}"))).await, 0);
    }
}
