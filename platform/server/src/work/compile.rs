//! Compiles what a publisher attested, by the platform's own compiler, and signs only if it got the same bytes.

use fitment_domain::artifact::{self, Standing, Target, Wanted};
use fitment_domain::id::ReleaseId;
use fitment_domain::tenant::Scope;
use fitment_store::{Artifact, Release, Tx};
use serde_json::json;

use super::{JobError, Next};
use crate::app::App;
use crate::artifact::Word;
use crate::{door, job};

/// Compiles and compares. What was decided meanwhile is left as it is.
pub async fn run(app: &App, named: &str) -> Result<Next, JobError> {
    let (release, target) = read(named).ok_or_else(|| JobError::Subject(named.to_owned()))?;
    let mut tx = app.store.read(Scope::Platform).await?;
    let waiting = waiting(app, &mut tx, &release, target).await?;
    let found = tx.release(&release).await?;
    drop(tx);
    let (Some(artifact), Some(release)) = (waiting, found) else { return Ok(Next::Done) };
    let passed = door::open_for_approval(app, &release).await?;
    let code = match app.sandbox.compile_for(&passed.component, target).await {
        Ok(code) => code,
        Err(error) if error.is_about_the_component() => {
            let reason = format!("the marketplace's own compiler makes nothing of it: {error}");
            return decide(app, &release, artifact, Err(reason)).await;
        }
        Err(error) => return Err(error.into()),
    };
    let mut wanted = Wanted {
        publisher: passed.publisher_key,
        platform: None,
        component: &release.digest,
        target,
        build: app.sandbox.build(),
        build_min: 0,
    };
    if let Err(bad) = artifact::judge(&artifact.statement, &wanted, Some(&code)) {
        return decide(app, &release, artifact, Err(bad.to_string())).await;
    }
    let statement = artifact.statement.clone().countersign(&app.keys.release)?;
    // What was signed is what every other door will be shown.
    wanted.platform = Some(app.keys.release_public());
    let judged = artifact::judge(&statement, &wanted, None);
    if let Ok(said) = &judged {
        app.store.objects().put(&said.digest, &code).await?;
    }
    decide(app, &release, artifact, judged.map(|_| statement).map_err(|bad| bad.to_string())).await
}

fn read(named: &str) -> Option<(ReleaseId, Target)> {
    let (release, target) = named.split_once(' ')?;
    Some((ReleaseId::parse(release).ok()?, Target::parse(target)?))
}

async fn waiting(app: &App, tx: &mut Tx, release: &ReleaseId, target: Target) -> Result<Option<Artifact>, JobError> {
    let artifact = tx.artifact(release, target, app.sandbox.build().number).await?;
    Ok(artifact.filter(|artifact| artifact.standing == Standing::Waiting))
}

/// Writes what the comparison came to, in the logs of the platform and of the publisher too.
async fn decide(
    app: &App,
    release: &Release,
    compared: Artifact,
    outcome: Result<fitment_domain::signature::Envelope, String>,
) -> Result<Next, JobError> {
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    // Something else was attested, or it was withdrawn, while it compiled.
    let known = waiting(app, &mut tx, &release.id, compared.target).await?;
    if known.is_none_or(|known| known.statement != compared.statement) {
        job::compile(&mut tx, &release.id, compared.target, now).await?;
        tx.commit().await?;
        return Ok(Next::Done);
    }
    let (artifact, word) = match outcome {
        Ok(statement) => (Artifact { statement, standing: Standing::Attested, ..compared }, "artifact.countersign"),
        Err(reason) => {
            tracing::error!(accessory = %release.accessory, version = %release.version, target = %compared.target, reason, "attested code is refused");
            (Artifact { standing: Standing::Refused, reason: Some(reason), ..compared }, "artifact.refuse")
        }
    };
    let artifact = Artifact { changed: now, ..artifact };
    tx.put_artifact(&artifact).await?;
    Word { release, artifact: &artifact, more: json!({}) }.log(&mut tx, "the platform", word, now).await?;
    if artifact.standing == Standing::Attested {
        job::enqueue(&mut tx, job::JobKind::Reoffer, "platform", now).await?;
    }
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Next::Done)
}
