//! The audit trail: one JSON line for each request decided, each use of a secret, each batch of files and each call.
//!
//! Decided here: what a line says, and that it never holds a query, a body, a header or a secret. Not decided here: when one is
//! written; whoever decides something also writes it down. The lines are this module's public face: names and meanings stay, new
//! ones may come.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use thiserror::Error;

use crate::connection_id::ConnectionId;
use crate::log::Redactor;

/// Of a text that the connector chose.
const MOST_TEXT_BYTES: usize = 2 << 10;

/// One line of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// Whose.
    pub connection: ConnectionId,
    /// Which call of an export it belongs to: the same on every line of that call.
    pub call: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// The connector asked for a request.
    Request(Request),
    /// A secret was used.
    Secret(SecretUse),
    /// The connector asked for a batch of files.
    Files(FileBatch),
    /// A call of an export ended.
    Call(Call),
}

/// A request that was decided, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Without port.
    pub host: String,
    /// Also where it is the scheme's own.
    pub port: u16,
    /// Without query.
    pub path: String,
    /// Whether it may go out.
    #[serde(flatten)]
    pub decision: Decision,
    /// None: there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of the body, as sent.
    pub bytes_up: u64,
    /// Of the body, as received.
    pub bytes_down: u64,
    /// From the decision to the end of the body.
    pub ms: u64,
}

/// What the policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// Yes.
    Allowed,
    /// No.
    Denied {
        /// The line that is missing in the grant, or what is not allowed at all.
        reason: String,
    },
}

/// A use of a secret. Never its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretUse {
    /// Which one.
    pub slot: String,
    /// Such as `inject`, `matches` or `exchange`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Such as `done`, `no-match` or `denied`.
    pub outcome: String,
}

/// A batch of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileBatch {
    /// Files written.
    pub writes: u64,
    /// Files deleted.
    pub deletes: u64,
    /// Of all files written.
    pub bytes: u64,
    /// Such as `done`, `changed` or `denied`.
    pub outcome: String,
}

/// A call of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Such as `sync.pull`.
    pub export: String,
    /// `done`, the connector's error code, or the limit that was reached.
    pub outcome: String,
    /// Instructions, as the engine counts them.
    pub fuel: u64,
    /// Of the connector's memory, at most.
    pub peak_memory_bytes: u64,
    /// From the outside.
    pub ms: u64,
}

/// Where the trail goes.
pub trait AuditTrail: Send + Sync {
    /// Appends one line. The caller decides whether what could not be written down may go on.
    fn record(&self, record: &Record) -> Result<(), AuditError>;
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl AuditTrail for Nowhere {
    fn record(&self, _: &Record) -> Result<(), AuditError> {
        Ok(())
    }
}

/// Why a line could not be written.
#[derive(Debug, Error)]
#[error("cannot write the audit trail `{}`", path.display())]
pub struct AuditError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Record {
    /// One line without its end. What the connector chose itself is cleaned and cut here too: it may say anything.
    fn line(&self) -> Result<String, serde_json::Error> {
        let mut record = self.clone();
        if let Event::Request(request) = &mut record.event {
            let redactor = Redactor::new();
            let path = request.path.split(['?', '#']).next().unwrap_or_default().to_owned();
            request.path = redactor.short(&path, MOST_TEXT_BYTES);
            request.method = redactor.short(&request.method, MOST_TEXT_BYTES);
            request.host = redactor.short(&request.host, MOST_TEXT_BYTES);
            if let Decision::Denied { reason } = &mut request.decision {
                *reason = redactor.short(reason, MOST_TEXT_BYTES);
            }
        }
        serde_json::to_string(&record)
    }
}

/// The trail in memory, for tests.
#[derive(Debug, Default)]
pub struct Memory {
    records: Mutex<Vec<Record>>,
}

impl Memory {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// All records so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AuditTrail for Memory {
    fn record(&self, record: &Record) -> Result<(), AuditError> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
        Ok(())
    }
}

