use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

/// A watch that SYNs are given to, as the packet path does.
#[derive(Default)]
struct Kept(Watch);

impl Kept {
    fn see(&mut self, mark: Rate, guarded: u64, now: u64) -> bool {
        let seen = self.0.see(mark, guarded, now);
        self.0.bucket = seen.bucket.unwrap_or(self.0.bucket);
        self.0.until = seen.until.unwrap_or(self.0.until);
        self.0.since = seen.since.unwrap_or(self.0.since);
        seen.on
    }
}

#[test]
fn it_begins_past_the_mark_and_ends_a_while_after_it() {
    let mark = Rate::new(10, 10);
    let mut kept = Kept::default();
    let start = 5 * SECOND;
    for n in 0..10 {
        assert!(!kept.see(mark, 0, start + n), "{n}");
    }
    assert!(kept.see(mark, 0, start + 10));
    assert_eq!(kept.0.since, start + 10);
    // It goes on though fewer come,
    let mut now = start + 10;
    for _ in 0..9 {
        now += SECOND;
        assert!(kept.see(mark, 0, now));
    }
    // and ends.
    assert!(!kept.see(mark, 0, start + 10 + HOLD));
    // Another one has its own beginning.
    now = start + 2 * HOLD;
    for _ in 0..10 {
        assert!(!kept.see(mark, 0, now));
    }
    assert!(kept.see(mark, 0, now + 1));
    assert_eq!(kept.0.since, now + 1);
}

#[test]
fn the_end_is_put_off_while_the_mark_is_passed_but_seldom() {
    let mark = Rate::new(10, 10);
    let mut kept = Kept::default();
    let (mut now, mut writes) = (SECOND, 0);
    for _ in 0..30_000 {
        now += SECOND / 1_000;
        let before = kept.0.until;
        kept.see(mark, 0, now);
        writes += u64::from(kept.0.until != before);
    }
    let since = kept.0.since;
    assert!(since < SECOND + SECOND / 10, "at once: {since}");
    assert!(kept.0.until + GRAIN >= now + HOLD);
    assert!(writes <= 30 * SECOND / GRAIN + 1, "{writes}");
}

#[test]
fn the_daemon_protects_until_it_says() {
    let mark = Rate::new(10, 10);
    let mut kept = Kept::default();
    assert!(kept.see(mark, 2 * SECOND, SECOND));
    assert!(!kept.see(mark, 2 * SECOND, 2 * SECOND));
    assert_eq!((kept.0.until, kept.0.since), (0, 0));
}

proptest! {
    /// No more pass unprotected than the mark and what may come at once.
    #[test]
    fn what_passes_is_bounded(
        rate in 1u32..1_000,
        gaps in proptest::collection::vec(0u64..20_000_000, 1..2_000),
    ) {
        let mark = Rate::new(rate, rate);
        let mut kept = Kept::default();
        let (start, mut now, mut passed) = (SECOND, SECOND, 0);
        for gap in gaps {
            now += gap;
            passed += u64::from(!kept.see(mark, 0, now));
        }
        let most = u64::from(rate) + u64::from(rate) * (now - start) / SECOND + 1;
        prop_assert!(passed <= most, "{} of {}", passed, most);
    }
}
