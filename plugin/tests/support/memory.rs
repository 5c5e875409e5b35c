//! Everything a host lends, in memory. It can be killed at any of its calls, before or after it did what was asked.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::panic_any;

use gitlab_sync_connector::body::Body;
use gitlab_sync_connector::host::{
    Clock, Content, Entry, ExchangeError, Expectation, FileChange, FileError, Files, Http, HttpError, Level, Listing,
    Log, News, Portion, Put, Reply, SecretError, Secrets, State, StateError, Value,
};
use gitlab_sync_connector::ledger::Mark;
use gitlab_sync_connector::request::Request;
use gitlab_sync_connector::tree::Mode;

use super::{Branch, Wire};

/// What a kill looks like from outside.
pub(crate) struct Killed;

/// The host.
#[derive(Default)]
pub(crate) struct Memory {
    /// The server.
    pub(crate) branch: RefCell<Branch>,
    /// Another server instead, and how many requests it got.
    pub(crate) wire: Option<Wire>,
    files: RefCell<BTreeMap<String, File>>,
    /// Other measures than in the sandbox.
    pub(crate) portion: Option<Portion>,
    /// What became of the batch that was handed over.
    ahead: RefCell<Option<Result<Vec<String>, FileError>>>,
    state: RefCell<BTreeMap<String, Value>>,
    secrets: RefCell<BTreeMap<String, Secret>>,
    /// How many secrets were made here.
    pub(crate) generated: RefCell<u64>,
    changes: RefCell<u64>,
    calls: RefCell<usize>,
    kill: RefCell<Option<(usize, Moment)>>,
    lose: RefCell<Option<usize>>,
    /// How far the clock is, and how much further each look at it finds it.
    pub(crate) clock_ms: RefCell<(u64, u64)>,
    /// How long the connector has waited, had the time passed.
    pub(crate) waited_ms: RefCell<u64>,
    fail: RefCell<Option<(usize, u16)>>,
    meanwhile: RefCell<Option<(usize, Meanwhile)>>,
    /// How often all files were listed, and how often what is new was asked for.
    pub(crate) walks: RefCell<(usize, usize)>,
    /// What was looked at by itself.
    pub(crate) looked: RefCell<Vec<String>>,
    /// Bytes of files that were read.
    pub(crate) read: RefCell<usize>,
}

/// What somebody does while a call is under way.
type Meanwhile = Box<dyn FnOnce(&Memory)>;

#[derive(Clone)]
struct File {
    bytes: Vec<u8>,
    executable: bool,
    version: String,
}

#[derive(Clone)]
struct Secret {
    text: String,
    made_ms: u64,
}

/// When within the call it dies.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// Nothing of it has happened.
    Before,
    /// All of it has happened.
    After,
}

impl Memory {
    /// The files as they are.
    pub(crate) fn files(&self) -> BTreeMap<String, (Vec<u8>, bool)> {
        let files = self.files.borrow();
        files.iter().map(|(path, file)| (path.clone(), (file.bytes.clone(), file.executable))).collect()
    }

    /// A person saves a file.
    pub(crate) fn save(&self, path: &str, bytes: &[u8]) {
        self.put(path, bytes, false);
    }

    /// A person saves a program.
    pub(crate) fn save_executable(&self, path: &str, bytes: &[u8]) {
        self.put(path, bytes, true);
    }

