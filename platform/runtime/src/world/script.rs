//! The world `script`: the only one with the interfaces that change a device.

use fitment_domain::capability::Permission;
use fitment_domain::run::{End, Fault, Invocation, Returned, ScriptOutcome};
use wasmtime::Store;

use super::{Calling, Guest, Instance, World, another_world};
use crate::contract::script::ScriptPre;
use crate::contract::script::exports::fitment::accessory::script_run::Outcome;
use crate::state::RunState;

const SUMMARY_CHARS_MAX: usize = 300;
const OUTPUTS_MAX: usize = 100;

pub(super) const WORLD: World = World {
    name: "script",
    permissions: &[
        Permission::Metrics,
        Permission::Processes,
        Permission::Logs,
        Permission::ServicesRead,
        Permission::ServicesControl,
        Permission::FilesRead,
        Permission::FilesWrite,
        Permission::Exec,
        Permission::Packages,
        Permission::Net,
        Permission::Http,
        Permission::State,
    ],
    on_devices: true,
    tells: true,
    check: |pre| Ok(Box::new(ScriptPre::new(pre)?)),
};

impl Guest for ScriptPre<RunState> {
    fn call<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        _instance: &'a mut Instance,
        invocation: Invocation,
    ) -> Calling<'a> {
        Box::pin(async move {
            let Invocation::Script = invocation else { return Ok(another_world()) };
            let guest = self.instantiate_async(&mut *store).await?;
            Ok(match guest.fitment_accessory_script_run().call_run(&mut *store).await? {
                Ok(outcome) => checked(outcome),
                Err(fault) => End::Fault(fault.into()),
            })
        })
    }
}

fn checked(outcome: Outcome) -> End {
    let problem = if outcome.summary.trim().is_empty() {
        Some("the outcome has no summary".to_owned())
    } else if outcome.summary.chars().count() > SUMMARY_CHARS_MAX {
        Some(format!("the outcome's summary is longer than {SUMMARY_CHARS_MAX} characters"))
    } else if outcome.output.len() > OUTPUTS_MAX {
        Some(format!("the outcome has more than {OUTPUTS_MAX} named values"))
    } else {
        None
    };
    match problem {
        Some(problem) => End::Fault(Fault::Invalid(problem)),
        None => End::Returned(Returned::Script(ScriptOutcome {
            changed: outcome.changed,
            summary: outcome.summary,
            output: outcome.output,
        })),
    }
}
