//! The API's own description.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{
    accounts, artifacts, audit, ceilings, compiled_code, connection_changes, connections, device_life, device_moves,
    devices, differences, facts, findings, fit, forms, health, import, installation_changes, installations, life,
    mapping, networks, people, plans, releases, requests, retention, series, sessions, sync, tenants, test_tenants,
    tickets, uploads, usage, zero_certificates,
};

/// OpenAPI of the web listener. Errors are `application/problem+json` with `code` and `request_id`.
#[derive(OpenApi)]
#[openapi(
    info(title = "Fitment", description = "The accessory marketplace of an RMM product. Every error answer is application/problem+json (RFC 9457) with a stable `code` and a `request_id`."),
    modifiers(&Bearer, &OperationIds),
    security(("token" = [])),
    paths(
        health::healthz, health::readyz,
        sessions::sign_in, sessions::sign_out, sessions::me, sessions::change_password,
        accounts::list, accounts::add, retention::show, retention::decide, people::list, people::add, people::change, people::disable, people::let_in_again,
        releases::register_key, uploads::upload, releases::list, releases::show, usage::show, uploads::list, releases::approve,
        life::reject, life::warn, life::unwarn, life::yank, life::unyank,
        artifacts::list, artifacts::attest, artifacts::withdraw, artifacts::allow_again,
        artifacts::show_minimum, artifacts::decide_minimum, compiled_code::show, compiled_code::decide,
        test_tenants::create, test_tenants::try_release,
        tenants::clients, tenants::add_client, tenants::locations, tenants::add_location,
        zero_certificates::issue, zero_certificates::list, zero_certificates::revoke,
        networks::list, networks::set, facts::list,
        devices::list, devices::show, devices::add, devices::change, device_moves::move_to, device_moves::move_back, devices::revoke,
        import::devices, device_life::duplicates, device_life::retire, device_life::re_image,
        fit::show, forms::show, installations::install, installations::list, installation_changes::show,
        installation_changes::change, installations::remove,
        requests::make, requests::list, requests::show, requests::cancel, requests::events::stream,
        connections::add, connections::list, connections::check, connection_changes::change, connection_changes::remove,
        sync::show, sync::change, sync::look,
        findings::list, findings::alerts, findings::close, series::list, series::points, tickets::list, tickets::show,
        tickets::change::create, tickets::change::change, tickets::note::add,
        mapping::categories, mapping::add_category, mapping::change_category,
        mapping::rules, mapping::add_rule, mapping::remove_rule,
        differences::show, ceilings::list, ceilings::show, ceilings::set, ceilings::remove, ceilings::of_device,
        plans::list, plans::show, plans::define, plans::remove, plans::of_tenant, plans::assign,
        audit::list,
    )
)]
pub struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// Names each operation by method and path: handlers' own names repeat, and generators of clients need them unique.
struct OperationIds;

impl utoipa::Modify for OperationIds {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let words: Vec<&str> = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
                }
            }
        }
    }
}

/// Serves the description.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
