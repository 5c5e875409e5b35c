//! The ports of the domain over the component's imports.

use std::ops::ControlFlow;

use super::bindings::gitlab_sync::connector::{clock, files, log, secrets, state};
use crate::body::Body;
use crate::host::{
    Clock, Content, Entry, ExchangeError, Expectation, FileChange, FileError, Files, Http, HttpError, Level, Listing,
    Log, News, Put, Reply, SecretError, Secrets, State, StateError, Value,
};
use crate::request::Request;

/// What this instance of the component was lent.
pub(super) struct Lent;

impl Http for Lent {
    fn send(&self, requests: &[Request]) -> Vec<Result<Reply, HttpError>> {
        super::http::send(requests)
    }

    fn stream(&self, request: &Request, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<Reply, HttpError> {
        super::http::stream(request, take)
    }
}

impl Clock for Lent {
    fn now_ms(&self) -> u64 {
        clock::now()
    }

    fn wait(&self, ms: u32) -> bool {
        clock::wait(ms)
    }
}

impl Log for Lent {
    fn event(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        log::event(level, message, &fields);
    }

    fn progress(&self, done: u64, total: u64, unit: &str) {
        log::progress(done, total, unit);
    }
}

impl Files for Lent {
    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, FileError> {
        let listing = files::list(prefix, after)?;
        Ok(Listing { entries: entries(listing.entries), skipped: skipped(listing.skipped), more: listing.more })
    }

    fn news(&self, known: &[u64], paths: &[String]) -> Result<News, FileError> {
        let files::News { entries: new, skipped: left, missing, too_many } = files::list_news(known, paths)?;
        Ok(News { entries: entries(new), skipped: skipped(left), missing, too_many })
    }

    fn look(&self, paths: &[String]) -> Result<Vec<Option<Entry>>, FileError> {
        Ok(files::look(paths)?.into_iter().map(|found| found.map(entry)).collect())
    }

    fn read(&self, paths: &[String]) -> Result<Vec<Content>, FileError> {
        let contents = files::read(paths)?.into_iter();
        let plain =
            |content: files::Content| Content { path: content.path, bytes: content.bytes, version: content.version };
        Ok(contents.map(plain).collect())
    }

    fn apply(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        Ok(files::apply(&batch.into_iter().map(change).collect::<Vec<_>>())?)
    }

    fn apply_ahead(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError> {
        Ok(files::apply_ahead(&batch.into_iter().map(change).collect::<Vec<_>>())?)
    }
}

fn change(change: FileChange) -> files::Change {
    let expectation = |expected| match expected {
        Expectation::Absent => files::Expectation::Absent,
        Expectation::Version(version) => files::Expectation::Version(version),
    };
    match change {
        FileChange::Write { path, bytes, executable, expected } => {
            files::Change::Write(files::Write { path, bytes, executable, expected: expectation(expected) })
        }
        FileChange::Delete { path, expected } => {
            files::Change::Delete(files::Delete { path, expected: expectation(expected) })
        }
    }
}

fn entries(listed: Vec<files::Entry>) -> Vec<Entry> {
    listed.into_iter().map(entry).collect()
}

fn entry(entry: files::Entry) -> Entry {
    Entry { path: entry.path, size: entry.size, version: entry.version, executable: entry.executable }
}

fn skipped(listed: Vec<files::Skipped>) -> Vec<(String, String)> {
    listed.into_iter().map(|skipped| (skipped.path, skipped.reason)).collect()
}

impl From<files::FileError> for FileError {
    fn from(error: files::FileError) -> Self {
        match error {
            files::FileError::Changed(paths) => Self::Changed(paths),
            files::FileError::UnsafePath((path, reason)) => Self::Unsafe(path, reason),
            files::FileError::NotFound(path) => Self::NotFound(path),
            files::FileError::TooLarge(limit) => Self::TooLarge(limit),
            files::FileError::Denied(reason) => Self::Denied(reason),
            files::FileError::Storage(reason) => Self::Storage(reason),
        }
    }
}

impl State for Lent {
    fn get(&self, key: &str) -> Result<Option<Value>, StateError> {
        Ok(state::get(key)?.map(|value| Value { bytes: value.bytes, version: value.version }))
    }

