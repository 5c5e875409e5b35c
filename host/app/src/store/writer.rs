//! The one thread that writes. What arrives while it syncs the disk goes into the next transaction together, because a sync costs
//! milliseconds and most changes microseconds.
//!
//! Decided here: that changes which share a transaction do not share their fate. One that fails or refuses takes nothing else with it:
//! each but the first is in a savepoint of its own. What has succeeded is answered only when all of it is on disk.
//!
//! The largest comes first, because a savepoint keeps the pages that are changed in it as they were, past 64 KiB in a file.
//!
//! Decided here, too: whether SQLite's log is emptied at the end ([`Trace`]).

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, TransactionBehavior, ffi};
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Changes of one transaction. More wait for the next, so that the first of them are not answered late.
const MOST_AT_ONCE: usize = 256;

/// A log that stays is no longer than this and what one run writes: whoever opens the file next reads all of it.
pub(super) const MOST_LOG_BYTES: u64 = 256 << 10;

/// What becomes of a change in SQLite's log, where the pages are that it wrote, and those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// It goes with the end of the program: what was a secret, and sealed, is not to be read there when it is forgotten.
    Goes,
    /// It may stay until the log is long.
    MayStay,
}

/// The thread, and the way to it. It ends, and the file is closed, when this is dropped.
pub(super) struct Writer {
    waiting: Option<Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
}

/// What a change came to. The inner error is its own refusal, which changes nothing.
type Made<T, E> = rusqlite::Result<Result<T, E>>;

impl Writer {
    pub(super) fn start(connection: Connection, file: &Path) -> std::io::Result<Self> {
        let (waiting, changes) = channel();
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let work = move || write_all(connection, &changes, log.as_ref());
        let thread = std::thread::Builder::new().name("store".into()).spawn(work)?;
        Ok(Self { waiting: Some(waiting), thread: Some(thread) })
    }

    /// What it came to is told when it is on disk. Nothing is told of one that panicked. `rows`: about how many it changes.
    pub(super) fn write<T: Send + 'static, E: Send + 'static>(
        &self,
        trace: Trace,
        rows: usize,
        work: impl FnOnce(&Connection) -> Made<T, E> + Send + 'static,
    ) -> oneshot::Receiver<Made<T, E>> {
        let (answer, told) = oneshot::channel();
        let asked = Asked { trace, rows, work: Some(work), made: None, answer };
        if let Some(waiting) = &self.waiting {
            // If the thread is gone the answer is dropped, which the caller sees.
            let _ = waiting.send(Box::new(asked));
        }
        told
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.waiting = None;
        let thread = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = thread {
            // It has caught every panic.
            let _ = thread.join();
        }
    }
}

/// Something to be changed, whatever it gives back.
trait Change: Send {
    fn trace(&self) -> Trace;

    fn rows(&self) -> usize;

    /// Whether what it did is to stay.
    fn make(&mut self, connection: &Connection) -> bool;

    /// `error`: it did not come to disk.
    fn answer(self: Box<Self>, error: Option<&Error>);
}

struct Asked<W, T, E> {
    trace: Trace,
    rows: usize,
    work: Option<W>,
    made: Option<Made<T, E>>,
    answer: oneshot::Sender<Made<T, E>>,
}

