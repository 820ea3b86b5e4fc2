//! From times to figures.

use serde_json::{Value, json};

/// A set of measured values in rising order; never empty where it is asked.
pub(crate) struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts what was measured.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Returns the smallest value that at least this share of all does not exceed.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// Returns the middle value.
    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Returns the largest value.
    pub(crate) fn max(&self) -> f64 {
        self.at(1.0)
    }

    /// Returns how many values there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Returns microseconds of nanoseconds.
pub(crate) fn us(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1_000.0
}

/// Makes a JSON number with no more digits than a measurement has.
pub(crate) fn number(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}

/// Says on what machine and how busy it is: other work on it is in every figure.
pub(crate) fn machine() -> String {
    let cores = cores();
    match load() {
        Some(load) => format!("{cores} cores, load average {load:.2} over the last minute"),
        None => format!("{cores} cores"),
    }
}

/// Returns the number of processors that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
