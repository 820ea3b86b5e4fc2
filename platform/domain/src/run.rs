//! One run of an accessory, as it crosses the boundary between a supervisor and its runner.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::act::{Act, Done};
use crate::budget::{Budget, Usage};
use crate::capability::{Grants, Permission};
use crate::finding::Finding;
use crate::look::{Look, Seen};
use crate::simulation::Simulation;
use crate::ticket::remote;
use crate::time::UnixMs;

/// The largest frame that either side accepts, in bytes.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Numbers a run within one runner process.
pub type RunNumber = u64;

/// Names compiled code: the digest of (component, target, engine configuration, processor).
pub type ArtifactKey = String;

/// The most bytes of state, keys and values together, that an installation may keep on a device.
pub const STATE_BYTES_MAX: usize = 256 * 1024;

/// What a run finds from earlier runs of its installation on its device, and leaves for later ones.
pub type State = BTreeMap<String, serde_bytes::ByteBuf>;

/// The value of a fact about a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    Text(String),
    Number(f64),
    Flag(bool),
    Many(Vec<String>),
}

/// Which export is called, with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Invocation {
    /// `monitor-run.check`
    Check,
    /// One function of `ticketing`.
    Connector(remote::Call),
    /// `probe-run.check`
    Probe { target: String },
    /// `script-run.run`
    Script,
}

/// One run that is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    pub run: RunNumber,
    pub artifact: ArtifactKey,
    pub invocation: Invocation,
    /// JSON, already validated against the accessory's schema.
    pub config: String,
    /// JSON, "{}" for scheduled runs.
    pub parameters: String,
    #[serde(with = "grants_on_the_wire")]
    pub grants: Grants,
    /// Permissions without which the accessory does: where they are not granted, their calls are answered `denied`.
    pub optional: BTreeSet<Permission>,
    pub budget: Budget,
    /// The corrected time at which the run starts.
    pub now: UnixMs,
    pub state: State,
    /// Answers in the place of the device: only a runner that was started for it takes them.
    pub simulated: Option<Simulation>,
    /// The installation whose instance may be kept after the run, for its next one. Nothing: a fresh instance, gone afterwards.
    pub warm: Option<String>,
}

/// What the supervisor tells the runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToRunner {
    /// Compiled code, which the supervisor checked against its own authentication code a moment ago.
    Load {
        artifact: ArtifactKey,
        #[serde(with = "serde_bytes")]
        compiled: Vec<u8>,
    },
    /// Frees what `Load` brought.
    Unload { artifact: ArtifactKey },
    /// What the runs that follow may know of their device, ordered by name. It changes rarely, and is not sent with each of them.
    Facts(Vec<(String, Fact)>),
    /// A batch of due runs.
    Run(Vec<RunRequest>),
    /// The answer to a `Call`.
    Reply { run: RunNumber, call: u64, reply: HostReply },
}

/// What the runner tells the supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromRunner {
    /// The first frame: which engine this runner holds, and what of its confinement the kernel lacks.
    Ready {
        engine: String,
        lacks: Vec<String>,
    },
    Loaded {
        artifact: ArtifactKey,
    },
    LoadFailed {
        artifact: ArtifactKey,
        reason: String,
    },
    /// A host call that needs a key, a secret or the network.
    Call {
        run: RunNumber,
        call: u64,
        request: HostRequest,
    },
    /// A batch of ended runs.
    Done(Vec<RunReport>),
    /// What a script says while it runs.
    Told {
        run: RunNumber,
        told: Told,
    },
}

/// What a script says while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    Progress { percent: u8, message: String },
    AutomationSaved { seconds: u32, reason: String },
}

/// A host call that the supervisor answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HostRequest {
    Http(HttpRequest),
    Net(NetRequest),
    Act(Act),
    /// A reading for which the runner's own account is not enough.
    Look(Look),
}

/// One look at another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetRequest {
    Tcp {
        host: String,
        port: u16,
        #[serde(with = "serde_bytes")]
        send: Option<Vec<u8>>,
        read_bytes_max: u32,
        timeout_ms: u32,
    },
    Tls {
        host: String,
        port: u16,
        server_name: Option<String>,
        timeout_ms: u32,
    },
    Dns {
        name: String,
        record_type: String,
        server: Option<String>,
        timeout_ms: u32,
    },
    Ping {
        host: String,
        count: u32,
        timeout_ms: u32,
    },
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NetAnswer {
    Tcp {
        timing: NetTiming,
        #[serde(with = "serde_bytes")]
        read: Vec<u8>,
    },
    Tls {
        timing: NetTiming,
        /// As sent, the server's own first.
        chain: Vec<Certificate>,
        problem: Option<String>,
    },
    Dns {
        duration_ms: f64,
        records: Vec<DnsRecord>,
    },
    /// Milliseconds per request; none for a lost one.
    Ping(Vec<Option<f64>>),
}

/// How long the steps of a connection took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetTiming {
    pub resolve_ms: f64,
    pub connect_ms: f64,
    pub total_ms: f64,
    /// The address that was reached.
    pub address: String,
}

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    pub names: Vec<String>,
    pub not_before: UnixMs,
    pub not_after: UnixMs,
    pub sha256: String,
}

/// One record of a DNS answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    pub record_type: String,
    pub value: String,
    pub ttl_s: u32,
}

