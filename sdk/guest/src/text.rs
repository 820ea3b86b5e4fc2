//! Numbers as people read them, without the code that prints any float at any precision.

use crate::{Fault, Health};

/// Writes a number of bytes in decimal units with one digit after the point: "12.3 GB".
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, " TB"), (1_000_000_000, " GB"), (1_000_000, " MB"), (1_000, " kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        // Cut, not rounded: free space is never told as more than it is.
        Some((size, unit)) => tenths(bytes / (size / 10)) + unit,
        None => bytes.to_string() + " B",
    }
}

/// Writes a share of 0 to 100 with one digit after the point.
pub fn percent(share: f64) -> String {
    tenths((share * 10.0).round() as u64) + " %"
}

fn tenths(tenths: u64) -> String {
    let (whole, rest) = (tenths / 10, tenths % 10);
    format!("{whole}.{rest}")
}

/// Writes a number of things: "1 file", "12 files".
pub fn count(number: u64, one: &str, many: &str) -> String {
    number.to_string() + " " + if number == 1 { one } else { many }
}

/// Makes a mount point one line: whoever may mount could otherwise break the whole report with a line feed in a name.
pub fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Cuts a printable path to what fits in a summary.
pub fn short(path: &str) -> String {
    const CHARS_MAX: usize = 120;
    match path.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => printable(&path[..end]) + "…",
        None => printable(path),
    }
}

/// Writes a number with one digit after the point.
pub fn decimal(value: f64) -> String {
    if value < 0.0 { ["-", &decimal(-value)].concat() } else { tenths((value * 10.0).round() as u64) }
}

/// Writes a length of time in its two largest units: "3 d 4 h", "12 min".
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Two limits: from the first on it is a warning, from the second on it is critical.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub warning: f64,
    pub critical: f64,
}

/// Makes limits of two fields of the configuration, by name and value; in the wrong order nothing would ever be a warning, which
/// is a fault.
pub fn limits(warning: (&str, f64), critical: (&str, f64)) -> Result<Limits, Fault> {
    if warning.1 > critical.1 {
        let message = format!("configuration: `{}` is above `{}`: lower it", warning.0, critical.0);
        return Err(Fault::Invalid(message));
    }
    Ok(Limits { warning: warning.1, critical: critical.1 })
}

impl Limits {
    /// Judges a value that is worse the larger it is.
    pub fn judge(self, value: f64) -> Health {
        if value >= self.critical {
            Health::Critical
        } else if value >= self.warning {
            Health::Warning
        } else {
            Health::Ok
        }
    }
}

/// Splits "host:port", "[2001:db8::1]:port" or, if there is a default port, "host".
pub fn host_port(target: &str, default: Option<u16>) -> Result<(&str, u16), Fault> {
    let bad = || Fault::Invalid(format!("configuration: target {:?} is not host:port", short(target)));
    let (host, port) = match target.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
        _ => (target, default.ok_or_else(bad)?),
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() { Err(bad()) } else { Ok((host, port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_split_at_their_port() {
        assert_eq!(host_port("h:25", None).unwrap(), ("h", 25));
        assert_eq!(host_port("[2001:db8::1]:443", None).unwrap(), ("2001:db8::1", 443));
        assert_eq!(host_port("2001:db8::1", Some(443)).unwrap(), ("2001:db8::1", 443));
        assert_eq!(host_port("h", Some(443)).unwrap(), ("h", 443));
        assert!(host_port("h", None).is_err() && host_port("h:x", Some(1)).is_err() && host_port("", Some(1)).is_err());
    }

    #[test]
    fn lengths_of_time_have_two_units() {
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(7_260), "2 h 1 min");
        assert_eq!(duration(90_000), "1 d 1 h");
    }
}
