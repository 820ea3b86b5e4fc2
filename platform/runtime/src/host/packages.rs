//! `packages`: what the machine's own lists say; nothing is fetched.

use fitment_device::packages as device;
use fitment_domain::simulation::answer;

use crate::contract::offered::packages::{Host, Pending};
use crate::contract::offered::types::Fault;
use crate::state::RunState;

impl Host for RunState {
    async fn list_pending(&mut self) -> wasmtime::Result<Result<Vec<Pending>, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            let packages = answer(&device.packages, "packages");
            return Ok(packages.map(|p| p.pending.into_iter().map(Into::into).collect()).map_err(Fault::from));
        }
        let pending = self.reading(device::pending).await;
        Ok(pending.map(|pending| pending.into_iter().map(Pending::from).collect()))
    }

    async fn refreshed_ms(&mut self) -> wasmtime::Result<Result<Option<u64>, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            return Ok(answer(&device.packages, "packages").map(|p| p.refreshed_ms).map_err(Fault::from));
        }
        Ok(self.reading(device::refreshed_ms).await)
    }

    async fn reboot_required(&mut self) -> wasmtime::Result<Result<bool, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            return Ok(answer(&device.packages, "packages").map(|p| p.reboot_required).map_err(Fault::from));
        }
        Ok(self.reading(device::reboot_required).await)
    }
}
