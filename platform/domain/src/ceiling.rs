//! Ceilings: what the platform's plan, an MSP, a client and a device let accessories do at most, and what each of them takes away.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::{BadPermission, Ceiling, Grants, Permission, Reach, Scope, effective};
use crate::id::{ClientId, DeviceId};
use crate::reach::{self, ANY, ENTRIES_MAX, TooManyPatterns};

/// What a ceiling lets through, as people write it: permissions by name, each with the patterns of its parts. A part that is left out
/// takes nothing away; a permission that is left out is taken away whole.
pub type Written = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Why a ceiling does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCeiling {
    #[error("permissions: {0}")]
    Permission(#[from] BadPermission),
    #[error("permissions.{permission}.{field} does not belong there: {permission} has {parts}")]
    Part { permission: &'static str, field: String, parts: String },
    #[error(
        "permissions.{permission}.{field} is empty: leave it out to take nothing away, or leave {permission} out to take it away"
    )]
    Empty { permission: &'static str, field: String },
    #[error("{0:?} names patterns, and {1} has none: write {1} alone")]
    Line(String, &'static str),
    #[error("permissions.{permission}.{field} has {got} entries, at most {ENTRIES_MAX} are accepted")]
    Entries { permission: &'static str, field: String, got: usize },
    #[error(
        "no permission is named: name what may be done; that nothing may be done is said in so many words (`fitment ceilings set --nothing`)"
    )]
    Nothing,
    #[error("permissions.{permission}.{field}: {entry:?} does not read as a pattern, or has a comma in it")]
    Entry { permission: &'static str, field: String, entry: String },
}

/// Reads a ceiling as people write it.
pub fn read(written: &Written) -> Result<Ceiling, BadCeiling> {
    let mut allowed = Grants::default();
    for (name, parts) in written {
        let permission = Permission::parse(name)?;
        let mut scope = Scope::default();
        for part in permission.parts() {
            scope.part_mut(part).insert(ANY.to_owned());
        }
        for (field, entries) in parts {
            let part = permission.parts().find(|part| part.field() == field);
            let part = part.ok_or_else(|| BadCeiling::Part {
                permission: permission.name(),
                field: short(field),
                parts: words(permission.parts().map(Reach::field), "no parts"),
            })?;
            check(permission, part, entries)?;
            scope.part_mut(part).clone_from(entries);
        }
        allowed.0.insert(permission, scope);
    }
    Ok(Ceiling::Only(allowed))
}

fn check(permission: Permission, part: Reach, entries: &BTreeSet<String>) -> Result<(), BadCeiling> {
    let (permission, field) = (permission.name(), part.field().to_owned());
    if entries.is_empty() {
        return Err(BadCeiling::Empty { permission, field });
    }
    if entries.len() > ENTRIES_MAX {
        return Err(BadCeiling::Entries { permission, field, got: entries.len() });
    }
    match entries.iter().find(|entry| !reach::is_well_formed_ceiling(part, entry)) {
        Some(entry) => Err(BadCeiling::Entry { permission, field, entry: short(entry) }),
        None => Ok(()),
    }
}

/// Writes a ceiling as people do; none if it takes nothing away.
pub fn write(ceiling: &Ceiling) -> Option<Written> {
    let Ceiling::Only(allowed) = ceiling else { return None };
    let part = |scope: &Scope, part: Reach| (part.field().to_owned(), scope.part(part).clone());
    let any = BTreeSet::from([ANY.to_owned()]);
    let parts = |permission: &Permission, scope: &Scope| {
        permission.parts().map(|reach| part(scope, reach)).filter(|(_, entries)| *entries != any).collect()
    };
    Some(allowed.0.iter().map(|(p, scope)| (p.name().to_owned(), parts(p, scope))).collect())
}

/// Reads a ceiling written in words, one permission each: `metrics`, `files:read=/var/**,/tmp/**`, `http.secrets=token`. What is named
/// twice adds up.
pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Written, BadCeiling> {
    let mut written = Written::new();
    for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
        let (left, patterns) = word.split_once('=').map_or((word, None), |(left, patterns)| (left, Some(patterns)));
        let (name, field) = left.split_once('.').map_or((left, None), |(name, field)| (name, Some(field)));
        let permission = Permission::parse(name.trim())?;
        let parts = written.entry(permission.name().to_owned()).or_default();
        let Some(patterns) = patterns else { continue };
        let field = field.or_else(|| permission.reach().map(Reach::field));
        let field = field.ok_or_else(|| BadCeiling::Line(short(word), permission.name()))?;
        let patterns = patterns.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        parts.entry(field.trim().to_owned()).or_default().extend(patterns.map(str::to_owned));
    }
    if written.is_empty() { Err(BadCeiling::Nothing) } else { Ok(written) }
}

/// Writes a ceiling in words, as `from_words` reads them.
pub fn to_words(written: &Written) -> Vec<String> {
    let mut words = Vec::new();
    for (name, parts) in written {
        if parts.is_empty() {
            words.push(name.clone());
        }
        for (field, entries) in parts {
            let own =
                Permission::parse(name).ok().and_then(Permission::reach).is_some_and(|part| part.field() == field);
            let field = if own { String::new() } else { format!(".{field}") };
            words.push(format!("{name}{field}={}", entries.iter().cloned().collect::<Vec<_>>().join(",")));
        }
    }
    words
}

/// What a tenant's own ceiling is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Every device of the MSP.
    Msp,
    Client(ClientId),
    Device(DeviceId),
}

