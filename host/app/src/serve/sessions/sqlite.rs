//! Sessions in the `sessions` table of the program's own store.

use super::{ABSOLUTE_MS, IDLE_MS, MOST_OF_A_PERSON, NOTED_EVERY_MS, SessionDigest, Sessions, SessionsError};
use crate::serve::people::TokenDigest;
use crate::store::{Database, DatabaseError};
use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row};

impl From<DatabaseError> for SessionsError {
    fn from(error: DatabaseError) -> Self {
        Self(Box::new(error))
    }
}

/// One row.
struct Session {
    token: TokenDigest,
    begun_ms: u64,
    seen_ms: u64,
}

impl Session {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { token: TokenDigest::from_bytes(row.get(0)?), begun_ms: row.get(1)?, seen_ms: row.get(2)? })
    }

    fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_ms) >= IDLE_MS || now_ms.saturating_sub(self.begun_ms) >= ABSOLUTE_MS
    }
}

#[async_trait]
impl Sessions for Database {
    async fn begin(&self, key: &SessionDigest, token: &TokenDigest, now_ms: u64) -> Result<(), SessionsError> {
        let (key, token) = (*key.as_bytes(), *token.as_bytes());
        let begun = self.change(move |connection| {
            let over = "DELETE FROM sessions WHERE seen_ms <= ?1 OR begun_ms <= ?2";
            connection.execute(over, (before(now_ms, IDLE_MS), before(now_ms, ABSOLUTE_MS)))?;
            let too_many = "DELETE FROM sessions WHERE digest IN
                (SELECT digest FROM sessions WHERE token = ?1 ORDER BY seen_ms DESC LIMIT -1 OFFSET ?2)";
            connection.execute(too_many, (token, MOST_OF_A_PERSON - 1))?;
            connection.execute("INSERT INTO sessions VALUES (?1, ?2, ?3, ?3)", (key, token, now_ms)).map(drop)
        });
        Ok(begun.await?)
    }

    async fn token(&self, key: &SessionDigest, now_ms: u64) -> Result<Option<TokenDigest>, SessionsError> {
        let key = *key.as_bytes();
        let found = self.read(move |connection| {
            let select = "SELECT token, begun_ms, seen_ms FROM sessions WHERE digest = ?1";
            connection.prepare_cached(select)?.query_row([key], Session::of).optional()
        });
        let Some(session) = found.await?.filter(|session| !session.is_over(now_ms)) else { return Ok(None) };
        if now_ms.saturating_sub(session.seen_ms) >= NOTED_EVERY_MS {
            let note = "UPDATE sessions SET seen_ms = max(seen_ms, ?2) WHERE digest = ?1";
            self.change(move |connection| connection.execute(note, (key, now_ms)).map(drop)).await?;
        }
        Ok(Some(session.token))
    }

    async fn end(&self, key: &SessionDigest) -> Result<(), SessionsError> {
        let key = *key.as_bytes();
        let ended = self
            .change(move |connection| connection.execute("DELETE FROM sessions WHERE digest = ?1", [key]).map(drop));
        Ok(ended.await?)
    }
}

/// The last time that is too long ago; SQLite's numbers have a sign.
fn before(now_ms: u64, span_ms: u64) -> i64 {
    i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_sub_unsigned(span_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::people::Token;
    use crate::serve::sessions::conformance;
    use crate::serve::web::session::SessionKey;

    #[tokio::test]
    async fn the_store_of_sessions_does_what_every_one_must() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = 0;
        conformance::check(|| {
            made += 1;
            Database::open(&folder.path().join(format!("{made}.sqlite"))).unwrap()
        })
        .await;
    }

    #[tokio::test]
    async fn a_session_outlives_the_process_and_the_file_never_holds_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let (key, token) = (SessionKey::generate().unwrap(), Token::generate().unwrap());
        Database::open(&path).unwrap().begin(&key.digest(), &token.digest(), 7).await.unwrap();
        let again = Database::open(&path).unwrap();
        assert!(again.token(&key.digest(), 8).await.unwrap() == Some(token.digest()));
        let files =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let bytes: Vec<u8> = files.flatten().collect();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(has(key.digest().as_bytes()) && !has(&key.expose().as_bytes()[..16]));
    }
}
