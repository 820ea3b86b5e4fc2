//! The bounds of what waits in memory, which no other test reaches.

use fitment_domain::budget::Usage;
use fitment_domain::id::InstallationId;
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::time::UnixMs;

use super::{Spool, SpoolLimits};

fn result(bytes: usize) -> RunResult {
    RunResult {
        sequence: 0,
        installation: InstallationId::from_random([1; 16]),
        started: UnixMs(0),
        usage: Usage::default(),
        outcome: Outcome::Failed { kind: "trap".to_owned(), message: "x".repeat(bytes) },
        log: Vec::new(),
    }
}

#[test]
fn a_large_result_makes_as_much_room_in_memory_as_it_needs() {
    let root = std::env::temp_dir().join(format!("fitment-spool-{}", crate::random::nonce().unwrap()));
    let limits = SpoolLimits { memory_bytes_max: 20_000, ..SpoolLimits::standard() };
    let mut spool = Spool::open(&root, limits).unwrap();
    // A file in the place of its folder: this disk takes nothing.
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::write(&root, "").unwrap();
    for _ in 0..9 {
        spool.put(result(1_000)).unwrap_err();
    }
    assert_eq!((spool.counts().not_on_disk, spool.counts().dropped), (9, 0));
    spool.put(result(18_000)).unwrap_err();
    let counts = spool.counts();
    assert!(counts.bytes <= 20_000, "{counts:?}");
    assert!(counts.dropped > 1 && counts.records == counts.not_on_disk, "{counts:?}");
    assert_eq!(counts.records as u64 + counts.dropped, 10);
    assert_eq!(spool.batch(10, u64::MAX).unwrap().results.last().unwrap().sequence, 10, "the newest is kept");
    std::fs::remove_file(&root).unwrap();
}
