//! Compiled code of a release: attested by its publisher, compared and countersigned by the platform, withdrawn by an operator.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::artifact::{self, BadArtifact, Standing, Target, Wanted};
use fitment_domain::bytes::Digest;
use fitment_domain::release::check_reason;
use fitment_domain::signature::Envelope;
use fitment_domain::tenant::{Action, Scope};
use fitment_domain::time::UnixMs;
use fitment_store::{Artifact, Release};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{accessory, find_release};
use crate::app::{App, Shared};
use crate::artifact::{Word, build_min, set_build_min};
use crate::auth::{Caller, Operator, Publisher};
use crate::job::{self, JobKind};
use crate::problem::{Body, Problem};

/// What is known of compiled code.
#[derive(Serialize, ToSchema)]
pub struct ArtifactView {
    /// For which machines: `x86_64-linux-v2` or `aarch64-linux`.
    pub target: &'static str,
    /// The number of the compiler.
    pub build: u32,
    /// SHA-256 of the compiled code, as the publisher attests it.
    pub digest: String,
    /// `waiting` (the marketplace compiles), `attested`, `refused` or `withdrawn`.
    pub state: &'static str,
    /// Why it was refused or withdrawn.
    pub reason: Option<String>,
    pub changed_ms: i64,
}

/// The compiled code of a release.
#[derive(Serialize, ToSchema)]
pub struct ArtifactList {
    pub artifacts: Vec<ArtifactView>,
}

/// Why compiled code is withdrawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One line of 3 to 500 characters; the publisher reads it.
    pub reason: String,
}

/// The earliest compiler whose code counts.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompilerMinimum {
    /// A number of a compiler; 0 takes every one.
    pub build_min: u32,
}

fn view(artifact: &Artifact) -> ArtifactView {
    ArtifactView {
        target: artifact.target.as_str(),
        build: artifact.build,
        digest: artifact.digest.to_string(),
        state: artifact.standing.as_str(),
        reason: artifact.reason.clone(),
        changed_ms: artifact.changed.0,
    }
}

type Which = Path<(String, String, String)>;
type WhichTarget = Path<(String, String, String, String)>;

fn target(name: &str) -> Result<Target, Problem> {
    Target::parse(name).ok_or_else(|| {
        let known = Target::ALL.map(Target::as_str).join(" or ");
        Problem::invalid(format!("target must be {known}"))
    })
}

/// Lists the compiled code of a release, with what became of each attestation.
#[utoipa::path(get, path = "/api/v1/releases/{publisher}/{name}/{version}/artifacts", tag = "compiled code", responses(
    (status = 200, body = ArtifactList), (status = 404)))]
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path((publisher, name, version)): Which,
) -> Result<Json<ArtifactList>, Problem> {
    let scope = caller.may(Action::SeeReleases)?;
    // Whoever sees a release sees what is known of its code.
    let release = find_release(&app, scope, &accessory(&publisher, &name)?, Some(&version)).await?;
    let found = app.store.read(Scope::Platform).await?.artifacts(&release.id).await?;
    Ok(Json(ArtifactList { artifacts: found.iter().map(view).collect() }))
}

/// How long a publisher waits before it says once more what was refused.
const REFUSED_MS: u64 = 10 * 60 * 1_000;

/// Returns whether what a publisher says is compared from now on; false if that very code waits for it already.
fn is_new(known: &Artifact, digest: &Digest, now: UnixMs) -> Result<bool, Problem> {
    if !known.standing.may_be_said_again() {
        return Err(settled(known));
    }
    if known.digest != *digest || known.standing == Standing::Waiting {
        return Ok(known.digest != *digest);
    }
    match REFUSED_MS.saturating_sub(now.since_ms(known.changed)) {
        0 => Ok(true),
        wait_ms => Err(Problem::conflict(
            "refused",
            format!(
                "the code with this digest was refused: attest what this release compiles to, or this once more in {} s",
                wait_ms.div_ceil(1_000)
            ),
        )),
    }
}

/// Takes a publisher's word about what its release compiles to: a DSSE envelope of a statement about an artifact, signed by the key
/// that signed the release. The marketplace compiles for itself, and countersigns only if it gets the same bytes.
#[utoipa::path(put, path = "/api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}", tag = "compiled code",
    request_body = serde_json::Value, responses((status = 202, body = ArtifactView),
    (status = 409, description = "not-supported, does-not-verify, attested, refused or withdrawn"), (status = 422, description = "invalid")))]
