//! How often somebody may send a wrong token before the answer is to wait. Tokens have 256 random bits, which is what makes guessing
//! hopeless; this tells a program with an old token to stop.
//!
//! Counts failures by address. A right token is never kept waiting: behind a proxy everybody has one address, and whoever guesses there
//! would lock all others out. So each token is looked up, which is one row by its key, before anything is counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Failures of one address within a window.
const MOST_FAILURES: u32 = 20;
const WINDOW_MS: u64 = 60_000;
/// Addresses that are remembered. Where more fail within a window, all of them count as one.
const MOST_ADDRESSES: usize = 10_000;

/// Remembers who failed of late.
#[derive(Default)]
pub(crate) struct Limiter {
    failures: Mutex<HashMap<Option<IpAddr>, Window>>,
}

struct Window {
    begun_ms: u64,
    failures: u32,
}

impl Limiter {
    /// A wrong token came from there. How long to wait, if too many have come before it.
    pub(crate) fn failed(&self, from: IpAddr, now_ms: u64) -> Option<u64> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let from = Some(block(from));
        if let Some(wait_ms) = wait_ms(&failures, from, now_ms) {
            return Some(wait_ms);
        }
        if failures.len() >= MOST_ADDRESSES && !failures.contains_key(&from) {
            failures.retain(|_, window| window.left_ms(now_ms).is_some());
        }
        let from = if failures.len() >= MOST_ADDRESSES && !failures.contains_key(&from) { None } else { from };
        let window = failures.entry(from).or_insert(Window { begun_ms: now_ms, failures: 0 });
        if window.left_ms(now_ms).is_none() {
            *window = Window { begun_ms: now_ms, failures: 0 };
        }
        window.failures += 1;
        None
    }
}

fn wait_ms(failures: &HashMap<Option<IpAddr>, Window>, from: Option<IpAddr>, now_ms: u64) -> Option<u64> {
    let windows = [from, None].into_iter().filter_map(|from| failures.get(&from));
    windows.filter(|window| window.failures >= MOST_FAILURES).filter_map(|window| window.left_ms(now_ms)).max()
}

impl Window {
    fn left_ms(&self, now_ms: u64) -> Option<u64> {
        (self.begun_ms + WINDOW_MS).checked_sub(now_ms).filter(|left| *left > 0)
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn block(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_fails_too_often_waits_until_the_minute_is_over_and_nobody_else_does() {
        let limiter = Limiter::default();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..MOST_FAILURES {
            assert_eq!(limiter.failed(one, 10), None);
        }
        assert_eq!(limiter.failed(one, 20), Some(WINDOW_MS - 10));
        assert_eq!(
            limiter.failed(address("::ffff:192.0.2.1"), 30),
            Some(WINDOW_MS - 20),
            "waiting does not begin anew"
        );
        assert_eq!(limiter.failed(other, 20), None);
        assert_eq!(limiter.failed(one, 10 + WINDOW_MS), None);
        assert_eq!(limiter.failed(one, 10 + WINDOW_MS), None, "a new window begins with one failure");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_the_memory_is_bounded() {
        let limiter = Limiter::default();
        for host in 0..MOST_FAILURES {
            limiter.failed(address(&format!("2001:db8::{host:x}")), 0);
        }
        assert!(limiter.failed(address("2001:db8::ffff"), 1).is_some());
        assert!(limiter.failed(address("2001:db8:0:1::1"), 1).is_none());
        for number in 0..MOST_ADDRESSES as u32 + MOST_FAILURES {
            limiter.failed(IpAddr::V4(number.into()), 2);
        }
        assert!(limiter.failures.lock().unwrap().len() <= MOST_ADDRESSES + 1);
        assert!(limiter.failed(address("198.51.100.1"), 3).is_some(), "a flood from everywhere slows everybody");
        assert!(limiter.failed(address("198.51.100.1"), 2 + WINDOW_MS).is_none());
    }
}
