//! The platform's own values.

use sqlx::query;

use crate::row::Row;
use crate::{Result, Tx};

const EPOCH: &str = "epoch";

impl Tx {
    /// Returns a value of the platform.
    pub async fn platform_value(&mut self, key: &str) -> Result<Option<String>> {
        self.platform()?;
        let found = self.row(query("select key, value from platform_values where key = $1").bind(key)).await?;
        found.map(|row| Row::of("platform_values", &row).text("value")).transpose()
    }

    /// Keeps a value of the platform.
    pub async fn put_platform_value(&mut self, key: &str, value: &str) -> Result<()> {
        self.platform()?;
        let sql = "insert into platform_values (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value";
        self.execute(query(sql).bind(key).bind(value)).await?;
        Ok(())
    }

    /// Returns the epoch of instruction sets: 1 at first, one more after each restored backup.
    pub async fn epoch(&mut self) -> Result<i64> {
        self.platform()?;
        let found = self.row(query("select key, value from platform_values where key = $1").bind(EPOCH)).await?;
        found.map_or(Ok(1), |row| Row::of("platform_values", &row).parsed("value", str::parse))
    }

    /// Begins the next epoch and returns it.
    pub async fn bump_epoch(&mut self) -> Result<i64> {
        let next = self.epoch().await? + 1;
        self.put_platform_value(EPOCH, &next.to_string()).await?;
        Ok(next)
    }
}
