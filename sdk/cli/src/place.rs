//! Where in a TOML file something is wrong, and what was probably meant.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use crate::failure::Failure;

/// Reads a TOML file that a person wrote; an error names file, line and column, and the nearest word that is known.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Failure> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', ", ");
        let hint = meant(&message).map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        Failure::environment(format!("{}: {message}{hint}", at(path, text, error.span())))
    })
}

/// Returns `file:line:column`, or the file alone where no place is known.
fn at(path: &Path, text: &str, span: Option<Range<usize>>) -> String {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return path.display().to_string() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("{}:{line}:{column}", path.display())
}

/// Returns the place of what a message of the manifest's rules begins with: `accessory.kind …`, `permission http: …`.
pub fn of_message(path: &Path, text: &str, message: &str) -> String {
    let Ok(document) = DeTable::parse(text) else { return path.display().to_string() };
    let subject = message.split([' ', ':']).next().unwrap_or_default().replacen("listing.", "accessory.", 1);
    let named = message.split_once("permission ").map(|(_, rest)| rest.trim_start_matches('"'));
    let name = named.and_then(|rest| rest.split([' ', ':', '"']).next());
    let span =
        name.and_then(|name| permission(document.get_ref(), name)).or_else(|| value(document.get_ref(), &subject));
    at(path, text, span)
}

fn permission(document: &DeTable<'_>, name: &str) -> Option<Range<usize>> {
    let entries = document.get("permission")?.get_ref().as_array()?;
    let mut names = entries.iter().filter_map(|entry| entry.get_ref().get("name"));
    names.find(|value| value.get_ref().as_str() == Some(name)).map(toml::Spanned::span)
}

/// Returns the span of the deepest part of a dotted path that is there.
fn value(document: &DeTable<'_>, dotted: &str) -> Option<Range<usize>> {
    let mut keys = dotted.split('.');
    let mut found = document.get(keys.next()?)?;
    for key in keys {
        match found.get_ref() {
            DeValue::Table(table) => match table.get(key) {
                Some(deeper) => found = deeper,
                None => break,
            },
            _ => break,
        }
    }
    Some(found.span())
}

/// Reads "unknown field `a`, expected one of `b`, `c`" and returns the expected word that is nearest to what stands there.
fn meant(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    nearest(wrong, quoted)
}

/// Returns the known word that differs least, if that is little enough to be a slip.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips_max = word.chars().count().div_ceil(3).max(1);
    let by_distance = known.into_iter().map(|candidate| (distance(word, candidate), candidate));
    by_distance.filter(|(slips, _)| *slips <= slips_max).min().map(|(_, candidate)| candidate)
}

/// Returns how many characters must be put in, taken out or exchanged (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, one) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.iter().enumerate() {
            let exchanged = diagonal + usize::from(one != *other);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its name matters")]
        interval_s: u64,
    }

    #[test]
    fn a_slip_is_placed_and_the_nearest_word_is_offered() {
        let read = |text: &str| parse::<Sample>(Path::new("fitment.toml"), text).map(drop).map_err(|e| e.to_string());
        assert_eq!(read("interval_s = 5"), Ok(()));
        let slip = read("\n\n  intervall_s = 5").expect_err("an unknown field");
        assert!(slip.starts_with("fitment.toml:3:3: unknown field `intervall_s`"), "{slip}");
        assert!(slip.ends_with("did you mean `interval_s`?"), "{slip}");
        let wrong = read("interval_s = \"5\"").expect_err("a string");
        assert!(wrong.starts_with("fitment.toml:1:14: invalid type"), "{wrong}");
    }

    #[test]
    fn messages_of_the_rules_find_their_line() {
        let text = "[accessory]\nname = \"a/b\"\nkind = \"monitr\"\n[[permission]]\nname = \"metrcs\"\n";
        let place = |message: &str| of_message(Path::new("fitment.toml"), text, message);
        assert_eq!(place("accessory.kind \"monitr\" is unknown"), "fitment.toml:3:8");
        assert_eq!(place("unknown permission \"metrcs\": known are metrics"), "fitment.toml:5:8");
        assert_eq!(place("permission metrcs: the reason is short"), "fitment.toml:5:8");
        assert_eq!(place("listing.license is missing"), "fitment.toml:1:1");
        assert_eq!(place("requires.agent is missing"), "fitment.toml");
    }

    #[test]
    fn only_slips_are_offered() {
        assert_eq!(nearest("metrcs", ["http", "metrics"]), Some("metrics"));
        assert_eq!(nearest("camera", ["http", "metrics"]), None);
    }
}
