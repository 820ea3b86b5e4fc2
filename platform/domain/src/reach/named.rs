//! What an installation itself names, and what is its publisher's word though it stands in the configuration.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{bind_config, entry, is_placeholder};
use crate::capability::Grants;

/// Returns what an installation itself names of what its accessory asks: what its configuration and targets say, and nothing that stands
/// in the package. What the schema of the configuration holds stands in the package too: its defaults and its choices.
pub fn named_by_installation(asked: &Grants, config: &Value, schema: &Value) -> Grants {
    let mut named = asked.clone();
    for (permission, scope) in &mut named.0 {
        if let Some(reach) = permission.reach() {
            scope.part_mut(reach).retain(|entry| is_placeholder(reach, entry));
        }
    }
    let mut named = bind_config(named, config);
    let mut texts = BTreeSet::new();
    collect(schema, &mut texts);
    for (permission, scope) in &mut named.0 {
        if let Some(reach) = permission.reach() {
            // Compared as they are read: however it is spelt, it is the same place.
            let published: BTreeSet<String> = texts.iter().filter_map(|text| entry(reach, text)).collect();
            scope.part_mut(reach).retain(|entry| !published.contains(entry));
        }
    }
    named
}

/// Collects every text of a schema, whatever it stands for: a keyword that is forgotten would be a way in.
fn collect<'a>(schema: &'a Value, texts: &mut BTreeSet<&'a str>) {
    match schema {
        Value::String(text) => {
            texts.insert(text);
        }
        Value::Array(all) => all.iter().for_each(|one| collect(one, texts)),
        Value::Object(all) => all.values().for_each(|one| collect(one, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::capability::{Permission, Scope};

    fn set(entries: &[&str]) -> BTreeSet<String> {
        entries.iter().map(|e| (*e).to_owned()).collect()
    }

    #[test]
    fn an_installation_names_what_its_configuration_and_targets_say() {
        let scope = Scope { hosts: set(&["printer.example.com:443", "target", "config:server"]), ..Scope::default() };
        let asked = Grants([(Permission::Net, scope)].into());
        let config = json!({ "targets": ["nas.lan:445"], "server": "10.0.0.1:53", "other": "a.lan:1" });
        let named = named_by_installation(&asked, &config, &json!({ "type": "object" }));
        assert_eq!(named.0[&Permission::Net].hosts, set(&["nas.lan:445", "10.0.0.1:53"]));
    }

    #[test]
    fn what_a_schema_says_is_its_publishers_word_and_not_the_installations() {
        let net = Scope { hosts: set(&["target", "config:servers"]), ..Scope::default() };
        let http = Scope { origins: set(&["config:api", "config:region"]), ..Scope::default() };
        let asked = Grants([(Permission::Net, net), (Permission::Http, http)].into());
        let schema = json!({ "type": "object", "properties": {
            "api": { "type": "string", "default": "https://x.evil.example" },
            "region": { "enum": ["https://eu.evil.example", "https://us.evil.example"] },
            "servers": { "type": "array", "items": { "type": "string" }, "default": ["a.evil.example:53", "b.evil.example"] },
            "targets": { "type": "array", "default": ["c.evil.example:80"] },
        }});
        // As the server fills it in where somebody chose a region and nothing else.
        let mut filled = json!({ "region": "https://eu.evil.example/" });
        for key in ["api", "servers", "targets"] {
            filled[key] = schema["properties"][key]["default"].clone();
        }
        let of = |config: &Value| {
            let named = named_by_installation(&asked, config, &schema);
            (named.0[&Permission::Http].origins.clone(), named.0[&Permission::Net].hosts.clone())
        };
        assert_eq!(of(&filled), (set(&[]), set(&[])));
        // Another spelling of a default is the default; what somebody added to it is not.
        let typed = json!({
            "api": "https://X.EVIL.example:443/v1", "region": "https://crm.lan",
            "servers": ["b.evil.example", "dns.lan:53"], "targets": ["c.evil.example:80", "nas.lan:445"],
        });
        assert_eq!(of(&typed), (set(&["https://crm.lan"]), set(&["dns.lan:53", "nas.lan:445"])));
    }
}
