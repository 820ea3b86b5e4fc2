//! Samples over time. Time is an argument everywhere: these tests set it.

use std::collections::BTreeMap;

use fitment_domain::id::InstallationId;
use fitment_domain::series::points::Point;
use fitment_domain::series::{Dropped, Retention, SERIES_OF_INSTALLATION_MAX, SeriesKey, Tier};
use fitment_domain::time::{DAY_MS, HOUR_MS, UnixMs};
use fitment_store::{NewSample, Store};

use super::fixture::{Msp, NOW};
use crate::support::databases::Database;

/// The start of an hour and of a day.
const START: UnixMs = UnixMs(NOW.0 - NOW.0 % 86_400_000);
const MINUTE_MS: u64 = 60_000;

fn key(msp: &Msp, name: &str) -> SeriesKey {
    SeriesKey {
        device: msp.device.clone(),
        installation: msp.installation.clone(),
        condition: "space".to_owned(),
        subject: "/".to_owned(),
        name: name.to_owned(),
        labels: vec![("mount".to_owned(), "/".to_owned())],
        unit: "%".to_owned(),
    }
}

fn sample(msp: &Msp, name: &str, minute: u64, value: f64) -> NewSample {
    NewSample { key: key(msp, name), point: Point { at: START.plus_ms(minute * MINUTE_MS), value } }
}

async fn record(store: &Store, msp: &Msp, samples: &[NewSample], now: UnixMs) -> BTreeMap<Dropped, u64> {
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let dropped = tx.record_samples(samples, now).await.unwrap();
    tx.commit().await.unwrap();
    dropped
}

/// Returns (minute, min, max, count) of what a tier knows.
async fn known(store: &Store, msp: &Msp, tier: Tier, from: UnixMs, to: UnixMs) -> Vec<(i64, f64, f64, u64)> {
    let mut tx = store.read(msp.scope()).await.unwrap();
    let found = tx.series_points(&key(msp, "free").id(&msp.tenant), tier, from, to).await.unwrap();
    let minute = |at: UnixMs| (at.0 - START.0) / MINUTE_MS as i64;
    found.iter().map(|b| (minute(b.start), b.min, b.max, b.count)).collect()
}

pub(crate) async fn samples_come_back_whenever_and_however_often_they_come(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let all: Vec<NewSample> = (0..150).map(|minute| sample(&msp, "free", minute, minute as f64 / 10.0)).collect();
    let now = START.plus_ms(3 * HOUR_MS);
    // The newest first, as after an outage; then what was before, twice, with other values the second time.
    assert!(record(&store, &msp, &all[70..], now).await.is_empty());
    assert!(record(&store, &msp, &all[..100], now).await.is_empty());
    let again: Vec<NewSample> =
        all.iter().map(|s| NewSample { point: Point { value: -1.0, ..s.point }, ..s.clone() }).collect();
    assert!(record(&store, &msp, &again, now).await.is_empty());
    let seen = known(&store, &msp, Tier::Raw, START, now).await;
    let expected: Vec<_> = (0..150).map(|m| (m, m as f64 / 10.0, m as f64 / 10.0, 1)).collect();
    assert_eq!(seen, expected);

    let mut tx = store.read(msp.scope()).await.unwrap();
    let listed = tx.series(Some(&msp.device), Some(&msp.installation)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].key, listed[0].last_hour), (&key(&msp, "free"), Some(START.plus_ms(2 * HOUR_MS))));
    assert_eq!(tx.one_series(&listed[0].id).await.unwrap().as_ref(), listed.first());
}

