//! One run of an item: into the sandbox, and what came of it into the spool.

use std::sync::Arc;

use fitment_domain::capability::Grants;
use fitment_domain::finding::{self, FindingLimits};
use fitment_domain::instruction::Item;
use fitment_domain::manifest::Kind;
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::reach;
use fitment_domain::run::{End, Fact, Invocation, Returned};
use fitment_runner_client::{DeviceHost, HttpHost, RunSpec};

use crate::artifacts::Artifacts;
use crate::broker::{Broker, ItemLooks};
use crate::clock;
use crate::crash::{Guard, LeftOut, Place};
use crate::door::Admitted;
use crate::memory::Memory;
use crate::outbox::Outbox;
use crate::problem::Problem;
use crate::sandbox::LazySandbox;
use crate::signed_set::SignedSet;
use crate::status::{Board, Topic};

const MESSAGE_CHARS_MAX: usize = 4_000;

/// Who answers what scheduled runs ask of the world outside, and brings what they need of it.
pub struct Outside {
    pub http: Arc<HttpHost>,
    /// Makes readings alone; acts have a broker process of their own, so that no reading waits for one.
    pub broker: Arc<Broker>,
    pub set: Arc<SignedSet>,
    /// Brings what need not be compiled here.
    pub artifacts: Arc<Artifacts>,
}

impl Outside {
    fn of(&self, admitted: &Admitted) -> DeviceHost {
        let item = &admitted.item;
        let looks = ItemLooks::new(Arc::clone(&self.broker), Arc::clone(&self.set), item.installation.clone());
        DeviceHost::new(Arc::clone(&self.http), Arc::new(looks)).naming(admitted.named.clone())
    }
}

/// Runs items.
pub struct Runs {
    sandbox: Arc<LazySandbox>,
    facts: Arc<[(String, Fact)]>,
    outbox: Arc<Outbox>,
    board: Board,
    memory: Memory,
    outside: Outside,
    guard: Arc<Guard>,
}

impl Runs {
    /// Makes what runs items; `facts` are what they see of the device.
    pub fn new(
        sandbox: Arc<LazySandbox>,
        facts: Vec<(String, Fact)>,
        outbox: Arc<Outbox>,
        board: Board,
        memory: Memory,
        outside: Outside,
        guard: Arc<Guard>,
    ) -> Self {
        Self { sandbox, facts: facts.into(), outbox, board, memory, outside, guard }
    }

    /// Sees to it, before an item runs for the first time, that it runs by the code that it is to run by.
    pub async fn prepare(&self, admitted: &Admitted) {
        self.outside.artifacts.bring(admitted).await;
    }

    /// Forgets how an item failed: it is another one now.
    pub fn forgive(&self, item: &Item) {
        self.guard.forgive(item);
    }

    /// Runs an item once, a probe once per target, and puts what came of it into the spool.
    pub async fn once(&self, admitted: &Admitted) {
        if admitted.kind != Kind::Probe {
            self.one(admitted, Invocation::Check, admitted.item.grants.clone()).await;
            return;
        }
        for target in reach::targets(&admitted.item.config) {
            // A run reaches the target that it was called for, and no other.
            let item = &admitted.item;
            let grants = reach::for_target(&admitted.asked, &item.config, &target, &item.grants);
            if !self.one(admitted, Invocation::Probe { target }, grants).await {
                // What is left out is left out for all targets.
                return;
            }
        }
    }

    /// Runs once, unless the item is left out. False if it is.
    async fn one(&self, admitted: &Admitted, invocation: Invocation, grants: Grants) -> bool {
        let place = match self.guard.enter(&admitted.item).await {
            Ok(place) => place,
            Err(LeftOut { kind, message }) => {
                let result = RunResult { outcome: failed(kind, &message), ..nothing_yet(&admitted.item) };
                self.report(admitted, result).await;
                return false;
            }
        };
        let result = self.run(admitted, invocation, grants, place).await;
        self.report(admitted, result).await;
        true
    }

    async fn report(&self, admitted: &Admitted, result: RunResult) {
        let words = match &result.outcome {
            Outcome::Findings(findings) => format!("{} findings", findings.len()),
            Outcome::Failed { kind, message } => format!("{kind}: {message}"),
            Outcome::Execution { .. } => "an order".to_owned(),
        };
        tracing::debug!(accessory = %admitted.item.accessory, installation = %admitted.item.installation, outcome = words, "ran");
        self.board.ran(&result.installation, result.started, words);
        self.outbox.put(result).await;
    }

    async fn run(&self, admitted: &Admitted, invocation: Invocation, grants: Grants, place: Place<'_>) -> RunResult {
        let item = &admitted.item;
        let mut result = nothing_yet(item);
        let started = result.started;
        let sandbox = match self.sandbox.get().await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                let message = error.to_string();
                let remedy = "put fitment-runner and fitment-compiler of the same version beside fitment-agent, or name their folder with --programs";
                self.board.problem(Topic::Sandbox, Problem::new("sandbox-unavailable", &message, remedy, started));
                result.outcome = failed("sandbox-unavailable", &message);
                return result;
            }
        };
        self.board.solved(Topic::Sandbox);
        self.board.confined(sandbox.lacks());
        let spec = RunSpec {
            invocation,
            config: item.config.to_string(),
            parameters: "{}".to_owned(),
            state: self.memory.recall(&item.installation, &grants),
            grants,
            optional: admitted.optional.clone(),
            budget: item.budget.clone(),
            facts: Arc::clone(&self.facts),
            now: started,
            warm: item.warm.then(|| item.installation.to_string()),
        };
        let report = sandbox.run(&admitted.component, spec, Arc::new(self.outside.of(admitted))).await;
        self.guard.left(item, place, &report).await;
        if let Some(state) = &report.state
            && let Err(error) = self.memory.keep(&item.installation, &item.grants, state)
        {
            tracing::warn!(installation = %item.installation, %error, "what the run left is not kept");
        }
        result.usage = report.usage;
        result.log = report.log;
        result.outcome = outcome(report.end);
        result
    }
}

/// The result of a run that is about to be.
fn nothing_yet(item: &Item) -> RunResult {
    RunResult {
        version: Some(item.version.clone()),
        sequence: 0,
        installation: item.installation.clone(),
        started: clock::now(),
        usage: Default::default(),
        outcome: Outcome::Findings(Vec::new()),
        log: Vec::new(),
    }
}

/// Makes the outcome of something that did not look.
pub fn failed(kind: &str, message: &str) -> Outcome {
    Outcome::Failed { kind: kind.to_owned(), message: message.chars().take(MESSAGE_CHARS_MAX).collect() }
}

fn outcome(end: End) -> Outcome {
    match end {
        End::Returned(Returned::Findings(findings)) => match finding::check(&findings, &FindingLimits::standard()) {
            Ok(()) => Outcome::Findings(findings),
            Err(bad) => failed("bad-findings", &bad.to_string()),
        },
        End::Returned(Returned::Connector(_) | Returned::Script(_)) => {
            failed("bad-answer", "a check answered like another kind")
        }
        End::Fault(fault) => failed("fault", &fault.to_string()),
        End::Exhausted(field) => failed("exhausted", &format!("the budget's {field} was reached")),
        End::Trapped(backtrace) => failed("trapped", &backtrace),
        End::Refused(reason) => failed("refused", &reason),
        End::RunnerLost(reason) => failed("runner-lost", &reason),
    }
}
