//! How far a scoped permission reaches: the shape of its patterns, what they match, and what placeholders stand for.

mod command;
mod endpoint;
mod named;
mod pattern;

use std::collections::BTreeSet;

use serde_json::Value;

pub use command::command_is_within;
use command::is_command;
use endpoint::Endpoint;
pub use named::named_by_installation;
pub use pattern::{COMBINED_MAX, TooManyPatterns, both};

use crate::capability::{Ceiling, Grants, Permission, Reach, Scope, effective};
use crate::origin::Origin;
use crate::tenant::check_identifier;

/// The most entries of one part of a scope, and the most targets of one probe.
pub const ENTRIES_MAX: usize = 50;
const ENTRY_CHARS_MAX: usize = 300;

/// What a layer says for everything in a part. Publishers cannot.
pub const ANY: &str = "*";

/// Stands between patterns of one entry that all have to match. Only what the platform combined has it.
const AND: &str = " & ";

/// Returns the patterns of an entry: all of them have to match.
fn members(entry: &str) -> impl Iterator<Item = &str> {
    entry.split(AND)
}

/// Says what is wrong with an asked scope; none if nothing is.
pub fn problem(permission: Permission, scope: &Scope) -> Option<String> {
    let reach = permission.reach();
    for other in Reach::ALL.into_iter().filter(|part| *part != Reach::Secrets) {
        if Some(other) != reach && !scope.part(other).is_empty() {
            return Some(format!("{} does not belong here: leave it out", other.field()));
        }
    }
    if permission != Permission::Http && !scope.secrets.is_empty() {
        return Some("secrets belong to http alone: leave them out".to_owned());
    }
    if let Some(bad) = scope.secrets.iter().find(|s| check_identifier("secret", s).is_err()) {
        return Some(format!("secret name {:?} must be a-z, 0-9 and hyphens", shorten(bad)));
    }
    let reach = reach?;
    let entries = scope.part(reach);
    if entries.is_empty() {
        return Some(format!("{} is empty, which opens nothing: {}", reach.field(), example(reach)));
    }
    if entries.len() > ENTRIES_MAX {
        return Some(format!("{} has {} entries, at most {ENTRIES_MAX} are accepted", reach.field(), entries.len()));
    }
    let bad = entries.iter().find(|entry| !is_placeholder(reach, entry) && !is_well_formed(reach, entry))?;
    Some(format!("{:?} in {} does not read: {}", shorten(bad), reach.field(), example(reach)))
}

fn example(reach: Reach) -> &'static str {
    match reach {
        Reach::Origins => {
            "name an origin such as https://host or http://host:port without path, or \"connection\", \"target\", \"config:KEY\""
        }
        Reach::Secrets => "name a secret in a-z, 0-9 and hyphens",
        Reach::Units => "name a unit such as \"nginx.service\" or \"app-*.service\", or \"config:KEY\"",
        Reach::Globs => "name an absolute path such as \"/var/log/*.log\" or \"/tmp/**\", without \"..\"",
        Reach::Hosts => "name \"host:port\", \"host:*\" or \"*.example.com:443\", or \"target\", \"config:KEY\"",
        Reach::Commands => {
            "name a program by its absolute path and its arguments, separated by single blanks, such as \"/usr/bin/apt-get update\" or \"/usr/sbin/lvs --noheadings *\", or \"config:KEY\""
        }
    }
}

/// Returns whether an entry stands for something that the configuration or a connection says.
pub fn is_placeholder(reach: Reach, entry: &str) -> bool {
    let config = entry.strip_prefix("config:").is_some_and(|key| !key.is_empty() && !key.contains(['/', '.', ':']));
    match reach {
        Reach::Origins => config || entry == "connection" || entry == "target",
        Reach::Hosts => config || entry == "target",
        Reach::Units | Reach::Commands => config,
        // A path that an MSP types would be as wide as the device.
        Reach::Globs | Reach::Secrets => false,
    }
}

/// Returns whether an entry is a pattern of its part.
pub fn is_well_formed(reach: Reach, entry: &str) -> bool {
    let combined = entry.contains("& ") || entry.contains(" &");
    if combined || entry.chars().count() > ENTRY_CHARS_MAX || entry.chars().any(char::is_control) {
        return false;
    }
    match reach {
        Reach::Secrets => check_identifier("secret", entry).is_ok(),
        Reach::Origins => Origin::parse(entry).is_ok(),
        Reach::Units => is_unit(entry, true),
        Reach::Globs => is_glob(entry),
        Reach::Hosts => {
            split_host(entry).is_some_and(|(host, port)| is_host(host) && (port == "*" || port.parse::<u16>().is_ok()))
        }
        Reach::Commands => is_command(entry),
    }
}

