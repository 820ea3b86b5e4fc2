//! Work that somebody asked of this device: one order at a time, none twice.
//!
//! An order is fetched, passes the third door, and is written into the ledger before the server is asked to let it start.
//! Whatever interrupts it from then on, it does not run again: its end is then "outcome unknown".

mod host;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fitment_domain::device::Facts;
use fitment_domain::execution::Ending;
use fitment_domain::id::{InstallationId, TransactionId};
use fitment_domain::instruction::{Addressee, BadInstruction};
use fitment_domain::protocol::{Outcome, RunResult, StartOrder};
use fitment_domain::request::{self, Order};
use fitment_domain::run::{End, Invocation, Returned, RunReport};
use fitment_domain::signature::{Envelope, PublicKey};
use fitment_runner_client::{HttpHost, RunSpec};
use tokio::sync::{mpsc, watch};

use self::host::OrderHost;
use crate::artifacts::Artifacts;
use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::client::Client;
use crate::crash::{Guard, LeftOut};
use crate::door::{self, Admitted, Purpose, Trust};
use crate::folder::StateFolder;
use crate::ledger::{Entry, Ledger};
use crate::memory::Memory;
use crate::outbox::Outbox;
use crate::problem::{CallError, Problem};
use crate::sandbox::LazySandbox;
use crate::status::{Board, Topic};
use crate::stop::Stop;
use crate::{cache, clock, random, runs};

/// Everything that orders are run with.
pub struct Tools {
    pub folder: StateFolder,
    pub client: Arc<Client>,
    pub outbox: Arc<Outbox>,
    pub board: Board,
    pub sandbox: Arc<LazySandbox>,
    pub http: Arc<HttpHost>,
    /// Does the acts of orders.
    pub broker: Arc<Broker>,
    pub memory: Memory,
    pub facts: Facts,
    pub me: Addressee,
    /// Signs orders.
    pub instruction_key: PublicKey,
    pub trust: Trust,
    pub guard: Arc<Guard>,
    pub artifacts: Arc<Artifacts>,
}

/// Where transaction ids are handed in, and whether there is room for them.
#[derive(Clone)]
pub struct Desk {
    ids: mpsc::Sender<Vec<TransactionId>>,
    busy: watch::Sender<bool>,
}

impl Desk {
    /// Returns whether the device would take work now.
    pub fn is_free(&self) -> bool {
        !*self.busy.borrow()
    }

    /// Returns when the device would take work.
    pub async fn free(&self) {
        let mut busy = self.busy.subscribe();
        // The desk itself holds the sender.
        let _ = busy.wait_for(|busy| !*busy).await;
    }

    /// Hands in what to come again with. What finds no room is offered again.
    pub fn take(&self, transactions: Vec<TransactionId>) {
        if !transactions.is_empty() && self.is_free() {
            self.busy.send_replace(true);
            if self.ids.try_send(transactions).is_err() {
                self.busy.send_replace(false);
            }
        }
    }
}

/// The loop that runs orders.
pub struct Orders {
    tools: Tools,
    ledger: Ledger,
    ids: mpsc::Receiver<Vec<TransactionId>>,
    busy: watch::Sender<bool>,
    /// Offered although they were begun: answered once.
    answered: BTreeSet<TransactionId>,
}

/// Makes the loop and the desk in front of it.
pub fn new(tools: Tools, ledger: Ledger) -> (Orders, Desk) {
    let (sender, ids) = mpsc::channel(1);
    let busy = watch::Sender::new(false);
    let desk = Desk { ids: sender, busy: busy.clone() };
    (Orders { tools, ledger, ids, busy, answered: BTreeSet::new() }, desk)
}

