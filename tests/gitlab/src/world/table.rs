//! A table of rows by numeric id, as a database would hand the ids out.

use std::collections::BTreeMap;

/// Rows by id. Ids rise and are never used again.
#[derive(Debug, Clone)]
pub struct Table<T> {
    rows: BTreeMap<u64, T>,
    last_id: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), last_id: 0 }
    }
}

impl<T> Table<T> {
    /// Reserves the next id.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Adds the row that `build` makes for the next id.
    pub fn add(&mut self, build: impl FnOnce(u64) -> T) -> &mut T {
        let id = self.next_id();
        self.rows.entry(id).or_insert_with(|| build(id))
    }

    /// Puts a row under an id that came from elsewhere.
    pub fn put(&mut self, id: u64, row: T) {
        self.last_id = self.last_id.max(id);
        self.rows.insert(id, row);
    }

    /// The row with this id.
    pub fn get(&self, id: u64) -> Option<&T> {
        self.rows.get(&id)
    }

    /// The row with this id, to change.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.rows.get_mut(&id)
    }

    /// Takes a row out.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        self.rows.remove(&id)
    }

    /// All rows, by rising id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    /// All rows, by rising id, to change.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.rows.values_mut()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
