//! Maps and sets that are lists in order.
//!
//! The standard ones are trees, of which each pair of types takes 4 to 13 kB of the component; a list takes a tenth. Decided here: what is
//! taken in together is sorted together, and what comes one by one moves those behind it, which a thousand can do and a hundred thousand
//! cannot. The largest maps, of all files, stay trees ([`crate::tree`], [`crate::ledger`], `workspace`).

use std::borrow::Borrow;

use crate::order;

/// Values by their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map<K, V>(Vec<(K, V)>);

/// Keys, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<K>(Map<K, ()>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Map<K, V> {
    /// Without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// In order of the keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> Map<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Whether there is a value of this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Puts in a value; gives back the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out a value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Puts what was added to the end from `first` on into order; of one key, the last value stays.
    fn settle(&mut self, first: usize) {
        if self.0[first.saturating_sub(1)..].is_sorted_by(|(one, _), (other, _)| one < other) {
            return;
        }
        order::sort_by(&mut self.0, |(one, _), (other, _)| one.cmp(other));
        self.0.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
    }
}

/// Of one key, the last value stays.
impl<K: Ord, V> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let first = self.0.len();
        self.0.extend(entries);
        self.settle(first);
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self(entries.into_iter().collect());
        map.settle(0);
        map
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<K> Set<K> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.0.iter().map(|(key, ())| key)
    }

    /// Leaves none.
    pub fn clear(&mut self) {
        self.0.0.clear();
    }

    /// Leaves only these.
    pub fn retain(&mut self, mut stays: impl FnMut(&K) -> bool) {
        self.0.0.retain(|(key, ())| stays(key));
    }
}

impl<K: Ord> Set<K> {
    /// Whether this is one of them.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Puts one in.
    pub fn insert(&mut self, key: K) {
        self.0.insert(key, ());
    }
}

impl<K: Ord> Extend<K> for Set<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        self.0.extend(keys.into_iter().map(|key| (key, ())));
    }
}

impl<K: Ord> FromIterator<K> for Set<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (key, ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Deed {
        Insert(u8, u16),
        Remove(u8),
        Extend(Vec<(u8, u16)>),
        Get(u8),
    }

    fn any_deed() -> impl Strategy<Value = Deed> {
        let entry = || (0_u8..20, any::<u16>());
        prop_oneof![
            entry().prop_map(|(key, value)| Deed::Insert(key, value)),
            (0_u8..20).prop_map(Deed::Remove),
            prop::collection::vec(entry(), 0..12).prop_map(Deed::Extend),
            (0_u8..20).prop_map(Deed::Get),
        ]
    }

    proptest! {
        #[test]
        fn a_map_is_what_the_standard_one_is(
            start: Vec<(u8, u16)>,
            deeds in prop::collection::vec(any_deed(), 0..20),
        ) {
            let mut ours: Map<u8, u16> = start.iter().copied().collect();
            let mut theirs: BTreeMap<u8, u16> = start.into_iter().collect();
            for deed in deeds {
                match deed {
                    Deed::Insert(key, value) => prop_assert_eq!(ours.insert(key, value), theirs.insert(key, value)),
                    Deed::Remove(key) => prop_assert_eq!(ours.remove(&key), theirs.remove(&key)),
                    Deed::Extend(entries) => {
                        ours.extend(entries.iter().copied());
                        theirs.extend(entries);
                    }
                    Deed::Get(key) => {
                        prop_assert_eq!(ours.get(&key), theirs.get(&key));
                        prop_assert_eq!(ours.get_mut(&key), theirs.get_mut(&key));
                        prop_assert_eq!(ours.contains_key(&key), theirs.contains_key(&key));
                    }
                }
                prop_assert!(ours.iter().eq(theirs.iter()));
                prop_assert_eq!((ours.len(), ours.is_empty()), (theirs.len(), theirs.is_empty()));
            }
            prop_assert!(ours.values().eq(theirs.values()));
            prop_assert!(ours.into_iter().eq(theirs));
        }
    }
}
