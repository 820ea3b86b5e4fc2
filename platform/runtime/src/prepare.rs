//! Compiled code that is loaded, linked once per set of grants: what was not granted is absent from the linker.

use std::collections::HashMap;
use std::sync::Arc;

use fitment_domain::capability::{Grants, Permission};
use fitment_domain::run::{ArtifactKey, Invocation};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::contract::connector::TicketingConnectorPre;
use crate::contract::monitor::MonitorPre;
use crate::contract::offered;
use crate::state::RunState;

/// Compiled components that one runner holds at a time.
const ARTIFACTS_MAX: usize = 512;

/// What decides the linker: the world, and which interfaces were granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Profile {
    world: World,
    metrics: bool,
    http: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum World {
    Monitor,
    TicketingConnector,
}

impl Profile {
    fn of(invocation: &Invocation, grants: &Grants) -> Result<Self, String> {
        let world = match invocation {
            Invocation::Check => World::Monitor,
            Invocation::Connector(_) => World::TicketingConnector,
            Invocation::Probe { .. } | Invocation::Script => {
                return Err("this runner does not support this kind".to_owned());
            }
        };
        Ok(Self {
            world,
            metrics: world == World::Monitor && grants.has(Permission::Metrics),
            // An empty scope of a scoped permission opens nothing.
            http: world == World::TicketingConnector
                && grants.scope(Permission::Http).is_some_and(|s| !s.origins.is_empty()),
        })
    }

    fn grants(self, permission: Permission) -> bool {
        match permission {
            Permission::Metrics => self.metrics,
            Permission::Http => self.http,
            _ => false,
        }
    }
}

/// A component that is linked and type-checked: what is left per run is a store and an instance.
#[derive(Clone)]
pub enum Linked {
    Monitor(MonitorPre<RunState>),
    Connector(TicketingConnectorPre<RunState>),
}

struct Artifact {
    component: Component,
    linked: HashMap<Profile, Arc<Linked>>,
}

/// The loaded artifacts of one runner.
pub struct Library {
    engine: Engine,
    linkers: HashMap<Profile, Linker<RunState>>,
    artifacts: HashMap<ArtifactKey, Artifact>,
}

impl Library {
    /// Makes an empty library.
    pub fn new(engine: Engine) -> Self {
        Self { engine, linkers: HashMap::new(), artifacts: HashMap::new() }
    }

    /// Loads compiled code; the text of an error says why it was not.
    pub fn load(&mut self, key: ArtifactKey, compiled: &[u8]) -> Result<(), String> {
        if self.artifacts.len() >= ARTIFACTS_MAX && !self.artifacts.contains_key(&key) {
            return Err(format!("{ARTIFACTS_MAX} artifacts are loaded: unload one first"));
        }
        let component = deserialize(&self.engine, compiled).map_err(|e| format!("{e:#}"))?;
        self.artifacts.insert(key, Artifact { component, linked: HashMap::new() });
        Ok(())
    }

    /// Frees what `load` brought; runs that use it finish.
    pub fn unload(&mut self, key: &str) {
        self.artifacts.remove(key);
    }

    /// Returns the artifact linked with what was granted, or why it cannot run.
    pub fn linked(&mut self, key: &str, invocation: &Invocation, grants: &Grants) -> Result<Arc<Linked>, String> {
        let artifact = self.artifacts.get_mut(key).ok_or_else(|| format!("artifact {key} is not loaded"))?;
        let profile = Profile::of(invocation, grants)?;
        if let Some(linked) = artifact.linked.get(&profile) {
            return Ok(Arc::clone(linked));
        }
        if let Some(refusal) = not_granted(&self.engine, &artifact.component, profile) {
            return Err(refusal);
        }
        let linker = match self.linkers.entry(profile) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(linker(&self.engine, profile).map_err(|e| format!("{e:#}"))?)
            }
        };
        let linked = Arc::new(link(linker, &artifact.component, profile).map_err(|e| format!("{e:#}"))?);
        artifact.linked.insert(profile, Arc::clone(&linked));
        Ok(linked)
    }
}

#[expect(unsafe_code, reason = "loading compiled code is unsafe by nature; the supervisor authenticated these bytes")]
fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be the unmodified output of wasmtime's compiler. They came over the pipe from the supervisor,
    // which took them from its compiler or checked its authentication code over them just before; no guest can reach the pipe.
    unsafe { Component::deserialize(engine, compiled) }
}

fn link(linker: &Linker<RunState>, component: &Component, profile: Profile) -> wasmtime::Result<Linked> {
    let pre = linker.instantiate_pre(component)?;
    Ok(match profile.world {
        World::Monitor => Linked::Monitor(MonitorPre::new(pre)?),
        World::TicketingConnector => Linked::Connector(TicketingConnectorPre::new(pre)?),
    })
}

fn linker(engine: &Engine, profile: Profile) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    offered::run_context::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::logging::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    if profile.world == World::Monitor {
        offered::device::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    }
    if profile.metrics {
        offered::metrics::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    }
    if profile.http {
        offered::http::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    }
    Ok(linker)
}

/// Names the import that a missing permission leaves unsatisfied; wasmtime's own message would not know the permission.
fn not_granted(engine: &Engine, component: &Component, profile: Profile) -> Option<String> {
    let imports = component.component_type();
    let mut refusals = imports.imports(engine).filter_map(|(name, _)| {
        let interface = name.split('@').next().unwrap_or(name);
        Permission::ALL
            .into_iter()
            .find(|permission| permission.interface() == interface && !profile.grants(*permission))
            .map(|permission| {
                format!("import {name} needs permission {}, which was not granted to this run", permission.name())
            })
    });
    refusals.next()
}
