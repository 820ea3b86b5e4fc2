//! Compiled code on its way to devices, and what devices say of it that compiled it too.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use fitment_domain::artifact::Mismatch;
use fitment_domain::bytes::Digest;
use fitment_domain::signature::PublicKey;
use fitment_domain::tenant::Scope;
use fitment_store::{Artifact, Release};
use serde_json::json;

use super::{Peer, set_of};
use crate::app::{App, Shared};
use crate::artifact::{Offers, Word};
use crate::problem::{Body, Problem};

fn not_found() -> Problem {
    Problem::not_found("compiled code in this device's set or orders")
}

/// What the device's own set, or an order that it holds, offers by this digest, and what is known of it now. Anything else is not
/// there: not for whoever fetches, and not for whoever says that it differs.
struct Offered {
    release: Release,
    publisher_key: PublicKey,
    artifact: Artifact,
    offers: Offers,
}

impl Offered {
    async fn find(app: &App, peer: &Peer, digest: &str) -> Result<Self, Problem> {
        let digest = Digest::parse(digest).map_err(|_| not_found())?;
        let mut own = app.store.read(peer.scope()).await?;
        let device = own.device(&peer.device).await?.ok_or_else(not_found)?;
        let items = set_of(app, &mut own, peer).await?.map(|set| set.items).unwrap_or_default();
        let ordered = own.ordered_releases(&peer.device).await?;
        drop(own);
        let offers = Offers::to(app, &peer.tenant, &device).await?.ok_or_else(not_found)?;
        let mut tx = app.store.read(Scope::Platform).await?;
        let mut releases = Vec::new();
        for item in items.into_iter().filter(|item| item.artifact.is_some()) {
            releases.extend(tx.release_by_version(&item.accessory, &item.version).await?);
        }
        for id in &ordered {
            releases.extend(tx.release(id).await?);
        }
        for release in releases.into_iter().filter(Offers::may_be_of) {
            let Some(artifact) = offers.attested(&mut tx, &release).await? else { continue };
            if artifact.digest != digest {
                continue;
            }
            let publisher_key = tx.publisher_key_at(&release.publisher, release.uploaded).await?;
            return Ok(Self { publisher_key: publisher_key.ok_or_else(not_found)?, release, artifact, offers });
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
    let Offered { release, publisher_key, artifact, offers } = Offered::find(&app, &peer, &digest).await?;
    let code = app.store.objects().get(&artifact.digest).await?.ok_or_else(not_found)?;
    if let Err(error) = offers.judge(&app, publisher_key, &release.digest, &artifact, Some(&code)) {
        tracing::error!(release = %release.id, %error, "stored compiled code does not verify; it is not handed out");
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
    let Offered { release, artifact, .. } = Offered::find(&app, &peer, &digest).await?;
    if said.component != release.digest || said.got == artifact.digest {
        return Err(Problem::invalid(
            "component must be that of the release, and got another digest than the artifact's",
        ));
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
