//! Code that need not be compiled here: fetched where the signed set offers it, judged once more, and compared by a part of the devices.
//!
//! Whatever is not in order is no reason not to run: the device compiles for itself, and says why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fitment_domain::artifact::{self, ArtifactStatement, BadArtifact, Mismatch, Offer, Target, Wanted};
use fitment_domain::bytes::Digest;
use fitment_domain::device::Facts;
use fitment_domain::instruction::Item;
use fitment_domain::signature::PublicKey;
use fitment_runner_client::{Compared, ComponentRef, PrepareError, Sandbox, SandboxError};

use crate::client::Client;
use crate::comparisons::{Comparison, Comparisons};
use crate::door::Admitted;
use crate::problem::CallError;
use crate::sandbox::LazySandbox;
use crate::status::Board;

/// Why offered code is not run, and the device compiles for itself.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error("no code is compiled for machines like this one")]
    NoTarget,
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("the offered code does not count: {0}")]
    Bad(#[from] BadArtifact),
    #[error("the offered code cannot be fetched: {0}")]
    Fetch(#[from] CallError),
    #[error("the offered code does not load: {0}")]
    Load(#[from] PrepareError),
    #[error("the offered code is not what this device's compiler made: that has digest {0}")]
    Differs(Digest),
}

/// Brings code that others compiled into the sandbox.
pub struct Artifacts {
    sandbox: Arc<LazySandbox>,
    client: Arc<Client>,
    board: Board,
    target: Option<Target>,
    /// Countersigns releases, and what they compile to.
    platform_key: PublicKey,
    /// Decides which artifacts this device compares; nobody else knows it.
    secret: [u8; 32],
    /// One artifact is brought at a time: it may be large, and is in memory whole.
    turn: tokio::sync::Mutex<()>,
    /// Mismatches that the server was not told yet, by the artifact's digest.
    untold: Mutex<BTreeMap<Digest, Mismatch>>,
    comparisons: Comparisons,
}

/// Says what runs in the place of compiling, and what comparing it came to.
fn words(said: &ArtifactStatement, comparison: Option<&Comparison>) -> String {
    let taken = format!("compiled by its publisher and the marketplace (build {})", said.build.number);
    match comparison {
        Some(Comparison::Differs(got)) => format!("compiled here: {}", Obstacle::Differs(got.clone())),
        Some(Comparison::Failed(why)) => format!("{taken}; taken, not compared: {why}"),
        None | Some(Comparison::UnderWay | Comparison::Equal) => taken,
    }
}

impl Artifacts {
    /// Makes it, with nothing to tell.
    pub fn new(
        sandbox: Arc<LazySandbox>,
        client: Arc<Client>,
        board: Board,
        facts: &Facts,
        platform_key: PublicKey,
        secret: [u8; 32],
    ) -> Self {
        let target = artifact::taken_by(facts).map(|(target, _)| target);
        Self {
            sandbox,
            client,
            board,
            target,
            platform_key,
            secret,
            turn: tokio::sync::Mutex::default(),
            untold: Mutex::default(),
            comparisons: Comparisons::default(),
        }
    }

    /// Sees to it, before an item runs, that it runs by the code that it is to run by.
    pub async fn bring(self: &Arc<Self>, admitted: &Admitted) {
        let item = &admitted.item;
        let Some(offer) = &item.artifact else {
            self.compile_here(&item.digest).await;
            return;
        };
        let _turn = self.turn.lock().await;
        match self.adopt(item, &admitted.component, offer).await {
            Ok(said) => self.comparisons.show(&said.digest, |now| self.board.code(&item.digest, &words(&said, now))),
            Err(why) => {
                tracing::warn!(accessory = %item.accessory, %why, "offered code is not used; this device compiles");
                self.compile_here(&item.digest).await;
                self.board.code(&item.digest, &format!("compiled here: {why}"));
            }
        }
    }

    /// Drops what was adopted of a component, if anything was.
    async fn compile_here(&self, component: &Digest) {
        if let Some(sandbox) = self.sandbox.started() {
            sandbox.compile_here(component).await;
        }
    }

    async fn adopt(
        self: &Arc<Self>,
        item: &Item,
        component: &ComponentRef,
        offer: &Offer,
    ) -> Result<ArtifactStatement, Obstacle> {
        let target = self.target.ok_or(Obstacle::NoTarget)?;
        let sandbox = self.sandbox.get().await?;
        let wanted = Wanted {
            publisher: item.publisher_key,
            platform: Some(self.platform_key),
            component: &component.digest,
            target,
            build: sandbox.build(),
            build_min: offer.build_min,
        };
        // Nothing is fetched that would not count.
        let said = artifact::judge(&offer.statement, &wanted, None)?;
        let compared = sandbox.noted(&component.digest, &said.digest).await;
        if let Some(Compared::Differs(got)) = compared {
            self.remember(&said, got.clone());
            return Err(Obstacle::Differs(got));
        }
        self.differs_not(&said)?;
        let code = match sandbox.adopted(&component.digest, &said.digest).await {
            Some(code) => code,
            None => self.client.artifact(&said.digest).await?,
        };
        artifact::judge(&offer.statement, &wanted, Some(&code))?;
        sandbox.adopt(component, &said.digest, code).await?;
        // Whoever found that it differs while it was loaded dropped what was in use before.
        self.differs_not(&said)?;
        let looks = compared.is_none() && artifact::is_sampled(&self.secret, &said.digest);
        if looks && self.comparisons.begin(&said.digest) {
            tokio::spawn(Arc::clone(self).compare(sandbox.clone(), component.clone(), said.clone()));
        }
        Ok(said)
    }

    /// Refuses what differed in this life of the agent, whether or not the disk has kept a note of that.
    fn differs_not(&self, said: &ArtifactStatement) -> Result<(), Obstacle> {
        self.comparisons.differing(&said.digest).map_or(Ok(()), |got| Err(Obstacle::Differs(got)))
    }

    /// Compiles too, and compares. The compiler takes a low priority by itself; the item runs meanwhile.
    async fn compare(self: Arc<Self>, sandbox: Sandbox, component: ComponentRef, said: ArtifactStatement) {
        let got = match sandbox.compile_for(&component.bytes, said.target).await {
            Ok(code) => Digest::of(&code),
            Err(error) => {
                tracing::warn!(component = %component.digest, %error, "this device was to compare offered code, and cannot compile");
                let failed = Comparison::Failed(error.to_string());
                let show = |now: Option<&Comparison>| self.board.code_again(&component.digest, &words(&said, now));
                self.comparisons.end(&said.digest, failed, show);
                return;
            }
        };
        if got == said.digest {
            tracing::info!(component = %component.digest, artifact = %said.digest, "offered code is what this device compiles too");
            self.comparisons.end(&said.digest, Comparison::Equal, |_| {});
            sandbox.note(&component.digest, &said.digest, &Compared::Equal).await;
            return;
        }
        tracing::error!(component = %component.digest, artifact = %said.digest, %got, "offered code is not what this device compiles");
        // In memory first: who adopts it at this moment asks once more after that.
        let show = |now: Option<&Comparison>| self.board.code(&component.digest, &words(&said, now));
        self.comparisons.end(&said.digest, Comparison::Differs(got.clone()), show);
        sandbox.compile_here(&component.digest).await;
        sandbox.note(&component.digest, &said.digest, &Compared::Differs(got.clone())).await;
        self.remember(&said, got);
        self.tell().await;
    }

    fn remember(&self, said: &ArtifactStatement, got: Digest) {
        self.untold().insert(said.digest.clone(), Mismatch { component: said.component.clone(), got });
    }

    /// Tells the server what did not compare equal. What it does not hear is told again.
    pub async fn tell(&self) {
        let untold: Vec<_> = self.untold().iter().map(|(digest, said)| (digest.clone(), said.clone())).collect();
        for (digest, said) in untold {
            match self.client.mismatch(&digest, &said).await {
                Ok(()) => {}
                // It is withdrawn already, or a server refuses to hear of it: asking again changes nothing.
                Err(error @ CallError::Refused { status: Some(400 | 404 | 409 | 413 | 415 | 422), .. }) => {
                    tracing::warn!(%error, artifact = %digest, "the server does not take what comparing came to");
                }
                Err(error) => {
                    tracing::debug!(%error, "the server is told of a mismatch later");
                    continue;
                }
            }
            self.untold().remove(&digest);
        }
    }

    fn untold(&self) -> MutexGuard<'_, BTreeMap<Digest, Mismatch>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
