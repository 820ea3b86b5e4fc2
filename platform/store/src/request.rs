//! What was asked of devices, and how each execution stands.

use std::collections::BTreeMap;

use fitment_domain::budget::Usage;
use fitment_domain::bytes::Digest;
use fitment_domain::execution::{self, Clocked, Ending, State};
use fitment_domain::id::{AccountId, DeviceId, InstallationId, ReleaseId, RequestId, TransactionId};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::run::LogLine;
use fitment_domain::time::UnixMs;
use semver::Version;
use serde_json::Value;
use sqlx::query;

use crate::part::on_device_within;
use crate::row::{Row, storable, to_json};
use crate::{Result, Tx};

/// One request, as it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRow {
    pub id: RequestId,
    pub requester: AccountId,
    pub installation: InstallationId,
    pub release: ReleaseId,
    pub accessory: AccessoryName,
    pub version: Version,
    /// The one file that runs.
    pub digest: Digest,
    pub config: Value,
    pub parameters: Value,
    /// The longest that a run may take, in milliseconds.
    pub wall_ms_max: u64,
    pub made: UnixMs,
    pub deliver_by: UnixMs,
}

impl RequestRow {
    /// Returns where an execution of it stands at a time.
    fn at(&self, state: State, started: Option<UnixMs>, now: UnixMs) -> State {
        let (deliver_by, wall_ms_max) = (self.deliver_by, self.wall_ms_max);
        execution::at(Clocked { state, deliver_by, started, wall_ms_max }, now)
    }
}

/// One execution of a request, on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionRow {
    pub id: TransactionId,
    pub request: RequestId,
    pub device: DeviceId,
    /// As last written: time may have gone on, see `at`.
    pub state: State,
    /// With which the device was let start.
    pub start_key: Option<String>,
    pub fetched: Option<UnixMs>,
    pub started: Option<UnixMs>,
    pub ended: Option<UnixMs>,
    /// 0 to 100, and one line.
    pub progress: Option<(u8, String)>,
    pub ending: Option<Ending>,
    pub usage: Option<Usage>,
    pub log: Vec<LogLine>,
    /// Seconds of a person's time that the run says it saved.
    pub saved_s: u32,
}

impl ExecutionRow {
    /// Makes an execution that waits for its device.
    pub fn waiting(id: TransactionId, request: RequestId, device: DeviceId) -> Self {
        Self {
            id,
            request,
            device,
            state: State::Waiting,
            start_key: None,
            fetched: None,
            started: None,
            ended: None,
            progress: None,
            ending: None,
            usage: None,
            log: Vec::new(),
            saved_s: 0,
        }
    }

    /// Returns where it stands at a time.
    pub fn at(&self, request: &RequestRow, now: UnixMs) -> State {
        request.at(self.state, self.started, now)
    }
}

macro_rules! request_columns {
    () => {
        "id, requester, installation_id, release_id, accessory, version, digest, config, parameters, wall_ms_max, made, \
         deliver_by"
    };
}

macro_rules! execution_columns {
    () => {
        "id, request_id, device_id, state, start_key, fetched, started, ended, percent, progress, ending, resources, \
         log, saved_s"
    };
}

/// Narrows to requests with an execution on a device that the person sees.
macro_rules! request_within {
    () => {
        concat!(
            "($2 = '' or id in (select request_id from executions where tenant_id = $1 and ",
            on_device_within!("device_id"),
            "))"
        )
    };
}

fn request(row: &Row<'_>) -> Result<RequestRow> {
    Ok(RequestRow {
        id: row.parsed("id", RequestId::parse)?,
        requester: row.parsed("requester", AccountId::parse)?,
        installation: row.parsed("installation_id", InstallationId::parse)?,
        release: row.parsed("release_id", ReleaseId::parse)?,
        accessory: row.parsed("accessory", AccessoryName::parse)?,
        version: row.parsed("version", Version::parse)?,
        digest: row.parsed("digest", Digest::parse)?,
        config: row.json("config")?,
        parameters: row.json("parameters")?,
        wall_ms_max: row.int("wall_ms_max")?.cast_unsigned(),
        made: row.time("made")?,
        deliver_by: row.time("deliver_by")?,
    })
}

fn execution(row: &Row<'_>) -> Result<ExecutionRow> {
    let percent = row.int_opt("percent")?.map(|p| u8::try_from(p).map_err(|_| row.corrupt("percent"))).transpose()?;
    let json = |column: &'static str| row.text_opt(column);
    Ok(ExecutionRow {
        id: row.parsed("id", TransactionId::parse)?,
        request: row.parsed("request_id", RequestId::parse)?,
        device: row.parsed("device_id", DeviceId::parse)?,
        state: row.word("state", State::parse)?,
        start_key: row.text_opt("start_key")?,
        fetched: row.time_opt("fetched")?,
        started: row.time_opt("started")?,
        ended: row.time_opt("ended")?,
        progress: percent.zip(row.text_opt("progress")?),
        ending: json("ending")?.map(|_| row.json("ending")).transpose()?,
        usage: json("resources")?.map(|_| row.json("resources")).transpose()?,
        log: json("log")?.map_or(Ok(Vec::new()), |_| row.json("log"))?,
        saved_s: row.count("saved_s")?,
    })
}

