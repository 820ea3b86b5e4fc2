//! The broker: the one process that changes the device, and reads what the sandbox's account may not. It is small on purpose: it
//! reads the platform's key once, and then for every act and every look opens what the platform signed for it, so that whoever asks
//! needs no trust. It has no network, no key of its own and no sandbox; where the agent runs as root, this is the only part of it that
//! uses root's rights.

mod client;
mod right;
mod wire;

use std::io::{Read, Write};
use std::time::Duration;

use fitment_device::programs::{self, Bounds};
use fitment_device::{files, journal, services};
use fitment_domain::act::{self, Act, Done};
use fitment_domain::capability::{Grants, Permission};
use fitment_domain::look::{self, Look, Seen};
use fitment_domain::reach;
use fitment_domain::run::Fault;
use fitment_domain::time::UnixMs;

pub use client::{Broker, ItemLooks, OrderActs};
pub use right::Duty;
pub use wire::{Answer, Asked, PipeError, Right, What};

use right::{HeldSet, refused};

/// The longest that one act or look may take.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// What is kept of what a program writes.
const STDOUT_BYTES_MAX: usize = 256 * 1024;
const STDERR_BYTES_MAX: usize = 64 * 1024;

/// Answers until the pipe closes; `gone` says whether whoever asked has gone away while a program runs.
pub fn serve(
    duty: Duty,
    input: &mut impl Read,
    output: &mut impl Write,
    now: impl Fn() -> UnixMs,
    gone: impl Fn() -> bool,
) -> Result<(), PipeError> {
    let mut clerk = Clerk::new(duty);
    while let Some(asked) = wire::read_asked(input)? {
        let answer = clerk.answer(&asked, now(), &gone);
        wire::write(output, &answer)?;
    }
    Ok(())
}

/// Checks by what right something is asked, and does it.
pub struct Clerk {
    duty: Duty,
    held: Option<HeldSet>,
}

impl Clerk {
    /// Makes one that was shown no set yet.
    pub fn new(duty: Duty) -> Self {
        Self { duty, held: None }
    }

    /// Does what is asked, if what the platform signed allows it.
    pub fn answer(&mut self, asked: &Asked, now: UnixMs, gone: &dyn Fn() -> bool) -> Answer {
        if let Right::Item { set, shown: None, .. } = &asked.right
            && !self.held.as_ref().is_some_and(|held| held.is(set))
        {
            return Answer::ShowSet;
        }
        let grants = self.grants(&asked.right, now);
        let wait_max = Duration::from_millis(asked.wait_ms.into()).min(WAIT_MAX);
        match &asked.what {
            What::Act(act) => Answer::Act(grants.and_then(|grants| {
                if !matches!(asked.right, Right::Order(_)) {
                    return Err(refused("only an order changes the device".to_owned()));
                }
                act::check(act, &grants)?;
                perform(act, &grants, wait_max, gone)
            })),
            What::Look(look) => Answer::Look(grants.and_then(|grants| {
                look::check(look, &grants)?;
                see(look, &grants, wait_max)
            })),
        }
    }

    fn grants(&mut self, right: &Right, now: UnixMs) -> Result<Grants, Fault> {
        let (set, shown, installation) = match right {
            Right::Order(order) => return self.duty.of_order(order, now),
            Right::Item { set, shown, installation } => (set, shown, installation),
        };
        if let Some(shown) = shown {
            self.held = Some(self.duty.of_set(shown, self.held.as_ref())?);
        }
        let held = self.held.as_ref().filter(|held| held.is(set));
        let held = held.ok_or_else(|| refused("the set that is shown is another one than is named".to_owned()))?;
        held.grants(installation).cloned()
    }
}

fn perform(act: &Act, grants: &Grants, wait_max: Duration, gone: &dyn Fn() -> bool) -> Result<Done, Fault> {
    match act {
        Act::ControlService { unit, action } => {
            services::control(unit, *action, wait_max)?;
            Ok(Done::Nothing)
        }
        Act::WriteFile { path, contents } => {
            files::write(path, contents, &base(grants, path)?)?;
            Ok(Done::Nothing)
        }
        Act::RemoveFile { path } => Ok(Done::Removed(files::remove(path, &base(grants, path)?)?)),
        Act::Run { argv, stdin, timeout_ms } => {
            let wait_max = wait_max.min(Duration::from_millis((*timeout_ms).into()));
            let bounds = Bounds { wait_max, stdout_bytes_max: STDOUT_BYTES_MAX, stderr_bytes_max: STDERR_BYTES_MAX };
            Ok(Done::Ran(programs::run(argv, stdin.as_deref().unwrap_or_default(), bounds, gone)?))
        }
    }
}

fn base(grants: &Grants, path: &str) -> Result<String, Fault> {
    let globs = grants.scope(Permission::FilesWrite).map(|scope| &scope.globs);
    let denied = || Fault::Denied(Permission::FilesWrite.name().to_owned());
    globs.and_then(|globs| reach::base_of(globs, path)).ok_or_else(denied)
}

fn see(look: &Look, grants: &Grants, wait_max: Duration) -> Result<Seen, Fault> {
    Ok(match look {
        Look::Stat { path } => Seen::Metadata(files::stat(path)?),
        Look::List { path } => Seen::Entries(look::covered(files::list(path)?, grants)),
        Look::Read { path, offset_bytes, length_bytes } => {
            Seen::Bytes(files::read(path, *offset_bytes, *length_bytes)?)
        }
        Look::Services => Seen::Services(services::list()?),
        Look::Service { name } => Seen::Service(services::get(name)?),
        Look::Logs { unit, cursor, limit } => Seen::Logs(journal::read(unit, cursor.as_deref(), *limit, wait_max)?),
    })
}
