//! The world `probe`.

use fitment_domain::capability::Permission;
use fitment_domain::run::Invocation;
use wasmtime::Store;

use super::{Calling, Guest, Instance, World, another_world};
use crate::contract::probe::ProbePre;
use crate::convert::findings;
use crate::state::RunState;

pub(super) const WORLD: World = World {
    name: "probe",
    permissions: &[Permission::Net, Permission::Http, Permission::State],
    on_devices: true,
    tells: false,
    check: |pre| Ok(Box::new(ProbePre::new(pre)?)),
};

impl Guest for ProbePre<RunState> {
    fn call<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        instance: &'a mut Instance,
        invocation: Invocation,
    ) -> Calling<'a> {
        Box::pin(async move {
            let Invocation::Probe { target } = invocation else { return Ok(another_world()) };
            let guest = instance.or_make(self.instantiate_async(&mut *store)).await?;
            Ok(findings(guest.fitment_accessory_probe_run().call_check(&mut *store, &target).await?))
        })
    }
}
