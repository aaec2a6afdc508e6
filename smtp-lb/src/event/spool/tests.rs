use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::plan::Overflow;

const ROOMY: Bounds = Bounds {
    size: 1 << 20,
    age: None,
    overflow: Overflow::Newest,
};

fn bounds(size: u64, overflow: Overflow) -> Bounds {
    Bounds {
        size,
        age: None,
        overflow,
    }
}

fn open(folder: &Path, bounds: Bounds) -> Spool {
    Spool::open(folder, bounds).unwrap()
}

fn text(number: u64) -> String {
    format!(
        "record {number} {}",
        "x".repeat(usize::try_from(number % 37).unwrap())
    )
}

/// Appends records of the numbers, at a time of the same number.
fn append(spool: &mut Spool, numbers: std::ops::Range<u64>) {
    let mut batch = Batch::default();
    for number in numbers {
        batch.push(number, number, |out| {
            out.extend_from_slice(text(number).as_bytes());
        });
    }
    let (taken, result) = spool.append(&batch, 0);
    result.unwrap();
    assert_eq!(taken, batch.len());
}

/// Reads up to `most` records, and sees that they are whole.
fn read(spool: &mut Spool, most: usize, now: u64) -> Vec<u64> {
    let mut batch = Batch::default();
    spool.read(&mut batch, (most, 1 << 20), now).unwrap();
    let numbers = batch.iter().map(|item| {
        assert_eq!(item.text, text(item.sequence).as_bytes());
        assert_eq!(item.time, item.sequence);
        item.sequence
    });
    numbers.collect()
}

fn check(spool: &Spool) {
    let ledger = spool.ledger();
    let told = ledger.sent + ledger.lost.total() + ledger.queued;
    assert_eq!(ledger.accepted, told, "{ledger:?}");
}

#[test]
fn what_is_not_done_with_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    append(&mut spool, 1..101);
    assert_eq!(read(&mut spool, 30, 0), (1..31).collect::<Vec<_>>());
    spool.done(21).unwrap();
    check(&spool);
    spool.keep().unwrap();
    drop(spool);
    let mut spool = open(folder.path(), ROOMY);
    let ledger = spool.ledger();
    assert_eq!((ledger.accepted, ledger.sent, ledger.queued), (100, 20, 80));
    assert_eq!((spool.sequence(), ledger.torn), (100, 0));
    append(&mut spool, 101..111);
    assert_eq!(read(&mut spool, 1000, 0), (21..111).collect::<Vec<_>>());
    spool.done(111).unwrap();
    check(&spool);
    assert_eq!(spool.ledger().queued, 0);
}

#[test]
fn nobody_else_may_open_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path(), ROOMY);
    let error = Spool::open(folder.path(), ROOMY).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(spool);
    open(folder.path(), ROOMY);
}

/// The last segment, cut at every octet: what was whole before is there, nothing else is, and what is
/// appended then stands behind it.
#[test]
fn a_tail_torn_at_any_octet_costs_only_what_was_torn() {
    let made = tempfile::tempdir().unwrap();
    let mut spool = open(made.path(), ROOMY);
    append(&mut spool, 1..6);
    drop(spool);
    let name = "0000000000000001.seg";
    let whole = fs::read(made.path().join(name)).unwrap();
    let mut ends = vec![record::SEGMENT_HEAD];
    for number in 1..6 {
        ends.push(ends.last().unwrap() + record::HEAD + text(number).len());
    }
    assert_eq!(*ends.last().unwrap(), whole.len());
    for cut in 0..=whole.len() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), &whole[..cut]).unwrap();
        let mut spool = open(folder.path(), ROOMY);
        let kept = ends
            .iter()
            .filter(|&&end| end <= cut)
            .count()
            .saturating_sub(1) as u64;
        let torn = u64::from(cut > 0 && !ends.contains(&cut));
        let ledger = spool.ledger();
        assert_eq!(
            (ledger.accepted, ledger.queued, ledger.torn),
            (kept, kept, torn),
            "cut at {cut}"
        );
        append(&mut spool, kept + 1..kept + 4);
        assert_eq!(
            read(&mut spool, 100, 0),
            (1..kept + 4).collect::<Vec<_>>(),
            "cut at {cut}"
        );
        check(&spool);
        drop(spool);
        assert_eq!(
            open(folder.path(), ROOMY).ledger().torn,
            torn,
            "told of once"
        );
    }
}

