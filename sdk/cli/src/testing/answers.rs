//! What a case says of the world around the device: requests, looks at other machines, and changes that it takes.

use std::collections::BTreeMap;

use fitment_domain::reading::Activity;
use fitment_domain::run::{Fault, NetTiming};
use serde::Deserialize;

/// What stands in the place of the network and of the broker.
#[derive(Debug, Clone)]
pub struct Answers {
    pub http: Vec<HttpAnswer>,
    pub net: NetAnswers,
    pub acts: Vec<ActAnswer>,
}

/// One request that the fixture answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAnswer {
    #[serde(default = "get")]
    pub method: String,
    pub url: String,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    /// How long the answer took, in milliseconds.
    #[serde(default)]
    pub duration_ms: f64,
    /// Fails instead of answering.
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// Looks at other machines that the fixture answers.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct NetAnswers {
    pub tcp: Vec<Tcp>,
    pub tls: Vec<Tls>,
    pub dns: Vec<Dns>,
    pub ping: Vec<Ping>,
}

/// How long the steps of a connection took, and where it led.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    pub resolve_ms: f64,
    pub connect_ms: f64,
    pub total_ms: f64,
    pub address: String,
}

impl Default for Timing {
    fn default() -> Self {
        Self { resolve_ms: 1.0, connect_ms: 2.0, total_ms: 3.0, address: "192.0.2.1".to_owned() }
    }
}

impl From<Timing> for NetTiming {
    fn from(timing: Timing) -> Self {
        let Timing { resolve_ms, connect_ms, total_ms, address } = timing;
        Self { resolve_ms, connect_ms, total_ms, address }
    }
}

/// The answer of a port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    pub host: String,
    pub port: u16,
    #[serde(default)]
    pub timing: Timing,
    /// What the other side sends.
    #[serde(default)]
    pub read: String,
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// The certificates of a port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub host: String,
    pub port: u16,
    #[serde(default)]
    pub timing: Timing,
    /// The server's own first.
    #[serde(default)]
    pub chain: Vec<CertificateWritten>,
    #[serde(default)]
    pub problem: Option<String>,
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// One certificate, with times in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateWritten {
    pub subject: String,
    #[serde(default)]
    pub issuer: String,
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default)]
    pub not_before_ms: i64,
    pub not_after_ms: i64,
    #[serde(default)]
    pub sha256: String,
}

/// The records of a name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    pub name: String,
    pub record_type: String,
    #[serde(default)]
    pub duration_ms: f64,
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub ttl_s: u32,
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// The echoes of a host: milliseconds, negative for a lost one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    pub host: String,
    #[serde(default)]
    pub times_ms: Vec<f64>,
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// A change that the device takes, or refuses with a fault. What is not here is not supported.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActAnswer {
    /// `start`, `stop`, `restart`, `reload`, `enable` or `disable` and a unit; `write` or `remove` and a path; `run` and a
    /// command.
    pub act: String,
    /// Bytes that a removed file held; without it as many as the file in `files` has.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// In which state the service is afterwards, where that is not the one asked for.
    #[serde(default)]
    pub leaves: Option<Activity>,
    /// How a program ended and what it wrote.
    #[serde(default)]
    pub exit_code: i32,
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
    #[serde(default)]
    pub fault: Option<Fault>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}
