//! Later work, enqueued in the transaction that causes it.

use fitment_domain::id::{JobId, PublisherId, TenantId};
use fitment_domain::time::UnixMs;
use sqlx::any::AnyRow;
use sqlx::query;

use crate::row::{Row, storable};
use crate::transaction::PLATFORM;
use crate::{Result, Tx};

/// A piece of work. It may run more than once, so it must be idempotent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    /// In whose scope it was enqueued; none for the platform and for publishers.
    pub tenant: Option<TenantId>,
    pub kind: String,
    pub subject: String,
    pub due: UnixMs,
    /// Until when it is somebody's; whoever claimed it shows this, and nobody else may settle it.
    pub leased_until: Option<UnixMs>,
    /// Raised each time that it is enqueued again: what was asked for while it ran is not lost.
    pub generation: i64,
    /// How often it failed.
    pub attempts: u32,
    /// Why it failed last.
    pub problem: Option<String>,
    /// Of one lane only one piece of work runs at a time.
    pub lane: Option<String>,
}

fn job(row: &AnyRow) -> Result<Job> {
    let row = Row::of("jobs", row);
    let owner = row.text("owner")?;
    let tenant = match TenantId::parse(&owner) {
        Ok(tenant) => Some(tenant),
        Err(_) if owner == PLATFORM || PublisherId::parse(&owner).is_ok() => None,
        Err(_) => return Err(row.corrupt("owner")),
    };
    Ok(Job {
        id: row.parsed("id", JobId::parse)?,
        tenant,
        kind: row.text("kind")?,
        subject: row.text("subject")?,
        due: row.time("due")?,
        leased_until: row.time_opt("leased_until")?,
        generation: row.int("generation")?,
        attempts: row.count("attempts")?,
        problem: row.text_opt("problem")?,
        lane: row.text_opt("lane")?,
    })
}

impl Tx {
    /// Asks for work. If the same work waits already, it happens once, at the earlier of the two times.
    pub async fn enqueue(&mut self, id: &JobId, kind: &str, subject: &str, due: UnixMs) -> Result<()> {
        let owner = self.owner().to_owned();
        self.enqueue_job(&owner, id, (kind, subject), due, (None, false)).await
    }

    /// Asks for work that shares something with other work: of one lane only one piece runs at a time.
    pub async fn enqueue_in_lane(
        &mut self,
        id: &JobId,
        kind: &str,
        subject: &str,
        due: UnixMs,
        lane: &str,
    ) -> Result<()> {
        let owner = self.owner().to_owned();
        self.enqueue_job(&owner, id, (kind, subject), due, (Some(lane), false)).await
    }

    /// Asks for work in a lane, behind what waits there: what is asked for again while it runs is due at this time and not at the one
    /// that it had, which was the earliest of its lane.
    pub async fn enqueue_behind(
        &mut self,
        id: &JobId,
        kind: &str,
        subject: &str,
        due: UnixMs,
        lane: &str,
    ) -> Result<()> {
        let owner = self.owner().to_owned();
        self.enqueue_job(&owner, id, (kind, subject), due, (Some(lane), true)).await
    }

    async fn enqueue_job(
        &mut self,
        owner: &str,
        id: &JobId,
        (kind, subject): (&str, &str),
        due: UnixMs,
        (lane, behind): (Option<&str>, bool),
    ) -> Result<()> {
        let sql = "insert into jobs (id, owner, kind, subject, due, generation, attempts, lane) \
                   values ($1, $2, $3, $4, $5, 1, 0, $6) \
                   on conflict (owner, kind, subject) do update set generation = jobs.generation + 1, lane = excluded.lane, \
                   due = case when $7 = 1 and jobs.leased_until is not null then excluded.due \
                   when excluded.due < jobs.due then excluded.due else jobs.due end";
        let statement = query(sql).bind(id.as_str()).bind(owner).bind(kind).bind(subject);
        self.execute(statement.bind(due.0).bind(lane).bind(i64::from(behind))).await?;
        Ok(())
    }

    /// Leases due work, the longest waiting first. Work whose lease ran out is due again. Of work in lanes it leases `in_lanes`
    /// pieces at most, and none while another one of the same lane is leased.
    pub async fn claim_due(&mut self, now: UnixMs, lease_until: UnixMs, limit: i64, in_lanes: i64) -> Result<Vec<Job>> {
        self.platform()?;
        let mut jobs = self.claim(self.dialect().claim_jobs(), now, lease_until, limit).await?;
        let left = limit - i64::try_from(jobs.len()).unwrap_or(limit);
        let in_lanes = self.claim(self.dialect().claim_jobs_in_lanes(), now, lease_until, left.min(in_lanes)).await?;
        jobs.extend(in_lanes);
        Ok(jobs)
    }

