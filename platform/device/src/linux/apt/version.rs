//! The order of Debian versions, deb-version(7): `[epoch:]upstream[-revision]`.

use std::cmp::Ordering;

/// Compares two versions.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (split(left), split(right));
    left.0.cmp(&right.0).then_with(|| part(left.1, right.1)).then_with(|| part(left.2, right.2))
}

fn split(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = version.split_once(':').map_or((0, version), |(e, rest)| (e.parse().unwrap_or(0), rest));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Compares runs of other characters and runs of digits by turns.
fn part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let (l, r) = (run(left, false), run(right, false));
        // The end sorts after a tilde and before everything else.
        for index in 0..l.max(r) {
            let weigh = |text: &[u8], length| if index < length { weight(text[index]) } else { 0 };
            let order = weigh(left, l).cmp(&weigh(right, r));
            if order != Ordering::Equal {
                return order;
            }
        }
        (left, right) = (&left[l..], &right[r..]);
        let (l, r) = (run(left, true), run(right, true));
        let order = number(&left[..l], &right[..r]);
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (&left[l..], &right[r..]);
    }
    Ordering::Equal
}

fn run(text: &[u8], digits: bool) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit() == digits).count()
}

fn weight(byte: u8) -> i32 {
    match byte {
        b'~' => -1,
        letter if letter.is_ascii_alphabetic() => i32::from(letter),
        other => i32::from(other) + 256,
    }
}

fn number(left: &[u8], right: &[u8]) -> Ordering {
    let zeros = |digits: &[u8]| digits.iter().take_while(|digit| **digit == b'0').count();
    let (left, right) = (&left[zeros(left)..], &right[zeros(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let ascending = [
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-2",
            "1.0-10",
            "1.0a",
            "1.0+dfsg-1",
            "1.0.1",
            "1.2",
            "1.10",
            "1:0.1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.01-0", "1.1"), Ordering::Equal);
        assert_eq!(compare("0:1.0", "1.0"), Ordering::Equal);
    }
}
