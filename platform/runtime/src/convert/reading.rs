//! Readings of a device, a real one or a simulated one.

use fitment_domain::{act, reading};

use crate::contract::offered::exec::Output;
use crate::contract::offered::files::{FileKind, Metadata};
use crate::contract::offered::logs::{Entry, Page};
use crate::contract::offered::metrics::{Cpu, Filesystem, Memory, Network, Temperature, Uptime};
use crate::contract::offered::packages::Pending;
use crate::contract::offered::processes::Process;
use crate::contract::offered::services::{Activity, Service};

impl From<reading::Cpu> for Cpu {
    fn from(cpu: reading::Cpu) -> Self {
        let reading::Cpu { busy, user, system, iowait, load1, load5, load15 } = cpu;
        Self { busy, user, system, iowait, load1, load5, load15 }
    }
}

impl From<reading::Memory> for Memory {
    fn from(memory: reading::Memory) -> Self {
        Self {
            total: memory.total_bytes,
            available: memory.available_bytes,
            swap_total: memory.swap_total_bytes,
            swap_used: memory.swap_used_bytes,
        }
    }
}

impl From<reading::Filesystem> for Filesystem {
    fn from(filesystem: reading::Filesystem) -> Self {
        Self {
            mount: filesystem.mount,
            device: filesystem.device,
            fstype: filesystem.fstype,
            total: filesystem.total_bytes,
            free: filesystem.free_bytes,
            available: filesystem.available_bytes,
            inodes_total: filesystem.inodes_total,
            inodes_free: filesystem.inodes_free,
            read_only: filesystem.read_only,
        }
    }
}

impl From<reading::Network> for Network {
    fn from(network: reading::Network) -> Self {
        let reading::Network { name, rx_bytes, tx_bytes, rx_errors, tx_errors, up } = network;
        Self { name, rx_bytes, tx_bytes, rx_errors, tx_errors, up }
    }
}

impl From<reading::Temperature> for Temperature {
    fn from(temperature: reading::Temperature) -> Self {
        let reading::Temperature { sensor, celsius, critical } = temperature;
        Self { sensor, celsius, critical }
    }
}

impl From<reading::Uptime> for Uptime {
    fn from(uptime: reading::Uptime) -> Self {
        let reading::Uptime { seconds, boot_ms } = uptime;
        Self { seconds, boot_ms }
    }
}

impl From<reading::Pending> for Pending {
    fn from(pending: reading::Pending) -> Self {
        let reading::Pending { name, version, update, security } = pending;
        Self { name, version, update, security }
    }
}

impl From<reading::Service> for Service {
    fn from(service: reading::Service) -> Self {
        let reading::Service { name, description, activity, enabled, main_pid, since_ms } = service;
        let activity = match activity {
            reading::Activity::Active => Activity::Active,
            reading::Activity::Inactive => Activity::Inactive,
            reading::Activity::Failed => Activity::Failed,
            reading::Activity::Activating => Activity::Activating,
            reading::Activity::Deactivating => Activity::Deactivating,
            reading::Activity::Unknown => Activity::Unknown,
        };
        Self { name, description, activity, enabled, main_pid, since_ms }
    }
}

impl From<reading::FileKind> for FileKind {
    fn from(kind: reading::FileKind) -> Self {
        match kind {
            reading::FileKind::File => FileKind::File,
            reading::FileKind::Directory => FileKind::Directory,
            reading::FileKind::Symlink => FileKind::Symlink,
            reading::FileKind::Other => FileKind::Other,
        }
    }
}

impl From<reading::Metadata> for Metadata {
    fn from(metadata: reading::Metadata) -> Self {
        Self {
            path: metadata.path,
            kind: metadata.kind.into(),
            size: metadata.size_bytes,
            modified_ms: metadata.modified_ms,
            changed_ms: metadata.changed_ms,
            mode: metadata.mode,
            owner: metadata.owner,
        }
    }
}

impl From<reading::Process> for Process {
    fn from(process: reading::Process) -> Self {
        let reading::Process { pid, parent, name, user, cpu, rss_bytes, started_ms } = process;
        Self { pid, parent, name, user, cpu, rss_bytes, started_ms }
    }
}

impl From<reading::LogPage> for Page {
    fn from(page: reading::LogPage) -> Self {
        let entry = |entry: reading::LogEntry| {
            let reading::LogEntry { time_ms, unit, priority, message } = entry;
            Entry { time_ms, unit, priority, message }
        };
        Self { entries: page.entries.into_iter().map(entry).collect(), cursor: page.cursor }
    }
}

impl From<act::Output> for Output {
    fn from(output: act::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            exit_code: output.exit_code,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            truncated: output.truncated,
            duration_ms: output.duration_ms,
        }
    }
}
