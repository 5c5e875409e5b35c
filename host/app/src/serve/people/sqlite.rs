//! People in the `users` table of the program's own store.

use super::{Listed, Organisation, People, PeopleError, Person, Role, TokenDigest, UserName};
use crate::store::{Database, DatabaseError};
use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row};
use std::error::Error;

impl From<DatabaseError> for PeopleError {
    fn from(error: DatabaseError) -> Self {
        Self::Store(Box::new(error))
    }
}

#[async_trait]
impl People for Database {
    async fn who(&self, token: &TokenDigest) -> Result<Option<Person>, PeopleError> {
        let digest = *token.as_bytes();
        let found = self.read(move |connection| {
            let select = "SELECT organisation, name, role FROM users WHERE digest = ?1";
            connection.prepare_cached(select)?.query_row([digest], person).optional()
        });
        Ok(found.await?)
    }

    async fn add(&self, person: &Person, token: &TokenDigest, now_ms: u64) -> Result<(), PeopleError> {
        let (new, digest) = (person.clone(), *token.as_bytes());
        let added = self.write(move |connection| {
            let insert = "INSERT INTO users (organisation, name, role, digest, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (organisation, name) DO NOTHING";
            let row = (new.organisation.as_str(), new.name.as_str(), new.role.as_str(), digest, now_ms);
            let rows = connection.execute(insert, row)?;
            Ok(if rows == 1 { Ok(()) } else { Err(()) })
        });
        let Person { organisation, name, .. } = person.clone();
        added.await?.map_err(|()| PeopleError::Taken { organisation, name })
    }

    async fn list(&self, organisation: Option<&Organisation>) -> Result<Vec<Listed>, PeopleError> {
        let organisation = organisation.map(ToString::to_string);
        let listed = self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT organisation, name, role, created_ms FROM users
                 WHERE organisation = coalesce(?1, organisation) ORDER BY organisation, name",
            )?;
            let listed = |row: &Row<'_>| Ok(Listed { person: person(row)?, since_ms: row.get(3)? });
            select.query_map([organisation], listed)?.collect()
        });
        Ok(listed.await?)
    }

    async fn remove(&self, organisation: &Organisation, name: &UserName) -> Result<bool, PeopleError> {
        let key = (organisation.to_string(), name.to_string());
        let removed = self.write(move |connection| {
            connection.execute("DELETE FROM users WHERE organisation = ?1 AND name = ?2", key).map(Ok::<_, ()>)
        });
        Ok(removed.await? == Ok(1))
    }
}

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    let (organisation, name, role): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(Person {
        organisation: Organisation::parse(&organisation).map_err(damaged)?,
        name: UserName::parse(&name).map_err(damaged)?,
        role: Role::parse(&role).ok_or_else(|| damaged(format!("`{role}` is no role")))?,
    })
}

/// Only this program writes the table.
fn damaged(error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::people::{Token, conformance};
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn the_store_of_people_does_what_every_one_must() {
        let scratch = Scratch::new();
        conformance::check(|| scratch.store()).await;
    }

    #[tokio::test]
    async fn the_file_never_holds_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let token = Token::generate().unwrap();
        let person = Person {
            organisation: Organisation::parse("acme").unwrap(),
            name: UserName::parse("ana").unwrap(),
            role: Role::Admin,
        };
        database.add(&person, &token.digest(), 7).await.unwrap();
        let files =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let bytes: Vec<u8> = files.flatten().collect();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(has(b"acme") && !has(&token.expose().as_bytes()[6..22]));
    }
}
