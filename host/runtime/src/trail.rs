//! One call's lines in the audit trail: what its network, its secrets and its files report comes together here, under one call id.
//!
//! Decided here: that a line which cannot be written ends the call with an error, after the fact: what happened has happened, but the
//! product learns that its trail has a hole.

use crate::audit::{AuditError, AuditTrail, Call, Decision, Event, FileBatch, Record, Request, SecretUse};
use crate::clock::Clock;
use crate::connection_id::ConnectionId;
use crate::http::record::{self, RequestRecord};
use crate::secrets::observer::{self, UseEvent};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes one call's lines.
pub(crate) struct Trail {
    audit: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
    connection: ConnectionId,
    call: String,
    hole: Mutex<Option<AuditError>>,
}

impl Trail {
    pub(crate) fn new(audit: Arc<dyn AuditTrail>, clock: Arc<dyn Clock>, connection: ConnectionId) -> Self {
        Self { audit, clock, connection, call: call_id(), hole: Mutex::default() }
    }

    pub(crate) fn files(&self, batch: FileBatch) {
        self.write(self.clock.now_ms(), Event::Files(batch));
    }

    pub(crate) fn ended(&self, call: Call) {
        self.write(self.clock.now_ms(), Event::Call(call));
    }

    /// The first line that could not be written.
    pub(crate) fn hole(&self) -> Option<AuditError> {
        self.hole.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn write(&self, time_ms: u64, event: Event) {
        let record = Record { time_ms, connection: self.connection.clone(), call: self.call.clone(), event };
        if let Err(error) = self.audit.record(&record) {
            self.hole.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

impl record::Observer for Trail {
    fn request(&self, record: &RequestRecord) {
        let decision = match &record.decision {
            record::Decision::Allowed(_) => Decision::Allowed,
            record::Decision::Denied(reason) => Decision::Denied { reason: reason.clone() },
        };
        let request = Request {
            method: record.method.clone(),
            host: record.host.clone(),
            port: record.port,
            path: record.path.clone(),
            decision,
            status: record.status,
            bytes_up: record.bytes_up,
            bytes_down: record.bytes_down,
            ms: record.millis,
        };
        self.write(self.clock.now_ms(), Event::Request(request));
    }
}

impl observer::Observer for Trail {
    fn used(&self, event: &UseEvent<'_>) {
        let (usage, outcome) = (event.usage.word().into(), event.outcome.word().into());
        self.write(event.at_ms, Event::Secret(SecretUse { slot: event.slot.into(), usage, outcome }));
    }
}

/// 16 random digits: unique across processes and restarts that share a trail.
fn call_id() -> String {
    getrandom::u64().map_or_else(|_| "0".into(), |number| format!("{number:016x}"))
}
