//! What tells this store from all others: a random mark, made with its tables. It stands in commits, so that another installation
//! that writes to the same branch finds out. It is no secret.

use super::{Database, DatabaseError};

impl Database {
    pub(crate) async fn mark(&self) -> Result<String, DatabaseError> {
        self.read(|connection| connection.query_row("SELECT mark FROM installation", [], |row| row.get(0))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_store_has_a_mark_of_its_own_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mark = Database::open(&path("one")).unwrap().mark().await.unwrap();
        assert_eq!(mark.len(), 16);
        assert_eq!(Database::open(&path("one")).unwrap().mark().await.unwrap(), mark);
        assert_ne!(Database::open(&path("two")).unwrap().mark().await.unwrap(), mark);
    }
}
