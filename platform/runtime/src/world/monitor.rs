//! The world `monitor`.

use fitment_domain::capability::Permission;
use fitment_domain::run::Invocation;
use wasmtime::Store;

use super::{Calling, Guest, Instance, World, another_world};
use crate::contract::monitor::MonitorPre;
use crate::convert::findings;
use crate::state::RunState;

pub(super) const WORLD: World = World {
    name: "monitor",
    permissions: &[
        Permission::Metrics,
        Permission::Processes,
        Permission::Logs,
        Permission::ServicesRead,
        Permission::FilesRead,
        Permission::Packages,
        Permission::Net,
        Permission::Http,
        Permission::State,
    ],
    on_devices: true,
    tells: false,
    check: |pre| Ok(Box::new(MonitorPre::new(pre)?)),
};

impl Guest for MonitorPre<RunState> {
    fn call<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        instance: &'a mut Instance,
        invocation: Invocation,
    ) -> Calling<'a> {
        Box::pin(async move {
            let Invocation::Check = invocation else { return Ok(another_world()) };
            let guest = instance.or_make(self.instantiate_async(&mut *store)).await?;
            Ok(findings(guest.fitment_accessory_monitor_run().call_check(&mut *store).await?))
        })
    }
}
