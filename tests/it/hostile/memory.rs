//! Guests that want all the memory there is.

use fitment_domain::budget::Budget;
use fitment_domain::run::End;

use super::guest::{guest, guest_with};
use super::lab::{Lab, assert_returned, check, check_within, exhausted, told};

const MIB: u64 = 1024 * 1024;

// proves C3 (bounds of memory)
#[tokio::test]
async fn a_guest_that_grows_its_memories_without_end_gets_its_budget_and_no_more() {
    let lab = Lab::new().await;
    for memory_bytes_max in [4 * MIB, 20 * MIB] {
        let report = lab.run(&guest("grows"), check_within(|b| b.memory_bytes_max = memory_bytes_max)).await;
        // It took all that there was, page by page; what it counts is what we counted.
        assert_eq!(told(&report), memory_bytes_max as f64);
        assert_eq!(report.usage.memory_bytes_peak, memory_bytes_max);
    }
    let gives_up = guest_with("grows", &[("gives_up", "1")]);
    let report = lab.run(&gives_up, check_within(|b| b.memory_bytes_max = 4 * MIB)).await;
    assert_eq!(report.end, exhausted("memory_bytes_max"));
    assert!(report.usage.memory_bytes_peak <= 4 * MIB);
}

// proves C3 (bounds of memory)
#[tokio::test]
async fn a_guest_that_begins_with_more_memory_than_its_budget_never_begins() {
    let lab = Lab::new().await;
    // It brings 64 pages of 64 KiB.
    let large = guest_with("logs", &[("lines", "1")]);
    let report = lab.run(&large, check_within(|b| b.memory_bytes_max = 4 * MIB - 1)).await;
    assert_eq!((report.end, report.usage.host_calls), (exhausted("memory_bytes_max"), 0));
    assert_returned(&lab.run(&large, check_within(|b| b.memory_bytes_max = 4 * MIB)).await, 0);
}

// proves C3 (bounds of memory)
#[tokio::test]
async fn a_guest_that_grows_its_tables_without_end_gets_its_budget_and_no_more() {
    let lab = Lab::new().await;
    let ceiling = Budget::ceiling().table_elements_max;
    for table_elements_max in [10_000, ceiling] {
        let report = lab.run(&guest("grows-tables"), check_within(|b| b.table_elements_max = table_elements_max)).await;
        let elements = told(&report);
        assert!(elements <= table_elements_max as f64, "{elements}");
        assert!(
            elements > table_elements_max as f64 * 0.9,
            "the bound is the budget, not something before it: {elements}"
        );
    }
    let gives_up = guest_with("grows-tables", &[("gives_up", "1")]);
    assert_eq!(lab.run(&gives_up, check()).await.end, exhausted("table_elements_max"));
}

// proves C3 (bounds of memory)
#[tokio::test]
async fn a_guest_that_recurses_without_end_breaks_down_and_the_runner_lives() {
    let lab = Lab::new().await;
    let (before, spec) = (lab.runner(), || check_within(|budget| budget.fuel_max = u64::MAX));
    for _ in 0..3 {
        match lab.run(&guest("recurses"), spec()).await.end {
            End::Trapped(text) => assert!(text.contains("call stack exhausted"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert_returned(&lab.run(&guest_with("recurses", &[("depth", "1000")]), spec()).await, 0);
    assert_eq!(lab.runner(), before, "the same process");
}
