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
    })
}

impl Tx {
    /// Asks for work. If the same work waits already, it happens once, at the earlier of the two times.
    pub async fn enqueue(&mut self, id: &JobId, kind: &str, subject: &str, due: UnixMs) -> Result<()> {
        let owner = self.owner().to_owned();
        let sql = "insert into jobs (id, owner, kind, subject, due, generation, attempts) values ($1, $2, $3, $4, $5, 1, 0) \
                   on conflict (owner, kind, subject) do update set generation = jobs.generation + 1, \
                   due = case when excluded.due < jobs.due then excluded.due else jobs.due end";
        self.execute(query(sql).bind(id.as_str()).bind(owner).bind(kind).bind(subject).bind(due.0)).await?;
        Ok(())
    }

    /// Leases due work, the longest waiting first. Work whose lease ran out is due again.
    pub async fn claim_due(&mut self, now: UnixMs, lease_until: UnixMs, limit: i64) -> Result<Vec<Job>> {
        self.platform()?;
        let statement = query(self.dialect().claim_jobs()).bind(now.0).bind(lease_until.0).bind(limit);
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

    /// Returns when there is something to claim next.
    pub async fn next_due(&mut self) -> Result<Option<UnixMs>> {
        self.platform()?;
        let sql = "select min(case when leased_until > due then leased_until else due end) as due from jobs";
        let found = self.row(query(sql)).await?;
        found.map_or(Ok(None), |row| Row::of("jobs", &row).time_opt("due"))
    }

    /// Returns all work that waits or runs.
    pub async fn jobs(&mut self) -> Result<Vec<Job>> {
        self.platform()?;
        let sql = "select id, owner, kind, subject, due, leased_until, generation, attempts, problem from jobs order by due, id";
        self.rows(query(sql)).await?.iter().map(job).collect()
    }
}
