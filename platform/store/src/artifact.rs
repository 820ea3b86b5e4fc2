//! Compiled code: what is attested of which release, and who takes it.

use fitment_domain::artifact::{Standing, Target};
use fitment_domain::bytes::Digest;
use fitment_domain::id::{ReleaseId, TenantId};
use fitment_domain::signature::Envelope;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::Row;
use crate::{Result, Tx};

macro_rules! columns {
    () => {
        "release_id, target, build, digest, envelope, state, reason, changed"
    };
}

/// What is known of compiled code; the code itself is an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub release: ReleaseId,
    pub target: Target,
    /// The number of the compiler.
    pub build: u32,
    /// What the publisher says that the code's digest is.
    pub digest: Digest,
    /// The statement: with both signatures where it is attested, with the publisher's elsewhere.
    pub statement: Envelope,
    pub standing: Standing,
    /// Why it was refused or withdrawn.
    pub reason: Option<String>,
    pub changed: UnixMs,
}

fn artifact(row: &Row<'_>) -> Result<Artifact> {
    Ok(Artifact {
        release: row.parsed("release_id", ReleaseId::parse)?,
        target: row.word("target", Target::parse)?,
        build: row.count("build")?,
        digest: row.parsed("digest", Digest::parse)?,
        statement: row.parsed("envelope", |text| Envelope::from_json(text.as_bytes()))?,
        standing: row.word("state", Standing::parse)?,
        reason: row.text_opt("reason")?,
        changed: row.time("changed")?,
    })
}

impl Tx {
    /// Keeps what is known of compiled code, in the place of what was.
    pub async fn put_artifact(&mut self, artifact: &Artifact) -> Result<()> {
        self.platform()?;
        let sql = concat!(
            "insert into artifacts (",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (release_id, target, build) do update set \
             digest = excluded.digest, envelope = excluded.envelope, state = excluded.state, \
             reason = excluded.reason, changed = excluded.changed"
        );
        let envelope = String::from_utf8_lossy(&artifact.statement.to_json()).into_owned();
        let statement = query(sql)
            .bind(artifact.release.as_str())
            .bind(artifact.target.as_str())
            .bind(i64::from(artifact.build))
            .bind(artifact.digest.as_str())
            .bind(envelope)
            .bind(artifact.standing.as_str())
            .bind(artifact.reason.clone())
            .bind(artifact.changed.0);
        self.execute(statement).await?;
        Ok(())
    }

    /// Forgets what was withdrawn of the code of a target, of every compiler. Returns how many there were.
    pub async fn delete_withdrawn_artifacts(&mut self, release: &ReleaseId, target: Target) -> Result<u64> {
        self.platform()?;
        let sql = "delete from artifacts where release_id = $1 and target = $2 and state = $3";
        let withdrawn = Standing::Withdrawn.as_str();
        self.execute(query(sql).bind(release.as_str()).bind(target.as_str()).bind(withdrawn)).await
    }

    /// Returns the compiled code of a release, by target and compiler.
    pub async fn artifacts(&mut self, release: &ReleaseId) -> Result<Vec<Artifact>> {
        self.platform()?;
        let sql = concat!("select ", columns!(), " from artifacts where release_id = $1 order by target, build");
        let rows = self.rows(query(sql).bind(release.as_str())).await?;
        rows.iter().map(|row| artifact(&Row::of("artifacts", row))).collect()
    }

    /// Returns the code of a release for a target by a compiler.
    pub async fn artifact(&mut self, release: &ReleaseId, target: Target, build: u32) -> Result<Option<Artifact>> {
        self.platform()?;
        let sql =
            concat!("select ", columns!(), " from artifacts where release_id = $1 and target = $2 and build = $3");
        let statement = query(sql).bind(release.as_str()).bind(target.as_str()).bind(i64::from(build));
        self.row(statement).await?.map(|row| artifact(&Row::of("artifacts", &row))).transpose()
    }

    /// Says whether the devices of the MSP in scope take compiled code.
    pub async fn set_takes_artifacts(&mut self, accepted: bool) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into tenant_artifacts (tenant_id, accepted) values ($1, $2) \
                   on conflict (tenant_id) do update set accepted = excluded.accepted";
        self.execute(query(sql).bind(tenant.as_str()).bind(i64::from(accepted))).await?;
        Ok(())
    }

    /// Returns whether the devices of the MSP in scope take compiled code: not unless it was said.
    pub async fn takes_artifacts(&mut self) -> Result<bool> {
        let tenant = self.part()?.0;
        let sql = "select tenant_id, accepted from tenant_artifacts where tenant_id = $1";
        let found = self.row(query(sql).bind(tenant.as_str())).await?;
        found.map_or(Ok(false), |row| Row::of("tenant_artifacts", &row).flag("accepted"))
    }

    /// Returns the MSPs whose devices take compiled code.
    pub async fn tenants_that_take_artifacts(&mut self) -> Result<Vec<TenantId>> {
        self.platform()?;
        let rows =
            self.rows(query("select tenant_id from tenant_artifacts where accepted = 1 order by tenant_id")).await?;
        rows.iter().map(|row| Row::of("tenant_artifacts", row).parsed("tenant_id", TenantId::parse)).collect()
    }
}