/// An octet that changed on disk costs the records behind it in its segment, which are counted.
#[test]
fn what_changed_on_disk_is_not_given_out() {
    for place in [3, 21, 30, 200, 2000] {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path(), bounds(40_000, Overflow::Newest));
        append(&mut spool, 1..401);
        let segments = fs::read_dir(folder.path()).unwrap().count() - 2;
        assert!(segments > 3, "{segments}");
        let path = folder.path().join("0000000000000001.seg");
        let mut octets = fs::read(&path).unwrap();
        octets[place] ^= 0x10;
        fs::write(&path, octets).unwrap();
        for reopened in [false, true] {
            if reopened {
                drop(spool);
                spool = open(folder.path(), bounds(40_000, Overflow::Newest));
            }
            let came = read(&mut spool, 1000, 0);
            check(&spool);
            let lost = spool.ledger().lost.corrupt;
            if place >= record::SEGMENT_HEAD || reopened {
                assert!(lost > 0, "{place} {reopened}");
            }
            assert_eq!(came.len() as u64 + lost, 400, "{place} {reopened}");
            assert!(came.is_sorted() && came.last() == Some(&400));
            spool.rewind();
        }
    }
}

#[test]
fn a_full_queue_loses_by_its_policy() {
    for (overflow, kept_newest) in [(Overflow::Newest, false), (Overflow::Oldest, true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path(), bounds(40_000, overflow));
        append(&mut spool, 1..2001);
        check(&spool);
        assert!(spool.octets() <= 40_000);
        let ledger = spool.ledger();
        assert!(
            ledger.lost.overflow > 500 && ledger.queued > 300,
            "{ledger:?}"
        );
        let came = read(&mut spool, 5000, 0);
        assert_eq!(came.len() as u64, ledger.queued);
        assert_eq!(came.last() == Some(&2000), kept_newest);
        assert_eq!(came.first() == Some(&1), !kept_newest);
        assert!(came.is_sorted());
        drop(spool);
        let spool = open(folder.path(), bounds(40_000, overflow));
        assert_eq!(spool.ledger(), ledger, "the ledger outlives a restart");
        assert_eq!(spool.sequence(), 2000, "and so do the numbers");
    }
}

/// What is on its way is not given up for what is new.
#[test]
fn records_on_their_way_hold_their_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), bounds(40_000, Overflow::Oldest));
    append(&mut spool, 1..301);
    let out = read(&mut spool, 150, 0);
    append(&mut spool, 301..3001);
    let rest = read(&mut spool, 5000, 0);
    let lost = spool.ledger().lost.overflow;
    assert!(lost > 1000);
    assert_eq!((out.len() + rest.len()) as u64 + lost, 3000);
    spool.done(spool.at()).unwrap();
    assert_eq!(spool.ledger().sent, 3000 - lost);
    check(&spool);
}

#[test]
fn what_is_too_old_is_given_up_waiting_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let aged = Bounds {
        size: 40_000,
        age: Some(Duration::from_nanos(100)),
        overflow: Overflow::Newest,
    };
    let mut spool = open(folder.path(), aged);
    append(&mut spool, 1..401);
    spool.expire(300).unwrap();
    let lost = spool.ledger().lost.aged;
    assert!(lost > 100 && lost < 200, "whole segments: {lost}");
    check(&spool);
    assert_eq!(read(&mut spool, 1000, 350), (250..401).collect::<Vec<_>>());
    assert_eq!(spool.ledger().lost.aged, 249);
    check(&spool);
    drop(spool);
    // Not done with: read, and judged, again.
    let mut spool = open(folder.path(), aged);
    check(&spool);
    assert_eq!(read(&mut spool, 1000, 350), (250..401).collect::<Vec<_>>());
    spool.done(spool.at()).unwrap();
    check(&spool);
    assert_eq!(spool.ledger().lost.aged, 249);
}

