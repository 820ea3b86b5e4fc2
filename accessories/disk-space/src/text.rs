//! Numbers as people read them, without the code that prints any float at any precision.

/// Writes a number of bytes in decimal units with one digit after the point: "12.3 GB".
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, " TB"), (1_000_000_000, " GB"), (1_000_000, " MB"), (1_000, " kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        // Cut, not rounded: free space is never told as more than it is.
        Some((size, unit)) => tenths(bytes / (size / 10)) + unit,
        None => bytes.to_string() + " B",
    }
}

/// Writes a share of 0 to 100 with one digit after the point.
pub(crate) fn percent(share: f64) -> String {
    tenths((share * 10.0).round() as u64) + " %"
}

fn tenths(tenths: u64) -> String {
    let (whole, rest) = (tenths / 10, tenths % 10);
    format!("{whole}.{rest}")
}

/// Makes a mount point one line: whoever may mount could otherwise break the whole report with a line feed in a name.
pub(crate) fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Cuts a printable path to what fits in a summary.
pub(crate) fn short(path: &str) -> String {
    const CHARS_MAX: usize = 120;
    match path.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => printable(&path[..end]) + "…",
        None => printable(path),
    }
}
