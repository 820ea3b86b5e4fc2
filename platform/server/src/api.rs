//! The public API, version 1. One file per noun; a handler parses, asks the domain, stores, and answers.

pub mod accounts;
pub mod artifacts;
pub mod audit;
pub mod ceilings;
pub mod compiled_code;
pub mod connection_changes;
pub mod connections;
pub mod device_life;
pub mod device_moves;
pub mod devices;
pub mod differences;
pub mod facts;
pub mod findings;
pub mod fit;
pub mod forms;
pub mod health;
pub mod import;
pub mod installation_changes;
pub mod installations;
pub mod life;
pub mod mapping;
pub mod networks;
pub mod openapi;
pub mod people;
pub mod plans;
pub mod releases;
pub mod requests;
pub mod retention;
pub mod series;
pub mod sessions;
pub mod sync;
pub mod tenants;
pub mod test_tenants;
pub mod tickets;
pub mod uploads;
pub mod usage;
pub mod zero_certificates;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, patch, post, put};
use fitment_domain::id::TenantId;
use fitment_domain::manifest::AccessoryName;
use fitment_domain::tenant::Scope;
use fitment_store::{After, Release};
use semver::Version;

use crate::app::{App, Shared};
use crate::door;
use crate::pages;
use crate::problem::{self, Problem};

const JSON_BYTES_MAX: usize = 256 * 1024;
/// Component, statement and listing of one upload together, in bytes.
const UPLOAD_BYTES_MAX: usize = 26 * 1024 * 1024;
/// So much of a larger upload is read and thrown away: a client that is cut off while it sends does not hear why.
const UPLOAD_BYTES_READ_MAX: usize = 2 * UPLOAD_BYTES_MAX;

/// Makes the routes of the web listener.
pub fn router(app: Shared) -> Router {
    let uploads = Router::new()
        .route("/api/v1/releases", get(releases::list).post(uploads::upload))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_READ_MAX));
    let imports = Router::new()
        .route("/api/v1/devices/import", post(import::devices))
        .layer(DefaultBodyLimit::max(import::BYTES_MAX));
    Router::new()
        // Anybody.
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(crate::metrics::show))
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/v1/sessions", post(sessions::sign_in))
        // Everybody who is signed in.
        .route("/api/v1/sessions/current", delete(sessions::sign_out))
        .route("/api/v1/me", get(sessions::me))
        .route("/api/v1/me/password", put(sessions::change_password))
        .route("/api/v1/releases/{publisher}/{name}/{version}", get(releases::show))
        .route("/api/v1/releases/{publisher}/{name}/{version}/form", get(forms::show))
        .route("/api/v1/releases/{publisher}/{name}/{version}/usage", get(usage::show))
        .route("/api/v1/releases/{publisher}/{name}/{version}/difference", get(differences::show))
        .route("/api/v1/releases/{publisher}/{name}/{version}/artifacts", get(artifacts::list))
        .route("/api/v1/audit", get(audit::list))
        // Publishers.
        .route("/api/v1/publisher/key", put(releases::register_key))
        .route("/api/v1/uploads", get(uploads::list))
        .route("/api/v1/test-tenant", post(test_tenants::create))
        .route("/api/v1/releases/{publisher}/{name}/{version}/test", post(test_tenants::try_release))
        .route("/api/v1/releases/{publisher}/{name}/{version}/deprecation", post(life::warn).delete(life::unwarn))
        .route("/api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}", put(artifacts::attest))
        .route("/api/v1/releases/{publisher}/{name}/{version}/yank", post(life::yank).delete(life::unyank))
        // The marketplace's operators.
        .route("/api/v1/releases/{publisher}/{name}/{version}/approval", post(releases::approve))
        .route("/api/v1/accounts", get(accounts::list).post(accounts::add))
        .route("/api/v1/tenants/{id}/retention", get(retention::show).put(retention::decide))
        .route("/api/v1/releases/{publisher}/{name}/{version}/rejection", post(life::reject))
        .route(
            "/api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}/withdrawal",
            post(artifacts::withdraw).delete(artifacts::allow_again),
        )
        .route("/api/v1/compiler-minimum", get(artifacts::show_minimum).put(artifacts::decide_minimum))
        .route("/api/v1/plans", get(plans::list))
        .route("/api/v1/plans/{name}", get(plans::show).put(plans::define).delete(plans::remove))
        .route("/api/v1/tenants/{id}/plan", get(plans::of_tenant).put(plans::assign))
        // MSPs.
        .route("/api/v1/permission-ceilings", get(ceilings::list))
        .route("/api/v1/permission-ceilings/{subject}", get(ceilings::show).put(ceilings::set).delete(ceilings::remove))
        .route("/api/v1/compiled-code", get(compiled_code::show).put(compiled_code::decide))
        .route("/api/v1/devices/{id}/permissions", get(ceilings::of_device))
        .route("/api/v1/people", get(people::list).post(people::add))
        .route("/api/v1/people/{id}", put(people::change).delete(people::disable))
        .route("/api/v1/people/{id}/password", put(people::let_in_again))
        .route("/api/v1/clients", get(tenants::clients).post(tenants::add_client))
        .route("/api/v1/locations", get(tenants::locations).post(tenants::add_location))
        .route("/api/v1/zero-certificates", get(zero_certificates::list).post(zero_certificates::issue))
        .route("/api/v1/zero-certificates/{id}", delete(zero_certificates::revoke))
        .route("/api/v1/locations/{id}/networks", get(networks::list).put(networks::set))
        .route("/api/v1/facts", get(facts::list))
        .route("/api/v1/devices", get(devices::list).post(devices::add))
        .route("/api/v1/devices/duplicates", get(device_life::duplicates))
        .route("/api/v1/devices/{id}", get(devices::show).patch(devices::change))
        .route("/api/v1/devices/{id}/location", put(device_moves::move_to).delete(device_moves::move_back))
        .route("/api/v1/devices/{id}/retirement", post(device_life::retire))
        .route("/api/v1/devices/{id}/re-image", post(device_life::re_image))
        .route("/api/v1/devices/{id}/revocation", post(devices::revoke))
        .route("/api/v1/fit/{publisher}/{name}", get(fit::show))
        .route("/api/v1/installations", get(installations::list).post(installations::install))
        .route(
            "/api/v1/installations/{id}",
            get(installation_changes::show).patch(installation_changes::change).delete(installations::remove),
        )
        .route("/api/v1/requests", get(requests::list).post(requests::make))
        .route("/api/v1/requests/{id}", get(requests::show).delete(requests::cancel))
        .route("/api/v1/requests/{id}/events", get(requests::events::stream))
        .route("/api/v1/connections", get(connections::list).post(connections::add))
        .route("/api/v1/connections/{id}", patch(connection_changes::change).delete(connection_changes::remove))
        .route("/api/v1/connections/{id}/check", post(connections::check))
        .route("/api/v1/connections/{id}/sync", get(sync::show).put(sync::change).post(sync::look))
        .route("/api/v1/findings", get(findings::list))
        .route("/api/v1/alerts", get(findings::alerts))
        .route("/api/v1/alerts/{id}/close", post(findings::close))
        .route("/api/v1/series", get(series::list))
        .route("/api/v1/series/{id}/points", get(series::points))
        .route("/api/v1/tickets", get(tickets::list).post(tickets::change::create))
        .route("/api/v1/tickets/{id}", get(tickets::show).patch(tickets::change::change))
        .route("/api/v1/tickets/{id}/notes", post(tickets::note::add))
        .route("/api/v1/categories", get(mapping::categories).post(mapping::add_category))
        .route("/api/v1/categories/{id}", put(mapping::change_category))
        .route("/api/v1/category-rules", get(mapping::rules).post(mapping::add_rule))
        .route("/api/v1/category-rules/{id}", delete(mapping::remove_rule))
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .merge(uploads)
        .merge(imports)
        .merge(pages::router())
        .fallback(pages::fallback)
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(problem::layer))
        .layer(axum::middleware::from_fn_with_state((app.metrics.clone(), "web"), crate::metrics::layer))
        .with_state(app)
}

