//! Commands: a program by its path and its arguments, word by word. There is no shell, so that nothing splits, expands or looks up.

use std::collections::BTreeSet;

use super::{members, stars};

/// A program is named once and for all: no wildcard, no shell that would look for it, no second way to write the same path.
fn is_program(text: &str) -> bool {
    text.strip_prefix('/').is_some_and(|names| {
        names.split('/').all(|name| !matches!(name, "" | "." | "..")) && !text.contains(['*', '\0', '\n'])
    })
}

pub(super) fn is_command(text: &str) -> bool {
    let mut words = text.split(' ');
    words.next().is_some_and(is_program) && words.all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
}

/// Returns whether a program with its arguments is within the grant. Each argument is one word, whatever is in it: nothing splits it.
/// A `*` at the beginning of a word does not stand for a `-`, so that no option comes in where a value was meant.
pub fn command_is_within(commands: &BTreeSet<String>, argv: &[String]) -> bool {
    let Some((program, arguments)) = argv.split_first() else { return false };
    let plain = !argv.iter().any(|word| word.contains(['\0', '\n', '\r']));
    plain
        && is_program(program)
        && commands.iter().any(|entry| members(entry).all(|pattern| command_matches(pattern, program, arguments)))
}

fn command_matches(pattern: &str, program: &str, arguments: &[String]) -> bool {
    let mut words = pattern.split(' ');
    if words.next() != Some(program) {
        return false;
    }
    let words: Vec<&str> = words.collect();
    words.len() == arguments.len() && words.iter().zip(arguments).all(|(word, argument)| word_matches(word, argument))
}

fn word_matches(word: &str, argument: &str) -> bool {
    let sneaks_in = word.starts_with('*') && argument.starts_with('-');
    !sneaks_in && stars(word.as_bytes(), argument.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Reach;
    use crate::reach::is_well_formed;

    fn set(entries: &[&str]) -> BTreeSet<String> {
        entries.iter().map(|e| (*e).to_owned()).collect()
    }

    #[test]
    fn a_command_is_in_a_grant_word_by_word() {
        let commands =
            set(&["/usr/bin/apt-get update", "/usr/sbin/lvs --noheadings *", "/bin/echo a-*-z", "/bin/kill -*"]);
        let within = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            command_is_within(&commands, &argv)
        };
        for inside in [
            &["/usr/bin/apt-get", "update"][..],
            &["/usr/sbin/lvs", "--noheadings", "vg0/root"],
            // One word, blanks and all: no shell takes it apart.
            &["/usr/sbin/lvs", "--noheadings", "a b; reboot"],
            &["/usr/sbin/lvs", "--noheadings", ""],
            &["/bin/echo", "a-b c-z"],
            &["/bin/kill", "-9"],
        ] {
            assert!(within(inside), "{inside:?}");
        }
        for outside in [
            &[][..],
            &["/usr/bin/apt-get"],
            &["/usr/bin/apt-get", "update", ""],
            &["/usr/bin/apt-get", "upgrade"],
            &["/usr/bin/apt-get update"],
            &["apt-get", "update"],
            &["/usr/bin/../bin/apt-get", "update"],
            &["/usr/bin//apt-get", "update"],
            &["/usr/sbin/lvs", "--noheadings", "--config=x"],
            &["/usr/sbin/lvs", "--noheadings", "a", "b"],
            &["/usr/sbin/lvs", "--noheadings", "a\nb"],
            &["/usr/sbin/lvs", "--noheadings", "a\0b"],
            &["/usr/sbin/lvs", "*", "a"],
            &["/bin/echo", "a-z"],
        ] {
            assert!(!within(outside), "{outside:?}");
        }
    }

    #[test]
    fn a_command_pattern_names_its_program_outright() {
        for good in ["/bin/true", "/usr/bin/systemctl show *", "/bin/a --x=*"] {
            assert!(is_well_formed(Reach::Commands, good), "{good}");
        }
        for bad in [
            "",
            "*",
            "true",
            "/bin/*",
            "/bin/ true",
            "/bin/true  x",
            "/bin/true ",
            " /bin/true",
            "/bin/../true",
            "/bin/true\tx",
            "/bin/true x\ny",
            "/bin/true x\u{a0}y",
            "/",
        ] {
            assert!(!is_well_formed(Reach::Commands, bad), "{bad:?}");
        }
    }
}
