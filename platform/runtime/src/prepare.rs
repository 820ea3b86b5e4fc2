//! Compiled code that is loaded, linked once per set of grants: what was not granted is absent from the linker.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use fitment_domain::capability::{Grants, Permission};
use fitment_domain::run::{ArtifactKey, Invocation};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::contract::offered;
use crate::state::RunState;
use crate::stubs;
use crate::world::{self, Guest, World};

/// Compiled components that one runner holds at a time.
const ARTIFACTS_MAX: usize = 512;

/// What decides the linker: the interfaces that every component of the world has, and those that were granted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Profile {
    on_devices: bool,
    tells: bool,
    granted: BTreeSet<Permission>,
    /// Asked as optional and not granted: calls are answered `denied`.
    refused: BTreeSet<Permission>,
}

impl Profile {
    /// What the world may be granted, as far as it was, and as far as its scope opens anything.
    fn of(world: &World, grants: &Grants, optional: &BTreeSet<Permission>) -> Self {
        let (granted, rest): (BTreeSet<_>, BTreeSet<_>) =
            world.permissions.iter().copied().partition(|permission| grants.opens(*permission));
        let refused = rest.into_iter().filter(|permission| optional.contains(permission)).collect();
        Self { on_devices: world.on_devices, tells: world.tells, granted, refused }
    }

    fn offers(&self, permission: Permission) -> bool {
        self.granted.contains(&permission) || self.refused.contains(&permission)
    }
}

struct Artifact {
    component: Component,
    /// By the world's name, too: two worlds may be granted the same.
    linked: HashMap<(&'static str, Profile), Arc<dyn Guest>>,
    /// How it ran last: nearly always how it runs next, and quicker compared than worked out.
    last: Option<Last>,
}

struct Last {
    world: &'static str,
    grants: Grants,
    optional: BTreeSet<Permission>,
    linked: Arc<dyn Guest>,
}

impl Last {
    fn is(&self, world: &World, grants: &Grants, optional: &BTreeSet<Permission>) -> bool {
        self.world == world.name && self.grants == *grants && self.optional == *optional
    }
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
        self.artifacts.insert(key, Artifact { component, linked: HashMap::new(), last: None });
        Ok(())
    }

    /// Frees what `load` brought; runs that use it finish.
    pub fn unload(&mut self, key: &str) {
        self.artifacts.remove(key);
    }

    /// Returns the artifact linked with what was granted, or why it cannot run.
    pub fn linked(
        &mut self,
        key: &str,
        invocation: &Invocation,
        grants: &Grants,
        optional: &BTreeSet<Permission>,
    ) -> Result<Arc<dyn Guest>, String> {
        let artifact = self.artifacts.get_mut(key).ok_or_else(|| format!("artifact {key} is not loaded"))?;
        let world = world::of(invocation);
        if let Some(last) = artifact.last.as_ref().filter(|last| last.is(world, grants, optional)) {
            return Ok(Arc::clone(&last.linked));
        }
        let linked = linked(&self.engine, &mut self.linkers, artifact, world, (grants, optional))?;
        artifact.last = Some(Last {
            world: world.name,
            grants: grants.clone(),
            optional: optional.clone(),
            linked: Arc::clone(&linked),
        });
        Ok(linked)
    }
}

/// Links an artifact for a world with what was granted, unless that was done before.
fn linked(
    engine: &Engine,
    linkers: &mut HashMap<Profile, Linker<RunState>>,
    artifact: &mut Artifact,
    world: &World,
    (grants, optional): (&Grants, &BTreeSet<Permission>),
) -> Result<Arc<dyn Guest>, String> {
    let profile = Profile::of(world, grants, optional);
    let name = (world.name, profile.clone());
    if let Some(linked) = artifact.linked.get(&name) {
        return Ok(Arc::clone(linked));
    }
    if let Some(refusal) = not_granted(engine, &artifact.component, &profile) {
        return Err(refusal);
    }
    let linker = match linkers.entry(profile) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(new) => {
            let linker = linker(engine, new.key()).map_err(|e| format!("{e:#}"))?;
            new.insert(linker)
        }
    };
    let linker = stubs::added(linker, engine, &artifact.component, &name.1.refused);
    let linked = linker.and_then(|linker| linker.instantiate_pre(&artifact.component)).and_then(world.check);
    let linked = linked.map_err(|e| format!("{e:#}"))?;
    let linked: Arc<dyn Guest> = Arc::from(linked);
    artifact.linked.insert(name, Arc::clone(&linked));
    Ok(linked)
}

#[expect(unsafe_code, reason = "loading compiled code is unsafe by nature; the supervisor authenticated these bytes")]
fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be the unmodified output of wasmtime's compiler. They came over the pipe from the supervisor,
    // which took them from its compiler or checked its authentication code over them just before; no guest can reach the pipe.
    unsafe { Component::deserialize(engine, compiled) }
}

fn linker(engine: &Engine, profile: &Profile) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    offered::run_context::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::logging::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    if profile.on_devices {
        offered::device::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    }
    if profile.tells {
        offered::script_host::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    }
    for permission in &profile.granted {
        offer(&mut linker, *permission)?;
    }
    Ok(linker)
}

/// Adds the interface that a permission opens.
fn offer(linker: &mut Linker<RunState>, permission: Permission) -> wasmtime::Result<()> {
    let add = match permission {
        Permission::Metrics => offered::metrics::add_to_linker::<_, HasSelf<_>>,
        Permission::Http => offered::http::add_to_linker::<_, HasSelf<_>>,
        Permission::ServicesRead => offered::services::add_to_linker::<_, HasSelf<_>>,
        Permission::ServicesControl => offered::services_control::add_to_linker::<_, HasSelf<_>>,
        Permission::FilesRead => offered::files::add_to_linker::<_, HasSelf<_>>,
        Permission::FilesWrite => offered::files_write::add_to_linker::<_, HasSelf<_>>,
        Permission::Packages => offered::packages::add_to_linker::<_, HasSelf<_>>,
        Permission::Net => offered::net::add_to_linker::<_, HasSelf<_>>,
        Permission::State => offered::state::add_to_linker::<_, HasSelf<_>>,
        Permission::Processes => offered::processes::add_to_linker::<_, HasSelf<_>>,
        Permission::Logs => offered::logs::add_to_linker::<_, HasSelf<_>>,
        Permission::Exec => offered::exec::add_to_linker::<_, HasSelf<_>>,
    };
    add(linker, |state| state)
}

/// Names the import that a missing permission leaves unsatisfied; wasmtime's own message would not know the permission.
fn not_granted(engine: &Engine, component: &Component, profile: &Profile) -> Option<String> {
    let imports = component.component_type();
    let mut refusals = imports.imports(engine).filter_map(|(name, _)| {
        let interface = name.split('@').next().unwrap_or(name);
        Permission::ALL
            .into_iter()
            .find(|permission| permission.interface() == interface && !profile.offers(*permission))
            .map(|permission| {
                format!("import {name} needs permission {}, which was not granted to this run", permission.name())
            })
    });
    refusals.next()
}
