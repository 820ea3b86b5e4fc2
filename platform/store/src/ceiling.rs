//! Ceilings of an MSP, its clients and devices, and the plans of the platform.

use fitment_domain::capability::Ceiling;
use fitment_domain::ceiling::Subject;
use fitment_domain::id::{ClientId, DeviceId, TenantId};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::{on_device_within, within};
use crate::row::{Row, to_json};
use crate::{Result, Tx};

/// What MSPs with this plan may let accessories do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub name: String,
    pub ceiling: Ceiling,
    pub changed: UnixMs,
}

/// The ceiling of an MSP, a client or a device.
#[derive(Debug, Clone, PartialEq)]
pub struct CeilingRow {
    pub subject: Subject,
    pub ceiling: Ceiling,
    pub changed: UnixMs,
}

fn plan(row: &Row<'_>) -> Result<Plan> {
    Ok(Plan { name: row.text("name")?, ceiling: row.json("ceiling")?, changed: row.time("changed")? })
}

fn ceiling(row: &Row<'_>) -> Result<CeilingRow> {
    Ok(CeilingRow {
        subject: row.word("subject", Subject::parse)?,
        ceiling: row.json("ceiling")?,
        changed: row.time("changed")?,
    })
}

impl Tx {
    /// Returns the plans by name.
    pub async fn plans(&mut self) -> Result<Vec<Plan>> {
        self.platform()?;
        let rows = self.rows(query("select name, ceiling, changed from plans order by name")).await?;
        rows.iter().map(|row| plan(&Row::of("plans", row))).collect()
    }

    /// Returns a plan.
    pub async fn plan(&mut self, name: &str) -> Result<Option<Plan>> {
        self.platform()?;
        let found = self.row(query("select name, ceiling, changed from plans where name = $1").bind(name)).await?;
        found.map(|row| plan(&Row::of("plans", &row))).transpose()
    }

    /// Keeps a plan, new or changed.
    pub async fn put_plan(&mut self, plan: &Plan) -> Result<()> {
        self.platform()?;
        let sql = "insert into plans (name, ceiling, changed) values ($1, $2, $3) \
                   on conflict (name) do update set ceiling = excluded.ceiling, changed = excluded.changed";
        let ceiling = to_json(&plan.ceiling)?;
        self.execute(query(sql).bind(&plan.name).bind(ceiling).bind(plan.changed.0)).await?;
        Ok(())
    }

    /// Removes a plan that no MSP has. Returns whether it was there.
    pub async fn remove_plan(&mut self, name: &str) -> Result<bool> {
        self.platform()?;
        Ok(self.execute(query("delete from plans where name = $1").bind(name)).await? > 0)
    }

    /// Returns the tenants that have a plan.
    pub async fn tenants_of_plan(&mut self, name: &str) -> Result<Vec<TenantId>> {
        self.platform()?;
        let sql = "select tenant_id from tenant_plans where plan = $1 order by tenant_id";
        let rows = self.rows(query(sql).bind(name)).await?;
        rows.iter().map(|row| Row::of("tenant_plans", row).parsed("tenant_id", TenantId::parse)).collect()
    }

    /// Returns the plan of the tenant; none if nothing was assigned, which takes nothing away.
    pub async fn tenant_plan(&mut self) -> Result<Option<Plan>> {
        let (tenant, _) = self.part()?;
        let sql = "select p.name as name, p.ceiling as ceiling, p.changed as changed from tenant_plans t \
                   join plans p on p.name = t.plan where t.tenant_id = $1";
        let found = self.row(query(sql).bind(tenant.as_str())).await?;
        found.map(|row| plan(&Row::of("plans", &row))).transpose()
    }

    /// Gives the tenant a plan, or none.
    pub async fn set_tenant_plan(&mut self, plan: Option<&str>) -> Result<()> {
        let tenant = self.tenant()?;
        let Some(plan) = plan else {
            self.execute(query("delete from tenant_plans where tenant_id = $1").bind(tenant.as_str())).await?;
            return Ok(());
        };
        let sql = "insert into tenant_plans (tenant_id, plan) values ($1, $2) \
                   on conflict (tenant_id) do update set plan = excluded.plan";
        self.execute(query(sql).bind(tenant.as_str()).bind(plan)).await?;
        Ok(())
    }

    /// Returns the ceilings of the MSP, and of the clients and devices that the person is there for.
    pub async fn ceilings(&mut self) -> Result<Vec<CeilingRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select subject, ceiling, changed from ceilings where tenant_id = $1 and (subject = 'msp' or ",
            within!("subject"),
            " or ",
            on_device_within!("subject"),
            ") order by subject"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| ceiling(&Row::of("ceilings", row))).collect()
    }

    /// Returns those of them that hold in one place: the MSP's, the client's and the device's.
    pub async fn ceilings_at(
        &mut self,
        client: Option<&ClientId>,
        device: Option<&DeviceId>,
    ) -> Result<Vec<CeilingRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select subject, ceiling, changed from ceilings where tenant_id = $1 and (subject = 'msp' or (subject = $3 and ",
            within!("subject"),
            ") or (subject = $4 and ",
            on_device_within!("subject"),
            ")) order by subject"
        );
        // No subject is the empty text.
        let (client, device) = (client.map_or("", ClientId::as_str), device.map_or("", DeviceId::as_str));
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who).bind(client).bind(device)).await?;
        rows.iter().map(|row| ceiling(&Row::of("ceilings", row))).collect()
    }

    /// Keeps a ceiling, new or changed.
    pub async fn put_ceiling(&mut self, row: &CeilingRow) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into ceilings (tenant_id, subject, ceiling, changed) values ($1, $2, $3, $4) \
                   on conflict (tenant_id, subject) do update set ceiling = excluded.ceiling, changed = excluded.changed";
        let (subject, ceiling) = (row.subject.as_str(), to_json(&row.ceiling)?);
        self.execute(query(sql).bind(tenant.as_str()).bind(subject).bind(ceiling).bind(row.changed.0)).await?;
        Ok(())
    }

    /// Removes a ceiling. Returns whether it was there.
    pub async fn remove_ceiling(&mut self, subject: &Subject) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "delete from ceilings where tenant_id = $1 and subject = $2";
        Ok(self.execute(query(sql).bind(tenant.as_str()).bind(subject.as_str())).await? > 0)
    }
}
