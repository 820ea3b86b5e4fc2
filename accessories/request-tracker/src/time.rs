//! Points in time as Request Tracker writes them: UTC, whole seconds.

/// The grain of its time stamps.
pub(crate) const GRAIN_MS: u32 = 1000;

/// Reads "2026-11-21T22:49:09Z" as milliseconds since 1970.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let valid = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (valid && hour < 24 && minute < 60 && second <= 60)
        .then(|| (((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Writes the date of a point in time, as TicketSQL reads it.
pub(crate) fn sql_date(unix_ms: u64) -> String {
    let day_number = unix_ms / 86_400_000;
    let mut year = 1970 + day_number / 366;
    while days(year + 1, 1, 1) <= day_number {
        year += 1;
    }
    let month = (2..=12).take_while(|month| days(year, *month, 1) <= day_number).last().unwrap_or(1);
    let day = day_number - days(year, month, 1) + 1;
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. A year is counted from March, so that its leap day is last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    const FROM_MARCH_0000_TO_1970: u64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - FROM_MARCH_0000_TO_1970
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.splitn(3, separator).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2026-11-21T22:49:09Z"), Some(1_795_301_349_000));
        assert_eq!(parse("2000-02-29T00:00:00Z"), Some(951_782_400_000));
        assert_eq!(parse("2026-11-21 22:49:09"), None);
        assert_eq!(parse("2026-13-21T22:49:09Z"), None);
    }

    #[test]
    fn dates_are_written() {
        for date in ["1970-01-01", "1999-12-31", "2000-02-29", "2026-11-21", "2027-01-01"] {
            let noon = parse(&[date, "T12:00:00Z"].concat()).unwrap();
            assert_eq!(sql_date(noon), date);
        }
    }
}
