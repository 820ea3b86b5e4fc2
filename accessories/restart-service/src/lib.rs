//! Restarts one service that the configuration allows, and checks that it runs.

use fitment_sdk::services::{Action, Activity};
use fitment_sdk::{Context, Fault, Outcome, Script, script, services};
use serde::Deserialize;

/// What a technician would have needed: sign in, restart, look.
const SAVED_S: u32 = 300;
const LOOKS_MAX: u32 = 50;

struct RestartService;

#[derive(Debug, Deserialize)]
struct Parameters {
    unit: String,
}

impl Script for RestartService {
    fn run(ctx: &Context) -> Result<Outcome, Fault> {
        let Parameters { unit } = ctx.parameters()?;
        let before = services::get(&unit)?.activity;
        script::progress(10, &format!("{unit} is {}", word(before)));
        services::control(&unit, Action::Restart)?;
        script::progress(70, &format!("{unit} was restarted"));
        let after = settled(ctx, &unit)?;
        if after != Activity::Active {
            return Err(Fault::Failed(format!("{unit} was restarted and is {} now, not active", word(after))));
        }
        if before != Activity::Active {
            script::automation_saved(SAVED_S, "a technician would have signed in, restarted it and looked");
        }
        script::progress(100, &format!("{unit} is active"));
        Ok(Outcome::changed(format!("{unit} was {} and is active now", word(before)))
            .output("unit", unit)
            .output("before", word(before))
            .output("after", word(after)))
    }
}

/// A unit may still be starting when the service manager says that its job is done.
fn settled(ctx: &Context, unit: &str) -> Result<Activity, Fault> {
    let mut activity = services::get(unit)?.activity;
    for _ in 0..LOOKS_MAX {
        if activity != Activity::Activating || ctx.remaining_ms() < 1_000 {
            break;
        }
        activity = services::get(unit)?.activity;
    }
    Ok(activity)
}

fn word(activity: Activity) -> &'static str {
    match activity {
        Activity::Active => "active",
        Activity::Inactive => "inactive",
        Activity::Failed => "failed",
        Activity::Activating => "starting",
        Activity::Deactivating => "stopping",
        Activity::Unknown => "in an unknown state",
    }
}

fitment_sdk::export!(RestartService as script);
