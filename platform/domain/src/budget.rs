//! What one run may spend and what it spent.

use serde::{Deserialize, Serialize};

/// The bounds of one run. Every run has all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Linear memory of all instances together, in bytes.
    pub memory_bytes_max: u64,
    /// Elements of all tables together.
    pub table_elements_max: u64,
    /// Time from start to end, host calls included, in milliseconds.
    pub wall_ms_max: u64,
    /// Time on the processor, in milliseconds.
    pub cpu_ms_max: u64,
    /// Instructions, in wasmtime's unit of fuel.
    pub fuel_max: u64,
    /// Calls into the host.
    pub host_calls_max: u64,
    /// Bytes that one host call may carry in either direction.
    pub host_call_bytes_max: u64,
    /// HTTP requests.
    pub http_calls_max: u64,
    /// Bytes of one HTTP body in either direction.
    pub http_body_bytes_max: u64,
    /// Bytes of log lines; what exceeds them is dropped and counted.
    pub log_bytes_max: u64,
    /// Bytes of the result.
    pub result_bytes_max: u64,
}

const MIB: u64 = 1024 * 1024;

impl Budget {
    /// Returns what a run may spend when nobody asked for anything else.
    pub const fn default_for_accessories() -> Self {
        Self {
            memory_bytes_max: 32 * MIB,
            table_elements_max: 50_000,
            wall_ms_max: 30_000,
            cpu_ms_max: 2_000,
            fuel_max: 2_000_000_000,
            host_calls_max: 10_000,
            host_call_bytes_max: MIB,
            http_calls_max: 20,
            http_body_bytes_max: MIB,
            log_bytes_max: 64 * 1024,
            result_bytes_max: 256 * 1024,
        }
    }

    /// Returns the most that any manifest or tenant may ask.
    pub const fn ceiling() -> Self {
        Self {
            memory_bytes_max: 128 * MIB,
            table_elements_max: 50_000,
            wall_ms_max: 300_000,
            cpu_ms_max: 10_000,
            fuel_max: 10_000_000_000,
            host_calls_max: 10_000,
            host_call_bytes_max: 4 * MIB,
            http_calls_max: 20,
            http_body_bytes_max: MIB,
            log_bytes_max: 64 * 1024,
            result_bytes_max: MIB,
        }
    }
}

impl Budget {
    /// Returns whether every bound is within the ceiling.
    pub fn is_within(&self, ceiling: &Budget) -> bool {
        self.memory_bytes_max <= ceiling.memory_bytes_max
            && self.table_elements_max <= ceiling.table_elements_max
            && self.wall_ms_max <= ceiling.wall_ms_max
            && self.cpu_ms_max <= ceiling.cpu_ms_max
            && self.fuel_max <= ceiling.fuel_max
            && self.host_calls_max <= ceiling.host_calls_max
            && self.host_call_bytes_max <= ceiling.host_call_bytes_max
            && self.http_calls_max <= ceiling.http_calls_max
            && self.http_body_bytes_max <= ceiling.http_body_bytes_max
            && self.log_bytes_max <= ceiling.log_bytes_max
            && self.result_bytes_max <= ceiling.result_bytes_max
    }
}

/// What a manifest asks, field by field; what it leaves out is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetAsked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_calls_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_calls_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_bytes_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_bytes_max: Option<u64>,
}

/// A manifest that asks more than anybody may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("budget.{field} asks {asked}, the ceiling is {ceiling}: ask less")]
pub struct OverCeiling {
    pub field: &'static str,
    pub asked: u64,
    pub ceiling: u64,
}

impl BudgetAsked {
    /// Returns every field that asks more than anybody may.
    pub fn over_ceiling(&self) -> Vec<OverCeiling> {
        let ceiling = Budget::ceiling();
        let fields = [
            ("memory_bytes_max", self.memory_bytes_max, ceiling.memory_bytes_max),
            ("wall_ms_max", self.wall_ms_max, ceiling.wall_ms_max),
            ("cpu_ms_max", self.cpu_ms_max, ceiling.cpu_ms_max),
            ("fuel_max", self.fuel_max, ceiling.fuel_max),
            ("host_calls_max", self.host_calls_max, ceiling.host_calls_max),
            ("http_calls_max", self.http_calls_max, ceiling.http_calls_max),
            ("log_bytes_max", self.log_bytes_max, ceiling.log_bytes_max),
            ("result_bytes_max", self.result_bytes_max, ceiling.result_bytes_max),
        ];
        let over = |(field, asked, ceiling): (&'static str, Option<u64>, u64)| {
            asked.filter(|asked| *asked > ceiling).map(|asked| OverCeiling { field, asked, ceiling })
        };
        fields.into_iter().filter_map(over).collect()
    }

    /// Returns the budget of a run: what was asked, the default for the rest.
    pub fn resolve(&self) -> Result<Budget, OverCeiling> {
        if let Some(over) = self.over_ceiling().into_iter().next() {
            return Err(over);
        }
        let default = Budget::default_for_accessories();
        Ok(Budget {
            memory_bytes_max: self.memory_bytes_max.unwrap_or(default.memory_bytes_max),
            wall_ms_max: self.wall_ms_max.unwrap_or(default.wall_ms_max),
            cpu_ms_max: self.cpu_ms_max.unwrap_or(default.cpu_ms_max),
            fuel_max: self.fuel_max.unwrap_or(default.fuel_max),
            host_calls_max: self.host_calls_max.unwrap_or(default.host_calls_max),
            http_calls_max: self.http_calls_max.unwrap_or(default.http_calls_max),
            log_bytes_max: self.log_bytes_max.unwrap_or(default.log_bytes_max),
            result_bytes_max: self.result_bytes_max.unwrap_or(default.result_bytes_max),
            ..default
        })
    }
}

/// What one run spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub wall_us: u64,
    pub cpu_us: u64,
    pub fuel: u64,
    pub memory_bytes_peak: u64,
    pub host_calls: u64,
    pub http_calls: u64,
    pub log_bytes: u64,
    pub log_bytes_dropped: u64,
    pub result_bytes: u64,
}
