//! Results as they arrive, and what they say about now: the last run and the latest findings.

use fitment_domain::budget::Usage;
use fitment_domain::finding::Finding;
use fitment_domain::id::{DeviceId, InstallationId, SpoolEpoch};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::protocol::RunResult;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::on_device_within;
use crate::row::{Row, storable, to_json};
use crate::{Result, Tx};

/// The most findings and the most runs of one answer.
pub const FINDINGS_MAX: usize = 1_000;
/// The most results that are forgotten in one transaction.
pub const FORGOTTEN_AT_ONCE: u64 = 2_000;

/// The latest finding about one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow {
    pub device: DeviceId,
    pub installation: InstallationId,
    pub accessory: AccessoryName,
    pub finding: Finding,
    /// When its health became what it is.
    pub changed: UnixMs,
    pub last_seen: UnixMs,
}

/// The last run of an installation on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStateRow {
    pub device: DeviceId,
    pub installation: InstallationId,
    pub accessory: AccessoryName,
    /// How it ended, such as `findings`.
    pub outcome: String,
    pub message: String,
    pub usage: Usage,
    pub at: UnixMs,
}

fn finding_row(row: &Row<'_>) -> Result<FindingRow> {
    Ok(FindingRow {
        device: row.parsed("device_id", DeviceId::parse)?,
        installation: row.parsed("installation_id", InstallationId::parse)?,
        accessory: row.parsed("accessory", AccessoryName::parse)?,
        finding: Finding {
            health: row.health()?,
            summary: row.text("summary")?,
            details: row.text_opt("details")?,
            samples: row.json("samples")?,
            condition: row.text("condition")?,
            subject: Some(row.text("subject")?).filter(|subject| !subject.is_empty()),
        },
        changed: row.time("changed")?,
        last_seen: row.time("last_seen")?,
    })
}

fn run_state_row(row: &Row<'_>) -> Result<RunStateRow> {
    Ok(RunStateRow {
        device: row.parsed("device_id", DeviceId::parse)?,
        installation: row.parsed("installation_id", InstallationId::parse)?,
        accessory: row.parsed("accessory", AccessoryName::parse)?,
        outcome: row.text("outcome")?,
        message: row.text("message")?,
        usage: row.json("resources")?,
        at: row.time("at")?,
    })
}

