//! Guests that say too much, or what nobody should have to read.

use fitment_domain::run::{End, Fault};

use super::guest::{guest, guest_with};
use super::lab::{Lab, assert_returned, check, check_within, exhausted};

// proves C3 (bounds of output)
#[tokio::test]
async fn lines_beyond_the_log_budget_are_dropped_and_counted() {
    let lab = Lab::new().await;
    let report = lab.run(&guest_with("logs", &[("lines", "3000")]), check_within(|b| b.log_bytes_max = 10_000)).await;
    assert_returned(&report, 0);
    let kept: usize = report.log.iter().map(|line| line.message.len()).sum();
    assert!(kept > 5_000 && kept <= 10_000, "{kept} bytes are kept");
    assert!(report.usage.log_bytes <= 10_000);
    assert!(report.usage.log_bytes_dropped > 2_900 * 200, "{:?}", report.usage);
    assert!(report.log.last().unwrap().message.starts_with('z'), "the newest line explains the end of the run");

    let few = lab.run(&guest_with("logs", &[("lines", "10")]), check()).await;
    assert_eq!((few.log.len(), few.usage.log_bytes_dropped), (10, 0));
}

// proves C3 (bounds of output)
#[tokio::test]
async fn a_guest_that_logs_without_end_is_ended_and_its_last_lines_are_kept() {
    let lab = Lab::new().await;
    let report = lab.run(&guest("logs"), check_within(|budget| budget.log_bytes_max = 10_000)).await;
    assert_eq!(report.end, exhausted("host_calls_max"));
    assert!(!report.log.is_empty() && report.usage.log_bytes <= 10_000, "{:?}", report.usage);
}

// proves C3 (bounds of output)
#[tokio::test]
async fn a_log_line_is_one_line_of_bounded_length() {
    let lab = Lab::new().await;
    let long = guest_with("logs", &[("lines", "2"), ("bytes", "100000")]);
    let report = lab.run(&long, check()).await;
    assert_returned(&report, 0);
    for line in &report.log {
        assert!(!line.message.chars().any(char::is_control), "{:?}", &line.message[..20]);
        // A control character that is shown takes three bytes instead of one.
        assert!(line.message.len() <= 4096 + 16, "{} bytes", line.message.len());
    }
    assert!(report.usage.log_bytes_dropped >= 2 * (100_000 - 4096), "{:?}", report.usage);

    // So long that it must not even be copied out of the guest.
    let huge = guest_with("logs", &[("lines", "2"), ("bytes", "3000000")]);
    assert_eq!(lab.run(&huge, check()).await.end, exhausted("host_call_bytes_max"));
}

// proves C3 (bounds of output)
#[tokio::test]
async fn findings_that_break_a_rule_are_refused_with_the_field() {
    let lab = Lab::new().await;
    assert_returned(&lab.run(&guest("reports"), check()).await, 1);
    let refused: &[(&str, &str, &str)] = &[
        ("findings", "257", "257 findings, at most 256 are taken from one run"),
        ("summary_bytes", "0", "findings[0].summary must not be empty"),
        ("summary_bytes", "201", "findings[0].summary is longer than 200"),
        ("summary_first", "0x0a", "findings[0].summary holds a control character"),
        ("condition_bytes", "0", "findings[0].condition must not be empty"),
        ("condition_bytes", "121", "findings[0].condition is longer than 120"),
        ("details_bytes", "16385", "findings[0].details is longer than 16384"),
        ("samples", "65", "findings[0].samples holds 65 entries, at most 64"),
        ("value", "nan", "findings[0].samples: \"xxxx\" is not a finite number"),
        ("value", "-inf", "findings[0].samples: \"xxxx\" is not a finite number"),
    ];
    for (global, value, words) in refused {
        let report = lab.run(&guest_with("reports", &[(global, value)]), check()).await;
        assert_eq!(report.end, End::Fault(Fault::Invalid((*words).to_owned())), "{global} = {value}");
    }
    // A unit is named, with those that are usual.
    for (bytes, shown) in [("0", String::new()), ("33", "x".repeat(32))] {
        let report = lab.run(&guest_with("reports", &[("unit_bytes", bytes)]), check()).await;
        let words =
            format!("findings[0].samples: \"xxxx\" has the unit {shown:?}, which is no UCUM code: write one such");
        assert!(
            matches!(&report.end, End::Fault(Fault::Invalid(said)) if said.starts_with(&words)),
            "{:?}",
            report.end
        );
    }
    let twice = lab.run(&guest_with("reports", &[("findings", "2"), ("subject_mask", "0")]), check()).await;
    let words = "findings[1] judges the same condition and subject as an earlier one of this run";
    assert_eq!(twice.end, End::Fault(Fault::Invalid(words.to_owned())));
    for (global, value) in [
        ("findings", "256"),
        ("summary_bytes", "200"),
        ("condition_bytes", "120"),
        ("samples", "64"),
        ("unit_bytes", "32"),
    ] {
        let report = lab.run(&guest_with("reports", &[(global, value)]), check()).await;
        assert!(matches!(report.end, End::Returned(_)), "{global} = {value}: {:?}", report.end);
    }
}

// proves C3 (bounds of output)
#[tokio::test]
async fn a_huge_result_is_refused_before_it_costs_the_host_anything() {
    let lab = Lab::new().await;
    // 40 × 16 000 bytes: within a host call, beyond a result.
    let large = guest_with("reports", &[("findings", "40"), ("details_bytes", "16000")]);
    let report = lab.run(&large, check()).await;
    assert_eq!(report.end, exhausted("result_bytes_max"));
    assert_returned(&lab.run(&large, check_within(|budget| budget.result_bytes_max = 1024 * 1024)).await, 40);

    let larger = guest_with("reports", &[("findings", "250"), ("details_bytes", "16000")]);
    assert_eq!(lab.run(&larger, check()).await.end, exhausted("host_call_bytes_max"));
    let many = guest_with("reports", &[("findings", "20000"), ("details_bytes", "0")]);
    assert_eq!(lab.run(&many, check()).await.end, exhausted("host_call_bytes_max"));
}

// proves C3 (bounds of output)
#[tokio::test]
async fn a_result_that_breaks_the_canonical_form_ends_the_run_and_not_the_runner() {
    let lab = Lab::new().await;
    let before = lab.runner();
    // More than the memory holds, an enum without that case, a text that is no UTF-8.
    for (global, value) in [("findings", "-1"), ("health", "4"), ("summary_first", "0xff")] {
        let report = lab.run(&guest_with("reports", &[(global, value)]), check()).await;
        assert!(matches!(report.end, End::Trapped(_) | End::Exhausted(_)), "{global} = {value}: {:?}", report.end);
    }
    assert_returned(&lab.run(&guest("reports"), check()).await, 1);
    assert_eq!(lab.runner(), before, "the same process");
}
