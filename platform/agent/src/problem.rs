//! What can go wrong between agent and server, and what a person can do about it.

use fitment_domain::protocol::refusal;
use fitment_domain::time::UnixMs;
use serde::{Deserialize, Serialize};

const CODE_CHARS_MAX: usize = 80;
const DETAIL_CHARS_MAX: usize = 1_000;

/// Why a call to the server brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server, or its TLS (then without a status), said no and why.
    #[error("refused with {code}: {detail}")]
    Refused { status: Option<u16>, code: String, detail: String },
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the server's answer is not one: {0}")]
    BadAnswer(String),
}

/// The error body of the server, as far as the agent reads it.
#[derive(Debug, Default, Deserialize)]
pub struct ProblemDocument {
    #[serde(default)]
    code: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl ProblemDocument {
    /// Returns the refusal that this document explains. A server that explains nothing gets the code `http-<status>`.
    pub fn into_refusal(self, status: u16) -> CallError {
        let clip = |text: &str, max: usize| text.chars().filter(|c| !c.is_control()).take(max).collect::<String>();
        let code = if self.code.is_empty() { format!("http-{status}") } else { clip(&self.code, CODE_CHARS_MAX) };
        let words = if self.detail.is_empty() { &self.title } else { &self.detail };
        CallError::Refused { status: Some(status), code, detail: clip(words, DETAIL_CHARS_MAX) }
    }
}

impl CallError {
    /// Returns the machine-readable reason.
    pub fn code(&self) -> &str {
        match self {
            CallError::Refused { code, .. } => code,
            CallError::Unreachable(_) => "server-unreachable",
            CallError::BadAnswer(_) => "bad-answer",
        }
    }

    /// Returns whether only a person can change it, so that quick retries are of no use.
    pub fn needs_a_person(&self) -> bool {
        match self {
            // The renewal is under way.
            CallError::Refused { code, .. } if code == refusal::EXPIRED => false,
            CallError::Refused { status, .. } => {
                status.is_none_or(|s| (400..500).contains(&s) && ![408, 425, 429].contains(&s))
            }
            CallError::Unreachable(_) | CallError::BadAnswer(_) => false,
        }
    }

    /// Returns whether the server will not take this very message, whatever happens.
    pub fn is_about_the_message(&self) -> bool {
        matches!(self, CallError::Refused { status: Some(400 | 413 | 415 | 422), .. })
    }

    /// Returns what a person can do.
    pub fn remedy(&self) -> &'static str {
        match self.code() {
            refusal::NO_CERTIFICATE => {
                "something between agent and server takes the TLS connection apart; let it pass through"
            }
            refusal::EXPIRED => {
                "none needed for a device: it renews its certificate by itself; an expired zero bundle needs a new one"
            }
            refusal::NOT_YET_VALID => "set this machine's clock",
            refusal::REVOKED => "the device was revoked; if that was a mistake, enrol again with a new state folder",
            refusal::UNKNOWN => "the server does not know this device; enrol again with a new state folder",
            refusal::KEY_DIFFERS => {
                "the files in the identity folder do not go together: restore them, or enrol again with a new state folder"
            }
            refusal::WRONG_KIND => {
                "use a zero bundle for enrolment, and the state folder that enrolment made for everything else"
            }
            refusal::USED_UP => "ask for a new zero bundle (`fitment zero-certificate`)",
            refusal::FOREIGN => {
                "this certificate was issued for another server; enrol with a zero bundle of this server and a new state folder"
            }
            "server-unreachable" => {
                "check the network and the server's address; monitoring goes on, and results wait on this machine's disk"
            }
            "bad-answer" => "check that agent and server are of versions that go together",
            _ => "see the server's log for this request",
        }
    }
}

/// A problem as `status` shows it, until it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub code: String,
    pub message: String,
    pub remedy: String,
    /// Since when it lasts.
    pub since: UnixMs,
}

impl Problem {
    /// Tells of a failed call.
    pub fn of_call(error: &CallError, now: UnixMs) -> Self {
        Self::new(error.code(), &error.to_string(), error.remedy(), now)
    }

    /// Tells of anything.
    pub fn new(code: &str, message: &str, remedy: &str, now: UnixMs) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), remedy: remedy.to_owned(), since: now }
    }
}
