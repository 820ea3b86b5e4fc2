//! The house's own rules: what stands where, who may name what, and which invariants the sources must show.
//!
//! Each rule is a function from sources to a list of breaches. Its test is there twice: the house has no breach, and a bad
//! sample has one.

mod contract;
mod crates;
mod documents;
mod invariants;
mod limits;
mod scaffold;
mod scan;
mod source;
mod tidy;

/// Fails with every breach of a rule, one a line.
fn assert_none(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}
