//! What one run may spend and what it spent.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize, Serializer};

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
    /// Handles that a component makes for itself, at a time.
    #[serde(default = "handles_max")]
    pub handles_max: u64,
    /// Bytes that a run leaves for the next one, keys and values together.
    #[serde(default = "state_bytes_max")]
    pub state_bytes_max: u64,
}

const MIB: u64 = 1024 * 1024;

const fn handles_max() -> u64 {
    1_000
}

const fn state_bytes_max() -> u64 {
    64 * 1024
}

/// The first agent that reads `handles_max` and `state_bytes_max`; earlier ones refuse what names them.
const READ_FROM: Version = Version::new(0, 1, 1);

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
            handles_max: handles_max(),
            state_bytes_max: state_bytes_max(),
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
            handles_max: 10_000,
            state_bytes_max: 256 * 1024,
        }
    }
}

impl Budget {
    /// Returns every bound with its name.
    pub fn fields(&self) -> [(&'static str, u64); 13] {
        [
            ("memory_bytes_max", self.memory_bytes_max),
            ("table_elements_max", self.table_elements_max),
            ("wall_ms_max", self.wall_ms_max),
            ("cpu_ms_max", self.cpu_ms_max),
            ("fuel_max", self.fuel_max),
            ("host_calls_max", self.host_calls_max),
            ("host_call_bytes_max", self.host_call_bytes_max),
            ("http_calls_max", self.http_calls_max),
            ("http_body_bytes_max", self.http_body_bytes_max),
            ("log_bytes_max", self.log_bytes_max),
            ("result_bytes_max", self.result_bytes_max),
            ("handles_max", self.handles_max),
            ("state_bytes_max", self.state_bytes_max),
        ]
    }

    /// Returns the first agent that reads this budget; none if every agent does.
    pub fn needs_agent(&self) -> Option<Version> {
        let told = self.told_to_agents().any(|(field, _)| is_newer(field));
        told.then_some(READ_FROM)
    }

    /// Returns the bounds that agents are told: those that earlier ones do not read only where they differ from the default.
    fn told_to_agents(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let defaults = Self::default_for_accessories().fields();
        let pairs = self.fields().into_iter().zip(defaults);
        pairs.filter(|((field, own), (_, usual))| !is_newer(field) || own != usual).map(|(own, _)| own)
    }

    /// Returns whether every bound is within the ceiling.
    pub fn is_within(&self, ceiling: &Budget) -> bool {
        self.fields().into_iter().zip(ceiling.fields()).all(|((_, own), (_, most))| own <= most)
    }
}

fn is_newer(field: &str) -> bool {
    matches!(field, "handles_max" | "state_bytes_max")
}

/// Writes a budget as earlier agents read it too, as long as it has nothing that they cannot know.
pub fn for_agents<S: Serializer>(budget: &Budget, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(budget.told_to_agents())
}

/// Writes a bound for people, by the unit in its name: `64 MiB`, `30 s`, `10000`.
pub struct Words<'a>(pub &'a str, pub u64);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field, amount) = self;
        let (unit, words): (u64, &str) = match (field.contains("_bytes_"), field.contains("_ms_")) {
            (true, _) if amount % MIB == 0 => (MIB, " MiB"),
            (true, _) if amount % 1024 == 0 => (1024, " KiB"),
            (true, _) => (1, " bytes"),
            (_, true) if amount % 1_000 == 0 => (1_000, " s"),
            (_, true) => (1, " ms"),
            _ => (1, ""),
        };
        write!(f, "{}{words}", amount / unit)
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_bytes_max: Option<u64>,
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
    fn fields(&self) -> [(&'static str, Option<u64>, u64); 10] {
        let ceiling = Budget::ceiling();
        [
            ("memory_bytes_max", self.memory_bytes_max, ceiling.memory_bytes_max),
            ("wall_ms_max", self.wall_ms_max, ceiling.wall_ms_max),
            ("cpu_ms_max", self.cpu_ms_max, ceiling.cpu_ms_max),
            ("fuel_max", self.fuel_max, ceiling.fuel_max),
            ("host_calls_max", self.host_calls_max, ceiling.host_calls_max),
            ("http_calls_max", self.http_calls_max, ceiling.http_calls_max),
            ("log_bytes_max", self.log_bytes_max, ceiling.log_bytes_max),
            ("result_bytes_max", self.result_bytes_max, ceiling.result_bytes_max),
            ("handles_max", self.handles_max, ceiling.handles_max),
            ("state_bytes_max", self.state_bytes_max, ceiling.state_bytes_max),
        ]
    }

    /// Returns every field that asks more than anybody may.
    pub fn over_ceiling(&self) -> Vec<OverCeiling> {
        let over = |(field, asked, ceiling): (&'static str, Option<u64>, u64)| {
            asked.filter(|asked| *asked > ceiling).map(|asked| OverCeiling { field, asked, ceiling })
        };
        self.fields().into_iter().filter_map(over).collect()
    }

    /// Returns whether it names no bound.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what was asked with what was granted in its place, field by field.
    pub fn granted(&self, granted: &BudgetAsked) -> Self {
        Self {
            memory_bytes_max: granted.memory_bytes_max.or(self.memory_bytes_max),
            wall_ms_max: granted.wall_ms_max.or(self.wall_ms_max),
            cpu_ms_max: granted.cpu_ms_max.or(self.cpu_ms_max),
            fuel_max: granted.fuel_max.or(self.fuel_max),
            host_calls_max: granted.host_calls_max.or(self.host_calls_max),
            http_calls_max: granted.http_calls_max.or(self.http_calls_max),
            log_bytes_max: granted.log_bytes_max.or(self.log_bytes_max),
            result_bytes_max: granted.result_bytes_max.or(self.result_bytes_max),
            handles_max: granted.handles_max.or(self.handles_max),
            state_bytes_max: granted.state_bytes_max.or(self.state_bytes_max),
        }
    }

    /// Reads bounds in words, such as `memory_bytes_max=64MiB`, `wall_ms_max=60s`, `host_calls_max=500`.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, BadBudget> {
        let mut asked = Self::default();
        for word in words {
            let bad = || BadBudget(word.chars().take(80).collect());
            let (field, amount) = word.split_once('=').ok_or_else(bad)?;
            let amount = Some(amount_of(field, amount).ok_or_else(bad)?);
            match field {
                "memory_bytes_max" => asked.memory_bytes_max = amount,
                "wall_ms_max" => asked.wall_ms_max = amount,
                "cpu_ms_max" => asked.cpu_ms_max = amount,
                "fuel_max" => asked.fuel_max = amount,
                "host_calls_max" => asked.host_calls_max = amount,
                "http_calls_max" => asked.http_calls_max = amount,
                "log_bytes_max" => asked.log_bytes_max = amount,
                "result_bytes_max" => asked.result_bytes_max = amount,
                "handles_max" => asked.handles_max = amount,
                "state_bytes_max" => asked.state_bytes_max = amount,
                _ => return Err(bad()),
            }
        }
        Ok(asked)
    }

    /// Writes the bounds as `from_words` reads them, with a comma between them.
    pub fn words(&self) -> String {
        let named = self.fields().into_iter().filter_map(|(field, asked, _)| Some((field, asked?)));
        let words = named.map(|(field, asked)| format!("{field}={}", Words(field, asked).to_string().replace(' ', "")));
        // Bytes have no unit.
        words.map(|word| word.trim_end_matches("bytes").to_owned()).collect::<Vec<_>>().join(", ")
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
            handles_max: self.handles_max.unwrap_or(default.handles_max),
            state_bytes_max: self.state_bytes_max.unwrap_or(default.state_bytes_max),
            ..default
        })
    }
}

