//! Compiled code that devices are offered: what is offered to whom, what was said of it, and how it is withdrawn.

use fitment_domain::artifact::{self, BadArtifact, Build, Offer, Standing, Target, Wanted, taken_by};
use fitment_domain::bytes::Digest;
use fitment_domain::device::Device;
use fitment_domain::id::TenantId;
use fitment_domain::instruction::Item;
use fitment_domain::release::Publication;
use fitment_domain::signature::PublicKey;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{Artifact, Release, StoreError, Tx};
use serde_json::{Value, json};

use crate::app::App;
use crate::job::{self, JobKind};

const BUILD_MIN: &str = "compiler build minimum";

/// Returns the earliest compiler whose code counts; 0 if nobody said.
pub async fn build_min(tx: &mut Tx) -> Result<u32, StoreError> {
    Ok(tx.platform_value(BUILD_MIN).await?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Says which compiler is the earliest whose code counts.
pub async fn set_build_min(tx: &mut Tx, build_min: u32) -> Result<(), StoreError> {
    tx.put_platform_value(BUILD_MIN, &build_min.to_string()).await
}

/// What is written into the logs about an artifact.
pub struct Word<'a> {
    pub release: &'a Release,
    pub artifact: &'a Artifact,
    /// What the publisher is not told: who saw it.
    pub more: Value,
}

impl Word<'_> {
    /// Writes it into the logs of the platform and of the publisher.
    pub async fn log(&self, tx: &mut Tx, actor: &str, action: &str, now: UnixMs) -> Result<(), StoreError> {
        let (release, artifact) = (self.release, self.artifact);
        let said = json!({
            "accessory": release.accessory, "version": release.version, "component": release.digest,
            "target": artifact.target, "build": artifact.build, "digest": artifact.digest, "reason": artifact.reason,
        });
        let mut whole = said.clone();
        if let (Some(whole), Some(more)) = (whole.as_object_mut(), self.more.as_object()) {
            whole.extend(more.clone());
        }
        tx.append_audit(actor, action, release.id.as_str(), &whole, now).await?;
        tx.append_audit_of(&release.publisher, actor, action, release.id.as_str(), &said, now).await
    }

    /// Hands the artifact out no more: written, told, and asked of every device that was offered it.
    pub async fn withdraw(self, tx: &mut Tx, actor: &str, reason: &str, now: UnixMs) -> Result<Artifact, StoreError> {
        let reason = Some(reason.to_owned());
        let artifact = Artifact { standing: Standing::Withdrawn, reason, changed: now, ..self.artifact.clone() };
        tx.put_artifact(&artifact).await?;
        Word { artifact: &artifact, ..self }.log(tx, actor, "artifact.withdraw", now).await?;
        job::enqueue(tx, JobKind::Reoffer, "platform", now).await?;
        Ok(artifact)
    }
}

/// What may be offered to one device.
pub struct Offers {
    target: Target,
    build: Build,
    build_min: u32,
}

impl Offers {
    /// Returns what may be offered; none to a device whose MSP did not ask for it, or which does not say what it takes.
    pub async fn to(app: &App, tenant: &TenantId, device: &Device) -> Result<Option<Self>, StoreError> {
        if !app.store.read(Scope::Tenant(tenant.clone())).await?.takes_artifacts().await? {
            return Ok(None);
        }
        let Some((target, number)) = taken_by(&device.facts) else { return Ok(None) };
        let build_min = build_min(&mut app.store.read(Scope::Platform).await?).await?;
        let build = Build::numbered(number).filter(|build| build.number >= build_min);
        Ok(build.map(|build| Self { target, build, build_min }))
    }

    /// Puts into an item what may be offered in the place of compiling it.
    pub async fn put(offers: Option<&Self>, app: &App, release: &Release, item: Item) -> Result<Item, StoreError> {
        let artifact = match offers {
            Some(offers) => offers.of(app, release, &item).await?,
            None => None,
        };
        Ok(Item { artifact, ..item })
    }

    /// Returns whether compiled code of a release is offered at all: what nobody approved is compiled by whoever tries it.
    pub fn may_be_of(release: &Release) -> bool {
        release.state != Publication::InReview
    }

    /// Returns the code of a release that is attested for machines and compiler of this device.
    pub async fn attested(&self, tx: &mut Tx, release: &Release) -> Result<Option<Artifact>, StoreError> {
        let found = tx.artifact(&release.id, self.target, self.build.number).await?;
        Ok(found.filter(|artifact| artifact.standing == Standing::Attested))
    }

    async fn of(&self, app: &App, release: &Release, item: &Item) -> Result<Option<Offer>, StoreError> {
        if !Self::may_be_of(release) {
            return Ok(None);
        }
        let Some(artifact) = self.attested(&mut app.store.read(Scope::Platform).await?, release).await? else {
            return Ok(None);
        };
        match self.judge(app, item.publisher_key, &item.digest, &artifact, None) {
            Ok(_) => Ok(Some(Offer { statement: artifact.statement, build_min: self.build_min })),
            Err(error) => {
                tracing::error!(release = %release.id, %error, "stored compiled code does not verify; it is not offered");
                Ok(None)
            }
        }
    }

    /// Judges what is kept, by the keys of this moment.
    pub fn judge(
        &self,
        app: &App,
        publisher: PublicKey,
        component: &Digest,
        artifact: &Artifact,
        code: Option<&[u8]>,
    ) -> Result<artifact::ArtifactStatement, BadArtifact> {
        let wanted = Wanted {
            publisher,
            platform: Some(app.keys.release_public()),
            component,
            target: self.target,
            build: &self.build,
            build_min: self.build_min,
        };
        artifact::judge(&artifact.statement, &wanted, code)
    }
}
