//! What is told about each request: once, whatever became of it. Never a header's value, never the query, never a body.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use serde::Serialize;

use super::target::{Scheme, Target};

/// Hears of every request that was decided, when it is over.
pub trait Observer: Send + Sync + 'static {
    /// Called once per request; must not block.
    fn request(&self, record: &RequestRecord);
}

/// An observer that hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn request(&self, _: &RequestRecord) {}
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequestRecord {
    /// As asked for.
    pub method: String,
    /// `https` or `http`; empty if the destination could not be read.
    pub scheme: &'static str,
    /// Normalised; empty if the destination could not be read.
    pub host: String,
    /// 0 if the destination could not be read.
    pub port: u16,
    /// Without the query, at most 512 characters.
    pub path: String,
    /// The reply's, if there was one.
    pub status: Option<u16>,
    /// Bytes of the request's body that went out.
    pub bytes_up: u64,
    /// Decoded bytes of the reply's body that came in.
    pub bytes_down: u64,
    /// From the decision to the end.
    pub millis: u64,
    /// By the policy.
    pub decision: Decision,
    /// Why an allowed request did not end well.
    pub failure: Option<String>,
}

/// What the policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "why")]
pub enum Decision {
    /// The purpose of the rule.
    Allowed(String),
    /// The refusal's words.
    Denied(String),
}

/// Fills a record while the request goes on, and hands it over when dropped: also when the call is cancelled.
pub(super) struct Recorder {
    record: RequestRecord,
    begun: Instant,
    observer: Arc<dyn Observer>,
}

impl Recorder {
    pub(super) fn new(observer: Arc<dyn Observer>, method: &Method, target: Option<&Target>) -> Self {
        let path = target.map(|target| target.path().to_string().chars().take(512).collect());
        let record = RequestRecord {
            method: method.as_str().chars().take(16).collect(),
            scheme: target.map(|target| target.origin().scheme()).map_or("", Scheme::as_str),
            host: target.map(|target| target.origin().host().to_string()).unwrap_or_default(),
            port: target.map(|target| target.origin().port()).unwrap_or_default(),
            path: path.unwrap_or_default(),
            status: None,
            bytes_up: 0,
            bytes_down: 0,
            millis: 0,
            decision: Decision::Denied("not decided".to_owned()),
            failure: Some("given up".to_owned()),
        };
        Self { record, begun: Instant::now(), observer }
    }

    pub(super) fn decided(&mut self, decision: Decision) {
        if matches!(decision, Decision::Denied(_)) {
            self.record.failure = None;
        }
        self.record.decision = decision;
    }

    pub(super) fn answered(&mut self, status: u16) {
        self.record.status = Some(status);
        self.record.failure = Some("the reply was not read to its end".to_owned());
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.record.bytes_up = bytes;
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.record.bytes_down += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    pub(super) fn failed(&mut self, why: &dyn std::error::Error) {
        self.record.failure = Some(why.to_string());
    }

    pub(super) fn done(&mut self) {
        self.record.failure = None;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.record.millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.observer.request(&self.record);
    }
}
