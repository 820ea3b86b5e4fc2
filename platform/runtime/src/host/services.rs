//! `services` and `services-control`: read here, because it needs no privilege; changed by the supervisor's broker.

use fitment_device::services as device;
use fitment_domain::act::{Act, ServiceAction};

use super::fixture;
use crate::contract::offered::services::{Host, Service};
use crate::contract::offered::services_control::{self, Action};
use crate::contract::offered::types::Fault;
use crate::state::RunState;

impl Host for RunState {
    async fn list_services(&mut self) -> wasmtime::Result<Result<Vec<Service>, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            return Ok(fixture::many(&device.services, "services"));
        }
        let listed = self.reading(device::list).await;
        Ok(listed.map(|services| services.into_iter().map(Service::from).collect()))
    }

    async fn get_service(&mut self, name: String) -> wasmtime::Result<Result<Service, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            let is_it = |service: &fitment_domain::reading::Service| service.name == name;
            return Ok(fixture::named(&device.services, "services", is_it, &name));
        }
        Ok(self.reading(move || device::get(&name)).await.map(Service::from))
    }
}

impl services_control::Host for RunState {
    async fn control(&mut self, name: String, action: Action) -> wasmtime::Result<Result<(), Fault>> {
        self.host_call()?;
        let action = match action {
            Action::Start => ServiceAction::Start,
            Action::Stop => ServiceAction::Stop,
            Action::Restart => ServiceAction::Restart,
            Action::Reload => ServiceAction::Reload,
            Action::Enable => ServiceAction::Enable,
            Action::Disable => ServiceAction::Disable,
        };
        Ok(self.act(Act::ControlService { unit: name, action }).await.map(|_| ()))
    }
}
