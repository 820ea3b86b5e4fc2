//! Compiled code on its way to devices, and what devices say of it that compiled it too.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use fitment_domain::artifact::{Mismatch, Standing};
use fitment_domain::bytes::Digest;
use fitment_domain::instruction::Item;
use fitment_domain::tenant::Scope;
use fitment_store::{Artifact, Release};
use serde_json::json;

use super::{Peer, set_of};
use crate::app::{App, Shared};
use crate::artifact::{Offers, Word};
use crate::problem::{Body, Problem};

fn not_found() -> Problem {
    Problem::not_found("compiled code in this device's set")
}

/// What the device's own set offers by this digest, and what is known of it now. Anything else is not there.
struct Offered {
    item: Item,
    release: Release,
    artifact: Artifact,
}

impl Offered {
    async fn find(app: &App, peer: &Peer, digest: &str) -> Result<Self, Problem> {
        let digest = Digest::parse(digest).map_err(|_| not_found())?;
        let set = set_of(app, &mut app.store.read(peer.scope()).await?, peer).await?.ok_or_else(not_found)?;
        let mut tx = app.store.read(Scope::Platform).await?;
        for item in set.items.into_iter().filter(|item| item.artifact.is_some()) {
            let Some(release) = tx.release_by_version(&item.accessory, &item.version).await? else { continue };
            let known = tx.artifacts(&release.id).await?.into_iter();
            let mut attested = known.filter(|artifact| artifact.standing == Standing::Attested);
            if let Some(artifact) = attested.find(|artifact| artifact.digest == digest) {
                return Ok(Self { item, release, artifact });
            }
        }
        Err(not_found())
    }
}

/// Hands out compiled code that the device's own set offers, behind the same judgement as everywhere.
pub(super) async fn fetch(
    State(app): State<Shared>,
    peer: Peer,
    Path(digest): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let offered = Offered::find(&app, &peer, &digest).await?;
    let device = app.store.read(peer.scope()).await?.device(&peer.device).await?.ok_or_else(not_found)?;
    let offers = Offers::to(&app, &peer.tenant, &device).await?.ok_or_else(not_found)?;
    let code = app.store.objects().get(&offered.artifact.digest).await?.ok_or_else(not_found)?;
    if let Err(error) = offers.judge(&app, &offered.item, &offered.artifact, Some(&code)) {
        tracing::error!(release = %offered.release.id, %error, "stored compiled code does not verify; it is not handed out");
        return Err(Problem::conflict("does-not-verify", error.to_string()));
    }
    Ok(([("content-type", "application/octet-stream")], code))
}

/// Takes the word of a device that compiled something else. One is enough: all that is lost is that devices compile for themselves.
pub(super) async fn mismatch(
    State(app): State<Shared>,
    peer: Peer,
    Path(digest): Path<String>,
    Body(said): Body<Mismatch>,
) -> Result<StatusCode, Problem> {
    let Offered { item, release, artifact } = Offered::find(&app, &peer, &digest).await?;
    if said.component != item.digest || said.got == artifact.digest {
        return Err(Problem::invalid("component must be that of the set, and got another digest than the artifact's"));
    }
    let reason = format!("a device compiled {} where {} is attested", said.got, artifact.digest);
    tracing::error!(tenant = %peer.tenant, device = %peer.device, accessory = %release.accessory, version = %release.version, reason, "compiled code is withdrawn");
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let more = json!({ "tenant": peer.tenant, "device": peer.device });
    let word = Word { release: &release, artifact: &artifact, more };
    word.withdraw(&mut tx, "the platform", &reason, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
