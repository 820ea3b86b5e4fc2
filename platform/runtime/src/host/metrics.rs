//! `metrics`: readings of the machine, made in this process because they need no privilege.

use super::fixture::{many, one};
use crate::contract::offered::metrics::{Cpu, Filesystem, Host, Memory, Network, Temperature, Uptime};
use crate::contract::offered::types::Fault;
use crate::readings;
use crate::state::RunState;

impl Host for RunState {
    async fn read_cpu(&mut self) -> wasmtime::Result<Result<Cpu, Fault>> {
        self.host_call()?;
        Ok(match self.fixture() {
            Some(device) => one(&device.cpu, "cpu"),
            None => readings::cpu().await,
        })
    }

    fn read_memory(&mut self) -> wasmtime::Result<Result<Memory, Fault>> {
        self.host_call()?;
        Ok(match self.fixture() {
            Some(device) => one(&device.memory, "memory"),
            None => readings::memory(),
        })
    }

    async fn read_filesystems(&mut self) -> wasmtime::Result<Result<Vec<Filesystem>, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            return Ok(many(&device.filesystems, "filesystems"));
        }
        // A mount of another machine may take its time to answer.
        let read = self.reading(fitment_device::filesystems::read).await;
        Ok(read.map(|all| all.into_iter().map(Filesystem::from).collect()))
    }

    fn read_networks(&mut self) -> wasmtime::Result<Result<Vec<Network>, Fault>> {
        self.host_call()?;
        Ok(match self.fixture() {
            Some(device) => many(&device.networks, "networks"),
            None => readings::networks(),
        })
    }

    fn read_temperatures(&mut self) -> wasmtime::Result<Result<Vec<Temperature>, Fault>> {
        self.host_call()?;
        Ok(match self.fixture() {
            Some(device) => many(&device.temperatures, "temperatures"),
            None => readings::temperatures(),
        })
    }

    fn read_uptime(&mut self) -> wasmtime::Result<Result<Uptime, Fault>> {
        self.host_call()?;
        Ok(match self.fixture() {
            Some(device) => one(&device.uptime, "uptime"),
            None => readings::uptime(),
        })
    }
}