impl Subject {
    /// Reads `msp`, or the id of a client or of a device.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "msp" {
            return Some(Subject::Msp);
        }
        let client = ClientId::parse(text).ok().map(Subject::Client);
        client.or_else(|| DeviceId::parse(text).ok().map(Subject::Device))
    }

    /// Returns the word that databases and wires use.
    pub fn as_str(&self) -> &str {
        match self {
            Subject::Msp => "msp",
            Subject::Client(id) => id.as_str(),
            Subject::Device(id) => id.as_str(),
        }
    }
}

/// Whose ceiling, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "layer", content = "name")]
pub enum Layer {
    Plan(String),
    Msp,
    Client(String),
    Device(String),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Plan(name) => write!(f, "the plan {name:?}"),
            Layer::Msp => f.write_str("the MSP's ceiling"),
            Layer::Client(name) => write!(f, "the ceiling of client {name:?}"),
            Layer::Device(name) => write!(f, "the ceiling of device {name:?}"),
        }
    }
}

/// One layer and what it lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub layer: Layer,
    pub ceiling: Ceiling,
}

/// What one layer takes from what an accessory asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub layer: Layer,
    pub permission: Permission,
    /// Whether nothing of the permission is left.
    pub whole: bool,
    /// What was asked and is not there.
    pub lost: Vec<String>,
    /// What was asked, and what of it is left.
    pub narrowed: Vec<(String, String)>,
}

/// What was taken, by whom, and what would help.
impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layer, name, lost) = (&self.layer, self.permission.name(), self.lost.join(", "));
        let mut said = Vec::new();
        match (self.whole, self.lost.is_empty()) {
            (true, true) => said.push(format!("{layer} does not let {name} through; add {name} to it")),
            (true, false) => said.push(format!("{layer} leaves nothing of {name}: {lost}; widen it by {lost}")),
            (false, false) => said.push(format!("{layer} takes {lost} from {name}; widen it by {lost}")),
            (false, true) => {}
        }
        if !self.narrowed.is_empty() {
            let narrowed: Vec<String> = self.narrowed.iter().map(|(from, to)| format!("{from} to {to}")).collect();
            said.push(format!("{layer} narrows {name} from {}", narrowed.join(", ")));
        }
        f.write_str(&said.join("; "))
    }
}

/// What remains of what was asked under all layers, and what each of them took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    pub grants: Grants,
    pub taken: Vec<Taken>,
    /// Permissions that were asked and of which nothing is left, each with the sentence that says why.
    pub missing: BTreeMap<Permission, String>,
}

/// Judges what was asked under layers. Placeholders that nothing was put in place of yet are not held against a layer.
pub fn judge(asked: &Grants, limits: &[Limit]) -> Result<Judgement, TooManyPatterns> {
    let grants = effective(asked, limits.iter().map(|limit| &limit.ceiling))?;
    let mut taken = Vec::new();
    for limit in limits {
        if let Ceiling::Only(allowed) = &limit.ceiling {
            for (permission, scope) in &asked.0 {
                taken.extend(taken_by(&limit.layer, *permission, scope, allowed.scope(*permission))?);
            }
        }
    }
    let mut missing = BTreeMap::new();
    for (permission, scope) in asked.0.iter().filter(|(p, _)| asked.opens(**p) && !grants.opens(**p)) {
        let whole: Vec<String> =
            taken.iter().filter(|t| t.permission == *permission && t.whole).map(Taken::to_string).collect();
        let open =
            permission.reach().is_some_and(|part| scope.part(part).iter().any(|e| reach::is_placeholder(part, e)));
        if !whole.is_empty() {
            missing.insert(*permission, whole.join("; "));
        } else if !open {
            let all: Vec<String> = taken.iter().filter(|t| t.permission == *permission).map(Taken::to_string).collect();
            missing
                .insert(*permission, format!("together nothing of {} is left: {}", permission.name(), all.join("; ")));
        }
    }
    Ok(Judgement { grants, taken, missing })
}