impl Orders {
    /// Reports what an earlier life of the agent did not end, then runs what comes in, until it is time to stop.
    pub async fn run(mut self, mut stop: Stop) {
        for entry in self.ledger.interrupted() {
            tracing::warn!(transaction = %entry.transaction, "an order was interrupted: its outcome is unknown, it does not run again");
            self.report(&entry.transaction, &entry.installation, Ending::OutcomeUnknown).await;
            self.ended(&entry.transaction);
        }
        while let Some(Some(ids)) = stop.or(self.ids.recv()).await {
            for id in ids {
                if stop.or(self.take(&id)).await.is_none() {
                    return;
                }
            }
            self.busy.send_replace(false);
        }
    }

    async fn report(&self, transaction: &TransactionId, installation: &InstallationId, ending: Ending) {
        let report = RunReport {
            run: 0,
            end: End::RunnerLost(String::new()),
            usage: Default::default(),
            log: Vec::new(),
            state: None,
        };
        self.put(transaction, installation, ending, report, 0).await;
    }

    async fn put(
        &self,
        transaction: &TransactionId,
        installation: &InstallationId,
        ending: Ending,
        report: RunReport,
        saved_s: u32,
    ) {
        let outcome = Outcome::Execution { transaction: transaction.clone(), ending, saved_s };
        let result = RunResult {
            version: None,
            sequence: 0,
            installation: installation.clone(),
            started: clock::now(),
            usage: report.usage,
            outcome,
            log: report.log,
        };
        self.tools.outbox.put(result).await;
    }

    /// Notes that the result of an order is in the spool.
    fn ended(&mut self, transaction: &TransactionId) {
        let Some(entry) = self.ledger.entry(transaction).cloned() else { return };
        if let Err(error) = self.ledger.put(Entry { ended: true, ..entry }) {
            tracing::warn!(%error, "the end of an order is not in the ledger: after a restart it is reported as unknown too");
        }
    }

    /// Runs one order, if it is one, is meant for this device, and was not begun before.
    async fn take(&mut self, id: &TransactionId) {
        if self.ledger.knows(id) {
            return self.answer_again(id).await;
        }
        let envelope = match self.tools.client.order(id).await {
            Ok(envelope) => envelope,
            Err(error) => return self.tell(id, &error),
        };
        let order = match self.open(&envelope) {
            Ok(order) if order.transaction == *id => order,
            Ok(_) => return self.refuse_answer(id, "it is the order of another transaction"),
            Err(error) => return self.refuse_answer(id, &error.to_string()),
        };
        self.tools.board.solved(Topic::Orders);
        if order.deliver_by < clock::now() {
            tracing::info!(transaction = %id, "the deadline of an order has passed: it does not run");
            return self.report(id, &order.item.installation, Ending::Expired).await;
        }
        let ending = match self.admit(&order).await {
            Ok(admitted) => {
                // Before it starts: what is fetched or loaded now costs the run nothing of its time.
                self.tools.artifacts.bring(&admitted).await;
                match self.begin(&order).await {
                    Ok(true) => return self.execute(order, admitted, envelope).await,
                    Ok(false) => return,
                    Err(ending) => ending,
                }
            }
            Err(ending) => ending,
        };
        self.report(id, &order.item.installation, ending).await;
        self.ended(id);
    }

    /// The server forgot what it was told: it must not believe that the order can still be run.
    async fn answer_again(&mut self, id: &TransactionId) {
        let installation = self.ledger.entry(id).map(|entry| entry.installation.clone());
        if let Some(installation) = installation.filter(|_| self.answered.insert(id.clone())) {
            self.report(id, &installation, Ending::OutcomeUnknown).await;
        }
    }

    /// Opens an order, also one whose deadline has passed: it is answered, not run.
    fn open(&self, envelope: &Envelope) -> Result<Order, BadInstruction> {
        let (key, me) = (&self.tools.instruction_key, &self.tools.me);
        match request::open_order(envelope, key, me, clock::now()) {
            Err(BadInstruction::Expired(deadline)) => request::open_order(envelope, key, me, deadline),
            opened => opened,
        }
    }

