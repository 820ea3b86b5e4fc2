//! What there is on the whole platform, in numbers without names.

use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::Row;
use crate::{Result, Tx};

/// A device that was not seen for this long counts as away, in milliseconds.
const SEEN_MS: i64 = 120_000;

/// Numbers of the whole platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    pub devices: i64,
    pub devices_seen: i64,
    /// Kind, how many wait or run, and for how many milliseconds the oldest has been due.
    pub jobs: Vec<(String, i64, i64)>,
}

impl Tx {
    /// Counts devices and work of all tenants.
    pub async fn counts(&mut self, now: UnixMs) -> Result<Counts> {
        self.platform()?;
        let sql = "select count(*) as devices, count(case when last_seen >= $1 then 1 end) as seen \
                   from devices where revoked is null";
        let found = self.row(query(sql).bind(now.0.saturating_sub(SEEN_MS))).await?;
        let (devices, devices_seen) = match &found {
            Some(row) => (Row::of("devices", row).int("devices")?, Row::of("devices", row).int("seen")?),
            None => (0, 0),
        };
        let sql = "select kind, count(*) as waiting, min(due) as due from jobs group by kind order by kind";
        let read = |row: Row<'_>| {
            let overdue = now.0.saturating_sub(row.int("due")?).max(0);
            Ok((row.text("kind")?, row.int("waiting")?, overdue))
        };
        let jobs: Result<Vec<_>> = self.rows(query(sql)).await?.iter().map(|row| read(Row::of("jobs", row))).collect();
        Ok(Counts { devices, devices_seen, jobs: jobs? })
    }
}
