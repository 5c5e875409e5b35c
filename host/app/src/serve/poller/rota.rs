//! When each connection is looked at next.
//!
//! Pure: who calls says what time it is and gives the dice. A thousand connections are spread over the interval from the start, but for its
//! first tenth, in which a server that was just started works off what waits. A tenth of jitter keeps them apart from then on. While a
//! connection has a problem it is looked at half as often each time, down to a sixteenth.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Doublings of the interval, at most: an hour and twenty minutes with the default of five minutes.
const MOST_DOUBLINGS: u32 = 4;

/// A number from 0 to 1, without 1.
pub(super) type Dice<'a> = &'a mut (dyn FnMut() -> f64 + Send);

/// Who is looked at when.
#[derive(Debug)]
pub(super) struct Rota<K> {
    interval: Duration,
    turns: HashMap<K, Turn>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    doublings: u32,
}

/// How a connection was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Well,
    /// The last job failed.
    Troubled,
}

impl<K: Clone + Eq + Hash + Ord> Rota<K> {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, turns: HashMap::new() }
    }

    /// These and no others have turns. New ones get one within the interval.
    pub(super) fn keep(&mut self, all: &[K], now: Instant, dice: Dice<'_>) {
        let mut before = std::mem::take(&mut self.turns);
        for key in all {
            let new = || Turn { due: now + self.interval.mul_f64(0.1 + 0.9 * dice()), doublings: 0 };
            let turn = before.remove(key).unwrap_or_else(new);
            self.turns.insert(key.clone(), turn);
        }
    }

    /// Those whose turn it is, the longest due first.
    pub(super) fn due(&self, now: Instant) -> Vec<K> {
        let due = self.turns.iter().filter(|(_, turn)| turn.due <= now);
        let due: BTreeMap<_, _> = due.map(|(key, turn)| ((turn.due, key.clone()), ())).collect();
        due.into_keys().map(|(_, key)| key).collect()
    }

    /// Gives it its next turn.
    pub(super) fn done(&mut self, key: &K, seen: Seen, now: Instant, dice: Dice<'_>) {
        let Some(turn) = self.turns.get_mut(key) else { return };
        turn.doublings = match seen {
            Seen::Well => 0,
            Seen::Troubled => (turn.doublings + 1).min(MOST_DOUBLINGS),
        };
        turn.due = now + (self.interval * 2_u32.pow(turn.doublings)).mul_f64(0.9 + 0.2 * dice());
    }

    /// When the next turn is. None: nobody has one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.turns.values().map(|turn| turn.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    #[test]
    fn a_thousand_connections_are_spread_over_the_interval() {
        let start = Instant::now();
        let mut dice = (0_u64..).map(|number| (number * 7_919 % 1_000) as f64 / 1_000.0);
        let mut rota = Rota::new(INTERVAL);
        rota.keep(&(0..1_000).collect::<Vec<_>>(), start, &mut || dice.next().unwrap());
        for slice in 1..=10 {
            let due = rota.due(start + INTERVAL / 10 * slice).len();
            assert!(due.abs_diff((slice as usize - 1) * 1_000 / 9) <= 2, "{slice}: {due}");
        }
    }

    #[test]
    fn trouble_makes_looks_rarer_and_one_that_is_well_ends_that() {
        let (mut now, mut half) = (Instant::now(), || 0.5);
        let mut rota = Rota::new(INTERVAL);
        rota.keep(&["one"], now, &mut || 0.0);
        now += INTERVAL / 10;
        let mut wait = |seen: Seen| {
            assert_eq!(rota.due(now), ["one"]);
            rota.done(&"one", seen, now, &mut half);
            assert_eq!(rota.due(now), [""; 0]);
            let next = rota.next().unwrap();
            let wait = next - now;
            now = next;
            wait.as_secs()
        };
        let waits: Vec<_> =
            [Seen::Troubled; 6].into_iter().chain([Seen::Well, Seen::Troubled]).map(&mut wait).collect();
        assert_eq!(waits, [600, 1_200, 2_400, 4_800, 4_800, 4_800, 300, 600]);
    }

    #[test]
    fn who_is_gone_has_no_turn_and_who_stays_keeps_theirs() {
        let now = Instant::now();
        let mut rota = Rota::new(INTERVAL);
        rota.keep(&["one", "two"], now, &mut || 0.5);
        let later = now + INTERVAL;
        rota.keep(&["two", "three"], later, &mut || 0.5);
        assert_eq!(rota.due(later), ["two"]);
        rota.done(&"one", Seen::Well, later, &mut || 0.5);
        assert_eq!(rota.next(), Some(now + INTERVAL.mul_f64(0.55)));
    }

    proptest! {
        #[test]
        fn a_well_connection_is_never_left_for_longer_than_the_interval_and_a_tenth(rolls in prop::collection::vec(0.0..1.0, 1..50)) {
            let start = Instant::now();
            let mut now = start;
            let mut rota = Rota::new(INTERVAL);
            rota.keep(&["one"], now, &mut || 0.0);
            now += INTERVAL / 10;
            for roll in rolls {
                prop_assert_eq!(rota.due(now), ["one"]);
                rota.done(&"one", Seen::Well, now, &mut || roll);
                let next = rota.next().unwrap();
                prop_assert!(next - now >= INTERVAL.mul_f64(0.899) && next - now <= INTERVAL.mul_f64(1.101));
                now = next;
            }
        }
    }
}