impl<W, T, E> Change for Asked<W, T, E>
where
    W: FnOnce(&Connection) -> Made<T, E> + Send,
    T: Send,
    E: Send,
{
    fn trace(&self) -> Trace {
        self.trace
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn make(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // What a panic leaves behind is rolled back, and nobody else sees it.
        self.made = catch_unwind(AssertUnwindSafe(|| work(connection))).ok();
        matches!(self.made, Some(Ok(Ok(_))))
    }

    fn answer(self: Box<Self>, error: Option<&Error>) {
        let made = match (self.made, error) {
            (Some(Ok(Ok(_))) | None, Some(error)) => Err(again(error)),
            (Some(made), _) => made,
            (None, None) => return,
        };
        // Whoever asked may not wait any more.
        let _ = self.answer.send(made);
    }
}

/// The same failure, for another of those that it concerns.
fn again(error: &Error) -> Error {
    let code = error.sqlite_error().copied().unwrap_or(ffi::Error::new(ffi::SQLITE_ERROR));
    Error::SqliteFailure(code, Some(error.to_string()))
}

fn write_all(mut connection: Connection, changes: &Receiver<Box<dyn Change>>, log: &Path) {
    let mut stays = true;
    while let Ok(first) = changes.recv() {
        let mut waiting = vec![first];
        waiting.extend(changes.try_iter().take(MOST_AT_ONCE - 1));
        stays &= waiting.iter().all(|change| change.trace() == Trace::MayStay);
        while !waiting.is_empty() {
            waiting = write_some(&mut connection, waiting);
        }
    }
    let is_short = std::fs::metadata(log).is_ok_and(|log| log.len() <= MOST_LOG_BYTES);
    // Emptied, if this is the last connection. Without the setting it is, too.
    _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, stays && is_short);
}

/// One transaction. Gives back those that it did not come to.
fn write_some(connection: &mut Connection, mut waiting: Vec<Box<dyn Change>>) -> Vec<Box<dyn Change>> {
    waiting.sort_by_key(|change| Reverse(change.rows()));
    let (tried, error) = match make_some(connection, &mut waiting) {
        Ok(tried) => (tried, None),
        Err((tried, error)) => (tried, Some(error)),
    };
    let rest = waiting.split_off(tried);
    waiting.into_iter().for_each(|change| change.answer(error.as_ref()));
    rest
}

/// How many were tried, and why none of them is on disk.
fn make_some(connection: &mut Connection, waiting: &mut [Box<dyn Change>]) -> Result<usize, (usize, Error)> {
    let all = waiting.len();
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(|error| (all, error))?;
    let mut tried = 0;
    for change in waiting {
        tried += 1;
        if tried > 1 {
            apart(&transaction, change.as_mut()).map_err(|error| (tried, error))?;
        } else if !change.make(&transaction) {
            // There is nothing else in it yet.
            return transaction.rollback().map(|()| tried).map_err(|error| (tried, error));
        }
        // A full disk ends the whole transaction, and what comes after would be in none.
        if transaction.is_autocommit() {
            return Err((tried, Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT), None)));
        }
    }
    transaction.commit().map(|()| tried).map_err(|error| (tried, error))
}