    fn tell(&self, id: &TransactionId, error: &CallError) {
        tracing::info!(transaction = %id, %error, "the order is not to be had");
        if !matches!(error, CallError::Refused { status: Some(404 | 409), .. }) {
            self.tools.board.problem(Topic::Orders, Problem::of_call(error, clock::now()));
        }
    }

    fn refuse_answer(&self, id: &TransactionId, reason: &str) {
        let remedy = "nothing ran; look at the server's log, and at what stands between server and agent";
        let message = format!("the order {id} is refused: {reason}");
        self.tools.board.problem(Topic::Orders, Problem::new("order-refused", &message, remedy, clock::now()));
    }

    /// The third door.
    async fn admit(&self, order: &Order) -> Result<Admitted, Ending> {
        let digest = &order.item.digest;
        let cached = cache::read(&self.tools.folder, digest).unwrap_or_default();
        let was_cached = cached.is_some();
        let first = match cached {
            Some(component) => self.judge(order, component).await,
            None => self.fetch(order).await,
        };
        match first {
            // A cached component that was changed may pass when it is fetched again.
            Err(_) if was_cached => {
                let _ = cache::discard(&self.tools.folder, digest);
                self.fetch(order).await
            }
            first => first,
        }
    }

    async fn fetch(&self, order: &Order) -> Result<Admitted, Ending> {
        let fetched = self.tools.client.object(&order.item.digest).await;
        let component = fetched.map_err(|e| failed("not-fetched", &format!("its component cannot be fetched: {e}")))?;
        let admitted = self.judge(order, component).await?;
        if let Err(error) = cache::write(&self.tools.folder, &order.item.digest, &admitted.component.bytes) {
            tracing::warn!(%error, "the component of an order is not kept");
        }
        Ok(admitted)
    }

    async fn judge(&self, order: &Order, component: Vec<u8>) -> Result<Admitted, Ending> {
        let (item, trust, facts) = (order.item.clone(), self.tools.trust.clone(), self.tools.facts.clone());
        let admit = move || door::admit(&item, component, &trust, &facts, Purpose::Order);
        let verdict = tokio::task::spawn_blocking(admit).await;
        verdict
            .unwrap_or(Err(door::Refusal::Interrupted))
            .map_err(|refusal| failed("refused", &format!("the device refuses it: {refusal}")))
    }

