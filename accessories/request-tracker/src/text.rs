//! Text in and out of Request Tracker.

/// Request Tracker keeps no more of a subject, counted in bytes on some databases.
const SUBJECT_BYTES_MAX: usize = 200;

/// Makes a subject as Request Tracker will store it, so that reading it back compares equal.
pub(crate) fn subject(summary: &str) -> String {
    let one_line = summary.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(one_line, SUBJECT_BYTES_MAX)
}

/// Writes a text as a string of TicketSQL.
pub(crate) fn quoted(text: &str) -> String {
    let mut sql = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            sql.push('\\');
        }
        sql.push(c);
    }
    sql.push('\'');
    sql
}

/// Says whether a text is a number that may stand in a path or a query.
pub(crate) fn is_number(text: &str) -> bool {
    (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts a text to a number of bytes, at a whole character; what is cut ends in "…".
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_200_bytes() {
        assert_eq!(subject(" a\nb "), "a b");
        assert_eq!(subject(&"ä".repeat(100)), "ä".repeat(100));
        assert_eq!(subject(&"ä".repeat(101)), "ä".repeat(98) + "…");
    }

    #[test]
    fn quotes_cannot_end_a_string() {
        assert_eq!(quoted(r"o'x \ y"), r"'o\'x \\ y'");
    }

    #[test]
    fn only_numbers_are_ticket_ids() {
        assert!(is_number("17") && !is_number("") && !is_number("1/../2") && !is_number("-1"));
    }
}