impl Tx {
    /// Keeps a new request with its executions, which all wait.
    pub async fn insert_request(&mut self, request: &RequestRow, executions: &[ExecutionRow]) -> Result<()> {
        let (tenant, config, parameters) = (self.tenant()?, to_json(&request.config)?, to_json(&request.parameters)?);
        let sql = concat!(
            "insert into requests (tenant_id, ",
            request_columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        );
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(request.id.as_str())
            .bind(request.requester.as_str())
            .bind(request.installation.as_str())
            .bind(request.release.as_str())
            .bind(request.accessory.to_string())
            .bind(request.version.to_string())
            .bind(request.digest.as_str())
            .bind(storable(&config))
            .bind(storable(&parameters))
            .bind(request.wall_ms_max.cast_signed())
            .bind(request.made.0)
            .bind(request.deliver_by.0);
        self.execute(statement).await?;
        for execution in executions {
            let sql = "insert into executions (tenant_id, id, request_id, device_id, state, saved_s) \
                       values ($1, $2, $3, $4, $5, 0)";
            let statement = query(sql)
                .bind(tenant.as_str())
                .bind(execution.id.as_str())
                .bind(execution.request.as_str())
                .bind(execution.device.as_str())
                .bind(execution.state.as_str());
            self.execute(statement).await?;
        }
        Ok(())
    }