/// When a line is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// It outlasts this process at once, and a power cut after some seconds: the system decides when.
    System,
    /// It outlasts a power cut before the caller goes on. Costs a sync for each line.
    EachLine,
}

/// The trail in a file of JSON lines that only this user can read.
///
/// Several processes may append to one file. When it is full it is renamed to `NAME.1`, that to `NAME.2`, and so on.
pub struct JsonLines {
    path: PathBuf,
    flush: Flush,
    most_bytes: u64,
    keep: u32,
    file: Mutex<File>,
}

impl JsonLines {
    /// Appends to the file, or makes it. A link in its place is refused.
    ///
    /// Past `most_bytes` the file is put away, and the oldest of `keep` such files is removed.
    pub fn open(path: &Path, flush: Flush, most_bytes: u64, keep: u32) -> Result<Self, AuditError> {
        let file = open(path).map_err(|source| AuditError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), flush, most_bytes, keep, file: Mutex::new(file) })
    }

    fn append(&self, record: &Record) -> io::Result<()> {
        let mut line = record.line()?;
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        self.turn_over(&mut file, line.len() as u64)?;
        // In one write to a file that is opened for appending, so that lines of several processes never mix.
        file.write_all(line.as_bytes())?;
        match self.flush {
            Flush::System => Ok(()),
            Flush::EachLine => file.sync_data(),
        }
    }

    /// Leaves the file that is to be written to in `file`: with room for the line, and not one that another process has put away.
    fn turn_over(&self, file: &mut MutexGuard<'_, File>, line: u64) -> io::Result<()> {
        if !is_same(file, &self.path)? {
            **file = open(&self.path)?;
        }
        let size = file.metadata()?.len();
        if size == 0 || size + line <= self.most_bytes {
            return Ok(());
        }
        file.lock()?;
        // Only one of those who found it full puts it away.
        if is_same(file, &self.path)? {
            self.put_away()?;
        }
        **file = open(&self.path)?;
        Ok(())
    }

    fn put_away(&self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            match fs::rename(self.put_away_name(number), self.put_away_name(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match self.keep {
            0 => fs::remove_file(&self.path),
            _ => fs::rename(&self.path, self.put_away_name(1)),
        }
    }

    fn put_away_name(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl AuditTrail for JsonLines {
    fn record(&self, record: &Record) -> Result<(), AuditError> {
        self.append(record).map_err(|source| AuditError { path: self.path.clone(), source })
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(no_link).open(path)?;
    // It may be an older one that others could read.
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Windows: what the folder's access list says.
#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Windows: an open file cannot be renamed by another process.
#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> io::Result<bool> {
    Ok(path.exists())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn record(event: Event) -> Record {
        Record {
            time_ms: 1_795_000_000_000,
            connection: ConnectionId::parse("acme").unwrap(),
            call: "c-7".to_owned(),
            event,
        }
    }

    fn request(path: &str, decision: Decision, status: Option<u16>) -> Record {
        record(Event::Request(Request {
            method: "GET".to_owned(),
            host: "gitlab.example.com".to_owned(),
            port: 443,
            path: path.to_owned(),
            decision,
            status,
            bytes_up: 0,
            bytes_down: 512,
            ms: 31,
        }))
    }

    fn use_of_secret(outcome: &str) -> Record {
        let (slot, usage) = ("webhook".to_owned(), "matches".to_owned());
        record(Event::Secret(SecretUse { slot, usage, outcome: outcome.to_owned() }))
    }

    #[test]
    fn each_kind_of_line_is_as_documented() {
        let line = |record: Record| record.line().unwrap();
        assert_snapshot!(line(request("/api/v4/projects/7", Decision::Allowed, Some(200))), @r#"{"time_ms":1795000000000,"connection":"acme","call":"c-7","event":"request","method":"GET","host":"gitlab.example.com","port":443,"path":"/api/v4/projects/7","decision":"allowed","status":200,"bytes_up":0,"bytes_down":512,"ms":31}"#);
        let denied = Decision::Denied { reason: "port 8443 is not granted".to_owned() };
        assert_snapshot!(line(request("/", denied, None)), @r#"{"time_ms":1795000000000,"connection":"acme","call":"c-7","event":"request","method":"GET","host":"gitlab.example.com","port":443,"path":"/","decision":"denied","reason":"port 8443 is not granted","bytes_up":0,"bytes_down":512,"ms":31}"#);
        assert_snapshot!(line(use_of_secret("no-match")), @r#"{"time_ms":1795000000000,"connection":"acme","call":"c-7","event":"secret","slot":"webhook","use":"matches","outcome":"no-match"}"#);
        let outcome = "done".to_owned();
        let batch = FileBatch { writes: 3, deletes: 1, bytes: 4096, outcome: outcome.clone() };
        assert_snapshot!(line(record(Event::Files(batch))), @r#"{"time_ms":1795000000000,"connection":"acme","call":"c-7","event":"files","writes":3,"deletes":1,"bytes":4096,"outcome":"done"}"#);
        let call = Call { export: "sync.pull".to_owned(), outcome, fuel: 9, peak_memory_bytes: 65_536, ms: 120 };
        assert_snapshot!(line(record(Event::Call(call))), @r#"{"time_ms":1795000000000,"connection":"acme","call":"c-7","event":"call","export":"sync.pull","outcome":"done","fuel":9,"peak_memory_bytes":65536,"ms":120}"#);
    }

    #[test]
    fn a_line_holds_no_query_no_secret_and_no_second_line() {
        let path = "/a\nb/glpat-abcdefghij?private_token=hush#hush";
        let line = request(path, Decision::Allowed, None).line().unwrap();
        assert!(line.contains(r#""path":"/a\\nb/[redacted]""#), "{line}");
        assert!(!line.contains("hush") && !line.contains('\n'));
        let denied = Decision::Denied { reason: "x".repeat(100_000) };
        assert!(request(&"/y".repeat(100_000), denied, None).line().unwrap().len() < 5_000, "and is never long");
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn lines_are_appended_and_a_full_file_is_put_away() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("audit.jsonl");
        let line = use_of_secret("0000").line().unwrap().len() as u64 + 1;
        for number in 0..25 {
            // Opened anew for each line, as after a restart.
            let trail = JsonLines::open(&path, Flush::EachLine, 10 * line, 2).unwrap();
            trail.record(&use_of_secret(&format!("{number:04}"))).unwrap();
        }
        let seen =
            |name: &str| lines(&root.path().join(name)).iter().map(|line| line["outcome"].clone()).collect::<Vec<_>>();
        let expected = |numbers: std::ops::Range<u32>| numbers.map(|number| format!("{number:04}")).collect::<Vec<_>>();
        assert_eq!(seen("audit.jsonl.2"), expected(0..10));
        assert_eq!(seen("audit.jsonl.1"), expected(10..20));
        assert_eq!(seen("audit.jsonl"), expected(20..25));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3);
    }

    #[test]
    fn of_lines_that_several_write_at_once_none_is_lost_or_mixed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("audit.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = path.clone();
                scope.spawn(move || {
                    let trail = JsonLines::open(&path, Flush::System, 20_000, 100).unwrap();
                    for number in 0..500 {
                        trail.record(&use_of_secret(&format!("{writer}-{number}"))).unwrap();
                    }
                });
            }
        });
        let mut seen = std::collections::HashSet::new();
        for entry in fs::read_dir(root.path()).unwrap() {
            seen.extend(lines(&entry.unwrap().path()).iter().map(|line| line["outcome"].to_string()));
        }
        assert_eq!(seen.len(), 2_000);
    }

    #[cfg(unix)]
    #[test]
    fn no_one_else_can_read_it_and_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("audit.jsonl");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        JsonLines::open(&path, Flush::System, 1_000, 1).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        JsonLines::open(&path, Flush::System, 1_000, 1).unwrap();
        assert_eq!(mode(), 0o600);
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(JsonLines::open(&link, Flush::System, 1_000, 1).is_err());
    }
}
