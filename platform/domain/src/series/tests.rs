//! What a chunk, a merge and a choice of tier must hold.

use proptest::collection::vec;
use proptest::prelude::*;

use super::chunk::{BadChunk, read_buckets, read_points, write_buckets, write_points};
use super::points::{Point, coarser, merge, replace, roll_up};
use super::*;

const START: UnixMs = UnixMs(1_800_000_000_000);

fn values() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("findings hold finite numbers", |v| v.is_finite()),
        (-1_000_000_i64..1_000_000).prop_map(|v| v as f64 / 100.0),
        (0_u32..100).prop_map(f64::from),
        Just(-0.0),
    ]
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    vec((0_i64..3_600_000, values()), 0..200).prop_map(|samples| {
        let mut points = Vec::new();
        for (at, value) in samples {
            merge(&mut points, &[Point { at: UnixMs(START.0 + at), value }]);
        }
        points
    })
}

fn bits(points: &[Point]) -> Vec<(i64, u64)> {
    points.iter().map(|p| (p.at.0, p.value.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn samples_come_back_bit_for_bit(points in points()) {
        let bytes = write_points(START, &points);
        prop_assert_eq!(bits(&read_points(START, &bytes).unwrap()), bits(&points));
        prop_assert!(bytes.len() <= 16 + points.len() * 19);
        prop_assert!(read_points(START, &bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn buckets_come_back_bit_for_bit(points in points()) {
        let buckets = roll_up(&points, FIVE_MINUTES_MS);
        let bytes = write_buckets(START, FIVE_MINUTES_MS, &buckets);
        let read = read_buckets(START, FIVE_MINUTES_MS, &bytes).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{buckets:?}"));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _either = (read_points(START, &bytes), read_buckets(START, HOUR_MS, &bytes));
    }

    #[test]
    fn what_comes_late_or_twice_ends_the_same(points in points(), cut in 0_usize..200, again in 0_usize..200) {
        let (cut, again) = (cut.min(points.len()), again.min(points.len()));
        let mut merged = points[cut..].to_vec();
        merge(&mut merged, &points[..cut]);
        merge(&mut merged, &points[again..]);
        prop_assert_eq!(bits(&merged), bits(&points));
    }

    #[test]
    fn rolling_up_in_two_steps_counts_every_sample_once(points in points()) {
        let small: Vec<Point> = points.iter().map(|p| Point { value: (p.value as i32 / 1_000) as f64, ..*p }).collect();
        let fine = roll_up(&small, FIVE_MINUTES_MS);
        prop_assert_eq!(coarser(&fine, HOUR_MS), roll_up(&small, HOUR_MS));
        prop_assert_eq!(fine.iter().map(|b| b.count).sum::<u64>(), points.len() as u64);
        let mut kept = fine.clone();
        replace(&mut kept, START, START.plus_ms(HOUR_MS), &fine);
        prop_assert_eq!(kept, fine);
    }
}

#[test]
fn a_regular_series_of_short_decimals_takes_few_bytes() {
    let points: Vec<Point> = (0..60_i32)
        .map(|i| Point { at: START.plus_ms(i as u64 * 60_000), value: f64::from(412 + i % 5) / 10.0 })
        .collect();
    let bytes = write_points(START, &points);
    assert!(bytes.len() <= 2 * points.len() + 12, "{} bytes", bytes.len());
}

#[test]
fn another_format_is_refused_by_name() {
    assert_eq!(read_points(START, &[9, 0, 0]), Err(BadChunk::Format(9)));
    assert_eq!(read_points(START, &[1, 0xff, 0xff, 0x7f]), Err(BadChunk::Bounds));
}

#[test]
fn an_hour_holds_so_many_samples_and_no_more() {
    let mut points = Vec::new();
    let new: Vec<Point> = (0..5_000).map(|i| Point { at: UnixMs(START.0 + i), value: 1.0 }).collect();
    assert_eq!(merge(&mut points, &new), 5_000 - CHUNK_SAMPLES_MAX);
    assert_eq!(points.len(), CHUNK_SAMPLES_MAX);
}

#[test]
fn the_tier_follows_the_step_and_the_age() {
    let now = UnixMs(START.0 + 400 * DAY_MS as i64);
    let kept = Retention::standard();
    let ago = |days: u64| UnixMs(now.0 - (days * DAY_MS) as i64);
    let chosen = |from, step| choose(from, now, step, now, &kept).map(|c| (c.tier, c.step_ms));
    assert_eq!(chosen(UnixMs(now.0 - 3_600_000), None), Ok((Tier::Raw, 7_200)));
    assert_eq!(chosen(UnixMs(now.0 - 3_600_000), Some(1)), Err(BadRange::TooMany { step_ms: 1, points: 3_600_000 }));
    assert_eq!(chosen(ago(1), None), Ok((Tier::Raw, 172_800)));
    assert_eq!(chosen(ago(6), None), Ok((Tier::FiveMinutes, 1_200_000)));
    assert_eq!(chosen(ago(30), None), Ok((Tier::Hour, 7_200_000)));
    assert_eq!(chosen(ago(8), Some(60_000)), Err(BadRange::TooMany { step_ms: 300_000, points: 2_304 }));
    assert_eq!(chosen(ago(100), Some(300_000)), Err(BadRange::TooMany { step_ms: HOUR_MS, points: 2_400 }));
    assert_eq!(choose(now, now, None, now, &kept), Err(BadRange::Empty));
}

#[test]
fn the_same_key_is_the_same_series_and_any_part_makes_another() {
    let tenant = TenantId::from_random([1; 16]);
    let key = SeriesKey {
        device: DeviceId::from_random([2; 16]),
        installation: InstallationId::from_random([3; 16]),
        condition: "space".to_owned(),
        subject: "/".to_owned(),
        name: "free".to_owned(),
        labels: canonical_labels(&[("b".into(), "2".into()), ("a".into(), "1".into()), ("a".into(), "9".into())]),
        unit: "%".to_owned(),
    };
    assert_eq!(key.labels, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(key.id(&tenant), key.clone().id(&tenant));
    let others = [
        SeriesKey { subject: String::new(), condition: "space/".to_owned(), ..key.clone() },
        SeriesKey { unit: "By".to_owned(), ..key.clone() },
        SeriesKey { labels: vec![], ..key.clone() },
    ];
    for other in others {
        assert_ne!(other.id(&tenant), key.id(&tenant));
    }
    assert_ne!(key.id(&TenantId::from_random([9; 16])), key.id(&tenant));
}
