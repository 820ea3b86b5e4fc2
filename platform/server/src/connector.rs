//! Runs a connector: the accessory in the sandbox, the secret in the host's hands.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use fitment_domain::capability::Grants;
use fitment_domain::id::{ConnectionId, TenantId};
use fitment_domain::manifest::BadManifest;
use fitment_domain::origin::Origin;
use fitment_domain::run::{End, Invocation, Returned, RunReport, State};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::remote::{Answer, Call, Error};
use fitment_runner_client::{
    ComponentRef, Egress, HttpHost, HttpHostError, NoConnection, PrepareError, RunSpec, Secrets, Trust,
};
use fitment_store::{Connection, StoreError};

use crate::app::App;
use crate::door::{self, Refused};
use crate::limits::Limits;
use crate::sealed::{self, SealError};

/// Milliseconds after the end of a run's time within which the sandbox has surely killed it.
pub const KILL_GRACE_MS: u64 = 2_000;

/// Why a connector gave no answer of its own.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    #[error("the connector's release is gone")]
    NoRelease,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Manifest(#[from] BadManifest),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("connection.url: {0}")]
    Url(String),
    #[error("url: {0}")]
    Barred(NoConnection),
    #[error("http: {0}")]
    Http(#[from] HttpHostError),
    #[error("the connector's code is not ready: {0}")]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    NotPermitted(String),
    #[error("{call}: the connector ended without an answer: {end}")]
    Ended { call: &'static str, end: String, maybe_written: bool },
    #[error("{0}: the connector returned something else than asked")]
    WrongAnswer(&'static str),
    #[error("{call}: {error}")]
    Remote { call: &'static str, error: Error },
}

impl ConnectorError {
    /// Returns whether a write may have happened all the same.
    pub fn maybe_written(&self) -> bool {
        match self {
            ConnectorError::Ended { maybe_written, .. } => *maybe_written,
            ConnectorError::Remote { error, .. } => matches!(error, Error::OutcomeUnknown(_) | Error::BadResponse(_)),
            _ => false,
        }
    }
}

/// HTTP clients by connection, with the secrets inside.
pub struct Connectors {
    egress: Arc<Egress>,
    hosts: Mutex<HashMap<ConnectionId, Host>>,
}

/// A client, and what it was made of: it serves as long as that is what the connection says.
struct Host {
    origin: String,
    sealed_secrets: Vec<u8>,
    client: Arc<HttpHost>,
}

/// A connection that was opened: verified code, effective grants, secrets in the host.
pub struct Opened {
    component: ComponentRef,
    grants: Grants,
    budget: fitment_domain::budget::Budget,
    config: String,
    host: Arc<HttpHost>,
}

impl Opened {
    /// Returns the longest time, in milliseconds, that a call can stay under way.
    pub fn call_ms_max(&self) -> u64 {
        self.budget.wall_ms_max + KILL_GRACE_MS
    }
}

/// Opens a connection: reads its release through the door, unseals its credential.
pub async fn open(app: &App, tenant: &TenantId, connection: &Connection) -> Result<Opened, ConnectorError> {
    let mut tx = app.store.read(Scope::Tenant(tenant.clone())).await?;
    let (release, limits) =
        (tx.release(&connection.release).await?, Limits::of_client(&mut tx, connection.client.as_ref()).await?);
    drop(tx);
    let release = release.ok_or(ConnectorError::NoRelease)?;
    let passed = door::open_for(app, tenant, &release).await?;
    let manifest = &passed.verified.package.manifest;
    let origin = Origin::of_url(&connection.url).map_err(|e| ConnectorError::Url(e.to_string()))?;
    let asked = manifest.asked()?.bind_origin("connection", origin.as_str());
    let verdict = limits.judge_for_client(manifest, &asked, connection.client.as_ref());
    if let Some(reason) = verdict.reasons.first() {
        return Err(ConnectorError::NotPermitted(reason.to_string()));
    }
    let host = app.connectors.host(app, tenant, connection, &origin)?;
    let component = ComponentRef { digest: release.digest.clone(), bytes: passed.component.clone() };
    // Compiling counts for nobody's time: a call that begins is a call that runs.
    app.sandbox.prepare(&component).await?;
    Ok(Opened {
        component,
        grants: verdict.judgement.grants,
        budget: manifest.budget()?,
        config: connection.config.to_string(),
        host,
    })
}

impl Connectors {
    /// Makes no client yet; all of them will take this way out.
    pub fn new(egress: Arc<Egress>) -> Self {
        Self { egress, hosts: Mutex::default() }
    }

    /// Refuses an address that leads nowhere that a connection may reach. Every dial asks the same again.
    pub async fn check(&self, url: &str) -> Result<(), ConnectorError> {
        let origin = Origin::of_url(url).map_err(|e| ConnectorError::Url(e.to_string()))?;
        match self.egress.check(origin.host()).await {
            Err(barred @ NoConnection::Barred { .. }) => Err(ConnectorError::Barred(barred)),
            // Whoever asks there will be told.
            _ => Ok(()),
        }
    }

    fn host(
        &self,
        app: &App,
        tenant: &TenantId,
        connection: &Connection,
        origin: &Origin,
    ) -> Result<Arc<HttpHost>, ConnectorError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&connection.id)
            && host.origin == origin.as_str()
            && host.sealed_secrets == connection.sealed_secrets
        {
            return Ok(host.client.clone());
        }
        let opened = sealed::open(&app.keys.sealing, tenant, &connection.id, &connection.sealed_secrets)?;
        let secrets = opened
            .into_iter()
            .fold(Secrets::new(), |secrets, (name, value)| secrets.with(&name, origin.as_str(), value));
        let client = Arc::new(HttpHost::new(secrets, &Trust::default(), Arc::clone(&self.egress))?);
        let (origin, sealed_secrets) = (origin.as_str().to_owned(), connection.sealed_secrets.clone());
        hosts.insert(connection.id.clone(), Host { origin, sealed_secrets, client: client.clone() });
        Ok(client)
    }

    /// Forgets the client of a connection that failed to be made, or was removed.
    pub fn forget(&self, connection: &ConnectionId) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }
}

/// Calls one function of an opened connector.
pub async fn call(app: &App, opened: &Opened, call: Call) -> Result<Answer, ConnectorError> {
    let (name, writes) = (call.name(), call.writes());
    let spec = RunSpec {
        invocation: Invocation::Connector(call),
        config: opened.config.clone(),
        parameters: "{}".to_owned(),
        grants: opened.grants.clone(),
        optional: BTreeSet::new(),
        budget: opened.budget.clone(),
        facts: Arc::new([]),
        now: app.now(),
        state: State::new(),
        warm: None,
    };
    let RunReport { end, log, .. } = app.sandbox.run(&opened.component, spec, opened.host.clone()).await;
    for line in log {
        tracing::debug!(call = name, message = line.message, "connector log");
    }
    match end {
        End::Returned(Returned::Connector(Ok(answer))) => Ok(answer),
        End::Returned(Returned::Connector(Err(error))) => Err(ConnectorError::Remote { call: name, error }),
        End::Returned(Returned::Findings(_) | Returned::Script(_)) => Err(ConnectorError::WrongAnswer(name)),
        End::Fault(fault) => Err(ended(name, fault.to_string(), writes)),
        End::Exhausted(bound) => Err(ended(name, format!("its budget's {bound} was used up"), writes)),
        End::Trapped(trace) => Err(ended(name, format!("it trapped: {trace}"), writes)),
        End::Refused(why) => Err(ended(name, why, false)),
        End::RunnerLost(why) => {
            tracing::warn!(call = name, why, "the runner was lost");
            Err(ended(name, "the runner was lost".to_owned(), writes))
        }
    }
}

fn ended(call: &'static str, end: String, maybe_written: bool) -> ConnectorError {
    ConnectorError::Ended { call, end, maybe_written }
}
