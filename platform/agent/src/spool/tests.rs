//! A spool on a disk whose power is cut at any point, and the bounds that no other test reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use fitment_domain::budget::Usage;
use fitment_domain::id::{InstallationId, SpoolEpoch};
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::time::UnixMs;

use super::storage::Storage;
use super::{Spool, SpoolLimits, segment};

fn result(bytes: usize) -> RunResult {
    RunResult {
        version: None,
        sequence: 0,
        installation: InstallationId::from_random([1; 16]),
        started: UnixMs(0),
        usage: Usage::default(),
        outcome: Outcome::Failed { kind: "trap".to_owned(), message: "x".repeat(bytes) },
        log: Vec::new(),
    }
}

/// A generator that repeats itself for a seed (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What a power cut leaves.
#[derive(Default)]
struct Platters {
    files: BTreeMap<String, Vec<u8>>,
    /// Files whose removal the disk may not know of yet.
    removed: BTreeMap<String, Vec<u8>>,
    /// Changes until the power goes.
    left: u64,
    /// Whether a change fails, as on a full disk.
    full: bool,
    /// Whether nothing can be read for the moment.
    deaf: bool,
}

#[derive(Clone)]
struct Disk(Arc<Mutex<Platters>>, Arc<Mutex<Dice>>);

impl Disk {
    fn change(&self) -> io::Result<bool> {
        let mut platters = self.0.lock().unwrap();
        if platters.left == 0 {
            return Err(io::Error::other("no power"));
        }
        platters.left -= 1;
        if platters.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(platters.left > 0)
    }

    /// The power is back: removals may have been forgotten.
    fn again(&self, left: u64) {
        let mut platters = self.0.lock().unwrap();
        for (name, bytes) in std::mem::take(&mut platters.removed) {
            if self.1.lock().unwrap().below(2) == 0 {
                platters.files.entry(name).or_insert(bytes);
            }
        }
        (platters.left, platters.full) = (left, false);
    }
}

impl Storage for Disk {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let platters = self.0.lock().unwrap();
        let all: BTreeSet<String> = match folder {
            "" => platters.files.keys().filter_map(|name| Some(name.split_once('/')?.0.to_owned())).collect(),
            _ => platters
                .files
                .keys()
                .filter_map(|n| n.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned))
                .collect(),
        };
        Ok(all.into_iter().collect())
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let platters = self.0.lock().unwrap();
        if platters.deaf || platters.files.get(name).is_some_and(|bytes| bytes.len() as u64 > bytes_max) {
            return Err(io::Error::other("it cannot be read"));
        }
        platters.files.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_part(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let whole = self.read(name, u64::MAX)?;
        let begin = usize::try_from(offset).unwrap();
        whole.get(begin..begin + bytes).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let whole = self.change();
        let mut platters = self.0.lock().unwrap();
        let kept = match &whole {
            Ok(true) => bytes.len() as u64,
            // What the power or the room ends may leave a part; it may also have been all of it, and nobody was told.
            Ok(false) => self.1.lock().unwrap().below(bytes.len() as u64 + 1),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.1.lock().unwrap().below(bytes.len() as u64)
            }
            Err(_) => return whole.map(drop),
        };
        let kept = usize::try_from(kept).unwrap();
        platters.files.entry(name.to_owned()).or_default().extend_from_slice(&bytes[..kept]);
        match whole {
            Ok(true) => Ok(()),
            _ => Err(io::Error::other("the write was cut short")),
        }
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let whole = self.change()?;
        if whole || self.1.lock().unwrap().below(2) == 0 {
            self.0.lock().unwrap().files.insert(name.to_owned(), bytes.to_vec());
        }
        if whole { Ok(()) } else { Err(io::Error::other("no power")) }
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.change()?;
        let mut platters = self.0.lock().unwrap();
        if let Some(bytes) = platters.files.remove(name) {
            platters.removed.insert(name.to_owned(), bytes);
        }
        Ok(())
    }

    fn remove_folder(&mut self, _folder: &str) {}
}

type Number = (SpoolEpoch, u64);

/// What the server knows, and what the spool promised.
#[derive(Default)]
struct Known {
    /// By number: what was put. A number that means two things would lose one of them.
    put: BTreeMap<Number, usize>,
    promised: BTreeSet<Number>,
    taken: BTreeSet<Number>,
}

