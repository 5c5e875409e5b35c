//! Stores for tests: each new and empty, and gone with the folder that they share.

use super::Database;
use std::cell::Cell;
use tempfile::TempDir;

pub(crate) struct Scratch {
    folder: TempDir,
    made: Cell<u32>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), made: Cell::new(0) }
    }

    pub(crate) fn store(&self) -> Database {
        self.made.set(self.made.get() + 1);
        Database::open(&self.folder.path().join(format!("{}.sqlite", self.made.get()))).unwrap()
    }
}
