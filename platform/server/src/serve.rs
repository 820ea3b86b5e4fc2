//! Starts the server, and stops it without losing anything that it said yes to.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum_server::{Handle, Server};
use fitment_domain::egress::Policy;
use fitment_domain::tenant::Scope;
use fitment_runner_client::{Egress, Sandbox, SandboxConfig};
use fitment_store::{ObjectsConfig, Store, StoreError};
use hyper_util::rt::TokioTimer;
use ipnet::IpNet;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::{App, SetTimes};
use crate::auth::{Attempts, PasswordChecks};
use crate::authority::Authorities;
use crate::clock::{Clock as _, SystemClock};
use crate::connector::Connectors;
use crate::keys::{Keys, Vault};
use crate::metrics::Metrics;
use crate::orders::Orders;
use crate::tls::CertificateAcceptor;
use crate::waiting::{Patience, Waiting};
use crate::{agents, api, known_keys, lock, tls, work};

const GRACE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, also the next one of a connection that is kept.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(15);

/// Where the server keeps and finds things.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data: PathBuf,
    pub database: Option<String>,
    pub listen: SocketAddr,
    pub agents_listen: SocketAddr,
    /// `host:port` under which agents reach their listener; default: where it listens.
    pub agents_address: Option<String>,
    pub programs: PathBuf,
    /// Networks beyond the public ones that connections may lead to.
    pub connections_may_reach: Vec<IpNet>,
    /// Opens `/metrics`; none: it stays closed.
    pub metrics_token: Option<String>,
}

impl Settings {
    /// Opens the database and the object store of a data folder.
    pub async fn store(data: &std::path::Path, database: Option<&str>) -> anyhow::Result<Store> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)
            .with_context(|| format!("--data {}", data.display()))?;
        let (database, objects) = Self::places(data, database)?;
        let store = Store::open(&database, objects).await?;
        if !store.row_level_security_binds().await? {
            tracing::warn!(
                "the database's role is a superuser or has BYPASSRLS: row-level security, the second lock between tenants, is off; use a role with neither"
            );
        }
        Ok(store)
    }

    /// Opens them as they are, beside the server that works with them: nothing is made, and nothing brought up to date.
    pub async fn store_as_it_is(data: &std::path::Path, database: Option<&str>) -> anyhow::Result<Store> {
        let (database, objects) = Self::places(data, database)?;
        Ok(Store::open_as_it_is(&database, objects).await?)
    }

    fn places(data: &std::path::Path, database: Option<&str>) -> anyhow::Result<(String, ObjectsConfig)> {
        let data = data.canonicalize().with_context(|| format!("--data {}", data.display()))?;
        let database =
            database.map_or_else(|| format!("sqlite://{}", data.join("fitment.sqlite").display()), str::to_owned);
        Ok((database, ObjectsConfig::Folder(data.join("objects"))))
    }
}

/// Opens the store, again and again while its database is away. Whatever else is wrong ends the start.
async fn store_when_there(settings: &Settings) -> anyhow::Result<Store> {
    let mut patience = Patience::default();
    loop {
        let error = match Settings::store(&settings.data, settings.database.as_deref()).await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        match error.downcast_ref::<StoreError>() {
            Some(inner) if patience.bears(inner).await => {}
            _ => return Err(error),
        }
    }
}

async fn assemble(settings: &Settings, agents_url: String, store: Store) -> anyhow::Result<App> {
    let clock = Arc::new(SystemClock);
    let vault = Vault::open(settings.data.join("keys"))?;
    let keys = Keys::load(&vault)?;
    let authorities = Authorities::load(&vault, clock.now())?;
    known_keys::check(&store, &keys, &authorities).await?;
    let sandbox = Sandbox::start_without_device(SandboxConfig {
        programs_dir: settings.programs.clone(),
        cache_dir: settings.data.join("compiled"),
        mac_key: keys.cache_mac,
    })
    .await?;
    work::ask_for_upkeep(&store, clock.now()).await?;
    let mut tx = store.read(Scope::Platform).await?;
    let (times, open) = (tx.instruction_times().await?, tx.open_executions(clock.now()).await?);
    drop(tx);
    Ok(App {
        store,
        sandbox,
        keys,
        authorities,
        clock,
        platform: App::this_platform(),
        agents_url,
        set_times: SetTimes::new(times.into_iter().map(|(_, device, time)| (device, time))),
        orders: Orders::new(open),
        connectors: Connectors::new(Egress::new(Policy::Server { also: settings.connections_may_reach.clone() })),
        password_checks: PasswordChecks::default(),
        metrics: Arc::new(Metrics::new(settings.metrics_token.as_deref())),
        attempts: Attempts::default(),
        wake: tokio::sync::Notify::new(),
        stop: CancellationToken::new(),
    })
}