/// One change in a savepoint, wholly or not at all.
fn apart(transaction: &Connection, change: &mut dyn Change) -> rusqlite::Result<()> {
    let told = |sql: &str| transaction.prepare_cached(sql)?.execute([]).map(drop);
    told("SAVEPOINT change")?;
    if !change.make(transaction) {
        if transaction.is_autocommit() {
            return Ok(());
        }
        told("ROLLBACK TO change")?;
    }
    told("RELEASE change")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> Connection {
        let store = Connection::open(folder.path().join("store.sqlite")).unwrap();
        store.pragma_update(None, "journal_mode", "WAL").unwrap();
        store.execute_batch("CREATE TABLE notes (text TEXT PRIMARY KEY) STRICT, WITHOUT ROWID").unwrap();
        store
    }

    fn notes(store: &Connection) -> Vec<String> {
        let mut select = store.prepare("SELECT text FROM notes ORDER BY text").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    type Told = oneshot::Receiver<Made<(), &'static str>>;

    /// Notes this, and then ends as told.
    fn asked(
        text: &str,
        end: impl FnOnce(&Connection) -> Made<(), &'static str> + Send + 'static,
    ) -> (Box<dyn Change>, Told) {
        let text = text.to_owned();
        let work = move |store: &Connection| {
            store.execute("INSERT INTO notes VALUES (?1)", [text])?;
            end(store)
        };
        let (answer, told) = oneshot::channel();
        (Box::new(Asked { trace: Trace::Goes, rows: 1, work: Some(work), made: None, answer }), told)
    }

    #[test]
    fn changes_of_one_transaction_do_not_share_their_fate() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let (changes, told): (Vec<_>, Vec<_>) = [
            asked("first", |_| Ok(Ok(()))),
            asked("good", |_| Ok(Ok(()))),
            asked("refused", |_| Ok(Err("no"))),
            asked("failed", |store| store.execute("INSERT INTO nowhere VALUES (1)", []).map(|_| Ok(()))),
            asked("panicked", |_| panic!("a mistake")),
            asked("good", |_| Ok(Ok(()))),
            asked("good, too", |_| Ok(Ok(()))),
        ]
        .into_iter()
        .unzip();
        assert!(write_some(&mut store, changes).is_empty());
        assert_eq!(notes(&store), ["first", "good", "good, too"]);
        let told: Vec<_> = told.into_iter().map(|mut told| told.try_recv()).collect();
        assert!(
            matches!(
                &told[..],
                [Ok(Ok(Ok(()))), Ok(Ok(Ok(()))), Ok(Ok(Err("no"))), Ok(Err(_)), Err(_), Ok(Err(_)), Ok(Ok(Ok(())))]
            ),
            "{told:?}"
        );
    }

    #[test]
    fn the_largest_is_first_and_if_it_fails_the_others_are_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let (small, mut told) = asked("small", |_| Ok(Ok(())));
        let (answer, mut refused) = oneshot::channel();
        let work = |store: &Connection| {
            assert_eq!(notes(store), [""; 0], "nothing is before it");
            store.execute("INSERT INTO notes VALUES ('large')", []).map(|_| Err::<(), _>("no"))
        };
        let large = Asked { trace: Trace::Goes, rows: 100, work: Some(work), made: None, answer };
        let rest = write_some(&mut store, vec![small, Box::new(large)]);
        assert_eq!((rest.len(), refused.try_recv().unwrap().unwrap()), (1, Err("no")));
        assert!(told.try_recv().is_err(), "it was not tried yet");
        assert!(write_some(&mut store, rest).is_empty());
        assert_eq!((told.try_recv().unwrap().unwrap(), notes(&store)), (Ok(()), vec!["small".to_owned()]));
    }

    #[test]
    fn what_comes_after_a_transaction_that_the_disk_ended_is_in_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        store.pragma_update(None, "max_page_count", 12).unwrap();
        let full =
            |store: &Connection| store.execute("INSERT INTO notes VALUES (hex(zeroblob(1000000)))", []).map(|_| Ok(()));
        let (changes, mut told): (Vec<_>, Vec<_>) =
            [asked("before", |_| Ok(Ok(()))), asked("full", full), asked("after", |_| Ok(Ok(())))].into_iter().unzip();
        let mut rest = write_some(&mut store, changes);
        while !rest.is_empty() {
            rest = write_some(&mut store, rest);
        }
        let well: Vec<_> = told.iter_mut().map(|told| matches!(told.try_recv(), Ok(Ok(Ok(()))))).collect();
        let kept = notes(&store);
        assert!(!well[1] && well[2], "{well:?}");
        assert_eq!(kept.contains(&"before".to_owned()), well[0], "what was told is true");
        assert!(kept.contains(&"after".to_owned()) && !kept.contains(&"full".to_owned()), "{kept:?}");
    }

    #[tokio::test]
    async fn what_was_told_is_there_for_others_and_the_last_one_closes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(store(&folder), &folder.path().join("store.sqlite")).unwrap();
        let all: Vec<_> = (0..1_000)
            .map(|number| {
                writer.write(Trace::Goes, 1, move |store| {
                    store.execute("INSERT INTO notes VALUES (?1)", [number.to_string()]).map(Ok::<_, ()>)
                })
            })
            .collect();
        let other = Connection::open(folder.path().join("store.sqlite")).unwrap();
        for (number, told) in all.into_iter().enumerate() {
            assert_eq!(told.await.unwrap().unwrap(), Ok(1));
            assert!(notes(&other).contains(&number.to_string()));
        }
        drop(other);
        drop(writer);
        assert!(!folder.path().join("store.sqlite-wal").exists(), "the last one that closes it empties its log");
    }
}
