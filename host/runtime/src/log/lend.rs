//! How the component speaks: `wit/log.wit` over [`CallLog`](super::CallLog).
//!
//! Decided here: that every secret of the connection is known to the redactor before the first line is shown, and that a panic's message
//! is kept for the error that follows it.

use super::{CallLog, Level, LogSink, MOST_LINE_BYTES, Redactor};
use crate::bindings::gitlab_sync::connector::log as wit;
use crate::call::CallState;
use crate::connection_id::ConnectionId;
use crate::secrets::vault::Vault;
use std::sync::Arc;

/// The field in which the connector's panic hook puts its message.
const PANIC: &str = "panic";

/// A call's log. The redactor is made with the first line: most calls have none.
pub(crate) struct LentLog {
    sink: Arc<dyn LogSink>,
    vault: Arc<Vault>,
    connection: ConnectionId,
    begun: Option<CallLog>,
    last_words: Option<String>,
}

impl LentLog {
    pub(crate) fn new(sink: Arc<dyn LogSink>, vault: Arc<Vault>, connection: ConnectionId) -> Self {
        Self { sink, vault, connection, begun: None, last_words: None }
    }

    /// The message of the connector's panic, if there was one. Redacted like every line.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        self.last_words.take()
    }

    /// Says how much was dropped.
    pub(crate) fn finish(&mut self) {
        if let Some(log) = self.begun.take() {
            log.finish();
        }
    }

    /// Without the vault's secrets nothing can be redacted for certain, so nothing is shown.
    async fn log(&mut self) -> wasmtime::Result<&mut CallLog> {
        if self.begun.is_none() {
            let secrets = self.vault.reveal_all(&self.connection).await.map_err(wasmtime::Error::new)?;
            let mut redactor = Redactor::new();
            for (_, stored) in &secrets {
                redactor.add(stored.secret.expose());
            }
            self.begun = Some(CallLog::new(self.sink.clone(), redactor));
        }
        Ok(self.begun.as_mut().expect("it was just begun"))
    }
}

impl wit::Host for CallState {
    async fn event(
        &mut self,
        level: wit::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let level = match level {
            wit::Level::Debug => Level::Debug,
            wit::Level::Info => Level::Info,
            wit::Level::Warn => Level::Warn,
            wit::Level::Error => Level::Error,
        };
        let log = self.lent.log.log().await?;
        log.event(level, &message, &fields);
        if let Some((_, words)) = fields.iter().find(|(name, _)| name == PANIC && level == Level::Error) {
            let words = log.redactor().clean(words, &mut { MOST_LINE_BYTES });
            self.lent.log.last_words = Some(words);
        }
        Ok(())
    }

    async fn progress(&mut self, done: u64, total: u64, unit: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.lent.log.log().await?.progress(done, total, &unit);
        Ok(())
    }
}