/// Reads where a list goes on, as an answer named it.
fn after(text: Option<&str>) -> Result<Option<After>, Problem> {
    let read = |text| After::parse(text).ok_or_else(|| Problem::invalid("after must be the `next` of an answer"));
    text.map(read).transpose()
}

/// Reads the accessory that a path names. What cannot be a name is not there.
pub fn accessory(publisher: &str, name: &str) -> Result<AccessoryName, Problem> {
    AccessoryName::parse(&format!("{publisher}/{name}")).map_err(|_| Problem::not_found("accessory"))
}

/// Finds a release within what the scope sees: by version, or the newest that is available.
pub async fn find_release(
    app: &Shared,
    scope: Scope,
    accessory: &AccessoryName,
    version: Option<&str>,
) -> Result<Release, Problem> {
    let mut tx = app.store.read(scope).await?;
    let found = match version {
        Some(version) => {
            let version = Version::parse(version).map_err(|_| Problem::not_found("version"))?;
            tx.release_by_version(accessory, &version).await?
        }
        None => tx.releases_of(accessory).await?.into_iter().find(Release::is_installable),
    };
    found.ok_or_else(|| Problem::not_found("release"))
}

/// Opens the door of a release for a tenant, which may be the test tenant of its publisher.
async fn verified_for(app: &App, tenant: &TenantId, release: Release) -> Result<Release, Problem> {
    let manifest = door::open_for(app, tenant, &release).await?.verified.package.manifest;
    Ok(Release { manifest, ..release })
}

/// Opens the door of a release. Its manifest is the signed one from here on, whatever the database says.
async fn verified(app: &App, release: Release) -> Result<Release, Problem> {
    let manifest = door::open(app, &release).await?.verified.package.manifest;
    Ok(Release { manifest, ..release })
}
