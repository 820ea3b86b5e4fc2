//! What two sets of patterns have in common, in meaning: names, paths, hosts and origins that both sets cover, and no others.
//!
//! Of two patterns of which one covers the other, the narrower remains; where they exclude each other, nothing; where they only
//! overlap, both have to match, which is written `app-*.service & *-db.service`. What comes out is in one spelling and has nothing in
//! it that something else in it covers, so that neither the order of the sets nor one that comes twice makes a difference.

use std::collections::BTreeSet;
use std::fmt;

use super::{ANY, Endpoint, members, stars};
use crate::capability::Reach;

/// The most entries that a part has after patterns were combined.
pub const COMBINED_MAX: usize = 200;

/// Patterns that leave too many combinations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{field} would need more than {COMBINED_MAX} combinations of patterns: write fewer patterns, or such that cover each other"
)]
pub struct TooManyPatterns {
    pub field: &'static str,
}

/// One pattern in one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern {
    Any,
    /// What does not read as a pattern of its part, such as a placeholder: it covers itself alone.
    Exact(String),
    /// `*` stands for any run of characters.
    Word(String),
    /// A program and its arguments, word by word.
    Command(Vec<String>),
    /// The names of a path, and whether what lies below is meant.
    Path(Vec<String>, bool),
    Endpoint(Endpoint),
}

/// What two patterns have in common.
enum Meet {
    Nothing,
    One(Pattern),
    /// They overlap: both have to match.
    Both,
}

/// Patterns that all have to match; none of them covers another.
type Entry = BTreeSet<Pattern>;

impl Pattern {
    fn read(reach: Reach, text: &str) -> Self {
        let exact = || Pattern::Exact(text.to_owned());
        if text == ANY {
            return Pattern::Any;
        }
        if !super::is_well_formed_ceiling(reach, text) {
            return exact();
        }
        match reach {
            Reach::Secrets => exact(),
            Reach::Units => Pattern::Word(one_star(text)),
            Reach::Commands => Pattern::Command(text.split(' ').map(one_star).collect()),
            Reach::Globs => {
                let (names, below) = super::names_of(text);
                Pattern::Path(names.map(str::to_owned).collect(), below)
            }
            Reach::Hosts => Endpoint::of_host(text).map_or_else(exact, Pattern::Endpoint),
            Reach::Origins => Endpoint::of_origin(text).map_or_else(exact, Pattern::Endpoint),
        }
    }

    fn meet(&self, other: &Pattern) -> Meet {
        match (self, other) {
            (Pattern::Any, one) | (one, Pattern::Any) => Meet::One(one.clone()),
            (one, other) if one == other => Meet::One(one.clone()),
            (Pattern::Word(one), Pattern::Word(two)) => match (covers(two, one), covers(one, two)) {
                (true, _) => Meet::One(self.clone()),
                (_, true) => Meet::One(other.clone()),
                _ if apart(one, two) => Meet::Nothing,
                _ => Meet::Both,
            },
            (Pattern::Command(one), Pattern::Command(two)) => meet_commands(one, two),
            (Pattern::Path(one, one_below), Pattern::Path(two, two_below)) => {
                meet_paths((one, *one_below), (two, *two_below))
            }
            (Pattern::Endpoint(one), Pattern::Endpoint(two)) => {
                one.meet(two).map_or(Meet::Nothing, |met| Meet::One(Pattern::Endpoint(met)))
            }
            _ => Meet::Nothing,
        }
    }

