//! Starts one service that the configuration allows, if it does not run.

use fitment_sdk::services::{self, Action, Activity};
use fitment_sdk::{Context, Fault, Outcome, Script, script};

#[derive(serde::Deserialize)]
struct Parameters {
    unit: String,
    /// Where nobody says otherwise, what the schema says.
    dry_run: bool,
}

struct Accessory;

impl Script for Accessory {
    fn run(ctx: &Context) -> Result<Outcome, Fault> {
        let Parameters { unit, dry_run } = ctx.parameters()?;
        if services::get(&unit)?.activity == Activity::Active {
            return Ok(Outcome::unchanged(format!("{unit} runs already")));
        }
        if dry_run {
            return Ok(Outcome::unchanged(format!("would start {unit}")));
        }
        script::progress(10, &format!("starting {unit}"));
        services::control(&unit, Action::Start)?;
        // Look again: that the service manager took the order does not mean that the service runs.
        let after = services::get(&unit)?.activity;
        if after != Activity::Active {
            return Err(Fault::Failed(format!("{unit} was started and does not run: look at its log")));
        }
        script::progress(100, &format!("{unit} runs"));
        Ok(Outcome::changed(format!("{unit} was started")).output("unit", unit))
    }
}

fitment_sdk::export!(Accessory as script);
