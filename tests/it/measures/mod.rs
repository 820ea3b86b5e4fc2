//! Figures, no tests: `cargo measure` builds this with the feature `measures` and runs one of them against released programs. Each
//! ends with a line of JSON.

mod agent;
mod author;
mod pages;

/// Returns the middle of some figures, and their largest but for the last hundredth.
fn middle_and_high(figures: &mut [f64]) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[figures.len() * 99 / 100])
}