pub async fn attest(
    State(app): State<Shared>,
    publisher: Publisher,
    Path((owner, name, version, machines)): WhichTarget,
    Body(statement): Body<Envelope>,
) -> Result<(StatusCode, Json<ArtifactView>), Problem> {
    let scope = Scope::Publisher(publisher.id.clone());
    let release = find_release(&app, scope, &accessory(&owner, &name)?, Some(&version)).await?;
    let target = target(&machines)?;
    let here = (std::env::consts::ARCH, std::env::consts::OS);
    if target.machine() != here {
        let detail =
            format!("{target} is not supported: this marketplace runs on {} and compiles for it alone", here.0);
        return Err(Problem::conflict("not-supported", detail));
    }
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let publisher_key = tx.publisher_key_at(&release.publisher, release.uploaded).await?;
    let wanted = Wanted {
        publisher: publisher_key.ok_or_else(|| Problem::internal("a release without its publisher's key"))?,
        platform: None,
        component: &release.digest,
        target,
        build: app.sandbox.build(),
        build_min: build_min(&mut tx).await?,
    };
    let said = artifact::judge(&statement, &wanted, None).map_err(|bad| unfit(&bad))?;
    let known = tx.artifact(&release.id, target, said.build.number).await?;
    if let Some(known) = known
        && !is_new(&known, &said.digest, now)?
    {
        return Ok((StatusCode::ACCEPTED, Json(view(&known))));
    }
    let artifact = Artifact {
        release: release.id.clone(),
        target,
        build: said.build.number,
        digest: said.digest,
        statement,
        standing: Standing::Waiting,
        reason: None,
        changed: now,
    };
    tx.put_artifact(&artifact).await?;
    let word = Word { release: &release, artifact: &artifact, more: json!({}) };
    word.log(&mut tx, publisher.account.as_str(), "artifact.attest", now).await?;
    job::compile(&mut tx, &release.id, target, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(view(&artifact))))
}

fn unfit(bad: &BadArtifact) -> Problem {
    let remedy = match bad {
        BadArtifact::Build { .. } | BadArtifact::TooOld { .. } => {
            ": attest with the `fitment` of the marketplace's version"
        }
        BadArtifact::Signature(_) => ": sign with the key that signed the release",
        _ => ": compile this very release, `fitment attest FILE`",
    };
    Problem::conflict("does-not-verify", format!("{bad}{remedy}"))
}

fn settled(known: &Artifact) -> Problem {
    match known.standing {
        Standing::Withdrawn => Problem::conflict(
            "withdrawn",
            "this code was withdrawn: the marketplace's operator can let it be attested again",
        ),
        Standing::Waiting | Standing::Attested | Standing::Refused => {
            Problem::conflict("attested", format!("it is attested already, with digest {}", known.digest))
        }
    }
}

async fn found(app: &App, which: (String, String, String, String)) -> Result<(Release, Target), Problem> {
    let (publisher, name, version, machines) = which;
    let target = target(&machines)?;
    let accessory = accessory(&publisher, &name)?;
    let mut tx = app.store.read(Scope::Platform).await?;
    let version = semver::Version::parse(&version).map_err(|_| Problem::not_found("version"))?;
    let release = tx.release_by_version(&accessory, &version).await?;
    Ok((release.ok_or_else(|| Problem::not_found("release"))?, target))
}

/// Hands compiled code of a release out no more, of whichever compiler. Devices compile for themselves as soon as they ask.
#[utoipa::path(post, path = "/api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}/withdrawal", tag = "compiled code",
    request_body = Reason, responses((status = 200, body = ArtifactList), (status = 404), (status = 422, description = "invalid")))]
pub async fn withdraw(
    State(app): State<Shared>,
    operator: Operator,
    Path(which): WhichTarget,
    Body(body): Body<Reason>,
) -> Result<Json<ArtifactList>, Problem> {
    let operator = operator.may(Action::Review)?;
    let (release, target) = found(&app, which).await?;
    let reason = body.reason.trim();
    check_reason(reason).map_err(Problem::invalid)?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let known = tx.artifacts(&release.id).await?;
    let mut withdrawn = Vec::new();
    for artifact in known.iter().filter(|a| a.target == target && a.standing != Standing::Withdrawn) {
        let word = Word { release: &release, artifact, more: json!({}) };
        withdrawn.push(view(&word.withdraw(&mut tx, operator.as_str(), reason, now).await?));
    }
    if withdrawn.is_empty() {
        return Err(Problem::not_found("compiled code that could be withdrawn"));
    }
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(ArtifactList { artifacts: withdrawn }))
}

