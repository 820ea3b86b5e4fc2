//! Properties of patterns that are combined, by names that are within them.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;

use super::super::{command_is_within, host_is_within, path_is_within, unit_is_within};
use super::*;

type Part = BTreeSet<String>;

fn words(alphabet: &[&str], length_max: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length_max {
        last = last.iter().flat_map(|word| alphabet.iter().map(move |more| format!("{word}{more}"))).collect();
        all.extend(last.clone());
    }
    all.split_off(1)
}

fn part(entry: impl Strategy<Value = String>) -> impl Strategy<Value = Part> {
    proptest::collection::btree_set(entry, 0..4)
}

fn units() -> impl Strategy<Value = Part> {
    part(select(words(&["a", "b", "*"], 4)).prop_filter("not stars alone", |word| word.contains(['a', 'b'])))
}

fn globs() -> impl Strategy<Value = Part> {
    let names = proptest::collection::vec(select(&["a", "ab", "a*", "*b", "*a*", "b*"][..]), 1..4);
    part((names, any::<bool>()).prop_map(|(names, below)| {
        let below = if below { "/**" } else { "" };
        format!("/{}{below}", names.join("/"))
    }))
}

fn commands() -> impl Strategy<Value = Part> {
    let word = select(&["a", "-a", "*", "-*", "a*", "*a", "-*a", "*a*", "a*a"][..]);
    let program = select(&["/x", "/y"][..]);
    part(
        (program, proptest::collection::vec(word, 0..3))
            .prop_map(|(program, words)| [program].into_iter().chain(words).collect::<Vec<_>>().join(" ")),
    )
}

const HOSTS: &[&str] = &["a.b", "c.a.b", "b", "*.b", "*.a.b", "A.b", "b.", "*", "[::1]"];
const PORTS: &[&str] = &["*", "80", "443"];

fn hosts() -> impl Strategy<Value = Part> {
    part((select(HOSTS), select(PORTS)).prop_map(|(host, port)| format!("{host}:{port}")))
}

fn origins() -> impl Strategy<Value = Part> {
    let host = select(HOSTS).prop_map(|host| if host == "b." { "b" } else { host });
    let port = select(&["", ":*", ":80", ":443"][..]);
    part(
        (select(&["http", "https"][..]), host, port)
            .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}")),
    )
}

/// As the code that connects asks; and what only layers say.
fn host_matches(hosts: &Part, host: &str, port: u16) -> bool {
    let any = hosts.iter().filter_map(|entry| entry.strip_prefix("*:"));
    host_is_within(hosts, host, port) || any.into_iter().any(|p| p == "*" || p == port.to_string())
}

/// An origin in words of hosts: the pattern's scheme is the same, and its host and port match.
fn origin_matches(origins: &Part, scheme: &str, host: &str, port: u16) -> bool {
    origins.iter().filter_map(|entry| entry.strip_prefix(&format!("{scheme}://"))).any(|authority| {
        let default_port = if scheme == "https" { 443 } else { 80 };
        let after = authority.rsplit(']').next().unwrap_or_default();
        let entry = if after.contains(':') { authority.to_owned() } else { format!("{authority}:{default_port}") };
        host_matches(&[entry].into(), host, port)
    })
}

/// What is within both sets, and nothing else, is within what they have in common; in which order, and how often, is all the same.
fn holds<N>(reach: Reach, [a, b, c]: &[Part; 3], names: &[N], within: impl Fn(&Part, &N) -> bool) -> TestCaseResult {
    let common = both(reach, a, b)?;
    for name in names {
        prop_assert_eq!(within(&common, name), within(a, name) && within(b, name), "{:?} & {:?} = {:?}", a, b, common);
    }
    prop_assert_eq!(&common, &both(reach, b, a)?);
    prop_assert_eq!(both(reach, &common, c)?, both(reach, a, &both(reach, b, c)?)?);
    for again in [a, b, &common] {
        prop_assert_eq!(&both(reach, &common, again)?, &common);
    }
    let any = Part::from([ANY.to_owned()]);
    prop_assert_eq!(both(reach, &common, &any)?, common);
    Ok(())
}