pub(crate) async fn numbers_are_rolled_up_and_go(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let all: Vec<NewSample> = (0..180).map(|minute| sample(&msp, "free", minute, minute as f64)).collect();
    record(&store, &msp, &all, START.plus_ms(3 * HOUR_MS)).await;
    let hours = [(0, 0.0, 59.0, 60), (60, 60.0, 119.0, 60), (120, 120.0, 179.0, 60)];
    let end = START.plus_ms(DAY_MS);
    assert_eq!(known(&store, &msp, Tier::Hour, START, end).await, hours, "rolled up on the way");

    // Two hours are over, the third is not.
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert_eq!(tx.roll_up_series(START.plus_ms(2 * HOUR_MS + 1)).await.unwrap(), 2);
    assert_eq!(tx.roll_up_series(START.plus_ms(2 * HOUR_MS + 1)).await.unwrap(), 0, "nothing is left to do");
    tx.commit().await.unwrap();
    assert_eq!(known(&store, &msp, Tier::Hour, START, end).await, hours);
    let late = NewSample { point: Point { at: UnixMs(START.0 + 30_500), value: 1_000.0 }, ..all[0].clone() };
    record(&store, &msp, &[late.clone(), late], START.plus_ms(4 * HOUR_MS)).await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert_eq!(tx.roll_up_series(end).await.unwrap(), 2, "a late sample makes its hour due again");
    tx.commit().await.unwrap();
    let with_late = [(0, 0.0, 1_000.0, 61), hours[1], hours[2]];
    assert_eq!(known(&store, &msp, Tier::Hour, START, end).await, with_late);
    let five = known(&store, &msp, Tier::FiveMinutes, START, end).await;
    assert_eq!((five.len(), five[0], five[35]), (36, (0, 0.0, 1_000.0, 6), (175, 175.0, 179.0, 5)));

    // Retention: samples go first, then five minutes, then hours; at last the series itself.
    let kept = Retention { raw_ms: DAY_MS, five_minutes_ms: 10 * DAY_MS, hour_ms: 100 * DAY_MS };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert_eq!(tx.retention().await.unwrap(), Retention::standard());
    tx.set_retention(&kept).await.unwrap();
    assert_eq!(tx.retention().await.unwrap(), kept);
    tx.expire_series(START.plus_ms(DAY_MS)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(known(&store, &msp, Tier::Raw, START, end).await.len(), 181, "not a moment too early");
    for (day, raw, five, hour, series) in [(3, 0, 36, 3, 1), (13, 0, 0, 3, 1), (140, 0, 0, 0, 0)] {
        let mut tx = store.begin(msp.scope()).await.unwrap();
        tx.expire_series(START.plus_ms(day * DAY_MS)).await.unwrap();
        let listed = tx.series(None, None).await.unwrap().len();
        tx.commit().await.unwrap();
        let mut left = vec![];
        for tier in Tier::ALL {
            left.push(known(&store, &msp, tier, START, end).await.len());
        }
        assert_eq!((left, listed), (vec![raw, five, hour], series), "after {day} days");
    }
    let dropped = record(&store, &msp, &all[..2], START.plus_ms(3 * DAY_MS)).await;
    assert_eq!(dropped, BTreeMap::from([(Dropped::TooLate, 2)]), "it would be counted twice");
}

pub(crate) async fn series_are_bounded_and_what_is_not_kept_is_counted(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let now = START.plus_ms(HOUR_MS);
    let names = SERIES_OF_INSTALLATION_MAX + 3;
    let all: Vec<NewSample> = (0..names).map(|i| sample(&msp, &format!("n{i}"), 1, 1.0)).collect();
    assert_eq!(record(&store, &msp, &all, now).await, BTreeMap::from([(Dropped::SeriesLimit, 3)]));
    assert_eq!(record(&store, &msp, &all, now).await, BTreeMap::from([(Dropped::SeriesLimit, 3)]));
    let mut tx = store.read(msp.scope()).await.unwrap();
    assert_eq!(tx.series(None, None).await.unwrap().len(), SERIES_OF_INSTALLATION_MAX);
    let drops = tx.series_drops(Some(&msp.device)).await.unwrap();
    assert_eq!((drops.len(), drops[0].reason.as_str(), drops[0].samples, drops[0].last), (1, "series-limit", 6, now));
    drop(tx);

    let dense: Vec<NewSample> = (0..4_500)
        .map(|i| NewSample { key: key(&msp, "n0"), point: Point { at: UnixMs(START.0 + i), value: 0.5 } })
        .collect();
    assert_eq!(record(&store, &msp, &dense, now).await, BTreeMap::from([(Dropped::TooDense, 501)]));
    let other = InstallationId::from_random([9; 16]);
    let foreign = NewSample { key: SeriesKey { installation: other, ..key(&msp, "x") }, ..all[0].clone() };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert!(tx.record_samples(&[foreign], now).await.is_err(), "there is no such installation");
}

// proves T1 (no MSP is aware of another)
pub(crate) async fn nobody_sees_anothers_series(database: &Database) {
    let store = database.open().await;
    let (mine, theirs) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    record(&store, &theirs, &[sample(&theirs, "free", 1, 1.0)], START.plus_ms(HOUR_MS)).await;
    let id = key(&theirs, "free").id(&theirs.tenant);
    let mut tx = store.begin(mine.scope()).await.unwrap();
    assert!(tx.series(None, None).await.unwrap().is_empty());
    assert_eq!(tx.one_series(&id).await.unwrap(), None);
    assert!(tx.series_points(&id, Tier::Raw, START, START.plus_ms(DAY_MS)).await.unwrap().is_empty());
    assert_eq!(tx.roll_up_series(START.plus_ms(DAY_MS)).await.unwrap(), 0);
    tx.expire_series(START.plus_ms(4_000 * DAY_MS)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.read(theirs.scope()).await.unwrap();
    assert_eq!(tx.series_points(&id, Tier::Raw, START, START.plus_ms(DAY_MS)).await.unwrap().len(), 1);
}