/// Returns whether an entry may stand in a layer: what a publisher may write, or wider: `*`, `https://*.example.com:*`, `*:443`.
pub fn is_well_formed_ceiling(reach: Reach, entry: &str) -> bool {
    let wide = match reach {
        Reach::Origins => Endpoint::of_origin(entry).is_some(),
        Reach::Hosts => entry.starts_with("*:") && Endpoint::of_host(entry).is_some(),
        Reach::Secrets | Reach::Units | Reach::Globs | Reach::Commands => false,
    };
    // In words, commas stand between patterns.
    !entry.contains(',') && (entry == ANY || is_well_formed(reach, entry) || (wide && entry.len() <= ENTRY_CHARS_MAX))
}

fn is_unit(text: &str, pattern: bool) -> bool {
    // A pattern of stars alone would be every service there is.
    !text.is_empty()
        && text.bytes().any(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"@._:-\\".contains(&b) || (pattern && b == b'*'))
}

fn is_glob(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    let body = rest.strip_suffix("/**").unwrap_or(rest);
    !body.is_empty() && body.split('/').all(|name| !matches!(name, "" | "." | ".." | "*") && !name.contains("**"))
}

fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    match bare {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_')
        }
    }
}

fn split_host(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains(':') || (host.starts_with('[') && host.ends_with(']'))).then_some((host, port))
}

/// Returns whether a unit is within the grant.
pub fn unit_is_within(units: &BTreeSet<String>, unit: &str) -> bool {
    is_unit(unit, false) && units.iter().any(|entry| members(entry).all(|p| stars(p.as_bytes(), unit.as_bytes())))
}

/// Returns whether an absolute path is within the grant. Paths with empty names, `.` or `..` are in none.
pub fn path_is_within(globs: &BTreeSet<String>, path: &str) -> bool {
    let clean = path.strip_prefix('/').is_some_and(|rest| {
        !path.bytes().any(|b| b == 0) && rest.split('/').all(|name| !matches!(name, "" | "." | ".."))
    });
    clean && globs.iter().any(|entry| members(entry).all(|glob| path_matches(glob, path)))
}

/// Returns whether a folder may be listed: one within the grant, or the folder that an entry hangs on.
pub fn folder_may_be_listed(globs: &BTreeSet<String>, path: &str) -> bool {
    path_is_within(globs, path) || globs.iter().any(|entry| members(entry).all(|glob| base(glob) == path))
}

/// Returns the folder that the first entry hangs on within which a path is: what comes before the entry's first wildcard. Nothing
/// outside of it is touched for this path.
pub fn base_of(globs: &BTreeSet<String>, path: &str) -> Option<String> {
    let only = |glob: &&String| path_is_within(&BTreeSet::from([(*glob).clone()]), path);
    let bases = globs.iter().find(only).map(|entry| members(entry).map(base));
    // Each of several patterns that match hangs on a folder above the path: the deepest is the narrowest.
    bases.and_then(|bases| bases.max_by_key(String::len))
}

fn base(glob: &str) -> String {
    let fixed = glob.split_once('*').map_or(glob, |(before, _)| before);
    match fixed.rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
    }
}

/// Returns the names of a glob, and whether it means what lies below them.
fn names_of(glob: &str) -> (core::str::Split<'_, char>, bool) {
    match glob.strip_suffix("/**") {
        Some(parent) => (parent.split('/'), true),
        None => (glob.split('/'), false),
    }
}

fn path_matches(glob: &str, path: &str) -> bool {
    let (names, below) = names_of(glob);
    let mut path = path.split('/');
    for name in names {
        match path.next() {
            Some(got) if stars(name.as_bytes(), got.as_bytes()) => {}
            _ => return false,
        }
    }
    // "/tmp/**" is what lies below /tmp, never /tmp itself.
    below == path.next().is_some()
}