fn length(result: &RunResult) -> usize {
    match &result.outcome {
        Outcome::Failed { message, .. } => message.len(),
        _ => 0,
    }
}

/// One life of an agent, until its power is cut. Everything that the spool said is on disk is in `known.promised`.
fn live(disk: &Disk, known: &mut Known, dice: &mut Dice) {
    let limits = SpoolLimits::standard();
    let Ok(mut spool) = Spool::open_on(Box::new(disk.clone()), limits) else { return };
    while disk.0.lock().unwrap().left > 0 {
        match dice.below(6) {
            0..3 => {
                let results: Vec<_> = (0..=dice.below(4)).map(|_| result(1 + dice.below(200) as usize)).collect();
                let lengths: Vec<_> = results.iter().map(length).collect();
                let done = spool.put_all(results);
                let first = spool.numbers.next_for_test() - lengths.len() as u64;
                for (sequence, length) in (first..).zip(lengths) {
                    let number = (spool.numbers.epoch().clone(), sequence);
                    let earlier = known.put.insert(number.clone(), length);
                    assert_eq!(earlier, None, "a number was given out twice");
                    if done.is_ok() {
                        known.promised.insert(number);
                    }
                }
            }
            3 => disk.0.lock().unwrap().full = dice.below(3) == 0,
            4 => drop(spool.persist()),
            _ => {
                let Some(batch) = spool.batch(1 + dice.below(6) as usize, u64::MAX) else { continue };
                for result in &batch.results {
                    let number = (batch.spool.clone(), result.sequence);
                    assert_eq!(known.put.get(&number), Some(&length(result)), "what is sent is what was put");
                    // The answer may be lost; then it is sent again.
                    known.taken.insert(number);
                }
                if dice.below(4) > 0 {
                    batch.results.iter().for_each(|result| assert!(spool.acknowledged(&batch.spool, result.sequence)));
                }
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_point_loses_nothing_that_was_promised() {
    for seed in 1..=500_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(seed))));
        let mut known = Known::default();
        for _ in 0..4 {
            disk.again(1 + dice.below(40));
            live(&disk, &mut known, &mut dice);
        }
        disk.again(u64::MAX);
        let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
        while let Some(batch) = spool.batch(7, u64::MAX) {
            for result in &batch.results {
                let number = (batch.spool.clone(), result.sequence);
                assert_eq!(known.put.get(&number), Some(&length(result)), "seed {seed}");
                known.taken.insert(number);
                assert!(spool.acknowledged(&batch.spool, result.sequence), "seed {seed}");
            }
        }
        let lost: Vec<_> = known.promised.difference(&known.taken).collect();
        assert!(lost.is_empty(), "seed {seed}: {lost:?}");
        assert_eq!((spool.counts().records, spool.counts().bytes, spool.disk_bytes()), (0, 0, 0), "seed {seed}");
    }
}

#[test]
fn a_damaged_record_costs_itself_alone_and_is_kept_for_a_person() {
    let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(1))));
    disk.again(u64::MAX);
    let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
    spool.put_all(vec![result(10), result(20), result(30)]).unwrap();
    drop(spool);
    let name = disk.0.lock().unwrap().files.keys().find(|name| name.ends_with(".segment")).unwrap().clone();
    let whole = disk.read(&name, u64::MAX).unwrap();
    let second = segment::scan(&whole).records[1].1;
    let damaged = usize::try_from(second.offset).unwrap() + second.bytes / 2;
    disk.0.lock().unwrap().files.get_mut(&name).unwrap()[damaged] ^= 1;

    let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
    assert_eq!((spool.counts().records, spool.counts().unreadable), (2, 1));
    let lengths: Vec<_> = spool.batch(10, u64::MAX).unwrap().results.iter().map(length).collect();
    assert_eq!(lengths, [10, 30]);
    let kept: Vec<_> = disk.list("refused").unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
    // Damage that comes while it runs is seen when the record is read.
    disk.0.lock().unwrap().files.get_mut(&name).unwrap()[20] ^= 1;
    let lengths: Vec<_> = spool.batch(10, u64::MAX).unwrap().results.iter().map(length).collect();
    assert_eq!((lengths, spool.counts().unreadable), (vec![30], 2));
}

