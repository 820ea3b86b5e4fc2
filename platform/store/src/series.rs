//! Series of samples: what they are about, and the chunks that hold their numbers.

mod chunks;
mod retain;

use std::collections::{BTreeMap, BTreeSet};

use fitment_domain::id::{DeviceId, InstallationId, SeriesId};
use fitment_domain::series::points::{Bucket, Point, coarser, merge, replace, roll_up};
use fitment_domain::series::{Dropped, Retention, SERIES_OF_DEVICE_MAX, SERIES_OF_INSTALLATION_MAX, SeriesKey, Tier};
use fitment_domain::time::{HOUR_MS, UnixMs};
use sqlx::query;

use self::chunks::Place;
use crate::many::many;
use crate::part::on_device_within;
use crate::row::{Row, to_json};
use crate::{Result, Tx};

/// The most series of one list.
pub const SERIES_LIST_MAX: usize = 2_000;
/// Rows of one statement: both databases bound the number of its values.
const ROWS_MAX: usize = 500;

/// A sample and the series that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSample {
    pub key: SeriesKey,
    pub point: Point,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRow {
    pub id: SeriesId,
    pub key: SeriesKey,
    pub created: UnixMs,
    /// The start of the last hour of which samples are there.
    pub last_hour: Option<UnixMs>,
}

/// Samples of an installation on a device that were not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRow {
    pub device: DeviceId,
    pub installation: InstallationId,
    pub reason: String,
    pub samples: i64,
    pub last: UnixMs,
}

/// How many samples were not kept, by whose they are and why.
type Drops = BTreeMap<(DeviceId, InstallationId, Dropped), i64>;

/// The samples of one batch: per series its key, and per hour its points.
type Batch<'a> = BTreeMap<SeriesId, (&'a SeriesKey, BTreeMap<UnixMs, Vec<Point>>)>;

fn series_row(row: &Row<'_>) -> Result<SeriesRow> {
    Ok(SeriesRow {
        id: row.parsed("id", SeriesId::parse)?,
        key: SeriesKey {
            device: row.parsed("device_id", DeviceId::parse)?,
            installation: row.parsed("installation_id", InstallationId::parse)?,
            condition: row.text("condition")?,
            subject: row.text("subject")?,
            name: row.text("name")?,
            labels: row.json("labels")?,
            unit: row.text("unit")?,
        },
        created: row.time("created")?,
        last_hour: row.time_opt("last_hour")?,
    })
}

impl Tx {
    /// Keeps samples. What is there already changes nothing, whenever it comes. Returns how many were not kept, and why.
    pub async fn record_samples(&mut self, samples: &[NewSample], now: UnixMs) -> Result<BTreeMap<Dropped, u64>> {
        let tenant = self.tenant()?;
        if samples.is_empty() {
            return Ok(BTreeMap::new());
        }
        let begin = Tier::Raw.chunk_of(self.retention().await?.begin(Tier::Raw, now));
        let (mut batch, mut drops) = (Batch::new(), Drops::new());
        for sample in samples {
            if sample.point.at < begin {
                count(&mut drops, &sample.key, Dropped::TooLate, 1);
                continue;
            }
            let series = batch.entry(sample.key.id(&tenant)).or_insert_with(|| (&sample.key, BTreeMap::new()));
            series.1.entry(Tier::Raw.chunk_of(sample.point.at)).or_default().push(sample.point);
        }
        self.begin_series(&mut batch, &mut drops, now).await?;
        self.merge_samples(&batch, &mut drops).await?;
        self.record_drops(&drops, now).await?;
        let mut reasons = BTreeMap::new();
        for ((_, _, reason), samples) in drops {
            *reasons.entry(reason).or_default() += samples.cast_unsigned();
        }
        Ok(reasons)
    }

    /// Begins the series that are new, and takes out of the batch those for which there is no place.
    async fn begin_series(&mut self, batch: &mut Batch<'_>, drops: &mut Drops, now: UnixMs) -> Result<()> {
        let ids: Vec<SeriesId> = batch.keys().cloned().collect();
        let known = self.known_series(&ids).await?;
        let mut new: Vec<(SeriesId, &SeriesKey)> = Vec::new();
        let mut counts: BTreeMap<DeviceId, BTreeMap<InstallationId, usize>> = BTreeMap::new();
        for id in ids.into_iter().filter(|id| !known.contains(id)) {
            let Some((key, _)) = batch.get(&id) else { continue };
            if !counts.contains_key(&key.device) {
                counts.insert(key.device.clone(), self.series_counts(&key.device).await?);
            }
            let of_device = counts.entry(key.device.clone()).or_default();
            let all: usize = of_device.values().sum();
            let own = of_device.entry(key.installation.clone()).or_default();
            if *own >= SERIES_OF_INSTALLATION_MAX || all >= SERIES_OF_DEVICE_MAX {
                let Some((key, hours)) = batch.remove(&id) else { continue };
                count(drops, key, Dropped::SeriesLimit, hours.values().map(Vec::len).sum());
                continue;
            }
            *own += 1;
            new.push((id, key));
        }
        self.insert_series(&new, now).await
    }