/// Returns whether a host and port are within the grant. Names are compared without case, addresses as written.
pub fn host_is_within(hosts: &BTreeSet<String>, host: &str, port: u16) -> bool {
    let host = bare_host(host);
    hosts.iter().filter_map(|entry| split_host(entry)).any(|(pattern, allowed)| {
        let port_fits = allowed == "*" || allowed.parse() == Ok(port);
        let pattern = bare_host(pattern);
        let host_fits = match pattern.strip_prefix("*.") {
            Some(domain) => is_below(&host, domain),
            None => host == pattern,
        };
        port_fits && host_fits
    })
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

/// Returns whether a host is within the grant at any port: for what has none, a name to resolve or an echo.
pub fn host_is_within_at_any_port(hosts: &BTreeSet<String>, host: &str) -> bool {
    let ports = hosts.iter().filter_map(|entry| Some(split_host(entry)?.1.parse().unwrap_or(1)));
    ports.collect::<BTreeSet<u16>>().into_iter().any(|port| host_is_within(hosts, host, port))
}

fn bare_host(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// Matches with `*` for any run of characters, without backtracking beyond the last star.
fn stars(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Returns the targets that a probe's configuration names.
pub fn targets(config: &Value) -> Vec<String> {
    let entries = config.get("targets").and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(Value::as_str).take(ENTRIES_MAX).map(str::to_owned).collect()
}

/// Replaces `target` and `config:KEY` by what a configuration holds. What stands for nothing opens nothing.
pub fn bind_config(grants: Grants, config: &Value) -> Grants {
    let keys = placeholders(&grants);
    let bound = bind_targets(grants, &targets(config));
    keys.into_iter().fold(bound, |grants, key| {
        let values = strings(config.get(&key));
        grants.bind(&format!("config:{key}"), |reach| values.iter().filter_map(|v| entry(reach, v)).collect())
    })
}

/// Replaces `target` by these targets alone.
fn bind_targets(grants: Grants, targets: &[String]) -> Grants {
    grants.bind("target", |reach| targets.iter().filter_map(|target| entry(reach, target)).collect())
}

/// Returns what a run of a probe may reach when it is called for one target: no more than was granted, and of that the part which
/// the accessory asks for this target.
pub fn for_target(asked: &Grants, config: &Value, target: &str, granted: &Grants) -> Grants {
    let narrow = bind_config(bind_targets(asked.clone(), &[target.to_owned()]), config);
    // What cannot be worked out opens nothing.
    effective(granted, [&Ceiling::Only(narrow)]).unwrap_or_default()
}

fn placeholders(grants: &Grants) -> Vec<String> {
    let parts = grants.0.iter().filter_map(|(permission, scope)| Some(scope.part(permission.reach()?)));
    parts.flatten().filter_map(|entry| entry.strip_prefix("config:")).map(str::to_owned).collect()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().take(ENTRIES_MAX).filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Reads what a person typed (an address, `host:port`, a host, a unit) as an entry of a part.
fn entry(reach: Reach, text: &str) -> Option<String> {
    let read = match reach {
        Reach::Origins => Origin::of_url(text).ok()?.as_str().to_owned(),
        Reach::Units | Reach::Globs | Reach::Secrets | Reach::Commands => text.to_owned(),
        Reach::Hosts => host_entry(text)?,
    };
    is_well_formed(reach, &read).then_some(read)
}

fn host_entry(text: &str) -> Option<String> {
    if let Ok(origin) = Origin::of_url(text) {
        let (scheme, authority) = origin.as_str().split_once("://")?;
        let default_port = if scheme == "https" { 443 } else { 80 };
        return Some(match split_host(authority) {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:{default_port}"),
        });
    }
    if text.parse::<core::net::Ipv6Addr>().is_ok() {
        return Some(format!("[{text}]:*"));
    }
    Some(if split_host(text).is_some() { text.to_owned() } else { format!("{text}:*") })
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(entries: &[&str]) -> BTreeSet<String> {
        entries.iter().map(|e| (*e).to_owned()).collect()
    }

    #[test]
    fn a_path_is_in_a_grant_by_its_names_alone() {
        let globs = set(&["/tmp/**", "/var/log/*.log"]);
        for inside in ["/tmp/a", "/tmp/a/b", "/var/log/x.log"] {
            assert!(path_is_within(&globs, inside), "{inside}");
        }
        for outside in [
            "/tmp",
            "/tmp/",
            "/tmp/../etc/passwd",
            "/tmpx/a",
            "/var/log/x.log/y",
            "/var/log/d/x.log",
            "tmp/a",
            "/tmp//a",
            "/tmp/./a",
        ] {
            assert!(!path_is_within(&globs, outside), "{outside}");
        }
    }

    #[test]
    fn a_grant_hangs_on_what_comes_before_its_first_wildcard() {
        let globs = set(&["/tmp/**", "/var/log/*.log", "/etc/motd"]);
        for (path, base) in [("/tmp/a/b", "/tmp"), ("/var/log/x.log", "/var/log"), ("/etc/motd", "/etc")] {
            assert_eq!(base_of(&globs, path).as_deref(), Some(base), "{path}");
        }
        assert_eq!(base_of(&globs, "/etc/passwd"), None);
        assert!(folder_may_be_listed(&globs, "/tmp") && folder_may_be_listed(&globs, "/tmp/a"));
        assert!(folder_may_be_listed(&globs, "/var/log") && folder_may_be_listed(&globs, "/etc"));
        assert!(!folder_may_be_listed(&globs, "/") && !folder_may_be_listed(&globs, "/var/log/x"));
        assert!(!folder_may_be_listed(&globs, "/tmp/../etc"));
    }

    #[test]
    fn a_host_is_in_a_grant_with_its_port() {
        let hosts = set(&["example.com:443", "*.example.org:*", "[::1]:80"]);
        assert!(host_is_within(&hosts, "EXAMPLE.com.", 443));
        assert!(host_is_within(&hosts, "a.b.example.org", 1));
        assert!(host_is_within(&hosts, "::1", 80));
        for (host, port) in [
            ("example.com", 80),
            ("example.org", 443),
            ("xexample.org", 443),
            ("example.com.evil.net", 443),
            (".example.org", 1),
        ] {
            assert!(!host_is_within(&hosts, host, port), "{host}:{port}");
        }
    }

    #[test]
    fn a_unit_is_in_a_grant_by_pattern() {
        let units = set(&["nginx.service", "app-*.service"]);
        assert!(unit_is_within(&units, "nginx.service"));
        assert!(unit_is_within(&units, "app-a-b.service"));
        for outside in ["nginx", "ssh.service", "app-x.socket", "app-*.service", "", "app-/x.service"] {
            assert!(!unit_is_within(&units, outside), "{outside}");
        }
        assert!(!is_well_formed(Reach::Units, "*"));
        assert!(!is_well_formed(Reach::Globs, "/**"));
        assert!(!is_well_formed(Reach::Globs, "/*/x"));
    }

    #[test]
    fn patterns_that_are_combined_all_have_to_match() {
        let units = set(&["app-*.service & *-db.service"]);
        assert!(unit_is_within(&units, "app-1-db.service"));
        assert!(!unit_is_within(&units, "app-1.service") && !unit_is_within(&units, "x-db.service"));
        let globs = set(&["/srv/*/logs/** & /srv/www/**"]);
        assert!(path_is_within(&globs, "/srv/www/logs/x"));
        assert!(!path_is_within(&globs, "/srv/ftp/logs/x") && !path_is_within(&globs, "/srv/www/x"));
        assert_eq!(base_of(&globs, "/srv/www/logs/x").as_deref(), Some("/srv/www"));
        assert!(!folder_may_be_listed(&globs, "/srv") && !folder_may_be_listed(&globs, "/srv/www"));
        // Only the platform combines: what a publisher writes, and what stands in a configuration, is one pattern.
        for entry in ["/a & /b", "/a &", "/a& b"] {
            assert!(!is_well_formed(Reach::Globs, entry), "{entry}");
        }
        assert!(is_well_formed(Reach::Globs, "/srv/R&D/**"));
    }

    #[test]
    fn a_layer_may_say_more_than_a_publisher() {
        let layers =
            [(Reach::Origins, "https://*.example.com"), (Reach::Origins, "http://*:*"), (Reach::Hosts, "*:443")];
        for (reach, entry) in layers.into_iter().chain(Reach::ALL.map(|reach| (reach, ANY))) {
            assert!(is_well_formed_ceiling(reach, entry) && !is_well_formed(reach, entry), "{entry}");
        }
        for entry in ["https://*.example.com/x", "https://a*", "ftp://*", "https://*:x", "https://"] {
            assert!(!is_well_formed_ceiling(Reach::Origins, entry), "{entry}");
        }
    }

    #[test]
    fn placeholders_stand_for_what_the_configuration_holds() {
        let scope = Scope { hosts: set(&["target", "config:server"]), ..Scope::default() };
        let grants = Grants([(Permission::Net, scope)].into());
        let config = serde_json::json!({"targets": ["https://a.example/x", "b.example:25", "c.example"], "server": "192.0.2.1:53"});
        let bound = bind_config(grants.clone(), &config);
        let got = bound.scope(Permission::Net).map(|s| s.hosts.clone());
        assert_eq!(got, Some(set(&["a.example:443", "b.example:25", "c.example:*", "192.0.2.1:53"])));
        let nothing = bind_config(grants, &serde_json::json!({}));
        assert!(!nothing.opens(Permission::Net));
    }
}
