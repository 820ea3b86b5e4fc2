//! The door between the object store and anything that runs: whatever comes out is verified again, by the same function
//! as at upload and in the agent.

use std::sync::Arc;

use fitment_domain::id::TenantId;
use fitment_domain::package::PackageLimits;
use fitment_domain::release::Publication;
use fitment_domain::signature::{self, BadSignature, Envelope, PublicKey, Second, VerifiedPackage, Wanted};
use fitment_domain::tenant::Scope;
use fitment_store::{Release, StoreError};

use crate::app::App;
use crate::problem::Problem;

/// Why a stored release does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the object store does not hold the {0} of this release")]
    Missing(&'static str),
    #[error("the publisher has no registered key")]
    NoPublisherKey,
    #[error("the stored release does not verify: {0}")]
    Signature(#[from] BadSignature),
    #[error("the stored release says {0} where the database says {1}")]
    OtherRelease(String, String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refused> for Problem {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Store(error) => error.into(),
            other => Problem::conflict("does-not-verify", other.to_string()),
        }
    }
}

/// A stored release that passed.
pub struct Passed {
    pub component: Arc<[u8]>,
    pub statement: Envelope,
    pub publisher_key: PublicKey,
    pub verified: VerifiedPackage,
}

/// Reads a release from the object store and verifies both signatures and every digest.
pub async fn open(app: &App, release: &Release) -> Result<Passed, Refused> {
    open_signed_by(app, release, Second::Platform(app.keys.release_public())).await
}

/// Opens the door for a tenant: in a publisher's test tenant the development statement stands in for the approval that a
/// release does not have yet.
pub async fn open_for(app: &App, tenant: &TenantId, release: &Release) -> Result<Passed, Refused> {
    match (release.state, &release.development) {
        (Publication::InReview, Some(statement)) => {
            let (key, tenant) = (app.keys.development_public(), tenant.clone());
            open_signed_by(app, release, Second::Development { key, tenant, statement: statement.clone() }).await
        }
        _ => open(app, release).await,
    }
}

/// Reads a release that waits for approval and verifies the publisher's signature: nothing else is ever countersigned.
pub async fn open_for_approval(app: &App, release: &Release) -> Result<Passed, Refused> {
    open_signed_by(app, release, Second::NotYet).await
}

async fn open_signed_by(app: &App, release: &Release, second: Second) -> Result<Passed, Refused> {
    let mut tx = app.store.read(Scope::Platform).await?;
    let publisher_key =
        tx.publisher_key_at(&release.publisher, release.uploaded).await?.ok_or(Refused::NoPublisherKey)?;
    drop(tx);
    let objects = app.store.objects();
    let component = objects.get(&release.digest).await?.ok_or(Refused::Missing("component"))?;
    let envelope = objects.get_statement(&release.id).await?.ok_or(Refused::Missing("statement"))?;
    let wanted = Wanted { publisher: publisher_key, second };
    let verified = signature::verify(&component, &envelope, &wanted, &PackageLimits::standard())?;
    if verified.package.digest != release.digest {
        return Err(Refused::OtherRelease(verified.package.digest.to_string(), release.digest.to_string()));
    }
    let statement = Envelope::from_json(&envelope)?;
    Ok(Passed { component: component.into(), statement, publisher_key, verified })
}