/// The supervisor's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HostReply {
    Http(Result<HttpResponse, Fault>),
    Net(Result<NetAnswer, Fault>),
    Act(Result<Done, Fault>),
    Look(Result<Seen, Fault>),
}

/// A header value as the guest wrote it; the host puts secrets in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HeaderValue {
    Plain(String),
    Bearer(String),
    Basic(String, String),
    Secret(String),
    Templated(String),
}

/// One HTTP request of a guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, HeaderValue)>,
    #[serde(with = "serde_bytes")]
    pub body: Option<Vec<u8>>,
    pub timeout_ms: u32,
    /// Bytes of the answer's body that are kept.
    pub body_bytes_max: u64,
}

/// One HTTP answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    pub truncated: bool,
    pub duration_ms: f64,
}

/// Why a host call was refused or failed; the same cases as `types.fault` of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    #[error("denied: permission {0} was not granted")]
    Denied(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("invalid: {0}")]
    Invalid(String),
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("timed out")]
    TimedOut,
    #[error("exhausted: {0}")]
    Exhausted(String),
    #[error("failed: {0}")]
    Failed(String),
}

/// What a run that came to its end returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "one per run, moved a few times: a box would make every caller unpack it"
)]
pub enum Returned {
    Findings(Vec<Finding>),
    Connector(Result<remote::Answer, remote::Error>),
    Script(ScriptOutcome),
}

/// What a script did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptOutcome {
    /// Whether anything on the device is different now.
    pub changed: bool,
    /// One line for people.
    pub summary: String,
    /// Named values, in the script's order.
    pub output: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "one per run, moved a few times: a box would make every caller unpack it"
)]
pub enum End {
    Returned(Returned),
    /// The accessory itself said that it could not.
    Fault(Fault),
    /// A bound of the budget was reached; its field name.
    Exhausted(String),
    /// The guest trapped; the readable backtrace.
    Trapped(String),
    /// The component could not be linked with what it was granted, or lacks the export.
    Refused(String),
    /// The runner went away under it.
    RunnerLost(String),
}

/// One line that the accessory wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: LogLevel,
    pub message: String,
}

/// The levels of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// The end of one run and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    pub run: RunNumber,
    pub end: End,
    pub usage: Usage,
    pub log: Vec<LogLine>,
    /// What the run left, if it changed it and came to its end.
    pub state: Option<State>,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {bytes} bytes is larger than the {max} that are accepted")]
    TooLarge { bytes: usize, max: usize },
    #[error("the frame does not decode: {0}")]
    Malformed(String),
}

/// Most frames have no more, and need no second allocation.
const FRAME_BYTES_USUAL: usize = 1_024;

/// Returns how many bytes a message has within a frame.
pub fn encoded_bytes<T: Serialize>(message: &T) -> Result<usize, FrameError> {
    postcard::experimental::serialized_size(message).map_err(|e| FrameError::Malformed(e.to_string()))
}

/// Encodes one frame: its length in four little-endian bytes, then the message.
pub fn encode_frame<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut room = Vec::with_capacity(FRAME_BYTES_USUAL);
    room.extend_from_slice(&[0; 4]);
    let frame = postcard::to_extend(message, room).map_err(|e| FrameError::Malformed(e.to_string()))?;
    let bytes = frame.len() - 4;
    frame_length((bytes.min(u32::MAX as usize) as u32).to_le_bytes(), FRAME_BYTES_MAX)?;
    let mut frame = frame;
    frame[..4].copy_from_slice(&(bytes as u32).to_le_bytes());
    Ok(frame)
}

/// Reads the four bytes before a frame and returns how many follow.
pub fn frame_length(header: [u8; 4], bytes_max: usize) -> Result<usize, FrameError> {
    let bytes = u32::from_le_bytes(header) as usize;
    if bytes > bytes_max { Err(FrameError::TooLarge { bytes, max: bytes_max }) } else { Ok(bytes) }
}

/// Decodes the bytes that followed the length.
pub fn decode_frame<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, FrameError> {
    postcard::from_bytes(bytes).map_err(|e| FrameError::Malformed(e.to_string()))
}

/// Grants leave out what is empty, which only a self-describing format can read back: frames carry every field.
mod grants_on_the_wire {
    use std::collections::BTreeSet;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::capability::{Grants, Permission, Reach, Scope};

    /// The parts of a scope, in the order of `Reach::ALL`.
    type Parts = [BTreeSet<String>; Reach::ALL.len()];

    pub(super) fn serialize<S: Serializer>(grants: &Grants, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = |scope: &Scope| Reach::ALL.map(|part| scope.part(part).clone());
        let rows: Vec<(&Permission, Parts)> = grants.0.iter().map(|(p, scope)| (p, parts(scope))).collect();
        rows.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Grants, D::Error> {
        let rows = Vec::<(Permission, Parts)>::deserialize(deserializer)?;
        let scope = |parts: Parts| {
            let mut scope = Scope::default();
            for (part, entries) in Reach::ALL.into_iter().zip(parts) {
                *scope.part_mut(part) = entries;
            }
            scope
        };
        Ok(Grants(rows.into_iter().map(|(permission, parts)| (permission, scope(parts))).collect()))
    }
}
