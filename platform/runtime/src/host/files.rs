//! `files` and `files-write`: paths within the grant only. What is read is read here where this process's account may, and else by
//! the broker.

use fitment_device::{Unreadable, files as device};
use fitment_domain::act::{Act, Done};
use fitment_domain::capability::Permission;
use fitment_domain::look::{Look, Seen};
use fitment_domain::reach;
use fitment_domain::reading::File;

use super::{fixture, unanswered};
use crate::contract::offered::files::{Host, Metadata};
use crate::contract::offered::files_write;
use crate::contract::offered::types::Fault;
use crate::readings::unreadable;
use crate::state::RunState;

/// What one entry of a list costs besides its path, when it crosses to the guest.
const ENTRY_BYTES: u64 = 64;

impl Host for RunState {
    async fn stat(&mut self, path: String) -> wasmtime::Result<Result<Metadata, Fault>> {
        self.host_call()?;
        if let Err(fault) = self.may_read(&path) {
            return Ok(Err(fault));
        }
        if let Some(device) = self.fixture() {
            return Ok(fixture::named(&device.files, "files", |file: &File| file.path == path, &path));
        }
        let look = Look::Stat { path: path.clone() };
        Ok(match self.here_or_by_the_broker(move || device::stat(&path), Seen::Metadata, look).await {
            Ok(Seen::Metadata(metadata)) => Ok(metadata.into()),
            other => Err(not_seen(other)),
        })
    }

    async fn list_directory(&mut self, path: String) -> wasmtime::Result<Result<Vec<Metadata>, Fault>> {
        self.host_call()?;
        let globs = self.grants.scope(Permission::FilesRead).map(|scope| scope.globs.clone()).unwrap_or_default();
        if !reach::folder_may_be_listed(&globs, &path) {
            return Ok(Err(outside()));
        }
        let listed = match self.fixture() {
            Some(device) => fixture::folder(device, &path),
            None => {
                let look = Look::List { path: path.clone() };
                match self.here_or_by_the_broker(move || device::list(&path), Seen::Entries, look).await {
                    Ok(Seen::Entries(entries)) => Ok(entries.into_iter().map(Metadata::from).collect()),
                    other => Err(not_seen(other)),
                }
            }
        };
        Ok(listed.and_then(|entries: Vec<Metadata>| {
            // Of a folder that is only the way to what was granted, nothing else is told.
            let within = entries.into_iter().filter(|entry| reach::path_is_within(&globs, &entry.path));
            let within: Vec<Metadata> = within.collect();
            let bytes: u64 = within.iter().map(|entry| entry.path.len() as u64 + ENTRY_BYTES).sum();
            if bytes > self.budget.host_call_bytes_max {
                return Err(Fault::Exhausted("host_call_bytes_max".to_owned()));
            }
            Ok(within)
        }))
    }

    async fn read(&mut self, path: String, offset: u64, length: u32) -> wasmtime::Result<Result<Vec<u8>, Fault>> {
        self.host_call()?;
        if let Err(fault) = self.may_read(&path) {
            return Ok(Err(fault));
        }
        let length = u64::from(length).min(self.budget.host_call_bytes_max / 2);
        if let Some(device) = self.fixture() {
            return Ok(fixture::contents(device, &path, offset, length));
        }
        let look = Look::Read { path: path.clone(), offset_bytes: offset, length_bytes: length };
        let here = move || device::read(&path, offset, length);
        Ok(match self.here_or_by_the_broker(here, Seen::Bytes, look).await {
            Ok(Seen::Bytes(bytes)) => Ok(bytes),
            other => Err(not_seen(other)),
        })
    }
}

impl files_write::Host for RunState {
    async fn write(&mut self, path: String, contents: Vec<u8>) -> wasmtime::Result<Result<(), Fault>> {
        self.host_call()?;
        Ok(self.act(Act::WriteFile { path, contents }).await.map(|_| ()))
    }

    async fn remove(&mut self, path: String) -> wasmtime::Result<Result<u64, Fault>> {
        self.host_call()?;
        Ok(self.act(Act::RemoveFile { path }).await.map(|done| match done {
            Done::Removed(bytes) => bytes,
            Done::Nothing | Done::Ran(_) => 0,
        }))
    }
}

/// Another answer than was asked for is none.
fn not_seen(seen: Result<Seen, Fault>) -> Fault {
    seen.err().unwrap_or_else(unanswered)
}

impl RunState {
    /// Reads here, and has the broker read what this process's account may not.
    async fn here_or_by_the_broker<T: Send + 'static>(
        &mut self,
        read: impl FnOnce() -> Result<T, Unreadable> + Send + 'static,
        seen: fn(T) -> Seen,
        look: Look,
    ) -> Result<Seen, Fault> {
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(read)) => Ok(seen(read)),
            Ok(Err(Unreadable::NotPermitted(_))) => self.by_the_broker(look).await,
            Ok(Err(other)) => Err(unreadable(other)),
            Err(_) => Err(Fault::Failed("the reading was given up".to_owned())),
        }
    }

    fn may_read(&self, path: &str) -> Result<(), Fault> {
        let scope = self.grants.scope(Permission::FilesRead);
        if scope.is_some_and(|scope| reach::path_is_within(&scope.globs, path)) { Ok(()) } else { Err(outside()) }
    }
}

fn outside() -> Fault {
    Fault::Denied(Permission::FilesRead.name().to_owned())
}
