//! `logs`: read by the broker, because the system log is not for everybody.

use fitment_domain::look::{self, Look, Seen};
use fitment_domain::reading::LogPage;

use super::{fixture, unanswered};
use crate::contract::offered::logs::{Host, Page};
use crate::contract::offered::types::Fault;
use crate::state::RunState;

impl Host for RunState {
    async fn read(
        &mut self,
        unit: String,
        cursor: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Page, Fault>> {
        self.host_call()?;
        let look = Look::Logs { unit, cursor, limit };
        Ok(self.page(look).await.map(Page::from))
    }
}

impl RunState {
    async fn page(&mut self, look: Look) -> Result<LogPage, Fault> {
        if let Some(device) = self.fixture() {
            look::check(&look, &self.grants)?;
            return fixture::log(device, &look);
        }
        match self.by_the_broker(look).await? {
            Seen::Logs(page) => Ok(page),
            _ => Err(unanswered()),
        }
    }
}