/// Bounds in words that do not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no bound: write memory_bytes_max=64MiB, wall_ms_max=60s, cpu_ms_max=5s, fuel_max, host_calls_max, http_calls_max, \
     log_bytes_max, result_bytes_max, handles_max or state_bytes_max"
)]
pub struct BadBudget(String);

fn amount_of(field: &str, text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match (text.get(digits.len()..)?.trim(), field.contains("_bytes_"), field.contains("_ms_")) {
        ("", _, _) | ("ms", _, true) => 1,
        ("KiB", true, _) => 1024,
        ("MiB", true, _) => MIB,
        ("s", _, true) => 1_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_told_what_earlier_ones_do_not_read_only_where_it_differs() {
        #[derive(Serialize, Deserialize)]
        struct Told(#[serde(serialize_with = "for_agents")] Budget);
        let usual = Budget::default_for_accessories();
        let text = serde_json::to_string(&Told(usual.clone())).unwrap_or_default();
        assert!(!text.contains("handles_max") && !text.contains("state_bytes_max"), "{text}");
        assert_eq!(
            (serde_json::from_str::<Told>(&text).ok().map(|told| told.0), usual.needs_agent()),
            (Some(usual), None)
        );
        let more = Budget { handles_max: 2_000, ..Budget::default_for_accessories() };
        let text = serde_json::to_string(&Told(more.clone())).unwrap_or_default();
        assert!(text.contains("handles_max") && !text.contains("state_bytes_max"), "{text}");
        assert_eq!(more.needs_agent(), Some(READ_FROM));
        assert_eq!(serde_json::from_str::<Told>(&text).ok().map(|told| told.0), Some(more));
    }

    #[test]
    fn what_was_written_in_words_reads_back() {
        for words in
            ["", "memory_bytes_max=64MiB, wall_ms_max=1500ms, fuel_max=7", "log_bytes_max=1500, handles_max=20"]
        {
            let asked = BudgetAsked::from_words(words.split(", ").filter(|word| !word.is_empty()));
            assert_eq!(asked.map(|asked| asked.words()), Ok(words.to_owned()));
        }
    }

    #[test]
    fn what_was_granted_stands_in_the_place_of_what_was_asked_up_to_the_ceiling() {
        let asked = BudgetAsked { memory_bytes_max: Some(MIB), wall_ms_max: Some(5_000), ..BudgetAsked::default() };
        let granted = BudgetAsked::from_words(["memory_bytes_max=64MiB", "cpu_ms_max=5s", "http_calls_max=3"]);
        let granted = granted.unwrap_or_default();
        let budget = asked.granted(&granted).resolve();
        let wanted = Budget {
            memory_bytes_max: 64 * MIB,
            wall_ms_max: 5_000,
            cpu_ms_max: 5_000,
            http_calls_max: 3,
            ..Budget::default_for_accessories()
        };
        assert_eq!(budget, Ok(wanted));
        let over = BudgetAsked { memory_bytes_max: Some(129 * MIB), ..BudgetAsked::default() };
        assert!(asked.granted(&over).resolve().is_err());
        for bad in
            ["memory_bytes_max", "memory_bytes_max=64GB", "wall_ms_max=1MiB", "handles=1", "fuel_max=-1", "fuel_max="]
        {
            assert!(BudgetAsked::from_words([bad]).is_err(), "{bad}");
        }
        let words = |field: &str, amount: u64| Words(field, amount).to_string();
        assert_eq!(words("log_bytes_max", 1_536), "1536 bytes");
        assert_eq!(
            (words("log_bytes_max", 65_536).as_str(), words("cpu_ms_max", 1_500).as_str()),
            ("64 KiB", "1500 ms")
        );
    }
}
