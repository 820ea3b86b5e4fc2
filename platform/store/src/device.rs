//! Devices and their certificates.

use fitment_domain::device::{Device, Facts};
use fitment_domain::id::{ClientId, DeviceId, LocationId, TenantId};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::within;
use crate::row::{Row, to_json};
use crate::{Result, Tx};

/// Whose certificate a serial is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    pub tenant: TenantId,
    pub device: DeviceId,
    /// The device was revoked, and every certificate with it.
    pub revoked: Option<UnixMs>,
}

macro_rules! columns {
    () => {
        "id, name, client_id, location_id, facts, enrolled, last_seen, revoked"
    };
}

fn device(row: &Row<'_>) -> Result<Device> {
    Ok(Device {
        id: row.parsed("id", DeviceId::parse)?,
        name: row.text("name")?,
        client: row.parsed("client_id", ClientId::parse)?,
        location: row.parsed("location_id", LocationId::parse)?,
        facts: row.json("facts")?,
        enrolled: row.time("enrolled")?,
        last_seen: row.time("last_seen")?,
        revoked: row.time_opt("revoked")?,
    })
}

impl Tx {
    /// Keeps a new device; `enrol_device` is the way in.
    pub(crate) async fn insert_device(&mut self, device: &Device) -> Result<()> {
        let (tenant, facts) = (self.tenant()?, to_json(&device.facts)?);
        let sql =
            concat!("insert into devices (tenant_id, ", columns!(), ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(device.id.as_str())
            .bind(&device.name)
            .bind(device.client.as_str())
            .bind(device.location.as_str())
            .bind(facts)
            .bind(device.enrolled.0)
            .bind(device.last_seen.0)
            .bind(device.revoked.map(|at| at.0));
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns the devices by name.
    pub async fn devices(&mut self) -> Result<Vec<Device>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from devices where tenant_id = $1 and ",
            within!("client_id"),
            " order by name, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| device(&Row::of("devices", row))).collect()
    }

    /// Returns a device.
    pub async fn device(&mut self, id: &DeviceId) -> Result<Option<Device>> {
        let (tenant, who) = self.part()?;
        let sql =
            concat!("select ", columns!(), " from devices where tenant_id = $1 and id = $3 and ", within!("client_id"));
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| device(&Row::of("devices", &row))).transpose()
    }

    /// Keeps what a device says of itself.
    pub async fn set_facts(&mut self, id: &DeviceId, facts: &Facts, now: UnixMs) -> Result<()> {
        let (tenant, facts) = (self.tenant()?, to_json(facts)?);
        let sql = "update devices set facts = $3 where tenant_id = $1 and id = $2";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(facts)).await?;
        self.touch_device(id, now).await
    }

    /// Notes that a device was heard of.
    pub async fn touch_device(&mut self, id: &DeviceId, now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update devices set last_seen = $3 where tenant_id = $1 and id = $2 and last_seen < $3";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)).await?;
        Ok(())
    }

    /// Revokes a device. Returns whether it was there and was not revoked before.
    pub async fn revoke_device(&mut self, id: &DeviceId, now: UnixMs) -> Result<bool> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "update devices set revoked = $4 where tenant_id = $1 and id = $3 and revoked is null and ",
            within!("client_id")
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str()).bind(now.0);
        Ok(self.execute(statement).await? > 0)
    }

    /// Keeps a certificate that was given to a device.
    pub async fn insert_certificate(
        &mut self,
        serial: &str,
        device: &DeviceId,
        not_before: UnixMs,
        not_after: UnixMs,
        now: UnixMs,
    ) -> Result<()> {
        let tenant = self.tenant()?;
        self.insert_serial(serial).await?;
        let sql = "insert into device_certificates (tenant_id, serial, device_id, not_before, not_after, issued) \
                   values ($1, $2, $3, $4, $5, $6)";
        let statement = query(sql).bind(tenant.as_str()).bind(serial).bind(device.as_str());
        self.execute(statement.bind(not_before.0).bind(not_after.0).bind(now.0)).await?;
        Ok(())
    }

    /// Returns whose device certificate a serial is.
    pub async fn certificate(&mut self, serial: &str) -> Result<Option<CertificateRow>> {
        self.platform()?;
        let sql = "select c.serial, c.tenant_id, c.device_id, d.revoked from device_certificates c \
                   join devices d on d.tenant_id = c.tenant_id and d.id = c.device_id \
                   where c.tenant_id = (select owner from certificate_serials where serial = $1) and c.serial = $1";
        let Some(found) = self.row(query(sql).bind(serial)).await? else { return Ok(None) };
        let row = Row::of("device_certificates", &found);
        Ok(Some(CertificateRow {
            tenant: row.parsed("tenant_id", TenantId::parse)?,
            device: row.parsed("device_id", DeviceId::parse)?,
            revoked: row.time_opt("revoked")?,
        }))
    }
}