fn names(address: &str) -> Vec<String> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    if !names.iter().any(|n| n == host) {
        names.push(host.to_owned());
    }
    names
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let _lock = lock::take(&settings.data)?;
    let web = TcpListener::bind(settings.listen).with_context(|| format!("--listen {}", settings.listen))?;
    let agents_socket = TcpListener::bind(settings.agents_listen)
        .with_context(|| format!("--agents-listen {}", settings.agents_listen))?;
    web.set_nonblocking(true)?;
    agents_socket.set_nonblocking(true)?;
    let (web_address, agents_address) = (web.local_addr()?, agents_socket.local_addr()?);
    let reached_at = settings.agents_address.clone().unwrap_or_else(|| agents_address.to_string());
    let (handle, waiting) = (Handle::new(), Waiting::default());
    let mut servers = JoinSet::new();
    let web_server = patient(axum_server::from_tcp(web)?).handle(handle.clone());
    servers.spawn(web_server.serve(waiting.router().into_make_service()));
    let store = tokio::select! {
        store = store_when_there(&settings) => store?,
        signal = wait_for_signal() => return signal,
    };
    let app = Arc::new(assemble(&settings, format!("https://{reached_at}"), store).await?);
    let (certificate, key) = app.authorities.issue_server(&names(&reached_at), app.now())?;
    let acceptor = CertificateAcceptor::new(tls::server_config(&app.authorities, &certificate, &key)?);

    work::sync::ask_all(&app).await?;
    let mut worker = tokio::spawn(work::run(app.clone(), app.stop.clone()));
    waiting.ready(api::router(app.clone()));
    let agents_server = patient(axum_server::from_tcp(agents_socket)?)
        .acceptor(acceptor)
        .handle(handle.clone())
        .serve(agents::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>());
    servers.spawn(agents_server);
    let listening =
        serde_json::json!({ "web": format!("http://{web_address}"), "agents": format!("https://{agents_address}") });
    announce(&listening);

    // A server without one of its parts would look alive and do half of its work: it ends, and whoever watches it starts it anew.
    let failure = tokio::select! {
        signal = wait_for_signal() => signal.err(),
        Some(ended) = servers.join_next() => Some(ended_early("a listener", ended)),
        ended = &mut worker => Some(ended_early("the background work", ended.map(Ok))),
    };
    tracing::info!("stopping");
    app.stop.cancel();
    handle.graceful_shutdown(Some(GRACE));
    while let Some(ended) = servers.join_next().await {
        ended??;
    }
    // A job that hangs does not hold the process: its lease ends, and it is done again.
    if !worker.is_finished() {
        let _in_time = tokio::time::timeout(GRACE, worker).await;
    }
    failure.map_or(Ok(()), Err)
}

/// Cuts off whoever does not end the head of a request in time: open sentences must not use up the connections.
fn patient(server: Server<SocketAddr>) -> Server<SocketAddr> {
    let mut server = server.http1_only();
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT_MAX);
    server
}

/// Says which part ended although nobody told it to, and why if it knows.
fn ended_early(part: &str, ended: Result<std::io::Result<()>, JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("{part} ended by itself"),
        Ok(Err(error)) => anyhow::Error::new(error).context(format!("{part} failed")),
        Err(error) => anyhow::Error::new(error).context(format!("{part} panicked")),
    }
}

/// Says on standard output where the server listens; whoever started it reads this line.
#[expect(clippy::print_stdout, reason = "the one line that programs wait for")]
fn announce(listening: &serde_json::Value) {
    println!("listening {listening}");
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
