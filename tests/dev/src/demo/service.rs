//! A service that dies on a device of its own, and the script that restarts it.

use anyhow::{Result, ensure};

use super::guard::Guard;
use super::host::Host;
use super::market::{Device, Installed, MSP, Market};
use super::path::step;
use super::wait::{STEP_TIMEOUT, wait};
use super::watch::Watch;
use crate::progress::Steps;

/// How many steps it takes.
pub(crate) const STEPS: usize = 3;
const UNIT: &str = "shop.service";

/// Plays it.
pub(crate) fn play(
    steps: &mut Steps,
    guard: &mut Guard,
    market: &Market<'_>,
    host: &Host,
    device: &Device,
) -> Result<()> {
    let installed = step(steps, "watch a service", |reporter| {
        host.add_service(UNIT)?;
        let installed = install(market, device)?;
        let watch = Watch { market, installed: &installed, condition: "service", subject: UNIT };
        let seen = watch.finding(guard, reporter, "ok")?;
        Ok((installed, format!("{} on {}: ok, {seen}; a script may restart it, and nothing else", UNIT, device.name)))
    })?;
    let watch = Watch { market, installed: &installed, condition: "service", subject: UNIT };
    step(steps, "kill the service", |reporter| {
        host.run(&format!("kill -KILL $(systemctl show --property MainPID --value {UNIT})"))?;
        let seen = watch.finding(guard, reporter, "critical")?;
        Ok(((), format!("its systemd says {}; finding: critical, {seen}", host.is_active(UNIT)?)))
    })?;
    step(steps, "restart by script", |reporter| {
        let words = ["run", "fitment/restart-service", "--device", &device.id, "--param", &format!("unit={UNIT}")];
        let asked = market.calls.ask(MSP, &words)?;
        let id = super::market::text(&asked["request"], "id")?;
        let said = wait(reporter, "the end of the script", STEP_TIMEOUT, || {
            guard.all_run()?;
            let shown = market.calls.ask(MSP, &["requests", "show", &id])?;
            let execution = &shown["executions"][0];
            ensure!(execution["state"] != "failed", "the script failed: {execution}");
            let done = execution["state"] == "done";
            Ok(if done { Ok(super::market::text(execution, "summary")?) } else { Err(execution["state"].to_string()) })
        })?;
        watch.finding(guard, reporter, "ok")?;
        let is = host.is_active(UNIT)?;
        ensure!(is == "active", "its systemd says {is}");
        Ok(((), format!("{said}; its systemd agrees")))
    })
}

/// Publishes and installs the monitor and the script.
fn install(market: &Market<'_>, device: &Device) -> Result<Installed> {
    let [monitor, script] = ["service-health", "restart-service"].map(|name| market.released(name));
    let services = format!("services=[\"{UNIT}\"]");
    let watch = ["--interval", "1s", "--set", &services, "--set", "any_failed=false", "--consent", "services:read"];
    let installed = market.install(&monitor?, device, &watch)?;
    let units = format!("allowed_units=[\"{UNIT}\"]");
    market.install(&script?, device, &["--set", &units, "--consent", "services:control,services:read"])?;
    Ok(installed)
}