    /// Returns the newest requests.
    pub async fn requests(&mut self, limit: i64) -> Result<Vec<RequestRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            request_columns!(),
            " from requests where tenant_id = $1 and ",
            request_within!(),
            " order by made desc, id limit $3"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who).bind(limit)).await?;
        rows.iter().map(|row| request(&Row::of("requests", row))).collect()
    }

    /// Returns how many executions of each of the newest requests stand where at a time.
    pub async fn standings(&mut self, requests: &[RequestRow], now: UnixMs) -> Result<Vec<BTreeMap<State, usize>>> {
        let (tenant, who) = self.part()?;
        // Of those that started it matters when: all others that stand alike are one row.
        let sql = concat!(
            "select request_id, state, since, count(*) as many from (select request_id, state, \
             case when state = 'started' then started end as since from executions where tenant_id = $1 and ",
            on_device_within!("device_id"),
            " and request_id in (select id from requests where tenant_id = $1 and ",
            request_within!(),
            " order by made desc, id limit $3)) as standing group by request_id, state, since"
        );
        let limit = i64::try_from(requests.len()).unwrap_or(i64::MAX);
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who).bind(limit)).await?;
        let mut standings = vec![BTreeMap::new(); requests.len()];
        for row in &rows {
            let row = Row::of("executions", row);
            let (id, state) = (row.parsed("request_id", RequestId::parse)?, row.word("state", State::parse)?);
            let since = row.time_opt("since")?;
            let asked = requests.iter().zip(&mut standings).find(|(request, _)| request.id == id);
            if let Some((request, standing)) = asked {
                *standing.entry(request.at(state, since, now)).or_default() +=
                    usize::try_from(row.int("many")?).unwrap_or(0);
            }
        }
        Ok(standings)
    }

    /// Returns a request.
    pub async fn request(&mut self, id: &RequestId) -> Result<Option<RequestRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            request_columns!(),
            " from requests where tenant_id = $1 and id = $3 and ",
            request_within!()
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| request(&Row::of("requests", &row))).transpose()
    }

    /// Returns the executions of a request with the names of their devices.
    pub async fn executions(&mut self, request: &RequestId) -> Result<Vec<(ExecutionRow, String)>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            execution_columns!(),
            ", (select name from devices d where d.tenant_id = executions.tenant_id and d.id = executions.device_id) \
             as name from executions where tenant_id = $1 and request_id = $3 and ",
            on_device_within!("device_id"),
            " order by device_id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who).bind(request.as_str())).await?;
        let read = |row| {
            let row = Row::of("executions", row);
            Ok((execution(&row)?, row.text("name")?))
        };
        rows.iter().map(read).collect()
    }

    /// Returns an execution of a device. Another device's is not there.
    pub async fn execution(&mut self, id: &TransactionId, device: &DeviceId) -> Result<Option<ExecutionRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            execution_columns!(),
            " from executions where tenant_id = $1 and id = $2 and device_id = $3"
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(device.as_str())).await?;
        found.map(|row| execution(&Row::of("executions", &row))).transpose()
    }

    /// Writes where an execution stands.
    pub async fn put_execution(&mut self, execution: &ExecutionRow) -> Result<()> {
        let tenant = self.tenant()?;
        let ending = execution.ending.as_ref().map(to_json).transpose()?;
        let usage = execution.usage.as_ref().map(to_json).transpose()?;
        let progress = execution.progress.as_ref();
        let sql = "update executions set state = $3, start_key = $4, fetched = $5, started = $6, ended = $7, \
                   percent = $8, progress = $9, ending = $10, resources = $11, log = $12, saved_s = $13 \
                   where tenant_id = $1 and id = $2";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(execution.id.as_str())
            .bind(execution.state.as_str())
            .bind(execution.start_key.as_deref())
            .bind(execution.fetched.map(|at| at.0))
            .bind(execution.started.map(|at| at.0))
            .bind(execution.ended.map(|at| at.0))
            .bind(progress.map(|(percent, _)| i64::from(*percent)))
            .bind(progress.map(|(_, line)| storable(line)))
            .bind(ending.as_deref().map(storable))
            .bind(usage)
            .bind(storable(&to_json(&execution.log)?))
            .bind(i64::from(execution.saved_s));
        self.execute(statement).await?;
        Ok(())
    }

    /// Counts what a device has not started and somebody still waits for.
    pub async fn open_executions_of(&mut self, device: &DeviceId, now: UnixMs) -> Result<i64> {
        let tenant = self.tenant()?;
        let sql = "select count(*) as many from executions e join requests r \
                   on r.tenant_id = e.tenant_id and r.id = e.request_id \
                   where e.tenant_id = $1 and e.device_id = $2 and e.state in ('waiting', 'offered', 'fetched') \
                   and r.deliver_by >= $3";
        let found = self.row(query(sql).bind(tenant.as_str()).bind(device.as_str()).bind(now.0)).await?;
        found.map_or(Ok(0), |row| Row::of("executions", &row).int("many"))
    }

    /// Counts what is not over on a device at a time: what it may still start, and what runs there.
    pub async fn unfinished_executions_of(&mut self, device: &DeviceId, now: UnixMs) -> Result<i64> {
        let tenant = self.tenant()?;
        let sql = "select count(*) as many from executions e join requests r \
                   on r.tenant_id = e.tenant_id and r.id = e.request_id where e.tenant_id = $1 and e.device_id = $2 and \
                   (e.state in ('waiting', 'offered', 'fetched') and r.deliver_by >= $3 \
                    or e.state = 'started' and e.started + r.wall_ms_max + $4 >= $3)";
        let silence_ms = i64::try_from(execution::SILENCE_MS_MAX).unwrap_or(i64::MAX);
        let statement = query(sql).bind(tenant.as_str()).bind(device.as_str()).bind(now.0).bind(silence_ms);
        self.row(statement).await?.map_or(Ok(0), |row| Row::of("executions", &row).int("many"))
    }

    /// Returns whether a device holds an order that has not ended and whose component this is.
    pub async fn order_names(&mut self, device: &DeviceId, digest: &Digest) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "select e.id from executions e join requests r on r.tenant_id = e.tenant_id and r.id = e.request_id \
                   where e.tenant_id = $1 and e.device_id = $2 and e.state in ('fetched', 'started') \
                   and r.digest = $3 limit 1";
        let statement = query(sql).bind(tenant.as_str()).bind(device.as_str()).bind(digest.as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Returns the releases of which a device holds an order that has not ended.
    pub async fn ordered_releases(&mut self, device: &DeviceId) -> Result<Vec<ReleaseId>> {
        let tenant = self.tenant()?;
        let sql = "select distinct r.release_id from executions e join requests r \
                   on r.tenant_id = e.tenant_id and r.id = e.request_id \
                   where e.tenant_id = $1 and e.device_id = $2 and e.state in ('fetched', 'started')";
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(device.as_str())).await?;
        rows.iter().map(|row| Row::of("requests", row).parsed("release_id", ReleaseId::parse)).collect()
    }

    /// Returns what no device has started and whose deadline has not passed, oldest first, to answer polls from memory.
    pub async fn open_executions(&mut self, now: UnixMs) -> Result<Vec<(DeviceId, TransactionId, UnixMs)>> {
        self.platform()?;
        let sql = "select e.id, e.device_id, r.deliver_by from executions e join requests r \
                   on r.tenant_id = e.tenant_id and r.id = e.request_id \
                   where e.state in ('waiting', 'offered', 'fetched') and r.deliver_by >= $1 order by r.made, e.id";
        let rows = self.rows(query(sql).bind(now.0)).await?;
        let read = |row| {
            let row = Row::of("executions", row);
            let device = row.parsed("device_id", DeviceId::parse)?;
            Ok((device, row.parsed("id", TransactionId::parse)?, row.time("deliver_by")?))
        };
        rows.iter().map(read).collect()
    }
}
