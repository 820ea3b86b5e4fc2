//! Chunks: many rows with one statement.

use std::collections::BTreeMap;

use fitment_domain::id::SeriesId;
use fitment_domain::series::Tier;
use fitment_domain::series::chunk::{BadChunk, read_buckets, read_points, write_buckets, write_points};
use fitment_domain::series::points::{Bucket, Point};
use fitment_domain::time::UnixMs;
use sqlx::any::AnyRow;
use sqlx::query;

use super::ROWS_MAX;
use crate::many::many;
use crate::row::Row;
use crate::{Result, Tx};

/// Where a chunk of a tier lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) series: SeriesId,
    pub(super) start: UnixMs,
}

fn tier_number(tier: Tier) -> i64 {
    tier.resolution_ms().cast_signed()
}

/// Reads a chunk's place and what its bytes hold.
pub(super) fn chunk<T>(
    row: &AnyRow,
    read: impl Fn(UnixMs, &[u8]) -> std::result::Result<T, BadChunk>,
) -> Result<(Place, T)> {
    let row = Row::of("series_chunks", row);
    let place = Place { series: row.parsed("series_id", SeriesId::parse)?, start: row.time("start")? };
    let held = read(place.start, &row.bytes("data")?).map_err(|_| row.corrupt("data"))?;
    Ok((place, held))
}

impl Tx {
    async fn chunks_at(&mut self, tier: Tier, places: &[Place]) -> Result<Vec<AnyRow>> {
        let (tenant, mut found) = (self.tenant()?, Vec::new());
        for part in places.chunks(ROWS_MAX) {
            let beginning = "select series_id, start, data from series_chunks where tenant_id = $1 and tier = $2 \
                             and (series_id, start) in (values";
            let mut statement = many(beginning, (part.len(), 2, 2), ")").bind(tenant.as_str()).bind(tier_number(tier));
            for place in part {
                statement = statement.bind(place.series.as_str()).bind(place.start.0);
            }
            found.extend(self.rows(statement).await?);
        }
        Ok(found)
    }

    async fn put_chunks(&mut self, tier: Tier, stale: bool, chunks: Vec<(&Place, Vec<u8>)>) -> Result<()> {
        let tenant = self.tenant()?;
        let mut chunks = chunks.into_iter().peekable();
        while chunks.peek().is_some() {
            let part: Vec<_> = chunks.by_ref().take(ROWS_MAX).collect();
            let beginning = "insert into series_chunks (tenant_id, tier, series_id, start, stale, data) values";
            let end = "on conflict (tenant_id, tier, series_id, start) do update set stale = excluded.stale, \
                       data = excluded.data";
            let mut statement = many(beginning, (part.len(), 6, 0), end);
            for (place, data) in part {
                let keyed = statement.bind(tenant.as_str()).bind(tier_number(tier)).bind(place.series.as_str());
                statement = keyed.bind(place.start.0).bind(i64::from(stale)).bind(data);
            }
            self.execute(statement).await?;
        }
        Ok(())
    }

    pub(super) async fn raw_chunks(&mut self, places: &[Place]) -> Result<BTreeMap<Place, Vec<Point>>> {
        self.chunks_at(Tier::Raw, places).await?.iter().map(|row| chunk(row, read_points)).collect()
    }

    pub(super) async fn put_raw_chunks(&mut self, chunks: &[(Place, Vec<Point>)]) -> Result<()> {
        let written = chunks.iter().map(|(place, points)| (place, write_points(place.start, points)));
        self.put_chunks(Tier::Raw, true, written.collect()).await
    }

    pub(super) async fn bucket_chunks(&mut self, tier: Tier, places: &[Place]) -> Result<BTreeMap<Place, Vec<Bucket>>> {
        let read = |start, bytes: &[u8]| read_buckets(start, tier.resolution_ms(), bytes);
        self.chunks_at(tier, places).await?.iter().map(|row| chunk(row, read)).collect()
    }

    pub(super) async fn put_bucket_chunks(&mut self, tier: Tier, chunks: &BTreeMap<Place, Vec<Bucket>>) -> Result<()> {
        let write = |place: &Place, buckets: &[Bucket]| write_buckets(place.start, tier.resolution_ms(), buckets);
        let written = chunks.iter().map(|(place, buckets)| (place, write(place, buckets)));
        self.put_chunks(tier, false, written.collect()).await
    }

    async fn chunks_between(
        &mut self,
        id: &SeriesId,
        tier: Tier,
        from: UnixMs,
        to: UnixMs,
        stale_only: bool,
    ) -> Result<Vec<AnyRow>> {
        let (tenant, _) = self.part()?;
        let sql = "select series_id, start, data from series_chunks where tenant_id = $1 and tier = $2 and series_id = $3 \
                   and start >= $4 and start < $5 and stale >= $6 order by start";
        let statement = query(sql).bind(tenant.as_str()).bind(tier_number(tier)).bind(id.as_str());
        self.rows(statement.bind(tier.chunk_of(from).0).bind(to.0).bind(i64::from(stale_only))).await
    }

    /// Returns the hours of samples that touch this time, those alone that were not rolled up if asked for.
    pub(super) async fn raw_chunks_between(
        &mut self,
        id: &SeriesId,
        from: UnixMs,
        to: UnixMs,
        stale_only: bool,
    ) -> Result<Vec<(UnixMs, Vec<Point>)>> {
        let rows = self.chunks_between(id, Tier::Raw, from, to, stale_only).await?;
        rows.iter().map(|row| chunk(row, read_points).map(|(place, points)| (place.start, points))).collect()
    }

    pub(super) async fn buckets_between(
        &mut self,
        id: &SeriesId,
        tier: Tier,
        from: UnixMs,
        to: UnixMs,
    ) -> Result<Vec<Bucket>> {
        let read = |start, bytes: &[u8]| read_buckets(start, tier.resolution_ms(), bytes);
        let mut buckets = Vec::new();
        for row in self.chunks_between(id, tier, from, to, false).await? {
            buckets.extend(chunk(&row, read)?.1);
        }
        Ok(buckets)
    }
}
