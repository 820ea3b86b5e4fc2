//! What agent and server say to each other. All connections are made by the agent.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::budget::Usage;
use crate::device::Facts;
use crate::execution::Ending;
use crate::finding::Finding;
use crate::id::{DeviceId, InstallationId, SpoolEpoch, TenantId, TransactionId, ZeroId};
use crate::instruction::SetTime;
use crate::run::LogLine;
use crate::signature::{Envelope, PublicKey};
use crate::time::{DAY_MS, UnixMs};

/// The routes of the agents' listener.
pub mod route {
    /// POST, zero certificate: `Enrol` → `Enrolled`.
    pub const ENROL: &str = "/agent/v1/enrol";
    /// POST, device certificate, also an expired one: `Renew` → `Renewed`.
    pub const RENEW: &str = "/agent/v1/renew";
    /// POST: `Availability` → `ComeAgain`; waits up to `wait_ms`.
    pub const AVAILABILITY: &str = "/agent/v1/availability";
    /// POST: `AskInstructions` → `InstructionsAnswer`.
    pub const INSTRUCTIONS: &str = "/agent/v1/instructions";
    /// GET {digest}: the component, if the device's set names it.
    pub const OBJECTS: &str = "/agent/v1/objects";
    /// GET {digest}: compiled code, if the device's set offers it. POST {digest}/mismatch: `artifact::Mismatch` → 204.
    pub const ARTIFACTS: &str = "/agent/v1/artifacts";
    /// POST: `Results` → `Acknowledged`.
    pub const RESULTS: &str = "/agent/v1/results";
    /// POST {id}: an envelope of `request::Order`, again and again until it is started.
    /// POST {id}/start: `StartOrder` → 204. POST {id}/progress: `OrderProgress` → 204.
    pub const TRANSACTIONS: &str = "/agent/v1/transactions";
    /// PUT: `Facts`.
    pub const FACTS: &str = "/agent/v1/facts";
}

/// The longest that an availability request may wait, in milliseconds.
pub const WAIT_MS_MAX: u64 = 30_000;
/// The most transaction ids that one answer names.
pub const TRANSACTIONS_MAX: usize = 10;
/// The shortest time between two tellings of one run's progress, in milliseconds.
pub const PROGRESS_MS_MIN: u64 = 200;
/// The most results that one batch may hold.
pub const BATCH_RESULTS_MAX: usize = 200;
/// For so long the server knows a result again that comes once more, in milliseconds: 90 days from when it came first.
pub const RESULT_KNOWN_MS: u64 = 90 * DAY_MS;

/// What is handed to a site: enough to enrol, and nothing more. The same for all its machines.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroBundle {
    pub id: ZeroId,
    pub tenant: TenantId,
    /// The agents' listener, `https://host:port`.
    pub server: String,
    pub server_ca_pem: String,
    pub certificate_pem: String,
    pub private_key_pem: String,
    pub expires: UnixMs,
}

impl std::fmt::Debug for ZeroBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZeroBundle").field("id", &self.id).field("server", &self.server).finish_non_exhaustive()
    }
}

/// A machine asks for a certificate of its own. Idempotent: the same key gets the same device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// A PKCS #10 request for the agent's own key, PEM.
    pub request_pem: String,
    pub facts: Facts,
}

/// The machine is a device now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub certificate_pem: String,
    /// Signs instruction sets.
    pub instruction_key: PublicKey,
    /// Countersigns releases.
    pub release_key: PublicKey,
    /// Countersigns what nobody approved, for this tenant alone. Only devices of test tenants are told, so no other accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub development_key: Option<PublicKey>,
}

/// A device asks for its next certificate, for the key of the one that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    pub request_pem: String,
}

/// The next certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewed {
    pub certificate_pem: String,
}

/// "I am there."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Availability {
    /// Whether the agent would take work now.
    pub available: bool,
    /// The set that it runs.
    pub set: Option<SetTime>,
    /// How long the server may wait for something to say, in milliseconds.
    pub wait_ms: u64,
    /// Whether this agent knows what to do with a transaction id. Agents of before 0.2 say nothing here, and would refuse an
    /// answer that names one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_orders: bool,
}

/// What waits for the agent. Only one that takes orders gets the members beside the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComeAgain {
    pub instructions_changed: bool,
    /// Whether to come again with each of these transaction ids.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub come_again: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<TransactionId>,
}

/// "I am about to run this order." The agent wrote the key down before it asks; only the first key is let start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartOrder {
    /// 32 random hexadecimal digits.
    pub key: String,
}

/// "The run is so far."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderProgress {
    /// 0 to 100.
    pub percent: u8,
    pub message: String,
}

/// "Is my set current?"
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskInstructions {
    pub set: Option<SetTime>,
    /// 32 random hexadecimal digits, repeated in the answer "up to date".
    pub nonce: String,
}

/// The answer, signed either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstructionsAnswer {
    /// An envelope of `instruction::InstructionSet`.
    NewSet(Envelope),
    /// An envelope of `instruction::UpToDate`.
    UpToDate(Envelope),
}

/// One result, as it waits in the spool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// Counts from 1 within one epoch of the spool.
    pub sequence: u64,
    pub installation: InstallationId,
    pub started: UnixMs,
    pub usage: Usage,
    pub outcome: Outcome,
    #[serde(default)]
    pub log: Vec<LogLine>,
    /// The release of the installation's accessory that ran, or was to run. Earlier agents did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
}

/// How the run went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Findings(Vec<Finding>),
    /// It could not run or could not look; the kind of the end and the words for people.
    Failed {
        kind: String,
        message: String,
    },
    /// How an order ended.
    Execution {
        transaction: TransactionId,
        ending: Ending,
        /// Seconds of a person's time that the run says it saved.
        saved_s: u32,
    },
}

/// A batch of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    pub spool: SpoolEpoch,
    /// In the order of their sequence.
    pub results: Vec<RunResult>,
}

/// These results are committed: the agent may forget them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    pub sequences: Vec<u64>,
    /// Results that will never be taken, and why: the agent sets them aside.
    pub refused: Vec<Refused>,
}

/// A result that will never be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub sequence: u64,
    pub reason: String,
}

/// Codes with which the agents' listener refuses a certificate; the `code` of the problem document.
pub mod refusal {
    pub const NO_CERTIFICATE: &str = "certificate-missing";
    pub const EXPIRED: &str = "certificate-expired";
    pub const NOT_YET_VALID: &str = "certificate-not-yet-valid";
    pub const REVOKED: &str = "certificate-revoked";
    pub const UNKNOWN: &str = "certificate-unknown";
    pub const WRONG_KIND: &str = "certificate-wrong-kind";
    /// RENEW alone, and no 401: the request is for another key than the certificate's.
    pub const KEY_DIFFERS: &str = "certificate-key-differs";
    pub const USED_UP: &str = "zero-certificate-used-up";
    /// Seen by the agent alone: the handshake ends with the alert `unknown_ca`.
    pub const FOREIGN: &str = "certificate-foreign";
}
