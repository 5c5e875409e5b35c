//! One connection's keys and versions, without their values: what a commit is checked against. Pure.

use std::collections::{BTreeMap, HashSet};

use super::{Key, MOST_KEYS, MOST_ROOM_BYTES, MOST_VALUE_BYTES, Put, StateError};

/// Keys with their versions, and with where their values are.
#[derive(Debug)]
pub(super) struct Room<P> {
    held: BTreeMap<Key, Held<P>>,
    /// The greatest version that any removed key had. A new key starts above it.
    floor: u64,
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct Held<P> {
    pub(super) version: u64,
    pub(super) size: u64,
    /// Where the value is.
    pub(super) place: P,
}

impl<P> Default for Room<P> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), floor: 0, bytes: 0 }
    }
}

/// What a put or a removal finds under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Of the value.
    pub version: u64,
    /// Bytes of the value.
    pub size: u64,
}

/// How full one connection's room is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Full {
    /// How many there are.
    pub keys: usize,
    /// Of all values.
    pub bytes: u64,
}

/// Whether a commit can be made: no key twice, no value too large, every version as expected, and the room not too full afterwards. The
/// one judgement of all stores. `replaced` has what each write finds, in their order.
pub fn judge(writes: &[Put], replaced: &[Option<Replaced>], full: Full) -> Result<(), StateError> {
    let mut seen = HashSet::new();
    let Full { mut keys, mut bytes } = full;
    let mut changed = Vec::new();
    for (put, replaced) in writes.iter().zip(replaced) {
        let size = put.bytes.as_ref().map_or(0, Vec::len);
        if !seen.insert(&put.key) {
            return Err(invalid(format_args!("`{}` is written twice in one commit", put.key)));
        }
        if size > MOST_VALUE_BYTES {
            return Err(invalid(format_args!("`{}` has {size} bytes, more than {MOST_VALUE_BYTES}", put.key)));
        }
        if replaced.map_or(0, |replaced| replaced.version) != put.expected {
            changed.push(put.key.clone());
        }
        bytes = bytes + size as u64 - replaced.map_or(0, |replaced| replaced.size);
        keys = keys + usize::from(put.bytes.is_some()) - usize::from(replaced.is_some());
    }
    if !changed.is_empty() {
        return Err(StateError::Changed(changed));
    }
    if bytes > MOST_ROOM_BYTES {
        return Err(invalid(format_args!("the connection's values have {bytes} bytes, more than {MOST_ROOM_BYTES}")));
    }
    if keys > MOST_KEYS {
        return Err(invalid(format_args!("the connection has {keys} keys, more than {MOST_KEYS}")));
    }
    Ok(())
}

impl<P> Room<P> {
    pub(super) fn get(&self, key: &Key) -> Option<&Held<P>> {
        self.held.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Held<P>)> {
        self.held.iter()
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Of all values.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether all of these can be written.
    pub(super) fn check(&self, writes: &[Put]) -> Result<(), StateError> {
        let replaced =
            |put: &Put| self.held.get(&put.key).map(|held| Replaced { version: held.version, size: held.size });
        let replaced: Vec<_> = writes.iter().map(replaced).collect();
        judge(writes, &replaced, Full { keys: self.held.len(), bytes: self.bytes })
    }

    /// The version that a put of this key will have.
    pub(super) fn next_version(&self, key: &Key) -> u64 {
        self.held.get(key).map_or(self.floor, |held| held.version) + 1
    }

    pub(super) fn insert(&mut self, key: Key, held: Held<P>) {
        self.bytes += held.size;
        if let Some(before) = self.held.insert(key, held) {
            self.bytes -= before.size;
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(before) = self.held.remove(key) {
            self.bytes -= before.size;
            self.floor = self.floor.max(before.version);
        }
    }

    /// As after the removal of a key of that version.
    pub(super) fn raise_floor(&mut self, version: u64) {
        self.floor = self.floor.max(version);
    }
}

fn invalid(what: std::fmt::Arguments<'_>) -> StateError {
    StateError::Invalid(what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_full_at_its_limits() {
        let key = |number: usize| Key::parse(&format!("k{number}")).unwrap();
        let put = |number, size| Put { key: key(number), bytes: Some(vec![0; size]), expected: 0 };
        let mut room = Room::default();
        for number in 1..MOST_KEYS {
            room.insert(key(number), Held { version: 1, size: 1, place: () });
        }
        assert!(room.check(&[put(0, 1)]).is_ok());
        assert!(matches!(room.check(&[put(0, 1), put(MOST_KEYS, 1)]), Err(StateError::Invalid(_))), "one key too many");
        let swap = [put(0, 1), put(MOST_KEYS, 1), Put { key: key(1), bytes: None, expected: 1 }];
        assert!(room.check(&swap).is_ok(), "one goes as one comes");

        let mut room = Room::default();
        room.insert(key(1), Held { version: 1, size: MOST_ROOM_BYTES - 1, place: () });
        assert!(room.check(&[put(0, 1)]).is_ok());
        assert!(matches!(room.check(&[put(0, 2)]), Err(StateError::Invalid(_))), "one byte too many");
        room.remove(&key(1));
        assert!(room.check(&[put(0, 2)]).is_ok());
    }
}