/// Forgets that compiled code of a release was withdrawn: its publisher may attest it again. What counts goes on counting.
#[utoipa::path(delete, path = "/api/v1/releases/{publisher}/{name}/{version}/artifacts/{target}/withdrawal", tag = "compiled code",
    responses((status = 204), (status = 404)))]
pub async fn allow_again(
    State(app): State<Shared>,
    operator: Operator,
    Path(which): WhichTarget,
) -> Result<StatusCode, Problem> {
    let operator = operator.may(Action::Review)?;
    let (release, target) = found(&app, which).await?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let known = tx.artifacts(&release.id).await?;
    if tx.delete_withdrawn_artifacts(&release.id, target).await? == 0 {
        return Err(Problem::not_found("withdrawn code"));
    }
    for artifact in known.iter().filter(|a| a.target == target && a.standing == Standing::Withdrawn) {
        let word = Word { release: &release, artifact, more: json!({}) };
        word.log(&mut tx, operator.as_str(), "artifact.allow-again", now).await?;
    }
    job::enqueue(&mut tx, JobKind::Reoffer, "platform", now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Says which compiler is the earliest whose code counts.
#[utoipa::path(get, path = "/api/v1/compiler-minimum", tag = "compiled code", responses((status = 200, body = CompilerMinimum)))]
pub async fn show_minimum(State(app): State<Shared>, operator: Operator) -> Result<Json<CompilerMinimum>, Problem> {
    operator.may(Action::Review)?;
    let build_min = build_min(&mut app.store.read(Scope::Platform).await?).await?;
    Ok(Json(CompilerMinimum { build_min }))
}

/// Decides which compiler is the earliest whose code counts. Code of an earlier one is not handed out, and devices refuse it.
#[utoipa::path(put, path = "/api/v1/compiler-minimum", tag = "compiled code", request_body = CompilerMinimum, responses(
    (status = 200, body = CompilerMinimum)))]
pub async fn decide_minimum(
    State(app): State<Shared>,
    operator: Operator,
    Body(body): Body<CompilerMinimum>,
) -> Result<Json<CompilerMinimum>, Problem> {
    let operator = operator.may(Action::Review)?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let before = build_min(&mut tx).await?;
    set_build_min(&mut tx, body.build_min).await?;
    let details = json!({ "from": before, "to": body.build_min });
    tx.append_audit(operator.as_str(), "compiler-minimum.set", "platform", &details, now).await?;
    job::enqueue(&mut tx, JobKind::Reoffer, "platform", now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(body))
}

#[cfg(test)]
mod tests {
    use fitment_domain::artifact::ARTIFACT_TYPE;
    use fitment_domain::id::ReleaseId;

    use super::*;

    #[test]
    fn what_waits_or_was_just_refused_is_not_compiled_once_more() {
        let digest = Digest::of(b"code");
        let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let known = |standing| Artifact {
            release: ReleaseId::from_random([1; 16]),
            target: Target::X86V2Linux,
            build: 1,
            digest: digest.clone(),
            statement: Envelope::sign(ARTIFACT_TYPE, &"said", &key).unwrap(),
            standing,
            reason: None,
            changed: UnixMs(1_000_000),
        };
        let of = |standing, digest: &Digest, after_ms| {
            let new = is_new(&known(standing), digest, UnixMs(1_000_000).plus_ms(after_ms));
            new.map_err(|problem| problem.code())
        };
        let other = Digest::of(b"other");
        assert_eq!(of(Standing::Waiting, &digest, REFUSED_MS), Ok(false));
        assert_eq!(of(Standing::Waiting, &other, 0), Ok(true));
        assert_eq!(of(Standing::Refused, &digest, REFUSED_MS - 1), Err("refused"));
        assert_eq!(of(Standing::Refused, &digest, REFUSED_MS), Ok(true));
        assert_eq!(of(Standing::Refused, &other, 0), Ok(true));
        assert_eq!(of(Standing::Attested, &other, REFUSED_MS), Err("attested"));
        assert_eq!(of(Standing::Withdrawn, &other, REFUSED_MS), Err("withdrawn"));
    }
}
