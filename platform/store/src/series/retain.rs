//! What happens to numbers as they grow old: they are rolled up, and go.

use std::collections::BTreeMap;

use fitment_domain::series::Tier;
use fitment_domain::series::chunk::read_points;
use fitment_domain::series::points::{Bucket, Point, replace, roll_up};
use fitment_domain::time::{HOUR_MS, UnixMs};
use sqlx::query;

use super::ROWS_MAX;
use super::chunks::{Place, chunk};
use crate::many::many;
use crate::{Result, Tx};

impl Tx {
    /// Rolls up hours of samples that were over before this time. Returns how many; fewer than 500 if nothing is left to do.
    /// Doing it again changes nothing; samples that come later make their hour due again.
    pub async fn roll_up_series(&mut self, over_before: UnixMs) -> Result<usize> {
        let tenant = self.tenant()?;
        let sql = "select series_id, start, data from series_chunks where tenant_id = $1 and tier = 0 and stale = 1 \
                   and start < $2 order by start, series_id limit $3";
        let last = over_before.0.saturating_sub(HOUR_MS.cast_signed());
        let statement = query(sql).bind(tenant.as_str()).bind(last).bind(i64::try_from(ROWS_MAX).unwrap_or(i64::MAX));
        let rows = self.rows(statement).await?;
        let hours: Result<Vec<(Place, Vec<Point>)>> = rows.iter().map(|row| chunk(row, read_points)).collect();
        let hours = hours?;
        for tier in [Tier::FiveMinutes, Tier::Hour] {
            self.roll_up_into(tier, &hours).await?;
        }
        self.mark_rolled_up(&hours).await?;
        Ok(hours.len())
    }

    async fn roll_up_into(&mut self, tier: Tier, hours: &[(Place, Vec<Point>)]) -> Result<()> {
        let into = |hour: &Place| Place { series: hour.series.clone(), start: tier.chunk_of(hour.start) };
        let mut places: Vec<Place> = hours.iter().map(|(hour, _)| into(hour)).collect();
        places.sort();
        places.dedup();
        let mut chunks = self.bucket_chunks(tier, &places).await?;
        for (hour, points) in hours {
            let buckets: &mut Vec<Bucket> = chunks.entry(into(hour)).or_default();
            replace(buckets, hour.start, hour.start.plus_ms(HOUR_MS), &roll_up(points, tier.resolution_ms()));
        }
        self.put_bucket_chunks(tier, &chunks).await
    }

    async fn mark_rolled_up(&mut self, hours: &[(Place, Vec<Point>)]) -> Result<()> {
        let tenant = self.tenant()?;
        if hours.is_empty() {
            return Ok(());
        }
        let beginning = "update series_chunks set stale = 0 where tenant_id = $1 and tier = 0 \
                         and (series_id, start) in (values";
        let mut statement = many(beginning, (hours.len(), 2, 1), ")").bind(tenant.as_str());
        for (hour, _) in hours {
            statement = statement.bind(hour.series.as_str()).bind(hour.start.0);
        }
        self.execute(statement).await?;
        Ok(())
    }

    /// Removes what this tenant's retention no longer keeps. Samples go only after they were rolled up. Returns how many chunks
    /// of each tier went.
    pub async fn expire_series(&mut self, now: UnixMs) -> Result<BTreeMap<Tier, u64>> {
        let (tenant, kept) = (self.tenant()?, self.retention().await?);
        let mut gone = BTreeMap::new();
        for tier in Tier::ALL {
            // A chunk goes when its last moment is too old.
            let before = kept.begin(tier, now).0.saturating_sub(tier.chunk_ms().cast_signed());
            let sql = "delete from series_chunks where tenant_id = $1 and tier = $2 and start < $3 and stale = 0";
            let statement = query(sql).bind(tenant.as_str()).bind(tier.resolution_ms().cast_signed()).bind(before);
            gone.insert(tier, self.execute(statement).await?);
        }
        let sql = "delete from series where tenant_id = $1 and created < $2 and not exists (select 1 from series_chunks c \
                   where c.tenant_id = series.tenant_id and c.tier in (0, 300000, 3600000) and c.series_id = series.id)";
        let old = kept.begin(Tier::Raw, now).0;
        self.execute(query(sql).bind(tenant.as_str()).bind(old)).await?;
        Ok(gone)
    }
}
