//! What the server counts, as OpenMetrics text. No label holds the name of a tenant, a device or a person, and every label comes
//! from a closed list: the number of time series is bounded by the program.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fitment_domain::bytes::Digest;
use fitment_domain::series::Dropped;
use fitment_store::Counts;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use subtle::ConstantTimeEq as _;

use crate::app::Shared;
use crate::job::JobKind;
use crate::problem::Problem;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Seconds: from a page out of memory to a request that waits for a sandbox.
const BUCKETS_S: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// How a run may end; whatever else an agent says counts as `other`.
const ENDS: [&str; 8] = ["findings", "execution", "fault", "exhausted", "trapped", "refused", "runner-lost", "door"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    listener: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listener {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

type SecondsGauge = Gauge<f64, AtomicU64>;

/// The counters of one process.
pub struct Metrics {
    registry: Registry,
    /// The digest of the token that opens `/metrics`; none: it stays closed.
    token: Option<Digest>,
    requests: Family<Route, Counter>,
    latency: Family<Listener, Histogram, fn() -> Histogram>,
    jobs: Family<Job, Counter>,
    results: Counter,
    refusals: Counter,
    runs: Family<Kind, Counter>,
    dropped: Family<Kind, Counter>,
    queued: Family<Kind, Gauge>,
    queue_age: Family<Kind, SecondsGauge>,
    devices: Gauge,
    devices_seen: Gauge,
    pool: Family<Kind, Gauge>,
}

fn known_job(word: &str) -> &'static str {
    JobKind::parse(word).map_or("other", JobKind::as_str)
}

fn known(list: &[&'static str], word: &str) -> &'static str {
    list.iter().find(|known| **known == word).copied().unwrap_or("other")
}

impl Metrics {
    /// Makes counters that stand at nothing; the token is what a scraper must show.
    pub fn new(token: Option<&str>) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS_S);
        let mut metrics = Self {
            registry: Registry::with_prefix("fitment"),
            token: token.map(|token| Digest::of(token.as_bytes())),
            requests: Family::default(),
            latency: Family::new_with_constructor(histogram),
            jobs: Family::default(),
            results: Counter::default(),
            refusals: Counter::default(),
            runs: Family::default(),
            dropped: Family::default(),
            queued: Family::default(),
            queue_age: Family::default(),
            devices: Gauge::default(),
            devices_seen: Gauge::default(),
            pool: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("http_requests", "Requests by route and status", self.requests.clone());
        r.register("http_request_seconds", "How long requests took", self.latency.clone());
        r.register("jobs", "Jobs that came to an end, by kind and outcome", self.jobs.clone());
        r.register("results", "Results of runs that were taken", self.results.clone());
        r.register("results_refused", "Results that will never be taken", self.refusals.clone());
        r.register("runs", "Runs on devices by how they ended", self.runs.clone());
        r.register("samples_dropped", "Samples that were not kept, by reason", self.dropped.clone());
        r.register("jobs_waiting", "Jobs that wait or run", self.queued.clone());
        r.register("jobs_oldest_seconds", "How long the longest waiting job is due", self.queue_age.clone());
        r.register("devices", "Devices that are not revoked", self.devices.clone());
        r.register("devices_seen", "Of these, devices seen in the last two minutes", self.devices_seen.clone());
        r.register("database_connections", "Connections to the database", self.pool.clone());
    }

    /// Counts a job's end.
    pub fn job(&self, kind: &str, outcome: &'static str) {
        self.jobs.get_or_create(&Job { kind: known_job(kind), outcome }).inc();
    }

    /// Counts a result that was taken, by how its run ended.
    pub fn result(&self, end: &str) {
        self.results.inc();
        self.runs.get_or_create(&Kind { kind: known(&ENDS, end) }).inc();
    }

    /// Counts a result that was refused.
    pub fn refused(&self) {
        self.refusals.inc();
    }

    /// Counts samples that were not kept.
    pub fn dropped(&self, dropped: &BTreeMap<Dropped, u64>) {
        for (reason, samples) in dropped {
            self.dropped.get_or_create(&Kind { kind: reason.as_str() }).inc_by(*samples);
        }
    }

    fn request(&self, listener: &'static str, route: String, status: u16, took: Duration) {
        self.requests.get_or_create(&Route { listener, route, status }).inc();
        self.latency.get_or_create(&Listener { listener }).observe(took.as_secs_f64());
    }

    fn look(&self, counts: &Counts, pool: (u32, usize)) {
        self.devices.set(counts.devices);
        self.devices_seen.set(counts.devices_seen);
        self.queued.clear();
        self.queue_age.clear();
        for (kind, jobs, overdue_ms) in &counts.jobs {
            let label = Kind { kind: known_job(kind) };
            self.queued.get_or_create(&label).inc_by(*jobs);
            let age = self.queue_age.get_or_create(&label);
            age.set(age.get().max(*overdue_ms as f64 / 1_000.0));
        }
        let (size, idle) = (i64::from(pool.0), i64::try_from(pool.1).unwrap_or(0));
        self.pool.get_or_create(&Kind { kind: "open" }).set(size);
        self.pool.get_or_create(&Kind { kind: "idle" }).set(idle);
    }

    /// Opens only to whoever shows the token; without one it is not there at all.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            return Err(Problem::not_found("route: metrics are off; start the server with --metrics-token-file"));
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let same = Digest::of(given.as_bytes()).as_str().as_bytes().ct_eq(token.as_str().as_bytes());
        if bool::from(same) { Ok(()) } else { Err(Problem::unauthenticated("send the token of --metrics-token-file")) }
    }
}

/// Counts a request of one listener by the route that it took, never by its path.
pub async fn layer(
    State((metrics, listener)): State<(Arc<Metrics>, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let begun = tokio::time::Instant::now();
    let response = next.run(request).await;
    metrics.request(listener, route, response.status().as_u16(), begun.elapsed());
    response
}

/// Serves the counters to whoever shows the token.
pub async fn show(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    app.metrics.admit(&headers)?;
    let counts = app.store.read(fitment_domain::tenant::Scope::Platform).await?.counts(app.now()).await?;
    app.metrics.look(&counts, app.store.connections());
    let mut text = String::new();
    encode(&mut text, &app.metrics.registry).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
