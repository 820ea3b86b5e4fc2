//! `services` and `services-control`: the broker asks the service manager. This process has no socket, and its account is one that the
//! system bus need not know.

use fitment_domain::act::{Act, ServiceAction};
use fitment_domain::look::{Look, Seen};

use super::{fixture, unanswered};
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
        Ok(match self.by_the_broker(Look::Services).await {
            Ok(Seen::Services(services)) => Ok(services.into_iter().map(Service::from).collect()),
            other => Err(other.err().unwrap_or_else(unanswered)),
        })
    }

    async fn get_service(&mut self, name: String) -> wasmtime::Result<Result<Service, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            let is_it = |service: &fitment_domain::reading::Service| service.name == name;
            return Ok(fixture::named(&device.services, "services", is_it, &name));
        }
        Ok(match self.by_the_broker(Look::Service { name }).await {
            Ok(Seen::Service(service)) => Ok(service.into()),
            other => Err(other.err().unwrap_or_else(unanswered)),
        })
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
