//! Alerts: one per installation, device, condition and subject.

use fitment_domain::alert::{AlertKey, AlertState, Track};
use fitment_domain::finding::Health;
use fitment_domain::id::{AlertId, DeviceId, InstallationId};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::listed::{After, Listed, from, part_of_list};
use crate::part::on_device_within;
use crate::row::{Row, storable};
use crate::{Result, Tx};

/// An alert as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    pub id: AlertId,
    pub key: AlertKey,
    pub track: Track,
    /// Of the last look.
    pub health: Health,
    pub summary: String,
    pub opened: Option<UnixMs>,
    pub closed: Option<UnixMs>,
    /// Why it closed, for people.
    pub closed_because: Option<String>,
    pub last_seen: UnixMs,
}

macro_rules! columns {
    () => {
        "id, installation_id, device_id, condition, subject, state, bad_streak, good_streak, occurrences, health, summary, \
         opened, closed, last_seen, closed_because"
    };
}

fn alert(row: &Row<'_>) -> Result<AlertRow> {
    Ok(AlertRow {
        id: row.parsed("id", AlertId::parse)?,
        key: AlertKey {
            installation: row.parsed("installation_id", InstallationId::parse)?,
            device: row.parsed("device_id", DeviceId::parse)?,
            condition: row.text("condition")?,
            subject: row.text("subject")?,
        },
        track: Track {
            state: row.word("state", AlertState::parse)?,
            bad_streak: row.count("bad_streak")?,
            good_streak: row.count("good_streak")?,
            occurrences: row.count("occurrences")?,
        },
        health: row.health()?,
        summary: row.text("summary")?,
        opened: row.time_opt("opened")?,
        closed: row.time_opt("closed")?,
        last_seen: row.time("last_seen")?,
        closed_because: row.text_opt("closed_because")?,
    })
}

impl Tx {
    /// Returns the alert of a key.
    pub async fn alert_by_key(&mut self, key: &AlertKey) -> Result<Option<AlertRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from alerts where tenant_id = $1 and installation_id = $2 and device_id = $3 and condition = $4 and subject = $5"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(key.installation.as_str()).bind(key.device.as_str());
        let found = self.row(statement.bind(&key.condition).bind(&key.subject)).await?;
        found.map(|row| alert(&Row::of("alerts", &row))).transpose()
    }

    /// Keeps an alert, new or changed. A second one of the same key is a conflict.
    pub async fn put_alert(&mut self, alert: &AlertRow) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "insert into alerts (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
             on conflict (tenant_id, id) do update set state = excluded.state, bad_streak = excluded.bad_streak, \
             good_streak = excluded.good_streak, occurrences = excluded.occurrences, health = excluded.health, \
             summary = excluded.summary, opened = excluded.opened, closed = excluded.closed, last_seen = excluded.last_seen, \
             closed_because = excluded.closed_because"
        );
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(alert.id.as_str())
            .bind(alert.key.installation.as_str())
            .bind(alert.key.device.as_str())
            .bind(&alert.key.condition)
            .bind(&alert.key.subject)
            .bind(alert.track.state.as_str())
            .bind(i64::from(alert.track.bad_streak))
            .bind(i64::from(alert.track.good_streak))
            .bind(i64::from(alert.track.occurrences))
            .bind(alert.health.as_str())
            .bind(&alert.summary)
            .bind(alert.opened.map(|at| at.0))
            .bind(alert.closed.map(|at| at.0))
            .bind(alert.last_seen.0)
            .bind(alert.closed_because.as_deref().map(storable));
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns a part of the alerts, of all or of one state or device: open ones first, then pending ones, each newest first.
    pub async fn alerts(
        &mut self,
        state: Option<AlertState>,
        device: Option<&DeviceId>,
        after: Option<&After>,
    ) -> Result<Listed<AlertRow>> {
        let (tenant, who) = self.part()?;
        let sql = part_of_list!(
            "select ",
            columns!(),
            ", case state when 'open' then 0 when 'pending' then 1 else 2 end as rank, coalesce(opened, last_seen) as place \
             from alerts where tenant_id = $1 and ($3 = '' or state = $3) and ($4 = '' or device_id = $4) and ",
            on_device_within!("device_id"),
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(state.map_or("", AlertState::as_str));
        let rows = self.rows(from(statement.bind(device.map_or("", DeviceId::as_str)), after)).await?;
        Listed::read("alerts", &rows, alert)
    }

    /// Returns the alerts of an installation that are not closed.
    pub async fn live_alerts_of(&mut self, installation: &InstallationId) -> Result<Vec<AlertRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from alerts where tenant_id = $1 and installation_id = $2 and state <> 'closed' order by id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(installation.as_str())).await?;
        rows.iter().map(|row| alert(&Row::of("alerts", row))).collect()
    }

    /// Returns the alerts of a device that are not closed.
    pub async fn live_alerts_on(&mut self, device: &DeviceId) -> Result<Vec<AlertRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from alerts where tenant_id = $1 and device_id = $2 and state <> 'closed' order by id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(device.as_str())).await?;
        rows.iter().map(|row| alert(&Row::of("alerts", row))).collect()
    }

    /// Returns an alert.
    pub async fn alert(&mut self, id: &AlertId) -> Result<Option<AlertRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from alerts where tenant_id = $1 and id = $3 and ",
            on_device_within!("device_id")
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| alert(&Row::of("alerts", &row))).transpose()
    }
}
