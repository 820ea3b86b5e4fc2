//! systemd's services, org.freedesktop.systemd1(5).

use std::collections::HashMap;
use std::time::Duration;

use rustbus::message_builder::MarshalledMessage;
use rustbus::wire::ObjectPath;
use rustbus::wire::unmarshal::traits::Variant;
use rustbus::{Signature, Unmarshal};

use super::bus::{Systemd, failed};
use crate::Unreadable;
use crate::services::{Activity, Service, ServiceAction};

const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const READ_WAIT_MAX: Duration = Duration::from_secs(10);
/// A machine with more services than this has something else going on; the rest is left out.
const SERVICES_MAX: usize = 2_000;
const DESCRIPTION_CHARS_MAX: usize = 200;

/// One row of `ListUnits`.
#[derive(Signature, Unmarshal)]
struct Unit {
    name: String,
    description: String,
    load: String,
    active: String,
    _sub: String,
    _followed: String,
    _path: ObjectPath<String>,
    _job: u32,
    _job_type: String,
    _job_path: ObjectPath<String>,
}

/// Lists the loaded services.
pub(crate) fn list() -> Result<Vec<Service>, Unreadable> {
    let mut systemd = Systemd::connect(READ_WAIT_MAX)?;
    let states = enabled_states(&mut systemd)?;
    let answer = systemd.ask(Systemd::manager("ListUnits"))?;
    let units: Vec<Unit> = answer.body.parser().get().map_err(|e| failed(e.into()))?;
    let mut services: Vec<Service> = units
        .into_iter()
        // A unit that others only mention is no service of this machine.
        .filter(|unit| unit.name.ends_with(".service") && unit.load != "not-found")
        .map(|unit| Service {
            enabled: states.get(&unit.name).or_else(|| states.get(&template(&unit.name)?)).is_some_and(|s| starts(s)),
            activity: activity(&unit.active),
            description: short(&unit.description),
            name: unit.name,
            main_pid: None,
            since_ms: None,
        })
        .collect();
    services.sort_by(|left, right| left.name.cmp(&right.name));
    services.truncate(SERVICES_MAX);
    Ok(services)
}

/// The states of all unit files, by unit name.
fn enabled_states(systemd: &mut Systemd) -> Result<HashMap<String, String>, Unreadable> {
    let answer = systemd.ask(Systemd::manager("ListUnitFiles"))?;
    let files: Vec<(String, String)> = answer.body.parser().get().map_err(|e| failed(e.into()))?;
    Ok(files.into_iter().map(|(path, state)| (path.rsplit('/').next().unwrap_or_default().to_owned(), state)).collect())
}

/// `getty@tty1.service` has the file of `getty@.service`.
fn template(unit: &str) -> Option<String> {
    let (stem, rest) = unit.split_once('@')?;
    let kind = rest.rsplit_once('.')?.1;
    Some(format!("{stem}@.{kind}"))
}

fn starts(state: &str) -> bool {
    matches!(state, "enabled" | "enabled-runtime" | "static" | "alias" | "generated" | "linked" | "linked-runtime")
}

fn activity(state: &str) -> Activity {
    match state {
        "active" | "reloading" | "refreshing" => Activity::Active,
        "inactive" => Activity::Inactive,
        "failed" => Activity::Failed,
        "activating" => Activity::Activating,
        "deactivating" => Activity::Deactivating,
        _ => Activity::Unknown,
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(DESCRIPTION_CHARS_MAX).collect()
}

/// Reads one service.
pub(crate) fn get(unit: &str) -> Result<Service, Unreadable> {
    check(unit)?;
    let mut systemd = Systemd::connect(READ_WAIT_MAX)?;
    let object = load(&mut systemd, unit)?;
    let mut text = |name: &str| -> Result<String, Unreadable> {
        let answer = systemd.ask(Systemd::property(&object, UNIT, name)?)?;
        value::<String>(&answer)
    };
    let (description, active, state) = (text("Description")?, text("ActiveState")?, text("UnitFileState")?);
    let since = systemd.ask(Systemd::property(&object, UNIT, "StateChangeTimestamp")?)?;
    let since_ms = value::<u64>(&since)? / 1_000;
    let main_pid = match unit.ends_with(".service") {
        true => value::<u32>(&systemd.ask(Systemd::property(&object, SERVICE, "MainPID")?)?)?,
        false => 0,
    };
    Ok(Service {
        name: unit.to_owned(),
        description: short(&description),
        activity: activity(&active),
        enabled: starts(&state),
        main_pid: (main_pid != 0).then_some(main_pid),
        since_ms: (since_ms != 0).then_some(since_ms),
    })
}

fn check(unit: &str) -> Result<(), Unreadable> {
    let characters = unit.bytes().all(|b| b.is_ascii_alphanumeric() || b"@._:-\\".contains(&b));
    if characters
        && unit.len() <= 255
        && unit.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && !kind.is_empty())
    {
        return Ok(());
    }
    let shown: String = unit.chars().take(80).collect();
    Err(Unreadable::Invalid(format!("{shown:?} is no unit name: write it with its kind, such as nginx.service")))
}

