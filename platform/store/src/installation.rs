//! Installations. A removed one stays as history, and is not found any more.

use fitment_domain::budget::BudgetAsked;
use fitment_domain::id::{InstallationId, ReleaseId};
use fitment_domain::installation::Installation;
use fitment_domain::manifest::AccessoryName;
use fitment_domain::time::UnixMs;
use semver::Version;
use sqlx::query;

use crate::part::target_within;
use crate::row::{Row, to_json};
use crate::{Result, Tx};

macro_rules! columns {
    () => {
        "id, release_id, accessory, version, target, config, interval_s, grants, installed, budget, warm"
    };
}

fn installation(row: &Row<'_>) -> Result<Installation> {
    Ok(Installation {
        id: row.parsed("id", InstallationId::parse)?,
        release: row.parsed("release_id", ReleaseId::parse)?,
        accessory: row.parsed("accessory", AccessoryName::parse)?,
        version: row.parsed("version", Version::parse)?,
        target: row.json("target")?,
        config: row.json("config")?,
        interval_s: row.int("interval_s")?.cast_unsigned(),
        grants: row.json("grants")?,
        installed: row.time("installed")?,
        // A column that older versions did not have.
        warm: row.int_opt("warm")? == Some(1),
        budget: row.text_opt("budget")?.map_or_else(|| Ok(BudgetAsked::default()), |_| row.json("budget"))?,
    })
}

impl Tx {
    /// Keeps a new installation.
    pub async fn insert_installation(&mut self, installation: &Installation) -> Result<()> {
        let tenant = self.tenant()?;
        let (target, config) = (to_json(&installation.target)?, to_json(&installation.config)?);
        let grants = to_json(&installation.grants)?;
        let sql = concat!(
            "insert into installations (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        );
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(installation.id.as_str())
            .bind(installation.release.as_str())
            .bind(installation.accessory.to_string())
            .bind(installation.version.to_string())
            .bind(target)
            .bind(config)
            .bind(installation.interval_s.cast_signed())
            .bind(grants)
            .bind(installation.installed.0)
            .bind(to_json(&installation.budget)?)
            .bind(i64::from(installation.warm));
        self.execute(statement).await?;
        Ok(())
    }

    /// Keeps what changed of an installation that is there. Returns whether it is.
    pub async fn update_installation(&mut self, installation: &Installation) -> Result<bool> {
        let tenant = self.tenant()?;
        let (target, config) = (to_json(&installation.target)?, to_json(&installation.config)?);
        let grants = to_json(&installation.grants)?;
        let sql = "update installations set release_id = $3, version = $4, target = $5, config = $6, interval_s = $7, \
                   grants = $8, budget = $9, warm = $10 where tenant_id = $1 and id = $2 and removed is null";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(installation.id.as_str())
            .bind(installation.release.as_str())
            .bind(installation.version.to_string())
            .bind(target)
            .bind(config)
            .bind(installation.interval_s.cast_signed())
            .bind(grants)
            .bind(to_json(&installation.budget)?)
            .bind(i64::from(installation.warm));
        Ok(self.execute(statement).await? > 0)
    }

    /// Returns the installations that are there, oldest first.
    pub async fn installations(&mut self) -> Result<Vec<Installation>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from installations where tenant_id = $1 and removed is null and ",
            target_within!("target"),
            " order by installed, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| installation(&Row::of("installations", row))).collect()
    }

    /// Returns an installation that is there.
    pub async fn installation(&mut self, id: &InstallationId) -> Result<Option<Installation>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from installations where tenant_id = $1 and id = $3 and removed is null and ",
            target_within!("target")
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| installation(&Row::of("installations", &row))).transpose()
    }

    /// Removes an installation; its history stays. Returns whether it was there.
    pub async fn remove_installation(&mut self, id: &InstallationId, now: UnixMs) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "update installations set removed = $3 where tenant_id = $1 and id = $2 and removed is null";
        Ok(self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)).await? > 0)
    }
}