    /// All that the connector keeps, by its keys.
    pub(crate) fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.borrow().iter().map(|(key, value)| (key.clone(), value.bytes.clone())).collect()
    }

    /// Something that the connector keeps is lost, or comes back.
    pub(crate) fn set_kept(&self, key: &str, bytes: Option<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        match bytes {
            Some(bytes) => drop(state.insert(key.into(), Value { bytes, version: 1 })),
            None => drop(state.remove(key)),
        }
    }

    /// The mark of a file as it is.
    pub(crate) fn mark(&self, path: &str) -> Option<Mark> {
        let files = self.files.borrow();
        files.get(path).map(|file| Mark::of_content(path, &file.version, mode(file)))
    }

    /// A person deletes a file.
    pub(crate) fn delete(&self, path: &str) {
        self.files.borrow_mut().remove(path);
    }

    /// Puts this secret into the slot.
    pub(crate) fn set_secret(&self, slot: &str, secret: &str) {
        self.secrets.borrow_mut().insert(slot.into(), Secret { text: secret.into(), made_ms: super::NOW_S * 1000 });
    }

    /// What only a test sees.
    pub(crate) fn secret(&self, slot: &str) -> Option<String> {
        self.secrets.borrow().get(slot).map(|secret| secret.text.clone())
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        *self.calls.borrow()
    }

    /// Die at this call.
    pub(crate) fn kill_at(&self, call: Option<(usize, Moment)>) {
        *self.calls.borrow_mut() = 0;
        *self.kill.borrow_mut() = call;
    }

    /// The answer to the request of this number, counted from one, is lost after it was carried out.
    pub(crate) fn lose_answer(&self, request: Option<usize>) {
        self.branch.borrow_mut().requests = 0;
        *self.lose.borrow_mut() = request;
    }

    /// The request of this number, counted from one, is not carried out and answered with this status.
    pub(crate) fn fail_request(&self, request: Option<(usize, u16)>) {
        self.branch.borrow_mut().requests = 0;
        *self.fail.borrow_mut() = request;
    }

    /// Somebody does this in the moment before the call of this number, counted from one.
    pub(crate) fn meanwhile(&self, call: usize, what: impl FnOnce(&Self) + 'static) {
        *self.calls.borrow_mut() = 0;
        *self.meanwhile.borrow_mut() = Some((call, Box::new(what)));
    }

    /// Nothing more happens.
    pub(crate) fn calm(&self) {
        *self.meanwhile.borrow_mut() = None;
    }

    fn put(&self, path: &str, bytes: &[u8], executable: bool) -> String {
        *self.changes.borrow_mut() += 1;
        let version = format!("v{}", self.changes.borrow());
        let file = File { bytes: bytes.to_vec(), executable, version: version.clone() };
        self.files.borrow_mut().insert(path.to_owned(), file);
        version
    }

    fn call<T>(&self, run: impl FnOnce() -> T) -> T {
        *self.calls.borrow_mut() += 1;
        let now = self.calls();
        let is_due = self.meanwhile.borrow().as_ref().is_some_and(|(call, _)| *call == now);
        if is_due && let Some((_, what)) = self.meanwhile.take() {
            what(self);
        }
        let dies = |moment| *self.kill.borrow() == Some((now, moment));
        if dies(Moment::Before) {
            panic_any(Killed);
        }
        let result = run();
        if dies(Moment::After) {
            panic_any(Killed);
        }
        result
    }

    fn make(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        self.call(|| {
            let parts = batch.iter().map(|change| match change {
                FileChange::Write { path, expected, .. } | FileChange::Delete { path, expected } => (path, expected),
            });
            let changed: Vec<String> =
                parts.filter(|(path, expected)| !self.expect(path, expected)).map(|(path, _)| path.clone()).collect();
            if !changed.is_empty() {
                return Err(FileError::Changed(changed));
            }
            let mut versions = Vec::new();
            for change in batch {
                match change {
                    FileChange::Write { path, bytes, executable, .. } => {
                        versions.push(self.put(&path, &bytes, executable));
                    }
                    FileChange::Delete { path, .. } => self.delete(&path),
                }
            }
            Ok(versions)
        })
    }

    fn expect(&self, path: &str, expected: &Expectation) -> bool {
        match (self.files.borrow().get(path), expected) {
            (None, Expectation::Absent) => true,
            (Some(file), Expectation::Version(version)) => file.version == *version,
            _ => false,
        }
    }
}

