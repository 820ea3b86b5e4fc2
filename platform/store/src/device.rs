//! Devices and their certificates.

use fitment_domain::device::{Device, Identity, Origin};
use fitment_domain::id::{ClientId, DeviceId, LocationId, TenantId};
use fitment_domain::location::LocationSource;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::within;
use crate::row::{Row, storable, to_json};
use crate::transaction::Statement;
use crate::{Result, Tx};

/// What lists call a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName {
    pub id: DeviceId,
    pub name: String,
    pub retired: bool,
}

/// Whose certificate a serial is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    pub tenant: TenantId,
    pub device: DeviceId,
    /// By which id the agent knows itself.
    pub agent_id: DeviceId,
    /// The device was revoked, and every certificate with it; or another agent took its place.
    pub revoked: Option<UnixMs>,
}

fn certificate(row: &Row<'_>) -> Result<CertificateRow> {
    let (device, agent_id) = (row.parsed("device_id", DeviceId::parse)?, row.text("agent_id")?);
    Ok(CertificateRow {
        tenant: row.parsed("tenant_id", TenantId::parse)?,
        agent_id: if agent_id.is_empty() { device.clone() } else { row.parsed("agent_id", DeviceId::parse)? },
        device,
        revoked: row.time_opt("revoked")?,
    })
}

/// In the order of `bound`.
macro_rules! columns {
    () => {
        "id, name, client_id, location_id, facts, enrolled, last_seen, revoked, location_source, location_by_hand, home, peer, \
         origins, origin, has_agent, agent_id, retired, serial, machine_id"
    };
}

fn device(row: &Row<'_>) -> Result<Device> {
    let id = row.parsed("id", DeviceId::parse)?;
    let location = row.parsed("location_id", LocationId::parse)?;
    // Rows from before these columns have them empty.
    let or_same = |text: String, same: &str| if text.is_empty() { same.to_owned() } else { text };
    let home = or_same(row.text("home")?, location.as_str());
    let agent_id = or_same(row.text("agent_id")?, id.as_str());
    Ok(Device {
        name: row.text("name")?,
        client: row.parsed("client_id", ClientId::parse)?,
        location_source: row.word("location_source", LocationSource::parse)?,
        location_by_hand: row.parsed_opt("location_by_hand", LocationId::parse)?,
        home: LocationId::parse(&home).map_err(|_| row.corrupt("home"))?,
        peer: row.text_opt("peer")?,
        facts: row.json("facts")?,
        origins: row.json("origins")?,
        origin: row.word("origin", Origin::parse)?,
        has_agent: row.flag("has_agent")?,
        agent_id: DeviceId::parse(&agent_id).map_err(|_| row.corrupt("agent_id"))?,
        enrolled: row.time("enrolled")?,
        last_seen: row.time("last_seen")?,
        revoked: row.time_opt("revoked")?,
        retired: row.time_opt("retired")?,
        id,
        location,
    })
}

/// Binds the tenant as `$1` and every column after it.
fn bound<'q>(statement: Statement<'q>, tenant: &'q str, device: &'q Device) -> Result<Statement<'q>> {
    let identity = device.facts.identity();
    Ok(statement
        .bind(tenant)
        .bind(device.id.as_str())
        .bind(storable(&device.name))
        .bind(device.client.as_str())
        .bind(device.location.as_str())
        .bind(to_json(&device.facts)?)
        .bind(device.enrolled.0)
        .bind(device.last_seen.0)
        .bind(device.revoked.map(|at| at.0))
        .bind(device.location_source.as_str())
        .bind(device.location_by_hand.as_ref().map(LocationId::as_str))
        .bind(device.home.as_str())
        .bind(device.peer.as_deref())
        .bind(to_json(&device.origins)?)
        .bind(device.origin.as_str())
        .bind(i64::from(device.has_agent))
        .bind(device.agent_id.as_str())
        .bind(device.retired.map(|at| at.0))
        .bind(identity.serial)
        .bind(identity.machine))
}