    async fn claim(&mut self, sql: &'static str, now: UnixMs, lease_until: UnixMs, limit: i64) -> Result<Vec<Job>> {
        if limit <= 0 {
            return Ok(Vec::new());
        }
        let statement = query(sql).bind(now.0).bind(lease_until.0).bind(limit);
        let rows = self.execute_returning(statement).await?;
        let jobs: Result<Vec<Job>> = rows.iter().map(job).collect();
        let mut jobs = jobs?;
        jobs.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
        Ok(jobs)
    }

    /// Keeps leased work for longer, while it goes on. Returns false if the lease was lost: the work is somebody else's, or done.
    pub async fn renew_lease(&mut self, id: &JobId, leased_until: UnixMs, lease_until: UnixMs) -> Result<bool> {
        self.platform()?;
        let sql = "update jobs set leased_until = $3 where id = $1 and leased_until = $2";
        Ok(self.execute(query(sql).bind(id.as_str()).bind(leased_until.0).bind(lease_until.0)).await? > 0)
    }

    /// Ends work that succeeded. If it was asked for again meanwhile, it is due again. Returns false if the lease was lost.
    pub async fn finish_job(&mut self, id: &JobId, leased_until: UnixMs, generation: i64) -> Result<bool> {
        self.platform()?;
        let sql = "delete from jobs where id = $1 and leased_until = $2 and generation = $3";
        let statement = query(sql).bind(id.as_str()).bind(leased_until.0).bind(generation);
        if self.execute(statement).await? > 0 {
            return Ok(true);
        }
        let sql =
            "update jobs set leased_until = null, attempts = 0, problem = null where id = $1 and leased_until = $2";
        Ok(self.execute(query(sql).bind(id.as_str()).bind(leased_until.0)).await? > 0)
    }

    /// Puts off work that failed. If it was asked for again meanwhile, it is due when that says, if that is earlier. Returns
    /// false if the lease was lost.
    pub async fn retry_job(
        &mut self,
        id: &JobId,
        leased_until: UnixMs,
        generation: i64,
        due: UnixMs,
        problem: &str,
    ) -> Result<bool> {
        self.platform()?;
        let sql = "update jobs set leased_until = null, attempts = attempts + 1, problem = $5, \
                   due = case when generation <> $3 and due < $4 then due else $4 end \
                   where id = $1 and leased_until = $2";
        let statement = query(sql).bind(id.as_str()).bind(leased_until.0).bind(generation).bind(due.0);
        Ok(self.execute(statement.bind(storable(problem))).await? > 0)
    }

    /// Puts off work that is done for now; nothing went wrong. Returns false if the lease was lost.
    pub async fn put_off_job(
        &mut self,
        id: &JobId,
        leased_until: UnixMs,
        generation: i64,
        due: UnixMs,
    ) -> Result<bool> {
        self.platform()?;
        let sql = "update jobs set leased_until = null, attempts = 0, problem = null, \
                   due = case when generation <> $3 and due < $4 then due else $4 end \
                   where id = $1 and leased_until = $2";
        let statement = query(sql).bind(id.as_str()).bind(leased_until.0).bind(generation).bind(due.0);
        Ok(self.execute(statement).await? > 0)
    }

    /// Returns when there is something to claim next: work in lanes only if it may be claimed at all, and none that waits for
    /// another one of its lane.
    pub async fn next_due(&mut self, in_lanes: bool) -> Result<Option<UnixMs>> {
        self.platform()?;
        let sql = "select min(case when j.leased_until > j.due then j.leased_until else j.due end) as due from jobs j \
                   where j.lane is null or ($1 = 1 and (j.leased_until is not null \
                   or not exists (select 1 from jobs b where b.lane = j.lane and b.leased_until is not null)))";
        let found = self.row(query(sql).bind(i64::from(in_lanes))).await?;
        found.map_or(Ok(None), |row| Row::of("jobs", &row).time_opt("due"))
    }

    /// Returns all work that waits or runs.
    pub async fn jobs(&mut self) -> Result<Vec<Job>> {
        self.platform()?;
        let sql = "select id, owner, kind, subject, due, leased_until, generation, attempts, problem, lane \
                   from jobs order by due, id";
        self.rows(query(sql)).await?.iter().map(job).collect()
    }
}
