//! Keeps a hook from causing itself: a receiver that calls the API and echoes `X-Gitlab-Event-UUID` goes on a chain, and
//! a hook is told once per chain. Who does not echo the header gets no protection.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Hooks of one chain.
const LONGEST: usize = 100;
/// A chain is forgotten after this.
const MEMORY: SignedDuration = SignedDuration::from_mins(30);

/// All chains of the last half hour.
#[derive(Debug, Default)]
pub struct Chains {
    known: Mutex<HashMap<String, (Timestamp, Vec<u64>)>>,
}

impl Chains {
    /// Puts a hook on a chain. False when it is on it already, or when the chain is too long.
    pub fn enter(&self, chain: &str, hook_id: u64, now: Timestamp) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (last, _)| now.duration_since(*last) < MEMORY);
        let (last, hooks) = known.entry(chain.to_owned()).or_insert((now, Vec::new()));
        if hooks.contains(&hook_id) || hooks.len() >= LONGEST {
            return false;
        }
        hooks.push(hook_id);
        *last = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_on_a_chain_once_and_a_chain_ends_after_a_hundred() {
        let chains = Chains::default();
        let now = Timestamp::UNIX_EPOCH;
        assert!(chains.enter("a", 1, now));
        assert!(!chains.enter("a", 1, now));
        assert!(chains.enter("b", 1, now));
        assert!((2..=100).all(|hook| chains.enter("a", hook, now)));
        assert!(!chains.enter("a", 101, now));
        assert!(chains.enter("a", 1, now + SignedDuration::from_mins(31)));
    }
}
