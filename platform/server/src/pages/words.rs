//! Times and sizes in people's words. What is made here holds no text of others, and is therefore not escaped.

use std::fmt;

use askama::filters::HtmlSafe;
use fitment_domain::time::UnixMs;
use time::OffsetDateTime;

/// A time as seen from now.
pub(super) struct Moment {
    pub(super) at: UnixMs,
    pub(super) now: UnixMs,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was only entered was never heard of.
        let Some(at) = Some(self.at.0).filter(|ms| *ms != 0) else { return f.write_str("never") };
        let Ok(at) = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else { return f.write_str("never") };
        let (date, hour, minute) = (at.date(), at.hour(), at.minute());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let iso = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", at.second());
        write!(f, "<time datetime=\"{iso}\" title=\"{iso}\">")?;
        match self.now.0.saturating_sub(self.at.0) / 1_000 {
            i64::MIN..0 => f.write_str(&utc(self.at.0))?,
            0..45 => f.write_str("just now")?,
            seconds @ 45..5_400 => write!(f, "{} min ago", (seconds + 30) / 60)?,
            seconds @ 5_400..129_600 => write!(f, "{} h ago", (seconds + 1_800) / 3_600)?,
            seconds @ 129_600..2_592_000 => write!(f, "{} days ago", (seconds + 43_200) / 86_400)?,
            _ => write!(f, "{year:04}-{month:02}-{day:02}")?,
        }
        f.write_str("</time>")
    }
}

impl HtmlSafe for Moment {}

/// Writes a time as it is: `2026-11-22 06:57 UTC`.
pub(super) fn utc(ms: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)) else { return "never".to_owned() };
    let month = u8::from(at.month());
    format!("{:04}-{month:02}-{:02} {:02}:{:02} UTC", at.year(), at.day(), at.hour(), at.minute())
}

/// Writes a number of bytes: `1 MiB`, `64 KiB`.
pub(super) fn bytes(count: u64) -> String {
    const KIB: u64 = 1_024;
    match count {
        0..KIB => format!("{count} bytes"),
        KIB..1_048_576 => scaled(count, KIB, "KiB"),
        1_048_576..1_073_741_824 => scaled(count, 1_048_576, "MiB"),
        _ => scaled(count, 1_073_741_824, "GiB"),
    }
}

fn scaled(count: u64, unit: u64, name: &str) -> String {
    let tenths = (u128::from(count) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths.is_multiple_of(10) {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// Writes a span of milliseconds: `30 s`, `5 min`, `1 h 30 min`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match (seconds / 3_600, seconds % 3_600 / 60, seconds % 60) {
        (0, 0, 0) => format!("{ms} ms"),
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// Writes a count with its noun: `1 device`, `3 devices`.
pub(super) fn count(number: &usize, noun: &str) -> String {
    format!("{number} {noun}{}", if *number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_spans_read_well() {
        let ago =
            |s: i64| Moment { at: UnixMs(1_700_000_000_000), now: UnixMs(1_700_000_000_000 + s * 1_000) }.to_string();
        let said = |s: i64| ago(s).split(['>', '<']).nth(2).unwrap_or_default().to_owned();
        assert!(ago(0).starts_with("<time datetime=\"2023-11-14T22:13:20Z\""));
        assert_eq!(
            [said(10), said(60), said(7_200), said(260_000)],
            ["just now", "1 min ago", "2 h ago", "3 days ago"]
        );
        assert_eq!([said(-60), said(9_000_000)], ["2023-11-14 22:13 UTC", "2023-11-14"]);
        assert_eq!(
            [bytes(10), bytes(65_536), bytes(33_554_432), bytes(1_600)],
            ["10 bytes", "64 KiB", "32 MiB", "1.6 KiB"]
        );
        assert_eq!(
            [span(250), span(30_000), span(300_000), span(5_400_000)],
            ["250 ms", "30 s", "5 min", "1 h 30 min"]
        );
        assert_eq!([count(&1, "device"), count(&0, "device")], ["1 device", "0 devices"]);
    }
}
