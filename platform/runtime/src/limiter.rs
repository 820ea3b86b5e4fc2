//! Memory and tables of one run, summed over everything in its store: wasmtime's own limiter counts each memory alone.

use wasmtime::ResourceLimiter;

use fitment_domain::budget::Budget;

use crate::engine::MEMORIES_PER_RUN;

const INSTANCES_MAX: usize = 64;
const TABLES_MAX: usize = 64;

/// Counts what the store of one run holds.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: u64,
    memory_bytes_max: u64,
    memory_bytes_peak: u64,
    table_elements: u64,
    table_elements_max: u64,
    /// What the last permitted growth added, taken back if it fails after all.
    last_memory_growth: u64,
    last_table_growth: u64,
    denied: Option<&'static str>,
}

impl Limiter {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: budget.memory_bytes_max,
            memory_bytes_peak: 0,
            table_elements: 0,
            table_elements_max: budget.table_elements_max,
            last_memory_growth: 0,
            last_table_growth: 0,
            denied: None,
        }
    }

    /// Returns what the store holds now.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Forgets the refusals of an earlier run.
    pub(crate) fn forget_denied(&mut self) {
        self.denied = None;
    }

    pub(crate) fn memory_bytes_peak(&self) -> u64 {
        self.memory_bytes_peak
    }

    /// Returns the bound at which a growth was last refused. The guest may have lived on without it.
    pub(crate) fn denied(&self) -> Option<&'static str> {
        self.denied
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let bytes = self.memory_bytes.saturating_add(growth);
        if bytes > self.memory_bytes_max {
            self.denied = Some("memory_bytes_max");
            return Ok(false);
        }
        self.memory_bytes = bytes;
        self.memory_bytes_peak = self.memory_bytes_peak.max(bytes);
        self.last_memory_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes = self.memory_bytes.saturating_sub(std::mem::take(&mut self.last_memory_growth));
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let elements = self.table_elements.saturating_add(growth);
        if elements > self.table_elements_max {
            self.denied = Some("table_elements_max");
            return Ok(false);
        }
        self.table_elements = elements;
        self.last_table_growth = growth;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements = self.table_elements.saturating_sub(std::mem::take(&mut self.last_table_growth));
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_RUN as usize
    }
}
