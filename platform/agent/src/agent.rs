//! All loops of a running agent. Each goes on when another one is stuck.

use std::path::PathBuf;
use std::sync::Arc;

use fitment_domain::device::Facts;
use fitment_domain::egress::Policy;
use fitment_domain::protocol::ZeroBundle;
use fitment_runner_client::{Egress, HttpHost, HttpHostError, Secrets, Trust};
use tokio::task::JoinSet;

use crate::artifacts::Artifacts;
use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::client::{BadClient, Client};
use crate::crash::Guard;
use crate::enrolment::{self, EnrolError};
use crate::facts;
use crate::files::{self, FileError};
use crate::folder::StateFolder;
use crate::identity::{self, BadIdentity, Identity};
use crate::instructions::Instructions;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::orders;
use crate::outbox::Outbox;
use crate::problem::Problem;
use crate::roster::{Roster, Tools};
use crate::runs::{Outside, Runs};
use crate::sandbox::LazySandbox;
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::signed_set::SignedSet;
use crate::spool::{Spool, SpoolError, SpoolLimits};
use crate::status::{Board, Status, Topic};
use crate::stop::{self, Stop};
use crate::{clock, random, renewal};

/// What `fitment-agent run` is told.
pub struct Options {
    pub state: PathBuf,
    /// Where runner and compiler are.
    pub programs: PathBuf,
    /// Enrols first, if the state folder holds no identity.
    pub bundle: Option<PathBuf>,
    /// What it was told about where it stands: a location, or client/location.
    pub location: Option<String>,
}

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("this state folder holds no identity: enrol first, or name a zero bundle with --bundle")]
    NotEnrolled,
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    #[error(transparent)]
    Client(#[from] BadClient),
    #[error("requests of accessories: {0}")]
    Http(#[from] HttpHostError),
    #[error("where the broker is: {0}")]
    Broker(std::io::Error),
    #[error("the spool cannot be opened: {0}")]
    Spool(#[from] SpoolError),
}

/// Runs the agent until it is time to stop.
pub async fn run(options: Options, mut stop: Stop) -> Result<(), AgentError> {
    let folder = StateFolder::at(&options.state);
    folder.create()?;
    let _lock = files::lock(&folder.lock())?;
    let facts = enrolment::facts(options.location.as_deref());
    let started = clock::now();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let board = Board::new(Status { agent_version: version, started, ..Status::default() });
    // The board is written to the end, also when another loop still has something to say after stop.
    let (board_stopper, board_stop) = stop::channel();
    let written = tokio::spawn(board.clone().keep_written(folder.clone(), board_stop));
    let outcome = match identity_of(&folder, options.bundle, &facts, &board, &mut stop).await {
        Ok(Some(identity)) => {
            run_enrolled(folder, options.programs, identity, Told { facts, location: options.location }, board, stop)
                .await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    board_stopper.stop();
    // A status that could not be written is nothing to fail for.
    let _ = written.await;
    outcome
}

/// Returns the identity, from disk or by enrolment; none if it is time to stop first.
async fn identity_of(
    folder: &StateFolder,
    bundle: Option<PathBuf>,
    facts: &Facts,
    board: &Board,
    stop: &mut Stop,
) -> Result<Option<Identity>, AgentError> {
    if let Some(identity) = Identity::load(folder)? {
        return Ok(Some(identity));
    }
    let bundle = enrolment::read_bundle(&bundle.ok_or(AgentError::NotEnrolled)?)?;
    keep_enrolling(folder, &bundle, facts, board, stop).await
}

async fn keep_enrolling(
    folder: &StateFolder,
    bundle: &ZeroBundle,
    facts: &Facts,
    board: &Board,
    stop: &mut Stop,
) -> Result<Option<Identity>, AgentError> {
    let mut backoff = Backoff::default();
    loop {
        let Some(enrolled) = stop.or(enrolment::enrol(folder, bundle, facts.clone())).await else { return Ok(None) };
        let error = match enrolled {
            Ok(identity) => {
                tracing::info!(device = %identity.me.device, "enrolled");
                board.solved(Topic::Enrolment);
                return Ok(Some(identity));
            }
            Err(EnrolError::Call(error)) => error,
            Err(other) => return Err(other.into()),
        };
        board.problem(Topic::Enrolment, Problem::of_call(&error, clock::now()));
        let random = random::jitter();
        let wait = if error.needs_a_person() { backoff.after_refusal(random) } else { backoff.after_failure(random) };
        if stop.sleep(wait).await {
            return Ok(None);
        }
    }
}

/// What is known of the device, and what the agent was told about where it stands.
struct Told {
    facts: Facts,
    location: Option<String>,
}

async fn run_enrolled(
    folder: StateFolder,
    programs: PathBuf,
    identity: Identity,
    told: Told,
    board: Board,
    stop: Stop,
) -> Result<(), AgentError> {
    let until = identity.validity()?.until;
    board.update(|status| {
        status.server = identity.server.clone();
        status.tenant = Some(identity.me.tenant.clone());
        status.device = Some(identity.me.device.clone());
        status.certificate_until = Some(until);
    });
    let client = Arc::new(Client::new(&identity.server, identity.credentials())?);
    let spool = Spool::open(&folder.spool(), SpoolLimits::standard())?;
    let outbox = Arc::new(Outbox::new(spool, board.clone()));
    let mac_key = identity::cache_mac_key(&folder)?;
    let broker = || Broker::new(&programs, folder.path()).map(Arc::new).map_err(AgentError::Broker);
    let (acting, looking) = (broker()?, broker()?);
    let sandbox = Arc::new(LazySandbox::new(programs, folder.compiled(), mac_key));
    let memory = Memory::at(folder.memory());
    let guard = Arc::new(Guard::open(folder.failures(), stop.clone()));
    // Accessories' requests carry no secret of the agent's, and nothing of its identity.
    let http = Arc::new(HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device))?);
    let artifacts = Arc::new(Artifacts::new(
        Arc::clone(&sandbox),
        Arc::clone(&client),
        board.clone(),
        &told.facts,
        identity.trust().release_key,
        mac_key,
    ));
    let order_tools = orders::Tools {
        artifacts: Arc::clone(&artifacts),
        http: Arc::clone(&http),
        broker: acting,
        folder: folder.clone(),
        client: Arc::clone(&client),
        outbox: Arc::clone(&outbox),
        board: board.clone(),
        sandbox: Arc::clone(&sandbox),
        memory: memory.clone(),
        facts: told.facts.clone(),
        me: identity.me.clone(),
        instruction_key: identity.instruction_key,
        trust: identity.trust(),
        guard: Arc::clone(&guard),
    };
    let signed = Arc::new(SignedSet::default());
    let (orders, desk) = orders::new(order_tools, Ledger::open(folder.orders(), clock::now())?);
    let runs = Runs::new(
        Arc::clone(&sandbox),
        told.facts.to_list(),
        Arc::clone(&outbox),
        board.clone(),
        memory.clone(),
        Outside { http, broker: looking, set: Arc::clone(&signed), artifacts: Arc::clone(&artifacts) },
        guard,
    );
    let schedule = Schedule::new(identity.me.device.clone(), Arc::new(runs));
    let tools = Tools {
        artifacts,
        folder: folder.clone(),
        client: Arc::clone(&client),
        outbox: Arc::clone(&outbox),
        board: board.clone(),
        sandbox,
        facts: told.facts.clone(),
        memory,
        trust: identity.trust(),
    };
    let roster = Roster::new(tools, schedule);
    let instructions =
        Instructions::new(folder.clone(), identity.clone(), Arc::clone(&client), board.clone(), roster, desk, signed);
    let sender = Sender::new(Arc::clone(&client), outbox, board.clone());
    tracing::info!(device = %identity.me.device, server = identity.server, "the agent runs");

    let mut loops = JoinSet::new();
    loops.spawn(instructions.run(stop.clone()));
    loops.spawn(orders.run(stop.clone()));
    loops.spawn(sender.run(stop.clone()));
    loops.spawn(renewal::keep_renewed(folder, identity, Arc::clone(&client), board.clone(), stop.clone()));
    loops.spawn(facts::keep_reported(client, told.facts, told.location, board, stop));
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a loop of the agent failed");
        }
    }
    tracing::info!("the agent stopped");
    Ok(())
}