fn taken_by(
    layer: &Layer,
    permission: Permission,
    asked: &Scope,
    allowed: Option<&Scope>,
) -> Result<Option<Taken>, TooManyPatterns> {
    let mut taken =
        Taken { layer: layer.clone(), permission, whole: allowed.is_none(), lost: Vec::new(), narrowed: Vec::new() };
    for part in permission.parts() {
        let mut left = false;
        for entry in asked.part(part) {
            let one = BTreeSet::from([entry.clone()]);
            let rest = match allowed {
                Some(allowed) => reach::both(part, &one, allowed.part(part))?,
                None => BTreeSet::new(),
            };
            left |= !rest.is_empty() || reach::is_placeholder(part, entry);
            if rest.is_empty() {
                if allowed.is_none() || !reach::is_placeholder(part, entry) {
                    taken.lost.push(entry.clone());
                }
            } else if rest != reach::both(part, &one, &one)? {
                taken.narrowed.push((entry.clone(), words(rest.iter().map(String::as_str), "nothing")));
            }
        }
        taken.whole |= permission.reach() == Some(part) && !left && !asked.part(part).is_empty();
    }
    let any = taken.whole || !taken.lost.is_empty() || !taken.narrowed.is_empty();
    Ok(any.then_some(taken))
}

fn words<'a>(words: impl Iterator<Item = &'a str>, none: &str) -> String {
    let all: Vec<&str> = words.collect();
    if all.is_empty() { none.to_owned() } else { all.join(", ") }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> Written {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn limit(layer: Layer, json: &str) -> Limit {
        Limit { layer, ceiling: read(&written(json)).unwrap_or(Ceiling::Everything) }
    }

    fn asked() -> Grants {
        let set = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect();
        let http = Scope { origins: set(&["https://api.example.com"]), secrets: set(&["token"]), ..Scope::default() };
        let files = Scope { globs: set(&["/etc/motd", "/var/**"]), ..Scope::default() };
        let net = Scope { hosts: set(&["target"]), ..Scope::default() };
        Grants(
            [
                (Permission::Metrics, Scope::default()),
                (Permission::Http, http),
                (Permission::FilesRead, files),
                (Permission::Net, net),
            ]
            .into(),
        )
    }

    #[test]
    fn what_a_layer_takes_is_told_with_its_name_and_what_would_help() {
        let msp = limit(
            Layer::Msp,
            r#"{"metrics": {}, "http": {"origins": ["https://*.example.net"]}, "files:read": {"globs": ["/var/log/**"]}, "net": {"hosts": ["*:443"]}}"#,
        );
        let found = judge(&asked(), std::slice::from_ref(&msp)).unwrap_or_default();
        let said: Vec<String> = found.taken.iter().map(Taken::to_string).collect();
        assert_eq!(
            said,
            [
                "the MSP's ceiling leaves nothing of http: https://api.example.com; widen it by https://api.example.com",
                "the MSP's ceiling takes /etc/motd from files:read; widen it by /etc/motd; the MSP's ceiling narrows files:read from /var/** to /var/log/**",
            ]
        );
        assert_eq!(
            found.missing.keys().collect::<Vec<_>>(),
            [&Permission::Http],
            "a placeholder is not held against it"
        );
        let plan = limit(Layer::Plan("small".to_owned()), r#"{"files:read": {"globs": ["/etc/**"]}}"#);
        let found = judge(&asked(), &[plan.clone(), msp]).unwrap_or_default();
        assert!(found.grants.scope(Permission::FilesRead).is_some_and(|scope| scope.globs.is_empty()));
        assert!(found.missing[&Permission::FilesRead].starts_with("together nothing of files:read is left: the plan"));
        assert_eq!(
            found.missing[&Permission::Metrics],
            "the plan \"small\" does not let metrics through; add metrics to it"
        );
        assert!(
            found.missing.contains_key(&Permission::Net),
            "what is not let through at all needs no look at placeholders"
        );
        assert_eq!(judge(&asked(), &[]).unwrap_or_default().grants, asked());
    }

    #[test]
    fn a_ceiling_is_written_as_it_was_read_and_its_errors_name_the_field() {
        for json in [
            r"{}",
            r#"{"metrics": {}, "http": {"origins": ["https://*.example.net"], "secrets": ["token"]}, "net": {}}"#,
        ] {
            assert_eq!(read(&written(json)).ok().and_then(|c| write(&c)), Some(written(json)));
            let words = to_words(&written(json));
            // An empty form says nothing: that nothing may be done is said in so many words.
            let wanted = if words.is_empty() { Err(BadCeiling::Nothing) } else { Ok(written(json)) };
            assert_eq!(from_words(words.iter().map(String::as_str)), wanted, "{words:?}");
        }
        for (json, wanted) in [
            (r#"{"mail": {}}"#, "not supported"),
            (
                r#"{"metrics": {"globs": ["/x"]}}"#,
                "permissions.metrics.globs does not belong there: metrics has no parts",
            ),
            (r#"{"http": {"origins": []}}"#, "permissions.http.origins is empty"),
            (r#"{"files:read": {"globs": ["x"]}}"#, "permissions.files:read.globs: \"x\" does not read"),
            (r#"{"net": {"hosts": ["target"]}}"#, "does not read"),
            (r#"{"files:read": {"globs": ["/srv/a,/b/**"]}}"#, "has a comma in it"),
        ] {
            let said = read(&written(json)).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(said.contains(wanted), "{json}: {said}");
        }
    }
}