    /// Writes down that the order begins, and asks the server to let it start. False if the server does not.
    async fn begin(&mut self, order: &Order) -> Result<bool, Ending> {
        let key = random::nonce().map_err(|e| failed("not-recorded", &e.to_string()))?;
        let entry = Entry {
            transaction: order.transaction.clone(),
            installation: order.item.installation.clone(),
            begun: clock::now(),
            deliver_by: order.deliver_by,
            key: key.clone(),
            ended: false,
        };
        self.ledger
            .put(entry)
            .map_err(|e| failed("not-recorded", &format!("its start cannot be written down: {e}")))?;
        let mut backoff = Backoff::default();
        loop {
            let error = match self.tools.client.start_order(&order.transaction, &StartOrder { key: key.clone() }).await
            {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            if matches!(error, CallError::Refused { status: Some(404 | 409), .. }) {
                tracing::info!(transaction = %order.transaction, %error, "the order is not to start");
                if let Err(error) = self.ledger.remove(&order.transaction) {
                    tracing::warn!(%error, "the ledger keeps an order that was not started");
                }
                return Ok(false);
            }
            if order.deliver_by < clock::now() {
                return Err(Ending::Expired);
            }
            tokio::time::sleep(backoff.after_failure(random::jitter())).await;
        }
    }

    async fn execute(&mut self, order: Order, admitted: Admitted, envelope: Envelope) {
        let (id, installation) = (&order.transaction, &order.item.installation);
        let (http, broker) = (Arc::clone(&self.tools.http), Arc::clone(&self.tools.broker));
        let host = Arc::new(OrderHost::new(envelope, admitted.named.clone(), http, broker));
        let telling = host::tell(Arc::clone(&self.tools.client), id.clone(), host.progress());
        let report = tokio::select! {
            report = self.sandboxed(&order, &admitted, Arc::clone(&host)) => report,
            // It ends with the run at the earliest.
            () = telling => return,
        };
        let Some(report) = report else {
            tracing::info!(transaction = %id, "the deadline of an order passed while it waited for its place: it does not run");
            self.report(id, installation, Ending::Expired).await;
            return self.ended(id);
        };
        if let Some(state) = &report.state
            && let Err(error) = self.tools.memory.keep(installation, &order.item.grants, state)
        {
            tracing::warn!(%error, "what the run left is not kept");
        }
        let ending = ending(&report.end, report.run > 0);
        tracing::info!(transaction = %id, ended = ?ending.ended(), "an order ended");
        self.put(id, installation, ending, report, host.saved_s()).await;
        self.ended(id);
    }

    /// Runs it in its place; none if its deadline passed before it had one.
    async fn sandboxed(&self, order: &Order, admitted: &Admitted, host: Arc<OrderHost>) -> Option<RunReport> {
        let item = &order.item;
        let sandbox = match self.tools.sandbox.get().await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                let end = End::Refused(error.to_string());
                return Some(RunReport { run: 0, end, usage: Default::default(), log: Vec::new(), state: None });
            }
        };
        self.tools.board.confined(sandbox.lacks());
        // Compiled before it has a place and its deadline is looked at. What does not compile says so when it is to run.
        let _ = sandbox.prepare(&admitted.component).await;
        let spec = RunSpec {
            invocation: Invocation::Script,
            config: item.config.to_string(),
            parameters: order.parameters.to_string(),
            grants: item.grants.clone(),
            optional: admitted.optional.clone(),
            budget: item.budget.clone(),
            facts: self.tools.facts.to_list().into(),
            now: clock::now(),
            state: self.tools.memory.recall(&item.installation, &item.grants),
            warm: None,
        };
        let place = match self.tools.guard.enter(item).await {
            Ok(place) => place,
            Err(LeftOut { kind, message }) => {
                let end = End::Refused(format!("{kind}: {message}"));
                return Some(RunReport { run: 0, end, usage: Default::default(), log: Vec::new(), state: None });
            }
        };
        if order.deliver_by < clock::now() {
            return None;
        }
        tracing::info!(transaction = %order.transaction, accessory = %item.accessory, version = %item.version, "an order runs");
        let report = sandbox.run(&admitted.component, spec, host).await;
        self.tools.guard.left(item, place, &report).await;
        Some(report)
    }
}

fn failed(kind: &str, message: &str) -> Ending {
    match runs::failed(kind, message) {
        Outcome::Failed { kind, message } => Ending::Failed { kind, message },
        _ => Ending::OutcomeUnknown,
    }
}

fn ending(end: &End, began: bool) -> Ending {
    let ending = match end {
        End::Returned(Returned::Script(outcome)) => Ending::Done(outcome.clone()),
        End::Returned(_) => failed("bad-answer", "a script answered like another kind"),
        End::Fault(fault) => failed("fault", &fault.to_string()),
        End::Exhausted(field) => failed("exhausted", &format!("the budget's {field} was reached")),
        End::Trapped(backtrace) => failed("trapped", backtrace),
        End::Refused(reason) => failed("refused", reason),
        // What it had done by then nobody knows; what was not begun has no usage, and is said to have failed.
        End::RunnerLost(_) if began => Ending::OutcomeUnknown,
        End::RunnerLost(reason) => failed("runner-lost", reason),
    };
    match ending.problem() {
        Some(problem) => failed("bad-output", &problem),
        None => ending,
    }
}

/// How often progress goes up at most.
const TELL_EVERY: Duration = Duration::from_millis(500);