#[test]
fn a_disk_that_cannot_be_read_for_the_moment_loses_nothing() {
    let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(1))));
    disk.again(u64::MAX);
    let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
    spool.put_all(vec![result(10), result(20)]).unwrap();
    disk.0.lock().unwrap().deaf = true;
    assert_eq!(spool.batch(10, u64::MAX), None);
    disk.0.lock().unwrap().deaf = false;
    assert_eq!(spool.batch(10, u64::MAX).unwrap().results.len(), 2);
    assert_eq!(spool.counts().unreadable, 0);
}

#[test]
fn many_large_results_at_once_go_into_files_that_can_be_read_again() {
    let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(1))));
    disk.again(u64::MAX);
    let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
    spool.put_all((0..12).map(|_| result(1_000_000)).collect()).unwrap();
    drop(spool);
    let spool = Spool::open_on(Box::new(disk), SpoolLimits::standard()).unwrap();
    assert_eq!((spool.counts().records, spool.counts().unreadable), (12, 0));
}

#[test]
fn what_an_earlier_agent_left_in_files_of_one_result_each_is_taken_over() {
    let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(1))));
    disk.again(u64::MAX);
    let epoch = SpoolEpoch::from_random([7; 16]);
    for sequence in [3, 4] {
        let old = RunResult { sequence, ..result(10) };
        let name = format!("{epoch}/{sequence}.json");
        disk.0.lock().unwrap().files.insert(name, serde_json::to_vec(&old).unwrap());
    }
    let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
    let batch = spool.batch(10, u64::MAX).unwrap();
    assert_eq!((batch.spool, batch.results.iter().map(|r| r.sequence).collect::<Vec<_>>()), (epoch, vec![3, 4]));
    assert!(!disk.0.lock().unwrap().files.keys().any(|name| name.ends_with("3.json") || name.ends_with("4.json")));
}

#[test]
fn what_was_sent_and_settled_leaves_no_file_though_more_comes() {
    let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(1))));
    disk.again(u64::MAX);
    let mut spool = Spool::open_on(Box::new(disk.clone()), SpoolLimits::standard()).unwrap();
    let segments = |disk: &Disk| disk.0.lock().unwrap().files.keys().filter(|name| name.ends_with(".segment")).count();
    for _ in 0..10 {
        spool.put_all(vec![result(10)]).unwrap();
        let batch = spool.batch(10, u64::MAX).unwrap();
        spool.put_all(vec![result(20)]).unwrap();
        batch.results.iter().for_each(|result| assert!(spool.acknowledged(&batch.spool, result.sequence)));
        assert_eq!(segments(&disk), 1, "that of what came meanwhile");
    }
}

#[test]
fn a_spool_that_is_full_drops_the_oldest_and_says_how_many() {
    let disk = Disk(Arc::default(), Arc::new(Mutex::new(Dice(1))));
    disk.again(u64::MAX);
    let limits = SpoolLimits { records_max: 5, ..SpoolLimits::standard() };
    let mut spool = Spool::open_on(Box::new(disk), limits).unwrap();
    (0..9).for_each(|_| spool.put_all(vec![result(10)]).unwrap());
    assert_eq!((spool.counts().records, spool.counts().dropped), (5, 4));
    let first = spool.batch(10, u64::MAX).unwrap().results[0].sequence;
    assert_eq!(first, 5);
}

#[test]
fn a_large_result_makes_as_much_room_in_memory_as_it_needs() {
    let root = std::env::temp_dir().join(format!("fitment-spool-{}", crate::random::nonce().unwrap()));
    let limits = SpoolLimits { memory_bytes_max: 20_000, ..SpoolLimits::standard() };
    let mut spool = Spool::open(&root, limits).unwrap();
    // A file in the place of its folder: this disk takes nothing.
    std::fs::write(&root, "").unwrap();
    for _ in 0..9 {
        spool.put_all(vec![result(1_000)]).unwrap_err();
    }
    assert_eq!((spool.counts().not_on_disk, spool.counts().dropped), (9, 0));
    spool.put_all(vec![result(18_000)]).unwrap_err();
    let counts = spool.counts();
    assert!(counts.bytes <= 20_000, "{counts:?}");
    assert!(counts.dropped > 1 && counts.records == counts.not_on_disk, "{counts:?}");
    assert_eq!(counts.records as u64 + counts.dropped, 10);
    assert_eq!(spool.batch(10, u64::MAX).unwrap().results.last().unwrap().sequence, 10, "the newest is kept");
    std::fs::remove_file(&root).unwrap();
}
