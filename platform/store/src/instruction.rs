//! The instruction set of each device: the last one alone.

use fitment_domain::id::{DeviceId, TenantId};
use fitment_domain::instruction::SetTime;
use fitment_domain::signature::Envelope;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::{Row, to_json};
use crate::{Result, StoreError, Tx};

/// An instruction set, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSet {
    pub time: SetTime,
    pub expires: UnixMs,
    pub envelope: Envelope,
    /// Of what it says apart from its times: equal contents need no new set.
    pub content_digest: String,
}

fn set_time(row: &Row<'_>) -> Result<SetTime> {
    Ok(SetTime { epoch: row.int("epoch")?, t: row.time("t")? })
}

impl Tx {
    /// Returns the instruction set of a device.
    pub async fn instruction_set(&mut self, device: &DeviceId) -> Result<Option<StoredSet>> {
        let tenant = self.tenant()?;
        let sql = "select device_id, epoch, t, expires, envelope, content_digest from instruction_sets \
                   where tenant_id = $1 and device_id = $2";
        let found = self.row(query(sql).bind(tenant.as_str()).bind(device.as_str())).await?;
        let Some(found) = found else { return Ok(None) };
        let row = Row::of("instruction_sets", &found);
        Ok(Some(StoredSet {
            time: set_time(&row)?,
            expires: row.time("expires")?,
            envelope: row.json("envelope")?,
            content_digest: row.text("content_digest")?,
        }))
    }

    /// Replaces the instruction set of a device. One that is not newer than the set that is there is a conflict.
    pub async fn put_instruction_set(&mut self, device: &DeviceId, set: &StoredSet) -> Result<()> {
        let (tenant, envelope) = (self.tenant()?, to_json(&set.envelope)?);
        let sql = "insert into instruction_sets (tenant_id, device_id, epoch, t, expires, envelope, content_digest) \
                   values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, device_id) do update set \
                   epoch = excluded.epoch, t = excluded.t, expires = excluded.expires, envelope = excluded.envelope, \
                   content_digest = excluded.content_digest \
                   where instruction_sets.epoch < excluded.epoch \
                   or (instruction_sets.epoch = excluded.epoch and instruction_sets.t < excluded.t)";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(device.as_str())
            .bind(set.time.epoch)
            .bind(set.time.t.0)
            .bind(set.expires.0)
            .bind(envelope)
            .bind(&set.content_digest);
        match self.execute(statement).await? {
            0 => Err(StoreError::Conflict { constraint: "instruction_sets_newer".to_owned() }),
            _ => Ok(()),
        }
    }

    /// Returns the time of every set, to answer "is mine current?" from memory.
    pub async fn instruction_times(&mut self) -> Result<Vec<(TenantId, DeviceId, SetTime)>> {
        self.platform()?;
        let rows = self.rows(query("select tenant_id, device_id, epoch, t from instruction_sets")).await?;
        let read = |row| {
            let row = Row::of("instruction_sets", row);
            Ok((row.parsed("tenant_id", TenantId::parse)?, row.parsed("device_id", DeviceId::parse)?, set_time(&row)?))
        };
        rows.iter().map(read).collect()
    }
}