proptest! {
    #[test]
    fn what_two_sets_of_units_have_in_common_is_what_both_cover(sets in [units(), units(), units()]) {
        holds(Reach::Units, &sets, &words(&["a", "b"], 6), |part, name| unit_is_within(part, name))?;
    }

    #[test]
    fn what_two_sets_of_globs_have_in_common_is_what_both_cover(sets in [globs(), globs(), globs()]) {
        let names = words(&["/a", "/b", "/ab", "/ba", "/aab"], 4);
        holds(Reach::Globs, &sets, &names, |part, name| path_is_within(part, name))?;
    }

    #[test]
    fn what_two_sets_of_commands_have_in_common_is_what_both_cover(sets in [commands(), commands(), commands()]) {
        let arguments = ["", "a", "b", "-", "-a", "aa", "ab", "ba", "-ba", "a b", "a-a"];
        let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let mut all: Vec<Vec<String>> = ["/x", "/y"].map(|program| argv(&[program])).into();
        all.extend(arguments.map(|one| argv(&["/x", one])));
        all.extend(arguments.into_iter().flat_map(|one| arguments.map(|two| argv(&["/x", one, two]))));
        holds(Reach::Commands, &sets, &all, |part, argv| command_is_within(part, argv))?;
    }

    #[test]
    fn what_two_sets_of_hosts_have_in_common_is_what_both_cover(sets in [hosts(), hosts(), hosts()]) {
        let names: Vec<(&str, u16)> = NAMES.iter().flat_map(|host| [80, 443, 8080].map(|port| (*host, port))).collect();
        holds(Reach::Hosts, &sets, &names, |part, (host, port)| host_matches(part, host, *port))?;
    }

    #[test]
    fn what_two_sets_of_origins_have_in_common_is_what_both_cover(sets in [origins(), origins(), origins()]) {
        let names: Vec<(&str, &str, u16)> = ["http", "https"].into_iter().flat_map(|scheme| {
            NAMES.iter().flat_map(move |host| [80, 443, 8080].map(|port| (scheme, *host, port)))
        }).collect();
        holds(Reach::Origins, &sets, &names, |part, (scheme, host, port)| origin_matches(part, scheme, host, *port))?;
    }

    // Whatever stands there, it is read without a panic, and what comes out is read again as the same.
    #[test]
    fn any_text_is_combined_without_a_panic(a in part("\\PC{0,12}"), b in part("[a*/:.& -]{0,8}")) {
        for reach in Reach::ALL {
            let common = both(reach, &a, &b)?;
            prop_assert_eq!(both(reach, &common, &common)?, common);
        }
    }
}

const NAMES: &[&str] = &["a.b", "c.a.b", "b", "x.b", "d.c.a.b", "ba.b", "::1"];

fn common(reach: Reach, a: &[&str], b: &[&str]) -> Vec<String> {
    let set = |part: &[&str]| part.iter().map(|entry| (*entry).to_owned()).collect();
    both(reach, &set(a), &set(b)).map(|all| all.into_iter().collect()).unwrap_or_default()
}

#[test]
fn the_narrower_pattern_remains_and_what_overlaps_has_to_match_both() {
    let asked = ["https://api.example.com", "https://other.net", "connection"];
    assert_eq!(common(Reach::Origins, &asked, &["https://*.example.com"]), ["https://api.example.com"]);
    assert_eq!(common(Reach::Globs, &["/var/log/*.log", "/etc/motd"], &["/var/**"]), ["/var/log/*.log"]);
    assert_eq!(common(Reach::Units, &["app-*.service"], &["*-db.service"]), ["*-db.service & app-*.service"]);
    assert_eq!(
        common(Reach::Units, &["app-*"], &["web-*", "*.socket.service", "app-*.x"])[..1],
        ["*.socket.service & app-*"]
    );
    assert_eq!(common(Reach::Hosts, &["*.example.com:443"], &["*.eu.example.com:*"]), ["*.eu.example.com:443"]);
    assert_eq!(common(Reach::Secrets, &["token", "key"], &["token"]), ["token"]);
    assert_eq!(common(Reach::Secrets, &["token"], &["to*"]), Vec::<String>::new(), "secrets have no patterns");
}

#[test]
fn too_many_combinations_are_refused() {
    let heads: Part = (0..50).map(|n| format!("{n}-*")).collect();
    let tails: Part = (0..50).map(|n| format!("*-{n}")).collect();
    assert_eq!(both(Reach::Units, &heads, &tails), Err(TooManyPatterns { field: "units" }));
    assert_eq!(both(Reach::Units, &heads, &heads), Ok(heads));
}