impl Http for Memory {
    fn send(&self, requests: &[Request]) -> Vec<Result<Reply, HttpError>> {
        let one = |request: &Request| {
            if let Some(wire) = &self.wire {
                return self.call(|| wire.answer(request));
            }
            let next = self.branch.borrow().requests + 1;
            if let Some((_, status)) = self.fail.borrow().filter(|(request, _)| *request == next) {
                self.branch.borrow_mut().requests = next;
                let body = format!(r#"{{"message":"{status} by the plan"}}"#).into_bytes();
                return self.call(|| Ok(Reply { status, headers: Vec::new(), body }));
            }
            let answer = self.call(|| self.branch.borrow_mut().answer(request));
            let number = self.branch.borrow().requests;
            if *self.lose.borrow() == Some(number) {
                Err(HttpError::NoReply("the connection broke off"))
            } else {
                answer
            }
        };
        requests.iter().map(one).collect()
    }

    fn stream(&self, request: &Request, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<Reply, HttpError> {
        let mut reply = self.send(std::slice::from_ref(request)).remove(0)?;
        if reply.status == 200 {
            let body = std::mem::take(&mut reply.body);
            let _ = body.chunks(700).try_for_each(take);
        }
        Ok(reply)
    }
}

fn mode(file: &File) -> Mode {
    if file.executable { Mode::Executable } else { Mode::Regular }
}

fn entry(path: &str, file: &File) -> Entry {
    let size = file.bytes.len() as u64;
    Entry { path: path.to_owned(), size, version: file.version.clone(), executable: file.executable }
}

impl Files for Memory {
    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, FileError> {
        assert_eq!(prefix, "");
        const PAGE: usize = 3;
        self.walks.borrow_mut().0 += 1;
        self.call(|| {
            let files = self.files.borrow();
            let mut rest = files.iter().filter(|(path, _)| after.is_none_or(|after| path.as_str() > after));
            let entries = rest.by_ref().take(PAGE).map(|(path, file)| entry(path, file)).collect();
            Ok(Listing { entries, skipped: Vec::new(), more: rest.next().is_some() })
        })
    }

    fn news(&self, known: &[u64], paths: &[String]) -> Result<News, FileError> {
        self.walks.borrow_mut().1 += 1;
        self.call(|| {
            let mut news = News::default();
            let mut missing: BTreeSet<u64> = known.iter().copied().collect();
            for (path, file) in self.files.borrow().iter() {
                let marks = [Mark::of_content(path, &file.version, mode(file)), Mark::of_name(path)].map(Mark::number);
                missing.retain(|mark| !marks.contains(mark));
                if paths.contains(path) || !marks.iter().any(|mark| known.contains(mark)) {
                    news.entries.push(entry(path, file));
                }
            }
            news.missing = missing.into_iter().collect();
            Ok(news)
        })
    }

    fn look(&self, paths: &[String]) -> Result<Vec<Option<Entry>>, FileError> {
        self.looked.borrow_mut().extend_from_slice(paths);
        self.call(|| {
            let files = self.files.borrow();
            Ok(paths.iter().map(|path| files.get(path).map(|file| entry(path, file))).collect())
        })
    }

    fn read(&self, paths: &[String]) -> Result<Vec<Content>, FileError> {
        let one = |path: &String| {
            let files = self.files.borrow();
            let file = files.get(path).ok_or_else(|| FileError::NotFound(path.clone()))?;
            *self.read.borrow_mut() += file.bytes.len();
            Ok(Content { path: path.clone(), bytes: file.bytes.clone(), version: file.version.clone() })
        };
        self.call(|| paths.iter().map(one).collect())
    }

    fn apply(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        assert!(self.ahead.borrow().is_none(), "what became of the batch before was not asked");
        self.make(batch)
    }
    /// Made at once: nobody can tell, as long as what became of it is told later.
    fn apply_ahead(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        let before = self.ahead.take().unwrap_or_else(|| Ok(Vec::new()))?;
        if !batch.is_empty() {
            let made = self.make(batch);
            *self.ahead.borrow_mut() = Some(made);
        }
        Ok(before)
    }

    fn portion(&self) -> Portion {
        self.portion.unwrap_or(Portion::STANDARD)
    }
}

impl State for Memory {
    fn get(&self, key: &str) -> Result<Option<Value>, StateError> {
        self.call(|| Ok(self.state.borrow().get(key).cloned()))
    }

    fn commit(&self, writes: Vec<Put>) -> Result<(), StateError> {
        self.call(|| {
            let mut state = self.state.borrow_mut();
            let version = |state: &BTreeMap<String, Value>, key: &str| state.get(key).map_or(0, |value| value.version);
            let changed: Vec<String> = writes
                .iter()
                .filter(|put| version(&state, &put.key) != put.expected)
                .map(|put| put.key.clone())
                .collect();
            if !changed.is_empty() {
                return Err(StateError::Changed(changed));
            }
            for Put { key, bytes, expected } in writes {
                match bytes {
                    Some(bytes) => drop(state.insert(key, Value { bytes, version: expected + 1 })),
                    None => drop(state.remove(&key)),
                }
            }
            Ok(())
        })
    }
}

impl Secrets for Memory {
    fn is_present(&self, slot: &str) -> Result<bool, SecretError> {
        self.call(|| Ok(self.secrets.borrow().contains_key(slot)))
    }

    fn made_ms(&self, slot: &str) -> Result<Option<u64>, SecretError> {
        self.call(|| Ok(self.secrets.borrow().get(slot).map(|secret| secret.made_ms)))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), SecretError> {
        self.call(|| {
            let mut secrets = self.secrets.borrow_mut();
            let secret = secrets.remove(from).ok_or_else(|| SecretError::Empty(from.into()))?;
            secrets.insert(to.into(), secret);
            Ok(())
        })
    }

    /// The webhook's slot is the one that is filled in, as in the host.
    fn exchange(&self, request: &Request) -> Result<Reply, ExchangeError> {
        let wire = self.wire.as_ref().ok_or_else(|| ExchangeError::Denied("this host fills in no secrets".into()))?;
        self.call(|| {
            let secret = self.secret("webhook").ok_or_else(|| ExchangeError::Empty("webhook".into()))?;
            let body = request.body.as_ref().map_or_else(Vec::new, Body::to_bytes);
            let body = String::from_utf8_lossy(&body).replace("{{webhook}}", &secret);
            let filled = Request { body: Some(body.into_bytes().into()), ..request.clone() };
            wire.answer(&filled).map_err(|error| ExchangeError::NoReply(format!("{error:?}")))
        })
    }

    /// Each another one, made a millisecond after the one before.
    fn generate_webhook_secret(&self, slot: &str) -> Result<(), SecretError> {
        self.call(|| {
            *self.generated.borrow_mut() += 1;
            let number = *self.generated.borrow();
            let made_ms = super::NOW_S * 1000 + number;
            self.secrets.borrow_mut().insert(slot.into(), Secret { text: super::webhook_secret(number), made_ms });
            Ok(())
        })
    }

    fn forget(&self, slot: &str) -> Result<(), SecretError> {
        self.call(|| {
            self.secrets.borrow_mut().remove(slot);
            Ok(())
        })
    }

    fn matches(&self, slot: &str, candidate: &[u8]) -> Result<bool, SecretError> {
        self.call(|| {
            let secret = self.secret(slot).ok_or_else(|| SecretError::Empty(slot.into()))?;
            Ok(secret.as_bytes() == candidate)
        })
    }

    fn verify_signature(&self, slot: &str, message: &[u8], tag: &[u8]) -> Result<bool, SecretError> {
        self.call(|| {
            let secret = self.secret(slot).ok_or_else(|| SecretError::Empty(slot.into()))?;
            let expected = super::hmac(&secret, message).ok_or_else(|| SecretError::NotAKey(slot.into()))?;
            Ok(expected == tag)
        })
    }
}

impl Log for Memory {
    fn event(&self, _: Level, _: &str, _: &[(&str, &str)]) {}

    fn progress(&self, _: u64, _: u64, _: &str) {}
}

impl Clock for Memory {
    fn now_ms(&self) -> u64 {
        let (passed, step) = &mut *self.clock_ms.borrow_mut();
        *passed += *step;
        super::NOW_S * 1000 + *passed
    }

    fn wait(&self, ms: u32) -> bool {
        *self.waited_ms.borrow_mut() += u64::from(ms);
        true
    }
}
