//! Permissions: what an accessory asks, what it gets, and the sentence that a person reads before agreeing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A permission by name. Names that the contract reserves but this version does not host are known, and refused as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    Metrics,
    Http,
}

/// Permission names that the contract reserves for later versions.
pub const RESERVED: &[&str] = &[
    "processes",
    "services:read",
    "services:control",
    "logs",
    "files:read",
    "files:write",
    "packages",
    "exec",
    "net",
    "state",
    "mail",
    "sign",
    "fleet",
    "scan",
];

/// Why a permission name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPermission {
    #[error("permission {0:?} is not supported by this version of the platform")]
    NotSupported(String),
    #[error("unknown permission {0:?}: known are metrics, http")]
    Unknown(String),
}

impl Permission {
    /// Reads a permission by its name.
    pub fn parse(name: &str) -> Result<Self, BadPermission> {
        match name {
            "metrics" => Ok(Permission::Metrics),
            "http" => Ok(Permission::Http),
            reserved if RESERVED.contains(&reserved) => Err(BadPermission::NotSupported(reserved.to_owned())),
            other => Err(BadPermission::Unknown(other.chars().take(60).collect())),
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Permission::Metrics => "metrics",
            Permission::Http => "http",
        }
    }

    /// Returns the WIT interface that this permission opens.
    pub fn interface(self) -> &'static str {
        match self {
            Permission::Metrics => "fitment:accessory/metrics",
            Permission::Http => "fitment:accessory/http",
        }
    }
}

/// How far one permission reaches. An empty scope of a scoped permission opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// `http`: origins such as `https://psa.example.com`; `connection` stands for the origin of the accessory's connection.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<String>,
    /// `http`: names of the secrets that the host may put in, towards these origins only.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
}

/// A set of permissions with their scopes: what is asked, what a layer allows, or what remains.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(pub BTreeMap<Permission, Scope>);

impl Grants {
    /// Returns whether the permission is in the set.
    pub fn has(&self, permission: Permission) -> bool {
        self.0.contains_key(&permission)
    }

    /// Returns the scope of a permission that is in the set.
    pub fn scope(&self, permission: Permission) -> Option<&Scope> {
        self.0.get(&permission)
    }

    /// Returns the set with a placeholder origin replaced: `connection` becomes the origin of the connection.
    pub fn bind_origin(mut self, placeholder: &str, origin: &str) -> Self {
        for scope in self.0.values_mut() {
            if scope.origins.remove(placeholder) {
                scope.origins.insert(origin.to_owned());
            }
        }
        self
    }
}

/// What one layer (plan, MSP, client, device) lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ceiling {
    /// This layer takes nothing away.
    Everything,
    /// Only what is in the set, within its scopes.
    Only(Grants),
}

/// Returns what remains of the asked permissions after every layer. More layers never widen it.
pub fn effective<'a>(asked: &Grants, layers: impl IntoIterator<Item = &'a Ceiling>) -> Grants {
    layers.into_iter().fold(asked.clone(), |rest, layer| match layer {
        Ceiling::Everything => rest,
        Ceiling::Only(allowed) => intersect(&rest, allowed),
    })
}

fn intersect(left: &Grants, right: &Grants) -> Grants {
    let both = left.0.iter().filter_map(|(permission, scope)| {
        let other = right.0.get(permission)?;
        let scope = Scope {
            origins: scope.origins.intersection(&other.origins).cloned().collect(),
            secrets: scope.secrets.intersection(&other.secrets).cloned().collect(),
        };
        Some((*permission, scope))
    });
    Grants(both.collect())
}

/// Renders one permission as the sentence that an approver reads.
pub fn sentence(permission: Permission, scope: &Scope) -> String {
    match permission {
        Permission::Metrics => {
            "May read the machine's figures: memory, file systems, processors, network counters.".to_owned()
        }
        Permission::Http => {
            let origins: Vec<String> = scope
                .origins
                .iter()
                .map(|o| if o == "connection" { "the address of its connection".to_owned() } else { o.clone() })
                .collect();
            let secrets = if scope.secrets.is_empty() {
                String::new()
            } else {
                let names: Vec<&str> = scope.secrets.iter().map(String::as_str).collect();
                format!(", signed in with {} (which it never sees)", names.join(", "))
            };
            if origins.is_empty() {
                "May make no HTTP request.".to_owned()
            } else {
                format!("May send HTTP requests to {}{secrets}.", origins.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants() -> impl Strategy<Value = Grants> {
        let names = || proptest::collection::btree_set("[a-c]", 0..3);
        let scope = (names(), names()).prop_map(|(origins, secrets)| Scope { origins, secrets });
        let permission = prop_oneof![Just(Permission::Metrics), Just(Permission::Http)];
        proptest::collection::btree_map(permission, scope, 0..3).prop_map(Grants)
    }

    fn layer() -> impl Strategy<Value = Ceiling> {
        prop_oneof![Just(Ceiling::Everything), grants().prop_map(Ceiling::Only)]
    }

    fn within(inner: &Grants, outer: &Grants) -> bool {
        inner.0.iter().all(|(p, s)| {
            outer.0.get(p).is_some_and(|o| s.origins.is_subset(&o.origins) && s.secrets.is_subset(&o.secrets))
        })
    }

    proptest! {
        #[test]
        fn a_further_layer_never_widens(asked in grants(), layers in proptest::collection::vec(layer(), 0..4), more in layer()) {
            let before = effective(&asked, &layers);
            let after = effective(&before, [&more]);
            prop_assert!(within(&before, &asked));
            prop_assert!(within(&after, &before));
        }

        #[test]
        fn the_order_of_layers_does_not_matter(asked in grants(), a in layer(), b in layer()) {
            prop_assert_eq!(effective(&asked, [&a, &b]), effective(&asked, [&b, &a]));
            prop_assert_eq!(effective(&asked, [&a, &a]), effective(&asked, [&a]));
        }
    }
}