impl Tx {
    /// Keeps the number of a result. Returns false if it was there already: then nothing follows from it any more.
    pub async fn record_result(
        &mut self,
        device: &DeviceId,
        spool: &SpoolEpoch,
        result: &RunResult,
        received: UnixMs,
    ) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "insert into results (tenant_id, device_id, spool, sequence, installation_id, received) \
                   values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, device_id, spool, sequence) do nothing";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(device.as_str())
            .bind(spool.as_str())
            .bind(result.sequence.cast_signed())
            .bind(result.installation.as_str())
            .bind(received.0);
        Ok(self.execute(statement).await? > 0)
    }

    /// Forgets the numbers of results that were received before a time, the oldest first. Returns how many; fewer than
    /// `FORGOTTEN_AT_ONCE` if none is left.
    pub async fn forget_results(&mut self, before: UnixMs) -> Result<u64> {
        let tenant = self.tenant()?;
        let sql = "delete from results where tenant_id = $1 and (device_id, spool, sequence) in (\
                     select device_id, spool, sequence from results where tenant_id = $1 and received < $2 \
                     order by received limit $3)";
        let most = FORGOTTEN_AT_ONCE.cast_signed();
        self.execute(query(sql).bind(tenant.as_str()).bind(before.0).bind(most)).await
    }

    /// Makes a finding the latest about its condition and subject. An older one than is there changes nothing.
    pub async fn upsert_finding(
        &mut self,
        device: &DeviceId,
        installation: &InstallationId,
        finding: &Finding,
        at: UnixMs,
    ) -> Result<()> {
        let (tenant, samples) = (self.tenant()?, to_json(&finding.samples)?);
        let sql = "insert into findings (tenant_id, device_id, installation_id, condition, subject, health, summary, \
                   details, samples, changed, last_seen) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
                   on conflict (tenant_id, device_id, installation_id, condition, subject) do update set \
                   changed = case when findings.health = excluded.health then findings.changed else excluded.changed end, \
                   health = excluded.health, summary = excluded.summary, details = excluded.details, \
                   samples = excluded.samples, last_seen = excluded.last_seen \
                   where findings.last_seen <= excluded.last_seen";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(device.as_str())
            .bind(installation.as_str())
            .bind(&finding.condition)
            .bind(finding.subject.as_deref().unwrap_or(""))
            .bind(finding.health.as_str())
            .bind(&finding.summary)
            .bind(finding.details.as_deref().map(storable))
            .bind(samples)
            .bind(at.0);
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns the latest findings of installations that are there, of all or of one device or installation: those that are not well first, then by device; one more than
    /// `FINDINGS_MAX` if there are more.
    pub async fn findings(
        &mut self,
        device: Option<&DeviceId>,
        installation: Option<&InstallationId>,
    ) -> Result<Vec<FindingRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select f.device_id, f.installation_id, f.condition, f.subject, i.accessory, f.health, f.summary, \
             f.details, f.samples, f.changed, f.last_seen from findings f \
             join installations i on i.tenant_id = f.tenant_id and i.id = f.installation_id and i.removed is null \
             where f.tenant_id = $1 and ($3 = '' or f.device_id = $3) and ($4 = '' or f.installation_id = $4) and ",
            on_device_within!("f.device_id"),
            " order by case f.health when 'ok' then 1 else 0 end, f.device_id, f.installation_id, f.condition, f.subject \
              limit 1001"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(device.map_or("", DeviceId::as_str));
        let rows = self.rows(statement.bind(installation.map_or("", InstallationId::as_str))).await?;
        rows.iter().map(|row| finding_row(&Row::of("findings", row))).collect()
    }

    /// Makes a run the last one of an installation on a device. An older one than is there changes nothing.
    pub async fn set_run_state(
        &mut self,
        device: &DeviceId,
        installation: &InstallationId,
        outcome: &str,
        message: &str,
        usage: &Usage,
        at: UnixMs,
    ) -> Result<()> {
        let (tenant, usage) = (self.tenant()?, to_json(usage)?);
        let sql = "insert into run_states (tenant_id, device_id, installation_id, outcome, message, resources, at) \
                   values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, device_id, installation_id) do update set \
                   outcome = excluded.outcome, message = excluded.message, resources = excluded.resources, at = excluded.at \
                   where run_states.at <= excluded.at";
        let statement = query(sql).bind(tenant.as_str()).bind(device.as_str()).bind(installation.as_str());
        self.execute(statement.bind(outcome).bind(storable(message)).bind(usage).bind(at.0)).await?;
        Ok(())
    }

    /// Returns the last runs of installations that are there, of all or of one device or installation: those that failed first, then
    /// by device; one more than `FINDINGS_MAX` if there are more.
    pub async fn run_states(
        &mut self,
        device: Option<&DeviceId>,
        installation: Option<&InstallationId>,
    ) -> Result<Vec<RunStateRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select r.device_id, r.installation_id, i.accessory, r.outcome, r.message, r.resources, r.at from run_states r \
             join installations i on i.tenant_id = r.tenant_id and i.id = r.installation_id and i.removed is null \
             where r.tenant_id = $1 and ($3 = '' or r.device_id = $3) and ($4 = '' or r.installation_id = $4) and ",
            on_device_within!("r.device_id"),
            " order by case r.outcome when 'findings' then 1 else 0 end, r.device_id, r.installation_id limit 1001"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(device.map_or("", DeviceId::as_str));
        let rows = self.rows(statement.bind(installation.map_or("", InstallationId::as_str))).await?;
        rows.iter().map(|row| run_state_row(&Row::of("run_states", row))).collect()
    }

    /// Counts the last runs of each installation, and of these the ones that failed.
    pub async fn run_counts(&mut self) -> Result<Vec<(InstallationId, u32, u32)>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select installation_id, count(*) as runs, count(case when outcome <> 'findings' then 1 end) as failing \
             from run_states where tenant_id = $1 and ",
            on_device_within!("device_id"),
            " group by installation_id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        let read = |row: Row<'_>| {
            Ok((row.parsed("installation_id", InstallationId::parse)?, row.count("runs")?, row.count("failing")?))
        };
        rows.iter().map(|row| read(Row::of("run_states", row))).collect()
    }
}
