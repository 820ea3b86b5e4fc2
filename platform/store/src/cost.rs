//! What releases cost and what happened to them, over all tenants and without their names.

use std::collections::BTreeMap;

use fitment_domain::bytes::Digest;
use fitment_domain::cost::{Histogram, Tally};
use fitment_domain::id::ReleaseId;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::many::many;
use crate::row::{Row, storable};
use crate::{Result, StoreError, Tx};

/// Rows of one statement.
const ROWS_MAX: usize = 500;
/// As many batches of one release are written side by side.
const SHARDS: u64 = 8;
/// Different things of one kind that are kept of one release.
const MARKS_MAX: i64 = 50;

/// What was seen of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal<'a> {
    /// `quarantined` or `trapped`.
    pub kind: &'a str,
    /// What is told of it; things with equal words are one.
    pub words: &'a str,
    /// Where it was seen, beyond who saw it: counted apart, and not kept.
    pub place: &'a str,
    /// Who saw it. It is not kept.
    pub witness: &'a str,
    /// Seen where its publisher may look at everything.
    pub open: bool,
}

/// How many saw anything of one kind of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub witnesses: i64,
    /// Different things, or places.
    pub marks: i64,
    /// Whether it was told to people before.
    pub told: bool,
}

/// What was seen of a release, by those whose words its publisher may see, or by all the others together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRow {
    pub kind: String,
    pub words: String,
    pub witnesses: i64,
    pub open: bool,
    pub times: i64,
    pub first: UnixMs,
    pub last: UnixMs,
}

fn mark(parts: &[&str]) -> String {
    Digest::of(parts.join("\n").as_bytes()).as_str().chars().take(32).collect()
}

impl Tx {
    /// Adds the costs of a batch of one device; call it last, other batches may wait for these rows.
    pub async fn add_costs(&mut self, tally: &Tally, device: &str) -> Result<()> {
        self.tenant()?;
        let shard = u64::from_str_radix(&mark(&["shard", device])[..8], 16).unwrap_or(0) % SHARDS;
        let counts: Vec<_> = tally.counts().collect();
        for part in counts.chunks(ROWS_MAX) {
            let beginning = "insert into release_costs (release_id, measure, bucket, shard, runs) values";
            let end = "on conflict (release_id, measure, bucket, shard) do update set runs = release_costs.runs + excluded.runs";
            let mut statement = many(beginning, (part.len(), 5, 0), end);
            for (release, measure, bucket, runs) in part {
                statement = statement.bind(release.as_str()).bind(*measure).bind(*bucket);
                statement = statement.bind(shard.cast_signed()).bind(*runs);
            }
            self.execute(statement).await?;
        }
        Ok(())
    }

    /// Notes what was seen of a release, and returns how many saw anything of this kind since a time.
    pub async fn note_signal(
        &mut self,
        release: &ReleaseId,
        signal: &Signal<'_>,
        since: UnixMs,
        now: UnixMs,
    ) -> Result<Seen> {
        self.tenant()?;
        let words = storable(signal.words);
        let what = mark(&[signal.kind, &words, signal.place]);
        let witness = mark(&["witness", release.as_str(), signal.kind, signal.witness]);
        let sql = "update release_signals set times = times + 1, last = $5 \
                   where release_id = $1 and kind = $2 and mark = $3 and witness = $4";
        let statement = query(sql).bind(release.as_str()).bind(signal.kind).bind(&what).bind(&witness).bind(now.0);
        if self.execute(statement).await? == 0 {
            let sql = "select count(distinct mark) as marks, count(case when mark = $3 then 1 end) as known \
                       from release_signals where release_id = $1 and kind = $2";
            let found = self.row(query(sql).bind(release.as_str()).bind(signal.kind).bind(&what)).await?;
            let row = found.ok_or_else(|| StoreError::Sql("a count has no row".to_owned()))?;
            let row = Row::of("release_signals", &row);
            if row.int("known")? > 0 || row.int("marks")? < MARKS_MAX {
                let sql = "insert into release_signals (release_id, kind, mark, witness, words, open, first, last, times) \
                           values ($1, $2, $3, $4, $5, $6, $7, $7, 1) on conflict (release_id, kind, mark, witness) do nothing";
                let statement = query(sql).bind(release.as_str()).bind(signal.kind).bind(&what).bind(&witness);
                self.execute(statement.bind(&words).bind(i64::from(signal.open)).bind(now.0)).await?;
            }
        }
        let sql = "select count(distinct witness) as witnesses, count(distinct mark) as marks, \
                   (select count(*) from release_signals t where t.release_id = $1 and t.kind = 'told' and t.mark = $2) as told \
                   from release_signals where release_id = $1 and kind = $2 and last >= $3";
        let found = self.row(query(sql).bind(release.as_str()).bind(signal.kind).bind(since.0)).await?;
        let row = found.ok_or_else(|| StoreError::Sql("a count has no row".to_owned()))?;
        let row = Row::of("release_signals", &row);
        Ok(Seen { witnesses: row.int("witnesses")?, marks: row.int("marks")?, told: row.flag("told")? })
    }

