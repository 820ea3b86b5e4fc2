//! What a device says of itself when an accessory asks: read from the system by `device`, or written in a fixture.

use serde::{Deserialize, Serialize};

/// Shares of all processors, 0 to 1, since the last reading, and the run-queue averages over 1, 5 and 15 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    pub busy: f64,
    #[serde(default)]
    pub user: f64,
    #[serde(default)]
    pub system: f64,
    #[serde(default)]
    pub iowait: f64,
    #[serde(default)]
    pub load1: f64,
    #[serde(default)]
    pub load5: f64,
    #[serde(default)]
    pub load15: f64,
}

/// Memory and swap of the whole machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    pub total_bytes: u64,
    /// What can be had without swapping.
    pub available_bytes: u64,
    #[serde(default)]
    pub swap_total_bytes: u64,
    #[serde(default)]
    pub swap_used_bytes: u64,
}

/// One mount, in bytes and inodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filesystem {
    pub mount: String,
    #[serde(default)]
    pub device: String,
    #[serde(default)]
    pub fstype: String,
    pub total_bytes: u64,
    /// What root may still write: more than `available_bytes` where blocks are reserved.
    pub free_bytes: u64,
    /// What an unprivileged user may still write.
    pub available_bytes: u64,
    /// Zero where the file system counts none.
    #[serde(default)]
    pub inodes_total: u64,
    #[serde(default)]
    pub inodes_free: u64,
    #[serde(default)]
    pub read_only: bool,
}

/// One network interface: counters since it came up, in bytes and packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub name: String,
    #[serde(default)]
    pub rx_bytes: u64,
    #[serde(default)]
    pub tx_bytes: u64,
    #[serde(default)]
    pub rx_errors: u64,
    #[serde(default)]
    pub tx_errors: u64,
    /// Whether it can carry traffic now.
    pub up: bool,
}

/// One sensor, in degrees Celsius; `critical` is the sensor's own limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    pub sensor: String,
    pub celsius: f64,
    #[serde(default)]
    pub critical: Option<f64>,
}

/// How long the machine has been up, and when it started, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uptime {
    pub seconds: f64,
    #[serde(default)]
    pub boot_ms: u64,
}

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    #[default]
    Active,
    Inactive,
    Failed,
    Activating,
    Deactivating,
    Unknown,
}

/// One service; `since_ms` is when the activity was reached, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The unit's name, such as `ssh.service`.
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub activity: Activity,
    /// Whether it starts with the machine.
    #[serde(default)]
    pub enabled: bool,
    /// A device tells this, and the next, of one service only: a list would cost a question per service.
    #[serde(default)]
    pub main_pid: Option<u32>,
    #[serde(default)]
    pub since_ms: Option<u64>,
}

/// One package for which an update waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    pub name: String,
    pub version: String,
    /// The newest version in the lists.
    pub update: String,
    /// Whether a security archive holds a newer version than the installed one.
    #[serde(default)]
    pub security: bool,
}

/// What the package lists of the machine say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Packages {
    pub pending: Vec<Pending>,
    /// When the lists were last refreshed, in milliseconds since 1970-01-01 UTC.
    pub refreshed_ms: Option<u64>,
    pub reboot_required: bool,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    #[default]
    File,
    Directory,
    Symlink,
    Other,
}

/// What is known of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    pub path: String,
    pub kind: FileKind,
    pub size_bytes: u64,
    /// When its contents changed, as a copy keeps it, in milliseconds since 1970-01-01 UTC.
    pub modified_ms: u64,
    /// When anything of it changed: nobody sets that back.
    pub changed_ms: u64,
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub owner: u32,
}

/// One process. How it was called is not told: arguments hold passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub pid: u32,
    /// Zero for what the kernel started itself.
    #[serde(default)]
    pub parent: u32,
    /// The kernel's name for it, at most 15 bytes.
    pub name: String,
    /// The account's name, or its number where it has none.
    #[serde(default)]
    pub user: String,
    /// The share of one processor since the process was last looked at, or since it started.
    #[serde(default)]
    pub cpu: f64,
    #[serde(default)]
    pub rss_bytes: u64,
    /// Milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    pub started_ms: u64,
}

/// One entry of the system log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// Milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// The unit that wrote it, such as `ssh.service`.
    pub unit: String,
    /// 0 (emergency) to 7 (debug), as syslog counts.
    #[serde(default = "informational")]
    pub priority: u8,
    pub message: String,
}

fn informational() -> u8 {
    6
}

/// Entries of the system log, oldest first, and where to go on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    pub entries: Vec<LogEntry>,
    /// Empty while the log holds nothing.
    pub cursor: String,
}

/// One file of a simulated device, with what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub path: String,
    #[serde(default)]
    pub kind: FileKind,
    #[serde(default)]
    pub contents: String,
    /// Bytes; without it as many as the contents have.
    #[serde(default)]
    pub size_bytes: Option<u64>,
    #[serde(default)]
    pub modified_ms: u64,
    /// Without it the same.
    #[serde(default)]
    pub changed_ms: Option<u64>,
    #[serde(default)]
    pub mode: u32,
    #[serde(default)]
    pub owner: u32,
}