    fn is_within(&self, outer: &Pattern) -> bool {
        matches!(self.meet(outer), Meet::One(met) if met == *self)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Any => f.write_str(ANY),
            Pattern::Exact(text) | Pattern::Word(text) => f.write_str(text),
            Pattern::Command(words) => f.write_str(&words.join(" ")),
            Pattern::Path(names, below) => {
                f.write_str(&names.join("/"))?;
                if *below { f.write_str("/**") } else { Ok(()) }
            }
            Pattern::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

fn one_star(text: &str) -> String {
    let mut spelt = String::new();
    for c in text.chars() {
        if c != '*' || !spelt.ends_with('*') {
            spelt.push(c);
        }
    }
    spelt
}

/// A word that stars stand in is covered if it is matched as it stands: the other pattern has nothing but stars for its stars.
fn covers(outer: &str, inner: &str) -> bool {
    stars(outer.as_bytes(), inner.as_bytes())
}

/// Returns whether no word matches both: there is one unless what stands before the first stars, or behind the last, excludes it.
fn apart(one: &str, two: &str) -> bool {
    match (one.split_once('*'), two.split_once('*')) {
        (None, _) => !covers(two, one),
        (_, None) => !covers(one, two),
        (Some((one_head, _)), Some((two_head, _))) => {
            let tail = |text: &'_ str| text.rsplit_once('*').map_or(String::new(), |(_, tail)| tail.to_owned());
            let (one_tail, two_tail) = (tail(one), tail(two));
            !(one_head.starts_with(two_head) || two_head.starts_with(one_head))
                || !(one_tail.ends_with(&two_tail) || two_tail.ends_with(&one_tail))
        }
    }
}

fn meet_paths(one: (&Vec<String>, bool), two: (&Vec<String>, bool)) -> Meet {
    let within = |inner: (&Vec<String>, bool), outer: (&Vec<String>, bool)| {
        let long_enough = match (inner.1, outer.1) {
            (true, true) => inner.0.len() >= outer.0.len(),
            (false, true) => inner.0.len() > outer.0.len(),
            (false, false) => inner.0.len() == outer.0.len(),
            (true, false) => false,
        };
        long_enough && outer.0.iter().zip(inner.0).all(|(outer, inner)| covers(outer, inner))
    };
    let path = |(names, below): (&Vec<String>, bool)| Meet::One(Pattern::Path(names.clone(), below));
    if within(one, two) {
        return path(one);
    }
    if within(two, one) {
        return path(two);
    }
    let lengths_exclude = match (one.1, two.1) {
        (true, true) => false,
        (false, true) => one.0.len() <= two.0.len(),
        (true, false) => two.0.len() <= one.0.len(),
        (false, false) => one.0.len() != two.0.len(),
    };
    let names_exclude = one.0.iter().zip(two.0).any(|(one, two)| apart(one, two));
    if lengths_exclude || names_exclude { Meet::Nothing } else { Meet::Both }
}

/// As many words of each, and the one covers the other in all of them, or they overlap in all of them. A star at the beginning of a word
/// stands for no `-`, so that such a word and one that begins with it have nothing in common.
fn meet_commands(one: &[String], two: &[String]) -> Meet {
    let dashed = |one: &str, two: &str| one.starts_with('*') && two.starts_with('-');
    let within =
        |inner: &[String], outer: &[String]| outer.iter().zip(inner).all(|(outer, inner)| covers(outer, inner));
    let excluded = |(one, two): (&String, &String)| apart(one, two) || dashed(one, two) || dashed(two, one);
    if one.len() != two.len() || one.iter().zip(two).any(excluded) {
        Meet::Nothing
    } else if within(one, two) {
        Meet::One(Pattern::Command(one.to_vec()))
    } else if within(two, one) {
        Meet::One(Pattern::Command(two.to_vec()))
    } else {
        Meet::Both
    }
}

fn read(reach: Reach, entry: &str) -> Option<Entry> {
    members(entry).try_fold(Entry::new(), |entry, text| with(entry, Pattern::read(reach, text)))
}

/// Adds a pattern that has to match too; none if nothing can match any more.
fn with(entry: Entry, more: Pattern) -> Option<Entry> {
    let mut more = more;
    let mut kept = Entry::new();
    for pattern in entry {
        match pattern.meet(&more) {
            Meet::Nothing => return None,
            Meet::One(met) => more = met,
            Meet::Both => {
                kept.insert(pattern);
            }
        }
    }
    kept.insert(more);
    Some(kept)
}

fn is_covered(inner: &Entry, outer: &Entry) -> bool {
    outer.iter().all(|wanted| inner.iter().any(|pattern| pattern.is_within(wanted)))
}

fn add(entries: &mut BTreeSet<Entry>, more: Entry) {
    if !entries.iter().any(|entry| is_covered(&more, entry)) {
        entries.retain(|entry| !is_covered(entry, &more));
        entries.insert(more);
    }
}

/// Returns what two sets of a part's entries have in common. Their order makes no difference.
pub fn both(
    reach: Reach,
    left: &BTreeSet<String>,
    right: &BTreeSet<String>,
) -> Result<BTreeSet<String>, TooManyPatterns> {
    let read_all = |part: &BTreeSet<String>| part.iter().filter_map(|entry| read(reach, entry)).collect();
    let (left, right): (BTreeSet<Entry>, BTreeSet<Entry>) = (read_all(left), read_all(right));
    let mut kept = BTreeSet::new();
    // What stands in both covers whatever else it is combined with.
    left.intersection(&right).for_each(|entry| add(&mut kept, entry.clone()));
    for one in left.difference(&right) {
        for two in right.difference(&left) {
            if let Some(met) = two.iter().cloned().try_fold(one.clone(), with) {
                add(&mut kept, met);
            }
            if kept.len() > COMBINED_MAX {
                return Err(TooManyPatterns { field: reach.field() });
            }
        }
    }
    Ok(kept.into_iter().map(spell).collect())
}

fn spell(entry: Entry) -> String {
    entry.iter().map(Pattern::to_string).collect::<Vec<_>>().join(super::AND)
}

#[cfg(test)]
mod tests;