impl Tx {
    /// Keeps a new device. One with an agent comes in by `enrol_device`.
    pub async fn insert_device(&mut self, device: &Device) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "insert into devices (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        );
        self.execute(bound(query(sql), tenant.as_str(), device)?).await?;
        Ok(())
    }

    /// Keeps what changed of a device, except when it was heard of.
    pub async fn update_device(&mut self, device: &Device) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update devices set name = $3, client_id = $4, location_id = $5, facts = $6, enrolled = $7, \
                   last_seen = case when last_seen < $8 then $8 else last_seen end, revoked = $9, location_source = $10, \
                   location_by_hand = $11, home = $12, peer = $13, origins = $14, origin = $15, has_agent = $16, \
                   agent_id = $17, retired = $18, serial = $19, machine_id = $20 where tenant_id = $1 and id = $2";
        self.execute(bound(query(sql), tenant.as_str(), device)?).await?;
        Ok(())
    }

    /// Returns the devices that are in use, by name.
    pub async fn devices(&mut self) -> Result<Vec<Device>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from devices where tenant_id = $1 and retired is null and ",
            within!("client_id"),
            " order by name, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| device(&Row::of("devices", row))).collect()
    }

    /// Returns what all devices are called, also those out of use, by name.
    pub async fn device_names(&mut self) -> Result<Vec<DeviceName>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select id, name, retired from devices where tenant_id = $1 and ",
            within!("client_id"),
            " order by name, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        let read = |row: Row<'_>| {
            let (id, retired) = (row.parsed("id", DeviceId::parse)?, row.time_opt("retired")?.is_some());
            Ok(DeviceName { id, name: row.text("name")?, retired })
        };
        rows.iter().map(|row| read(Row::of("devices", row))).collect()
    }

    /// Returns the devices that are out of use, by name; at most 5,000.
    pub async fn retired_devices(&mut self) -> Result<Vec<Device>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from devices where tenant_id = $1 and retired is not null and ",
            within!("client_id"),
            " order by name, id limit 5000"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| device(&Row::of("devices", row))).collect()
    }

    /// Returns the devices in use that a machine of this identity may be, the oldest first; at most 100.
    pub async fn devices_like(&mut self, identity: &Identity) -> Result<Vec<Device>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from devices where tenant_id = $1 and retired is null and (serial = $2 or machine_id = $3) \
             order by enrolled, id limit 100"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(identity.serial.as_deref());
        let rows = self.rows(statement.bind(identity.machine.as_deref())).await?;
        rows.iter().map(|row| device(&Row::of("devices", row))).collect()
    }

    /// Returns the devices with an agent whose serial number or machine id another one has too, the oldest first; at most 500.
    pub async fn twins(&mut self) -> Result<Vec<Device>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from devices where tenant_id = $1 and retired is null and revoked is null and has_agent = 1 and ",
            within!("client_id"),
            " and (serial in \
             (select serial from devices where tenant_id = $1 and retired is null and revoked is null and has_agent = 1 \
              and serial is not null group by serial having count(*) > 1) or machine_id in \
             (select machine_id from devices where tenant_id = $1 and retired is null and revoked is null and has_agent = 1 \
              and machine_id is not null group by machine_id having count(*) > 1)) order by enrolled, id limit 500"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| device(&Row::of("devices", row))).collect()
    }

    /// Returns the devices in use of a client.
    pub async fn devices_of_client(&mut self, client: &ClientId) -> Result<Vec<Device>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from devices where tenant_id = $1 and client_id = $2 and retired is null order by id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(client.as_str())).await?;
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

    /// Notes that a device was heard of.
    pub async fn touch_device(&mut self, id: &DeviceId, now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update devices set last_seen = $3 where tenant_id = $1 and id = $2 and last_seen < $3";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)).await?;
        Ok(())
    }

    /// Notes from which address a device's agent connects. Returns whether that is another one than before.
    pub async fn set_peer(&mut self, id: &DeviceId, peer: &str) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "update devices set peer = $3 where tenant_id = $1 and id = $2 and (peer is null or peer <> $3)";
        Ok(self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(peer)).await? > 0)
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
        let sql = "select c.serial, c.tenant_id, c.device_id, d.agent_id, coalesce(d.revoked, c.revoked) as revoked from device_certificates c \
                   join devices d on d.tenant_id = c.tenant_id and d.id = c.device_id \
                   where c.tenant_id = (select owner from certificate_serials where serial = $1) and c.serial = $1";
        let Some(found) = self.row(query(sql).bind(serial)).await? else { return Ok(None) };
        let row = Row::of("device_certificates", &found);
        certificate(&row).map(Some)
    }

    /// Returns whose key a certificate's is, by the enrolment that showed it: for certificates that the database does not know
    /// any more, because it was restored from a backup.
    pub async fn certificate_by_key(&mut self, key_hash: &str) -> Result<Option<CertificateRow>> {
        self.platform()?;
        let sql = "select e.key_hash, e.tenant_id, e.device_id, d.agent_id, coalesce(d.revoked, e.ended) as revoked from enrolments e \
                   join devices d on d.tenant_id = e.tenant_id and d.id = e.device_id \
                   where e.tenant_id in (select tenant_id from tenants) and e.key_hash = $1 order by e.at desc limit 1";
        let found = self.row(query(sql).bind(key_hash)).await?;
        found.map(|row| certificate(&Row::of("enrolments", &row))).transpose()
    }

    /// Ends the certificates and the keys with which a device's agent came so far: another agent takes its place.
    pub async fn end_agent(&mut self, id: &DeviceId, now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        for sql in [
            "update device_certificates set revoked = $3 where tenant_id = $1 and device_id = $2 and revoked is null",
            "update enrolments set ended = $3 where tenant_id = $1 and device_id = $2 and ended is null",
        ] {
            self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)).await?;
        }
        let sql = "delete from expected_images where tenant_id = $1 and device_id = $2";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
        Ok(())
    }

    /// Gives the certificates and the keys of one device to another: the machine is the other one, set up anew.
    pub async fn hand_over_agent(&mut self, from: &DeviceId, to: &DeviceId) -> Result<()> {
        let tenant = self.tenant()?;
        for sql in [
            "update device_certificates set device_id = $3 where tenant_id = $1 and device_id = $2 and revoked is null",
            "update enrolments set device_id = $3 where tenant_id = $1 and device_id = $2 and ended is null",
        ] {
            self.execute(query(sql).bind(tenant.as_str()).bind(from.as_str()).bind(to.as_str())).await?;
        }
        Ok(())
    }

    /// Says that a machine is about to be set up anew: whoever enrols as it takes the record over.
    pub async fn expect_image(&mut self, id: &DeviceId, now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        let sql =
            "insert into expected_images (tenant_id, device_id, since) values ($1, $2, $3) on conflict do nothing";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)).await?;
        Ok(())
    }

    /// Returns whether a machine is about to be set up anew.
    pub async fn image_expected(&mut self, id: &DeviceId) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "select device_id from expected_images where tenant_id = $1 and device_id = $2";
        Ok(self.row(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?.is_some())
    }
}
