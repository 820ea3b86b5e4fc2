//! The worlds of the contract: one row each, with what it may be granted and how its component is linked and called.

mod connector;
mod monitor;
mod probe;
mod script;

use std::any::Any;
use std::pin::Pin;

use fitment_domain::capability::Permission;
use fitment_domain::run::{End, Invocation};
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::state::RunState;

/// One world.
pub(crate) struct World {
    /// Its name in the contract.
    pub(crate) name: &'static str,
    /// What it may be granted; the interfaces of everything else are never in its linker.
    pub(crate) permissions: &'static [Permission],
    /// Whether it runs on devices, and sees their facts.
    pub(crate) on_devices: bool,
    /// Whether it tells while it runs.
    pub(crate) tells: bool,
    /// Type-checks a linked component against what the world exports.
    pub(crate) check: fn(InstancePre<RunState>) -> wasmtime::Result<Box<dyn Guest>>,
}

/// One call that is under way.
pub type Calling<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<End>> + Send + 'a>>;

/// An instance in a store that may be called again, of whichever world; none before it was made.
#[derive(Default)]
pub struct Instance(Option<Box<dyn Any + Send>>);

impl Instance {
    /// Returns whether one was made.
    pub(crate) fn is_made(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the instance that is there, or makes it. One of another world is not there.
    async fn or_make<T: Any + Send>(
        &mut self,
        making: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<&mut T> {
        if !self.0.as_ref().is_some_and(|made| made.is::<T>()) {
            self.0 = Some(Box::new(making.await?));
        }
        self.0.as_mut().and_then(|made| made.downcast_mut()).ok_or_else(|| wasmtime::Error::msg("no instance was made"))
    }
}

/// A component that is linked and type-checked: what is left per run is an instance and a call.
pub trait Guest: Send + Sync {
    /// Calls the instance that the store holds, or makes one in it first. Worlds that look, and leave nothing behind but what they return,
    /// say in `instance` what they made; all others make another for each call.
    fn call<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        instance: &'a mut Instance,
        invocation: Invocation,
    ) -> Calling<'a>;
}

/// Returns the world that an invocation calls.
pub(crate) fn of(invocation: &Invocation) -> &'static World {
    match invocation {
        Invocation::Check => &monitor::WORLD,
        Invocation::Probe { .. } => &probe::WORLD,
        Invocation::Script => &script::WORLD,
        Invocation::Connector(_) => &connector::WORLD,
    }
}

/// A component is linked per world, so this is never the answer unless somebody mixes them up.
fn another_world() -> End {
    End::Refused("the component was linked for another world".to_owned())
}