    fn commit(&self, writes: Vec<Put>) -> Result<(), StateError> {
        let put = |put: Put| state::Put { key: put.key, bytes: put.bytes, expected: put.expected };
        let writes: Vec<state::Put> = writes.into_iter().map(put).collect();
        Ok(state::commit(&writes)?)
    }
}

impl From<state::StateError> for StateError {
    fn from(error: state::StateError) -> Self {
        match error {
            state::StateError::Changed(keys) => Self::Changed(keys),
            state::StateError::Invalid(reason) => Self::Invalid(reason),
            state::StateError::Storage(reason) => Self::Storage(reason),
        }
    }
}

impl Secrets for Lent {
    fn is_present(&self, slot: &str) -> Result<bool, SecretError> {
        Ok(secrets::status(slot)?.present)
    }

    fn made_ms(&self, slot: &str) -> Result<Option<u64>, SecretError> {
        let status = secrets::status(slot)?;
        Ok(if status.present { Some(status.created_ms.unwrap_or(0)) } else { None })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), SecretError> {
        Ok(secrets::rename(from, to)?)
    }

    fn generate_webhook_secret(&self, slot: &str) -> Result<(), SecretError> {
        Ok(secrets::generate(slot, secrets::Recipe::Whsec)?)
    }

    fn forget(&self, slot: &str) -> Result<(), SecretError> {
        Ok(secrets::forget(slot)?)
    }

    fn matches(&self, slot: &str, candidate: &[u8]) -> Result<bool, SecretError> {
        Ok(secrets::matches(slot, candidate)?)
    }

    fn verify_signature(&self, slot: &str, message: &[u8], tag: &[u8]) -> Result<bool, SecretError> {
        Ok(secrets::verify_hmac_sha256(slot, secrets::KeyForm::Whsec, message, tag)?)
    }

    fn exchange(&self, request: &Request) -> Result<Reply, ExchangeError> {
        let body = request.body.as_ref().map_or_else(Vec::new, Body::to_bytes);
        let header = |name: &str| (name.to_owned(), "application/json".to_owned());
        let reply = secrets::exchange(&secrets::ExchangeRequest {
            method: request.method.name().into(),
            path_with_query: request.target.to_string(),
            headers: vec![header("accept"), header("content-type")],
            body: String::from_utf8(body).map_err(|_| ExchangeError::Denied("the body is not text".into()))?,
        })?;
        let headers = reply.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        Ok(Reply { status: reply.status, headers, body: reply.body })
    }
}

impl From<secrets::ExchangeError> for ExchangeError {
    fn from(error: secrets::ExchangeError) -> Self {
        match error {
            secrets::ExchangeError::Denied(reason) => Self::Denied(reason),
            secrets::ExchangeError::Empty(reason) => Self::Empty(reason),
            secrets::ExchangeError::NoReply(reason) => Self::NoReply(reason),
            secrets::ExchangeError::Storage(reason) => Self::Storage(reason),
            // No rule of ours captures anything.
            secrets::ExchangeError::FieldMissing(field) => Self::NoReply(field),
        }
    }
}

impl From<secrets::SecretError> for SecretError {
    fn from(error: secrets::SecretError) -> Self {
        match error {
            secrets::SecretError::Denied(reason) => Self::Denied(reason),
            secrets::SecretError::Empty(slot) => Self::Empty(slot),
            secrets::SecretError::Exhausted => Self::Exhausted,
            secrets::SecretError::NotAKey(reason) => Self::NotAKey(reason),
            secrets::SecretError::Storage(reason) => Self::Storage(reason),
        }
    }
}
