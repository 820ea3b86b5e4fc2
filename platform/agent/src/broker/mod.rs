//! The broker: the one process that changes the device. It is small on purpose: it reads the platform's key once, and then for
//! every act opens the signed order that is shown to it, so that whoever asks needs no trust. It has no network, no key of its
//! own and no sandbox; where the agent runs as root, this is the only part of it that uses root's rights.

mod client;
mod wire;

use std::io::{Read, Write};
use std::time::Duration;

use fitment_device::{files, services};
use fitment_domain::act::{self, Act, Done};
use fitment_domain::budget::Budget;
use fitment_domain::capability::{Grants, Permission};
use fitment_domain::instruction::Addressee;
use fitment_domain::reach;
use fitment_domain::request::{Order, open_order};
use fitment_domain::run::Fault;
use fitment_domain::signature::PublicKey;
use fitment_domain::time::UnixMs;

pub use client::{Broker, OrderActs};
pub use wire::{Asked, PipeError};

/// The longest that one act may take.
const ACT_WAIT_MAX: Duration = Duration::from_secs(120);

/// Whose orders are carried out.
pub struct Duty {
    pub me: Addressee,
    pub instruction_key: PublicKey,
}

/// Answers until the pipe closes.
pub fn serve(
    duty: &Duty,
    input: &mut impl Read,
    output: &mut impl Write,
    now: impl Fn() -> UnixMs,
) -> Result<(), PipeError> {
    while let Some(asked) = wire::read_asked(input)? {
        let answer = answer(duty, &asked, now());
        wire::write(output, &answer)?;
    }
    Ok(())
}

/// Does one act, if the order that is shown allows it.
pub fn answer(duty: &Duty, asked: &Asked, now: UnixMs) -> Result<Done, Fault> {
    let order = allowed(duty, asked, now)?;
    perform(&asked.act, &order.item.grants, Duration::from_millis(asked.wait_ms.into()).min(ACT_WAIT_MAX))
}

/// Opens the order: the platform's, for this device, not over, and with this act within its grants.
fn allowed(duty: &Duty, asked: &Asked, now: UnixMs) -> Result<Order, Fault> {
    let refused = |reason: String| Fault::Failed(format!("the broker refuses: {reason}"));
    // A run may begin until the order's last moment and act for as long as it may last.
    let begun_at_the_latest = |wall_ms_max: u64| UnixMs(now.0.saturating_sub_unsigned(wall_ms_max));
    let earliest = begun_at_the_latest(Budget::ceiling().wall_ms_max);
    let order =
        open_order(&asked.order, &duty.instruction_key, &duty.me, earliest).map_err(|e| refused(e.to_string()))?;
    if order.deliver_by < begun_at_the_latest(order.item.budget.wall_ms_max) {
        return Err(refused(format!("the order expired at {}", order.deliver_by)));
    }
    act::check(&asked.act, &order.item.grants)?;
    Ok(order)
}

fn perform(act: &Act, grants: &Grants, wait_max: Duration) -> Result<Done, Fault> {
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
    }
}

fn base(grants: &Grants, path: &str) -> Result<String, Fault> {
    let globs = grants.scope(Permission::FilesWrite).map(|scope| &scope.globs);
    let denied = || Fault::Denied(Permission::FilesWrite.name().to_owned());
    globs.and_then(|globs| reach::base_of(globs, path)).ok_or_else(denied)
}
