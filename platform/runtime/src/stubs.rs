//! Imports that are there and refuse: optional permissions that were not granted, and WASI, which foreign toolchains import whether
//! a guest uses it or not. Everything else that was not granted is absent.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fitment_domain::capability::Permission;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, Val};

use crate::state::RunState;
use crate::wasi;

/// Returns the linker with what this component imports and nobody grants.
pub(crate) fn added<'a>(
    linker: &'a Linker<RunState>,
    engine: &Engine,
    component: &Component,
    refused: &BTreeSet<Permission>,
) -> wasmtime::Result<Cow<'a, Linker<RunState>>> {
    let mut linker = Cow::Borrowed(linker);
    let imports = component.component_type();
    for (name, import) in imports.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        let interface = name.split('@').next().unwrap_or(name);
        if interface.starts_with("wasi:") {
            wasi::offer(&mut linker.to_mut().instance(name)?, interface, engine, &instance)?;
        } else if let Some(permission) = refused.iter().find(|permission| permission.interface() == interface) {
            deny(&mut linker.to_mut().instance(name)?, *permission, engine, &instance)?;
        }
    }
    Ok(linker)
}

/// Answers every function of an interface with the fault `denied`, in which the contract's functions can all answer.
fn deny(
    into: &mut LinkerInstance<'_, RunState>,
    permission: Permission,
    engine: &Engine,
    instance: &ComponentInstance,
) -> wasmtime::Result<()> {
    let functions = instance.exports(engine).filter(|(_, export)| matches!(export.ty, ComponentItem::ComponentFunc(_)));
    for (function, _) in functions {
        into.func_new(function, move |mut store, _type, _arguments, results| {
            store.data_mut().host_call()?;
            let why = Val::String(permission.name().to_owned());
            let denied = Val::Variant("denied".to_owned(), Some(Box::new(why)));
            if let Some(result) = results.first_mut() {
                *result = Val::Result(Err(Some(Box::new(denied))));
            }
            Ok(())
        })?;
    }
    Ok(())
}
