//! Uploads: what a publisher sends, and the answer that names every finding.

use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use fitment_domain::bytes::Digest;
use fitment_domain::id::ReleaseId;
use fitment_domain::manifest::AccessoryName;
use fitment_domain::release::Publication;
use fitment_domain::tenant::Scope;
use fitment_domain::validation::{Problem as Finding, Report};
use fitment_store::{Release, StoreError};
use semver::Version;
use serde::Serialize;
use utoipa::ToSchema;

use super::UPLOAD_BYTES_MAX;
use super::releases::{ReleaseView, ReportView, findings, listing, view};
use crate::app::{App, Shared};
use crate::auth::Publisher;
use crate::clock;
use crate::intake::{self, Accepted, Upload};
use crate::problem::Problem;

/// A release that was taken.
#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    pub release: ReleaseView,
    pub report: ReportView,
}

/// A refused upload; nothing but its report was kept.
#[derive(Serialize, ToSchema)]
pub struct RefusedUpload {
    pub at_ms: i64,
    pub digest: String,
    pub report: ReportView,
}

/// Refused uploads.
#[derive(Serialize, ToSchema)]
pub struct RefusedUploads {
    pub uploads: Vec<RefusedUpload>,
}

async fn read_upload(mut form: Multipart) -> Result<Upload, Problem> {
    let too_large = || {
        let detail = format!("component, statement and listing have more than {UPLOAD_BYTES_MAX} bytes together");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    };
    let bad = |e: MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => Problem::new(status, "invalid-body", e.body_text()),
    };
    let (mut component, mut statement, mut part_listing) = (None, None, None);
    let mut bytes_seen = 0_usize;
    while let Some(mut field) = form.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_owned();
        let slot = match name.as_str() {
            "component" => &mut component,
            "statement" => &mut statement,
            "listing" => &mut part_listing,
            other => {
                return Err(Problem::invalid(format!(
                    "part {other:?} is not known: send component, statement, listing"
                )));
            }
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(bad)? {
            bytes_seen = bytes_seen.saturating_add(chunk.len());
            if bytes_seen <= UPLOAD_BYTES_MAX {
                bytes.extend_from_slice(&chunk);
            }
        }
        if slot.replace(bytes).is_some() {
            return Err(Problem::invalid(format!("part {name:?} came twice")));
        }
    }
    if bytes_seen > UPLOAD_BYTES_MAX {
        return Err(too_large());
    }
    let missing = |name: &str| Problem::invalid(format!("part {name:?} is missing"));
    Ok(Upload {
        component: component.ok_or_else(|| missing("component"))?.into(),
        statement: statement.ok_or_else(|| missing("statement (an upload must be signed)"))?,
        listing: part_listing.ok_or_else(|| missing("listing"))?,
    })
}

/// Takes an upload: multipart/form-data with `component`, `statement` (a DSSE envelope) and `listing`. Answers with every
/// finding of validation; one error refuses, and nothing is stored as a release.
#[utoipa::path(post, path = "/api/v1/releases", tag = "publishing", responses(
    (status = 201, body = Uploaded), (status = 422, description = "refused; the member `report` names each finding")))]
pub async fn upload(
    State(app): State<Shared>,
    publisher: Publisher,
    form: Multipart,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    let upload = read_upload(form).await?;
    let row = app.store.read(Scope::Platform).await?.publisher(&publisher.id).await?;
    let row = row.ok_or_else(|| Problem::not_found("publisher"))?;
    match intake::judge(&app.sandbox, &row, &upload).await {
        Ok(accepted) => {
            let statement = &accepted.verified.statement;
            let mut tx = app.store.read(Scope::Platform).await?;
            let used = tx.release_by_version(&statement.accessory, &statement.version).await?.is_some();
            drop(tx);
            if used {
                // Nothing of a refused upload is kept but its report.
                let report = with_used_version(accepted.report, &statement.accessory, &statement.version);
                return Err(refuse(&app, &publisher, &statement.digest, report).await?);
            }
            take(&app, &publisher, &upload, accepted).await
        }
        Err(report) => Err(refuse(&app, &publisher, &Digest::of(&upload.component), report).await?),
    }
}

async fn refuse(app: &App, publisher: &Publisher, digest: &Digest, report: Report) -> Result<Problem, Problem> {
    let mut tx = app.store.begin(Scope::Publisher(publisher.id.clone())).await?;
    tx.insert_upload_report(digest, &report, app.now()).await?;
    tx.commit().await?;
    let detail = "the upload is refused; report.problems names each finding and its remedy";
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "upload-refused", detail);
    Ok(problem.with("report", ReportView { problems: findings(&report.problems) }))
}

fn with_used_version(mut report: Report, accessory: &AccessoryName, version: &Version) -> Report {
    let message = format!("{accessory} {version} exists already, and a release never changes");
    report.problems.push(Finding::error("version-used", message, "raise [accessory] version, build and sign again"));
    report
}

async fn take(
    app: &App,
    publisher: &Publisher,
    upload: &Upload,
    accepted: Accepted,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    let now = app.now();
    let statement = accepted.verified.statement;
    let release = Release {
        id: ReleaseId::from_random(clock::random()?),
        publisher: publisher.id.clone(),
        accessory: statement.accessory,
        version: statement.version,
        kind: statement.kind,
        digest: statement.digest,
        listing_digest: statement.listing_digest,
        state: Publication::InReview,
        manifest: accepted.verified.package.manifest,
        report: accepted.report,
        uploaded: now,
        approved: None,
        notice: None,
        quarantined: false,
        development: None,
    };
    // Objects first: a row never points at what is not there; an object without a row harms nobody.
    let objects = app.store.objects();
    objects.put(&release.digest, &upload.component).await?;
    objects.put(&release.listing_digest, &upload.listing).await?;
    objects.put_statement(&release.id, &upload.statement).await?;
    let mut tx = app.store.begin(Scope::Publisher(publisher.id.clone())).await?;
    match tx.insert_release(&release).await {
        Err(StoreError::Conflict { .. }) => {
            drop(tx);
            let report = with_used_version(release.report, &release.accessory, &release.version);
            return Err(refuse(app, publisher, &release.digest, report).await?);
        }
        other => other?,
    }
    let details =
        serde_json::json!({ "accessory": release.accessory, "version": release.version, "digest": release.digest });
    tx.append_audit(publisher.account.as_str(), "release.upload", release.id.as_str(), &details, now).await?;
    tx.commit().await?;
    let report = ReportView { problems: findings(&release.report.problems) };
    let release = view(&release, listing(app, &release).await.as_ref());
    Ok((StatusCode::CREATED, Json(Uploaded { release, report })))
}

/// Lists the publisher's refused uploads with their reports.
#[utoipa::path(get, path = "/api/v1/uploads", tag = "publishing", responses((status = 200, body = RefusedUploads)))]
pub async fn list(State(app): State<Shared>, publisher: Publisher) -> Result<Json<RefusedUploads>, Problem> {
    let rows = app.store.read(Scope::Publisher(publisher.id)).await?.upload_reports().await?;
    let one = |(at, digest, report): (fitment_domain::time::UnixMs, Digest, Report)| RefusedUpload {
        at_ms: at.0,
        digest: digest.to_string(),
        report: ReportView { problems: findings(&report.problems) },
    };
    Ok(Json(RefusedUploads { uploads: rows.into_iter().map(one).collect() }))
}