    /// Lets go what was seen of releases before a time, also that it was told: what still happens is told again.
    pub async fn forget_signals(&mut self, before: UnixMs) -> Result<()> {
        self.platform()?;
        self.execute(query("delete from release_signals where last < $1").bind(before.0)).await.map(drop)
    }

    /// Returns whether the tenant in scope is a publisher's test tenant, and if so, whether it published this release.
    pub async fn is_tried(&mut self, release: &ReleaseId) -> Result<Option<bool>> {
        let tenant = self.tenant()?;
        let sql = "select (select count(*) from releases r where r.id = $2 and r.publisher = p.id) as own \
                   from publishers p where p.test_tenant = $1";
        let found = self.row(query(sql).bind(tenant.as_str()).bind(release.as_str())).await?;
        found.map(|row| Row::of("publishers", &row).flag("own")).transpose()
    }

    /// Notes that something about a release was told. False if it was before.
    pub async fn note_told(&mut self, release: &ReleaseId, what: &str, now: UnixMs) -> Result<bool> {
        self.platform()?;
        let sql = "insert into release_signals (release_id, kind, mark, witness, words, open, first, last, times) \
                   values ($1, 'told', $2, '', '', 0, $3, $3, 1) on conflict (release_id, kind, mark, witness) do nothing";
        Ok(self.execute(query(sql).bind(release.as_str()).bind(what).bind(now.0)).await? > 0)
    }

    /// Returns the counts of a release by measure; for its publisher and for the platform, who have found it before.
    pub async fn release_costs(&mut self, release: &ReleaseId) -> Result<BTreeMap<String, Histogram>> {
        self.not_a_tenant()?;
        let owner = self.owner().to_owned();
        // Sums are of another type than what is summed, on one of the two databases.
        let sql = "select measure, bucket, cast(sum(runs) as BIGINT) as runs from release_costs where release_id = $1 \
                   and ($2 = 'platform' or exists (select 1 from releases r where r.id = $1 and r.publisher = $2)) \
                   group by measure, bucket";
        let mut costs: BTreeMap<String, Histogram> = BTreeMap::new();
        for row in self.rows(query(sql).bind(release.as_str()).bind(&owner)).await? {
            let row = Row::of("release_costs", &row);
            costs.entry(row.text("measure")?).or_default().0.insert(row.int("bucket")?, row.int("runs")?);
        }
        Ok(costs)
    }

    /// Returns what was seen of a release since a time, the latest first.
    pub async fn release_signals(&mut self, release: &ReleaseId, since: UnixMs) -> Result<Vec<SignalRow>> {
        self.not_a_tenant()?;
        let owner = self.owner().to_owned();
        let sql = "select kind, words, count(distinct witness) as witnesses, open, cast(sum(times) as BIGINT) as times, \
                   min(first) as first, max(last) as last from release_signals \
                   where release_id = $1 and last >= $2 and kind <> 'told' \
                   and ($3 = 'platform' or exists (select 1 from releases r where r.id = $1 and r.publisher = $3)) \
                   group by kind, words, open order by max(last) desc, words, open";
        let read = |row: &Row<'_>| {
            Ok(SignalRow {
                kind: row.text("kind")?,
                words: row.text("words")?,
                witnesses: row.int("witnesses")?,
                open: row.flag("open")?,
                times: row.int("times")?,
                first: row.time("first")?,
                last: row.time("last")?,
            })
        };
        let rows = self.rows(query(sql).bind(release.as_str()).bind(since.0).bind(&owner)).await?;
        rows.iter().map(|row| read(&Row::of("release_signals", row))).collect()
    }

    /// Returns on how many devices a release was quarantined since a time.
    pub async fn quarantines(&mut self, release: &ReleaseId, since: UnixMs) -> Result<i64> {
        self.platform()?;
        let sql = "select count(distinct witness) as seen from release_signals \
                   where release_id = $1 and kind = 'quarantined' and last >= $2";
        let found = self.row(query(sql).bind(release.as_str()).bind(since.0)).await?;
        found.map_or(Ok(0), |row| Row::of("release_signals", &row).int("seen"))
    }

    fn not_a_tenant(&self) -> Result<()> {
        match self.kind() {
            "tenant" => Err(StoreError::Scope { needed: "publisher" }),
            _ => Ok(()),
        }
    }
}