/// Returns the object of a unit that has a file.
fn load(systemd: &mut Systemd, unit: &str) -> Result<String, Unreadable> {
    let mut call = Systemd::manager("LoadUnit");
    call.body.push_param(unit).map_err(|e| failed(e.into()))?;
    let answer = systemd.ask(call)?;
    let object: ObjectPath<String> = answer.body.parser().get().map_err(|e| failed(e.into()))?;
    let object = object.as_ref().to_owned();
    let state = systemd.ask(Systemd::property(&object, UNIT, "LoadState")?)?;
    match value::<String>(&state)?.as_str() {
        "not-found" => Err(Unreadable::NotFound(format!("unit {unit}"))),
        _ => Ok(object),
    }
}

fn value<T>(answer: &MarshalledMessage) -> Result<T, Unreadable>
where
    T: for<'buf, 'fds> Unmarshal<'buf, 'fds>,
{
    let variant: Variant = answer.body.parser().get().map_err(|e| failed(e.into()))?;
    variant.get::<T>().map_err(|e| failed(e.into()))
}

/// Does it, and waits for the job.
pub(crate) fn control(unit: &str, action: ServiceAction, wait_max: Duration) -> Result<(), Unreadable> {
    check(unit)?;
    let mut systemd = Systemd::connect(wait_max)?;
    load(&mut systemd, unit)?;
    let member = match action {
        ServiceAction::Start => "StartUnit",
        ServiceAction::Stop => "StopUnit",
        ServiceAction::Restart => "RestartUnit",
        ServiceAction::Reload => "ReloadUnit",
        ServiceAction::Enable | ServiceAction::Disable => return install(&mut systemd, unit, action),
    };
    systemd.subscribe()?;
    let mut call = Systemd::manager(member);
    call.body.push_param2(unit, "replace").map_err(|e| failed(e.into()))?;
    let answer = systemd.ask(call)?;
    let job: ObjectPath<String> = answer.body.parser().get().map_err(|e| failed(e.into()))?;
    match systemd.job_result(job.as_ref())?.as_str() {
        "done" | "skipped" => Ok(()),
        "timeout" => Err(Unreadable::TimedOut),
        other => Err(Unreadable::Failed(format!("{member} of {unit} ended with {other}: look into its journal"))),
    }
}

fn install(systemd: &mut Systemd, unit: &str, action: ServiceAction) -> Result<(), Unreadable> {
    let enable = action == ServiceAction::Enable;
    let mut call = Systemd::manager(if enable { "EnableUnitFiles" } else { "DisableUnitFiles" });
    let units: &[&str] = &[unit];
    // For good, not until the next start of the machine; and nothing that is in the way is overwritten.
    let pushed = match enable {
        true => call.body.push_param3(units, false, false),
        false => call.body.push_param2(units, false),
    };
    pushed.map_err(|e| failed(e.into()))?;
    systemd.ask(call)?;
    systemd.ask(Systemd::manager("Reload"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_the_file_of_its_template() {
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template("ssh.service"), None);
    }

    #[test]
    fn a_machine_without_systemd_says_so_and_a_bad_name_is_refused_before_anybody_is_asked() {
        for bad in ["../evil", "ssh", ".service", "ssh.", "", "a/b.service"] {
            assert!(matches!(get(bad), Err(Unreadable::Invalid(_))), "{bad}");
        }
        assert!(matches!(control("a b.service", ServiceAction::Stop, READ_WAIT_MAX), Err(Unreadable::Invalid(_))));
        match list() {
            Err(Unreadable::Unsupported(words)) => assert_eq!(words, "systemd is not running"),
            other => assert!(std::path::Path::new("/run/systemd/system").is_dir(), "{other:?}"),
        }
    }
}
