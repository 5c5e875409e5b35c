//! When an edit is pushed: once it has been quiet for a while, and at the latest after a longer while.
//!
//! Pure: who calls says what time it is. An editor that saves with five events, or a script that writes a thousand files, leads to one
//! push; a folder that is written to without end is still pushed now and then.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The longest wait, in quiet times: 30 s with the default of 2 s.
const LONGEST: u32 = 15;

/// What was touched and waits.
#[derive(Debug)]
pub(super) struct Debounce<K> {
    quiet: Duration,
    waiting: HashMap<K, Touched>,
}

#[derive(Clone, Copy, Debug)]
struct Touched {
    first: Instant,
    last: Instant,
}

impl<K: Clone + Eq + Hash + Ord> Debounce<K> {
    pub(super) fn new(quiet: Duration) -> Self {
        Self { quiet, waiting: HashMap::new() }
    }

    pub(super) fn touch(&mut self, key: K, now: Instant) {
        self.waiting.entry(key).or_insert(Touched { first: now, last: now }).last = now;
    }

    /// As if it were touched then, unless it waits already.
    pub(super) fn touch_later(&mut self, key: K, then: Instant) {
        self.waiting.entry(key).or_insert(Touched { first: then, last: then });
    }

    /// Those whose time has come, in order. They wait no longer.
    pub(super) fn due(&mut self, now: Instant) -> Vec<K> {
        let quiet = self.quiet;
        let mut due: Vec<_> = self.waiting.extract_if(|_, it| it.due(quiet) <= now).map(|(key, _)| key).collect();
        due.sort_unstable();
        due
    }

    /// When the next one is due. None: nothing waits.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.values().map(|touched| touched.due(self.quiet)).min()
    }
}

impl Touched {
    fn due(self, quiet: Duration) -> Instant {
        (self.last + quiet).min(self.first + quiet * LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUIET: Duration = Duration::from_millis(2_000);

    #[test]
    fn a_burst_is_one_edit_once_it_is_quiet() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut debounce = Debounce::new(QUIET);
        assert_eq!(debounce.next(), None);
        for ms in [0, 10, 1_000, 1_900] {
            debounce.touch("one", at(ms));
            assert_eq!(debounce.due(at(ms)), [""; 0]);
        }
        debounce.touch("two", at(500));
        assert_eq!(debounce.next(), Some(at(2_500)));
        assert_eq!(debounce.due(at(2_500)), ["two"]);
        assert_eq!((debounce.due(at(3_899)), debounce.due(at(3_900))), (vec![], vec!["one"]));
        assert_eq!((debounce.due(at(99_000)), debounce.next()), (vec![], None));
    }

    #[test]
    fn what_is_to_be_looked_at_later_waits_unless_it_is_edited() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut debounce = Debounce::new(QUIET);
        for key in ["one", "two", "three"] {
            debounce.touch_later(key, at(60_000));
        }
        debounce.touch("two", at(1_000));
        debounce.touch_later("two", at(60_000));
        assert_eq!((debounce.next(), debounce.due(at(3_000))), (Some(at(3_000)), vec!["two"]));
        debounce.touch_later("three", at(0));
        assert_eq!((debounce.due(at(61_999)), debounce.due(at(62_000))), (vec![], vec!["one", "three"]));
    }

    proptest! {
        #[test]
        fn every_edit_is_pushed_neither_too_early_nor_too_late(gaps in prop::collection::vec(0_u64..6_000, 1..60)) {
            let start = Instant::now();
            let (mut debounce, mut now) = (Debounce::new(QUIET), 0);
            let (mut unpushed, mut pushes): (Vec<u64>, u32) = (vec![], 0);
            let at = |ms| start + Duration::from_millis(ms);
            for gap in gaps {
                let next = now + gap;
                // What waits is asked for at the time that it named.
                while let Some(due) = debounce.next().filter(|due| *due <= at(next)) {
                    let ms = u64::try_from((due - start).as_millis()).unwrap();
                    prop_assert_eq!(debounce.due(due), ["one"]);
                    let (first, last) = (unpushed[0], unpushed[unpushed.len() - 1]);
                    prop_assert!(ms - last >= 2_000 || ms - first >= 30_000, "too early: {first} {last} {ms}");
                    prop_assert!(ms - first <= 30_000, "too late: {first} {ms}");
                    unpushed.clear();
                    pushes += 1;
                }
                now = next;
                debounce.touch("one", at(now));
                unpushed.push(now);
            }
            prop_assert_eq!(debounce.due(at(now + 2_000)), ["one"]);
            prop_assert!(pushes < 60);
        }
    }
}