    async fn known_series(&mut self, ids: &[SeriesId]) -> Result<BTreeSet<SeriesId>> {
        let (tenant, mut known) = (self.tenant()?, BTreeSet::new());
        for part in ids.chunks(ROWS_MAX) {
            let beginning = "select id from series where tenant_id = $1 and id in (";
            let mut statement = many(beginning, (part.len(), 1, 1), ")").bind(tenant.as_str());
            for id in part {
                statement = statement.bind(id.as_str());
            }
            for row in self.rows(statement).await? {
                known.insert(Row::of("series", &row).parsed("id", SeriesId::parse)?);
            }
        }
        Ok(known)
    }

    async fn series_counts(&mut self, device: &DeviceId) -> Result<BTreeMap<InstallationId, usize>> {
        let tenant = self.tenant()?;
        let sql = "select installation_id, count(*) as series from series where tenant_id = $1 and device_id = $2 \
                   group by installation_id";
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(device.as_str())).await?;
        let read =
            |row: &Row<'_>| Ok((row.parsed("installation_id", InstallationId::parse)?, row.count("series")? as usize));
        rows.iter().map(|row| read(&Row::of("series", row))).collect()
    }

    async fn insert_series(&mut self, new: &[(SeriesId, &SeriesKey)], now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        for part in new.chunks(ROWS_MAX) {
            let beginning = "insert into series (tenant_id, id, device_id, installation_id, condition, subject, name, labels, \
                             unit, created) values";
            let mut statement = many(beginning, (part.len(), 10, 0), "on conflict (tenant_id, id) do nothing");
            for (id, key) in part {
                let statement_of = statement.bind(tenant.as_str()).bind(id.as_str()).bind(key.device.as_str());
                let named = statement_of.bind(key.installation.as_str()).bind(&key.condition).bind(&key.subject);
                statement = named.bind(&key.name).bind(to_json(&key.labels)?).bind(&key.unit).bind(now.0);
            }
            self.execute(statement).await?;
        }
        Ok(())
    }

    async fn merge_samples(&mut self, batch: &Batch<'_>, drops: &mut Drops) -> Result<()> {
        let place = |id: &SeriesId, start: UnixMs| Place { series: id.clone(), start };
        let places: Vec<Place> =
            batch.iter().flat_map(|(id, (_, hours))| hours.keys().map(move |start| place(id, *start))).collect();
        let mut there = self.raw_chunks(&places).await?;
        let mut changed = Vec::new();
        for (id, (key, hours)) in batch {
            for (start, new) in hours {
                let at = place(id, *start);
                let mut points = there.remove(&at).unwrap_or_default();
                let before = points.len();
                let refused = merge(&mut points, new);
                if refused > 0 {
                    count(drops, key, Dropped::TooDense, refused);
                }
                if points.len() > before {
                    changed.push((at, points));
                }
            }
        }
        self.put_raw_chunks(&changed).await
    }

    async fn record_drops(&mut self, drops: &Drops, now: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        for ((device, installation, reason), samples) in drops {
            let sql = "insert into series_drops (tenant_id, device_id, installation_id, reason, samples, last) \
                       values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, device_id, installation_id, reason) \
                       do update set samples = series_drops.samples + excluded.samples, last = excluded.last";
            let statement = query(sql).bind(tenant.as_str()).bind(device.as_str()).bind(installation.as_str());
            self.execute(statement.bind(reason.as_str()).bind(*samples).bind(now.0)).await?;
        }
        Ok(())
    }

    /// Returns series by what they are about; at most `SERIES_LIST_MAX`.
    pub async fn series(
        &mut self,
        device: Option<&DeviceId>,
        installation: Option<&InstallationId>,
    ) -> Result<Vec<SeriesRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select s.id, s.device_id, s.installation_id, s.condition, s.subject, s.name, s.labels, s.unit, s.created, \
             (select max(c.start) from series_chunks c where c.tenant_id = s.tenant_id and c.tier = 0 \
              and c.series_id = s.id) as last_hour from series s \
             where s.tenant_id = $1 and ($3 = '' or s.device_id = $3) and ($4 = '' or s.installation_id = $4) and ",
            on_device_within!("s.device_id"),
            " order by s.device_id, s.installation_id, s.condition, s.subject, s.name, s.id limit 2000"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(device.map_or("", DeviceId::as_str));
        let rows = self.rows(statement.bind(installation.map_or("", InstallationId::as_str))).await?;
        rows.iter().map(|row| series_row(&Row::of("series", row))).collect()
    }

    /// Returns one series.
    pub async fn one_series(&mut self, id: &SeriesId) -> Result<Option<SeriesRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select id, device_id, installation_id, condition, subject, name, labels, unit, created, \
             (select max(start) from series_chunks where tenant_id = $1 and tier = 0 and series_id = $3) as last_hour \
             from series where tenant_id = $1 and id = $3 and ",
            on_device_within!("device_id")
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| series_row(&Row::of("series", &row))).transpose()
    }

    /// Returns what was not kept of a device's samples, or of all.
    pub async fn series_drops(&mut self, device: Option<&DeviceId>) -> Result<Vec<DropRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select device_id, installation_id, reason, samples, last from series_drops \
             where tenant_id = $1 and ($3 = '' or device_id = $3) and ",
            on_device_within!("device_id"),
            " order by device_id, installation_id, reason limit 1000"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(device.map_or("", DeviceId::as_str));
        let rows = self.rows(statement).await?;
        let read = |row: Row<'_>| {
            Ok(DropRow {
                device: row.parsed("device_id", DeviceId::parse)?,
                installation: row.parsed("installation_id", InstallationId::parse)?,
                reason: row.text("reason")?,
                samples: row.int("samples")?,
                last: row.time("last")?,
            })
        };
        rows.iter().map(|row| read(Row::of("series_drops", row))).collect()
    }

    /// Returns what a tier knows of a series from one time to before another, in the order of time. What was not rolled up
    /// yet is rolled up on the way.
    pub async fn series_points(&mut self, id: &SeriesId, tier: Tier, from: UnixMs, to: UnixMs) -> Result<Vec<Bucket>> {
        self.part()?;
        let mut buckets = Vec::new();
        // What follows looks at the tenant alone: whether this person may see the series is decided here.
        if self.one_series(id).await?.is_none() {
            return Ok(buckets);
        }
        if tier == Tier::Raw {
            for (_, points) in self.raw_chunks_between(id, from, to, false).await? {
                buckets.extend(roll_up(&points, 1));
            }
        } else {
            buckets = self.buckets_between(id, tier, from, to).await?;
            for (start, points) in self.raw_chunks_between(id, from, to, true).await? {
                let fresh = roll_up(&points, tier.resolution_ms());
                replace(&mut buckets, start, start.plus_ms(HOUR_MS), &fresh);
            }
        }
        let first =
            coarser(&[Bucket { start: from, min: 0.0, max: 0.0, sum: 0.0, count: 1 }], tier.resolution_ms().max(1));
        let from = first.first().map_or(from, |bucket| bucket.start);
        buckets.retain(|bucket| bucket.start >= from && bucket.start < to);
        Ok(buckets)
    }

    /// Returns for how long this tenant's numbers are kept.
    pub async fn retention(&mut self) -> Result<Retention> {
        let (tenant, _) = self.part()?;
        let sql = "select tenant_id, raw_ms, five_minutes_ms, hour_ms from retention where tenant_id = $1";
        let Some(row) = self.row(query(sql).bind(tenant.as_str())).await? else { return Ok(Retention::standard()) };
        let row = Row::of("retention", &row);
        let ms = |column| Ok::<_, crate::StoreError>(u64::try_from(row.int(column)?).unwrap_or(0));
        Ok(Retention { raw_ms: ms("raw_ms")?, five_minutes_ms: ms("five_minutes_ms")?, hour_ms: ms("hour_ms")? })
    }

    /// Decides for how long this tenant's numbers are kept.
    pub async fn set_retention(&mut self, kept: &Retention) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into retention (tenant_id, raw_ms, five_minutes_ms, hour_ms) values ($1, $2, $3, $4) \
                   on conflict (tenant_id) do update set raw_ms = excluded.raw_ms, \
                   five_minutes_ms = excluded.five_minutes_ms, hour_ms = excluded.hour_ms";
        let statement = query(sql).bind(tenant.as_str()).bind(kept.raw_ms.cast_signed());
        self.execute(statement.bind(kept.five_minutes_ms.cast_signed()).bind(kept.hour_ms.cast_signed())).await?;
        Ok(())
    }
}

fn count(drops: &mut Drops, key: &SeriesKey, reason: Dropped, samples: usize) {
    let whose = (key.device.clone(), key.installation.clone(), reason);
    *drops.entry(whose).or_default() += i64::try_from(samples).unwrap_or(i64::MAX);
}