/// Read and found too old, to be read again, and given up with its whole segment.
#[test]
fn what_is_lost_is_lost_once() {
    let folder = tempfile::tempdir().unwrap();
    let aged = Bounds {
        size: 40_000,
        age: Some(Duration::from_nanos(100)),
        overflow: Overflow::Newest,
    };
    let mut spool = open(folder.path(), aged);
    append(&mut spool, 1..31);
    assert_eq!(read(&mut spool, 5, 120), [20, 21, 22, 23, 24]);
    assert_eq!(spool.ledger().lost.aged, 19);
    spool.rewind();
    spool.expire(1000).unwrap();
    assert_eq!(spool.ledger().lost.aged, 30);
    check(&spool);
    assert_eq!(read(&mut spool, 100, 1000), [0; 0]);
    spool.done(spool.at()).unwrap();
    check(&spool);
    assert_eq!((spool.ledger().sent, spool.ledger().queued), (0, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Read(usize),
    Done(u64),
    Rewind,
    Expire(u64),
    Keep,
    /// As after SIGKILL: nothing is said to the store.
    Crash,
    /// And the last segment is cut by so many octets.
    Torn(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..80_u64).prop_map(Step::Append),
        6 => (1..80_usize).prop_map(Step::Read),
        4 => (0..80_u64).prop_map(Step::Done),
        1 => Just(Step::Rewind),
        1 => (0..400_u64).prop_map(Step::Expire),
        1 => Just(Step::Keep),
        2 => Just(Step::Crash),
        1 => (1..60_u64).prop_map(Step::Torn),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Whatever happens, the ledger adds up, and each record that was accepted is given out at least
    /// once or counted as lost.
    #[test]
    fn nothing_that_was_accepted_goes_uncounted(
        steps in steps(), oldest in any::<bool>(), size in prop_oneof![Just(9_000_u64), Just(40_000), Just(1 << 20)],
        age in prop_oneof![Just(None), Just(Some(Duration::from_nanos(300)))],
    ) {
        let overflow = if oldest { Overflow::Oldest } else { Overflow::Newest };
        let bounds = Bounds { size, age, overflow };
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path(), bounds);
        let (mut next, mut now) = (1, 0);
        let mut came = BTreeSet::new();
        let mut torn_off = 0;
        for step in steps {
            match step {
                Step::Append(count) => {
                    append(&mut spool, next..next + count);
                    next += count;
                    now = now.max(next);
                }
                Step::Read(most) => {
                    let numbers = read(&mut spool, most, now);
                    prop_assert!(numbers.is_sorted());
                    came.extend(numbers);
                }
                Step::Done(back) => {
                    let at = spool.at();
                    spool.done(at.saturating_sub(back)).unwrap();
                }
                Step::Rewind => spool.rewind(),
                Step::Expire(later) => spool.expire(now + later).unwrap(),
                Step::Keep => spool.keep().unwrap(),
                Step::Crash => {
                    drop(spool);
                    spool = open(folder.path(), bounds);
                    next = next.max(spool.sequence() + 1);
                }
                Step::Torn(octets) => {
                    let before = spool.ledger();
                    drop(spool);
                    let names = fs::read_dir(folder.path()).unwrap();
                    let names = names.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
                    if let Some(last) = names.filter(|name| name.len() == 20).max() {
                        let path = folder.path().join(last);
                        let length = fs::metadata(&path).unwrap().len();
                        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
                        file.set_len(length.saturating_sub(octets).max(record::SEGMENT_HEAD as u64)).unwrap();
                    }
                    spool = open(folder.path(), bounds);
                    let after = spool.ledger();
                    torn_off += before.accepted.saturating_sub(after.accepted);
                }
            }
            check(&spool);
            prop_assert!(spool.octets() <= size);
        }
        came.extend(read(&mut spool, usize::MAX, now));
        spool.done(spool.at()).unwrap();
        check(&spool);
        let ledger = spool.ledger();
        prop_assert_eq!(ledger.queued, 0);
        let told = came.len() as u64 + ledger.lost.total() + torn_off;
        prop_assert!(told >= next - 1, "{told} of {}: {ledger:?}", next - 1);
    }
}
