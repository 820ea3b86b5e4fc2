//! The real sandbox, over a simulated device: the same runner, the same budget, the same grants.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::sync::Arc;

use fitment_domain::budget::Budget;
use fitment_domain::capability::{Ceiling, Grants, Permission, effective};
use fitment_domain::form::with_defaults;
use fitment_domain::installation::check_config;
use fitment_domain::manifest::{Kind, Manifest};
use fitment_domain::origin::Origin;
use fitment_domain::reach;
use fitment_domain::run::{Invocation, RunReport};
use fitment_domain::time::UnixMs;
use fitment_runner_client::{ComponentRef, RunSpec, Sandbox, SandboxConfig};
use serde_json::Value;

use super::fixture::Fixture;
use super::host::{Heard, SimulatedHost};
use crate::failure::Failure;
use crate::place;

/// One component, and a sandbox to run it in.
pub struct Simulator {
    sandbox: Sandbox,
    component: ComponentRef,
    manifest: Manifest,
    kind: Kind,
    asked: Grants,
    optional: BTreeSet<Permission>,
    budget: Budget,
}

impl Simulator {
    /// Starts the sandbox, whose programs lie beside this one; `cache` is a folder for compiled code.
    pub async fn start(component: ComponentRef, manifest: Manifest, cache: &Path) -> Result<Self, Failure> {
        let this = env::current_exe()
            .map_err(|e| Failure::environment(format!("this program does not know where it lies: {e}")))?;
        let programs_dir = this.parent().unwrap_or(Path::new("/")).to_owned();
        for program in ["fitment-runner", "fitment-compiler"] {
            let path = programs_dir.join(format!("{program}{}", env::consts::EXE_SUFFIX));
            if !path.exists() {
                return Err(Failure::environment(format!(
                    "nothing can be run: there is no {}. Install it beside this program",
                    path.display()
                )));
            }
        }
        let mut mac_key = [0_u8; 32];
        getrandom::fill(&mut mac_key)
            .map_err(|e| Failure::environment(format!("the system gives no random numbers: {e}")))?;
        let config = SandboxConfig { programs_dir, cache_dir: cache.to_owned(), mac_key };
        let sandbox = Sandbox::start_simulating(config)
            .await
            .map_err(|e| Failure::environment(format!("the sandbox does not start: {e}")))?;
        let refused = |e: fitment_domain::manifest::BadManifest| Failure::refused(e.to_string());
        let (kind, asked) = (manifest.kind().map_err(refused)?, manifest.asked().map_err(refused)?);
        let budget = manifest.budget().map_err(refused)?;
        let optional = manifest.optional();
        Ok(Self { sandbox, component, manifest, kind, asked, optional, budget })
    }

    /// Runs one case, and returns what was said to the world meanwhile.
    pub async fn run(&self, fixture: &Fixture) -> Result<(RunReport, Heard), Failure> {
        let invocation = self.invocation(fixture)?;
        let config = self.config(fixture)?;
        if let Invocation::Probe { target } = &invocation
            && !reach::targets(&config).contains(target)
        {
            let why = format!(
                "`target` is {target:?}, which is not among the `targets` of its `config`: no device would look there"
            );
            return Err(wrong(fixture, &why));
        }
        let spec = RunSpec {
            invocation,
            config: config.to_string(),
            parameters: self.parameters(fixture)?,
            grants: self.grants(fixture, &config)?,
            optional: self.optional.clone(),
            budget: self.budget.clone(),
            facts: fixture.facts.clone().into(),
            now: UnixMs(fixture.now_ms),
            state: fixture.state.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes().into())).collect(),
            warm: None,
        };
        let host = Arc::new(SimulatedHost::new(fixture.answers.clone()));
        let calls = Arc::<SimulatedHost>::clone(&host);
        let report = self.sandbox.simulate(&self.component, spec, fixture.device.clone(), calls).await;
        Ok((report, host.heard()))
    }

    fn invocation(&self, fixture: &Fixture) -> Result<Invocation, Failure> {
        match (self.kind, &fixture.call, &fixture.target) {
            (Kind::Monitor, None, None) => Ok(Invocation::Check),
            (Kind::Script, None, None) => Ok(Invocation::Script),
            (Kind::Probe, None, Some(target)) => Ok(Invocation::Probe { target: target.clone() }),
            (Kind::TicketingConnector, Some(call), None) => Ok(Invocation::Connector(call.clone())),
            (Kind::Probe, _, None) => Err(wrong(fixture, "`target` is missing: name the target that is looked at")),
            (Kind::TicketingConnector, None, _) => Err(wrong(
                fixture,
                "`call` is missing: write what is asked of the connector, such as call = \"describe\"",
            )),
            (kind, ..) => {
                let kind = kind.as_str();
                Err(wrong(
                    fixture,
                    &format!("`call` is for ticketing connectors and `target` for probes: this is a {kind}"),
                ))
            }
        }
    }

    /// Parameters are for scripts, and must fit their schema.
    fn parameters(&self, fixture: &Fixture) -> Result<String, Failure> {
        let nothing = serde_json::json!({ "type": "object", "additionalProperties": false });
        let schema = self.manifest.parameters_schema.as_ref().unwrap_or(&nothing);
        let parameters = with_defaults(schema, fixture.parameters.clone());
        check_config(schema, &parameters).map_err(|e| wrong(fixture, &format!("parameters: {e}")))?;
        Ok(parameters.to_string())
    }

    /// As the installer does it: the schema's defaults stand where the case says nothing.
    fn config(&self, fixture: &Fixture) -> Result<Value, Failure> {
        let config = with_defaults(&self.manifest.config_schema, fixture.config.clone());
        check_config(&self.manifest.config_schema, &config)
            .map_err(|e| wrong(fixture, &format!("{e}; no installer could install this configuration")))?;
        Ok(config)
    }

    /// Everything that was asked, but what the case takes away: as if an approver had said no to it.
    fn grants(&self, fixture: &Fixture, config: &Value) -> Result<Grants, Failure> {
        let mut granted = self.asked.clone();
        for name in &fixture.without {
            let asked = granted.0.keys().find(|permission| permission.name() == name).copied();
            let Some(permission) = asked else {
                let known = self.asked.0.keys().map(|permission| permission.name());
                let hint = place::nearest(name, known).map_or_else(String::new, |n| format!("; did you mean {n:?}?"));
                return Err(wrong(
                    fixture,
                    &format!("`without` names {name:?}, which the manifest does not ask{hint}"),
                ));
            };
            granted.0.remove(&permission);
        }
        let effective =
            effective(&self.asked, [&Ceiling::Only(granted)]).map_err(|e| wrong(fixture, &e.to_string()))?;
        // As the installer and the agent do it: what the configuration says, and the one target of this run.
        let bound = match &fixture.target {
            None => reach::bind_config(effective, config),
            Some(target) => {
                let installed = reach::bind_config(effective.clone(), config);
                reach::for_target(&effective, config, target, &installed)
            }
        };
        match &fixture.connection {
            None => Ok(bound),
            Some(url) => {
                let origin = Origin::of_url(url).map_err(|e| wrong(fixture, &format!("connection: {e}")))?;
                Ok(bound.bind_origin("connection", origin.as_str()))
            }
        }
    }
}

fn wrong(fixture: &Fixture, why: &str) -> Failure {
    Failure::environment(format!("{}: {why}", fixture.path.display()))
}
