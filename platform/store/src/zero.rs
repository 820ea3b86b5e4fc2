//! Zero certificates, and the enrolments that use them up.

use fitment_domain::device::Device;
use fitment_domain::id::{ClientId, DeviceId, LocationId, TenantId, ZeroId};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::{on_device_within, within};
use crate::row::Row;
use crate::{Result, Tx};

/// A zero certificate as the store keeps it: what it opens and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zero {
    pub id: ZeroId,
    pub client: ClientId,
    pub location: LocationId,
    pub uses_max: i64,
    pub uses: i64,
    pub expires: UnixMs,
    pub revoked: Option<UnixMs>,
    /// Of the X.509 certificate.
    pub serial: String,
    pub created: UnixMs,
}

/// What became of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolOutcome {
    /// The device is new, and one use is gone.
    New,
    /// The machine is one that was known before, and one use is gone.
    TookOver,
    /// The same key enrolled before, and was ended since: the machine was set up anew.
    Ended,
    /// The same key enrolled with this certificate before, as this device; no use is gone.
    Again(DeviceId),
    /// No use is left, the certificate is revoked, or the tenant has none of this id.
    UsedUp,
}

macro_rules! columns {
    () => {
        "id, client_id, location_id, uses_max, uses, expires, revoked, serial, created"
    };
}

fn zero(row: &Row<'_>) -> Result<Zero> {
    Ok(Zero {
        id: row.parsed("id", ZeroId::parse)?,
        client: row.parsed("client_id", ClientId::parse)?,
        location: row.parsed("location_id", LocationId::parse)?,
        uses_max: row.int("uses_max")?,
        uses: row.int("uses")?,
        expires: row.time("expires")?,
        revoked: row.time_opt("revoked")?,
        serial: row.text("serial")?,
        created: row.time("created")?,
    })
}

impl Tx {
    /// Keeps a new zero certificate.
    pub async fn insert_zero(&mut self, zero: &Zero) -> Result<()> {
        let tenant = self.tenant()?;
        self.insert_serial(&zero.serial).await?;
        let sql = concat!(
            "insert into zero_certificates (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        );
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(zero.id.as_str())
            .bind(zero.client.as_str())
            .bind(zero.location.as_str())
            .bind(zero.uses_max)
            .bind(zero.uses)
            .bind(zero.expires.0)
            .bind(zero.revoked.map(|at| at.0))
            .bind(&zero.serial)
            .bind(zero.created.0);
        self.execute(statement).await?;
        Ok(())
    }

    /// Gives a certificate's serial to the tenant of the scope; it is given once on the whole platform.
    pub(crate) async fn insert_serial(&mut self, serial: &str) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into certificate_serials (serial, owner) values ($1, $2)";
        self.execute(query(sql).bind(serial).bind(tenant.as_str())).await?;
        Ok(())
    }

    /// Returns the zero certificates, newest first.
    pub async fn zeros(&mut self) -> Result<Vec<Zero>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from zero_certificates where tenant_id = $1 and ",
            within!("client_id"),
            " order by created desc, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| zero(&Row::of("zero_certificates", row))).collect()
    }

    /// Revokes a zero certificate. Devices that enrolled with it stay.
    pub async fn revoke_zero(&mut self, id: &ZeroId, now: UnixMs) -> Result<bool> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "update zero_certificates set revoked = $4 where tenant_id = $1 and id = $3 and revoked is null and ",
            within!("client_id")
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str()).bind(now.0);
        Ok(self.execute(statement).await? > 0)
    }

    /// Returns the zero certificate of a serial, and whose it is.
    pub async fn zero_by_serial(&mut self, serial: &str) -> Result<Option<(TenantId, Zero)>> {
        self.platform()?;
        let sql = concat!(
            "select tenant_id, ",
            columns!(),
            " from zero_certificates \
             where tenant_id = (select owner from certificate_serials where serial = $1) and serial = $1"
        );
        let Some(found) = self.row(query(sql).bind(serial)).await? else { return Ok(None) };
        let row = Row::of("zero_certificates", &found);
        Ok(Some((row.parsed("tenant_id", TenantId::parse)?, zero(&row)?)))
    }

    /// Enrols a device with a zero certificate: uses it once, unless the same key did so before. `known` says that the device is
    /// there already, entered by people or about to be set up anew: it is changed, and not made.
    pub async fn enrol_device(
        &mut self,
        id: &ZeroId,
        key_hash: &str,
        device: &Device,
        known: bool,
        now: UnixMs,
    ) -> Result<EnrolOutcome> {
        let tenant = self.tenant()?;
        // This locks the row, so that whoever enrols at the same moment sees below what was decided here.
        let sql = "update zero_certificates set uses = uses where tenant_id = $1 and id = $2";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
        let sql = "select zero_id, key_hash, device_id, ended from enrolments \
                   where tenant_id = $1 and zero_id = $2 and key_hash = $3";
        if let Some(found) = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(key_hash)).await? {
            if Row::of("enrolments", &found).time_opt("ended")?.is_some() {
                return Ok(EnrolOutcome::Ended);
            }
            return Ok(EnrolOutcome::Again(Row::of("enrolments", &found).parsed("device_id", DeviceId::parse)?));
        }
        let sql = "update zero_certificates set uses = uses + 1 \
                   where tenant_id = $1 and id = $2 and uses < uses_max and revoked is null";
        if self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str())).await? == 0 {
            return Ok(EnrolOutcome::UsedUp);
        }
        if known {
            self.end_agent(&device.id, now).await?;
            self.update_device(device).await?;
        } else {
            self.insert_device(device).await?;
        }
        let sql = "insert into enrolments (tenant_id, zero_id, key_hash, device_id, at) values ($1, $2, $3, $4, $5)";
        let statement = query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(key_hash);
        self.execute(statement.bind(device.id.as_str()).bind(now.0)).await?;
        Ok(if known { EnrolOutcome::TookOver } else { EnrolOutcome::New })
    }

    /// Returns which devices enrolled with a zero certificate, and when.
    pub async fn zero_uses(&mut self, id: &ZeroId) -> Result<Vec<(DeviceId, UnixMs)>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select zero_id, device_id, at from enrolments where tenant_id = $1 and zero_id = $3 and ",
            on_device_within!("device_id"),
            " order by at, device_id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        let read = |row| {
            let row = Row::of("enrolments", row);
            Ok((row.parsed("device_id", DeviceId::parse)?, row.time("at")?))
        };
        rows.iter().map(read).collect()
    }
}
