//! What one call of the connector is lent: the secrets of its connection, as far as its profile goes.
//!
//! The methods of `wit/secrets.wit`, then `put` and `reveal` for the host alone; nothing in the contract leads to those two.
//! Decided here: how many comparisons a call has, and that every use is told to the observer. Not decided here: what is permitted
//! (`policy`), how it is kept (`vault`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use thiserror::Error;

use super::envelope::Stored;
use super::exchange::{Exchange, ExchangeError, ExchangeReply, ExchangeRequest, Transport};
use super::names::{ConnectionId, NameError, SlotName, shown};
use super::observer::{Observer, Outcome, Usage, UseEvent};
use super::policy::{Denial, SlotTable};
use super::secret::{KeyForm, Recipe, Secret};
use super::vault::{SlotStatus, Vault, VaultError};
use crate::manifest::{Profile, SlotUse};

/// Comparisons and signatures checked in one call. A webhook needs two of each at most; guessing needs many more.
pub const MAX_COMPARISONS: u32 = 16;

/// Milliseconds since 1970 UTC.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The secrets of one connection for one call.
pub struct ConnectionSecrets {
    vault: Arc<Vault>,
    connection: ConnectionId,
    table: Arc<SlotTable>,
    transport: Arc<dyn Transport>,
    observer: Arc<dyn Observer>,
    clock: Clock,
    comparisons: AtomicU32,
}

/// Why a secret was not used. In the contract's words: `denied`, `empty`, `exhausted`, `not-a-key` and `storage`.
#[derive(Debug, Error)]
pub enum UseError {
    /// The profile does not permit it.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Nothing is there. Never the same as "does not match".
    #[error("slot `{0}` is empty")]
    Empty(SlotName),
    /// Too many comparisons.
    #[error("more than {MAX_COMPARISONS} comparisons in one call")]
    Exhausted,
    /// The secret is no signing key of that form.
    #[error("the secret in slot `{0}` is not `whsec_` and base64")]
    KeyForm(SlotName),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What a call's secrets are made of. Each call gets its own, since comparisons are counted.
pub struct Parts {
    /// Shared by all.
    pub vault: Arc<Vault>,
    /// Whose.
    pub connection: ConnectionId,
    /// How exchanges leave.
    pub transport: Arc<dyn Transport>,
    /// Who hears of uses.
    pub observer: Arc<dyn Observer>,
    /// The time.
    pub clock: Clock,
}

impl ConnectionSecrets {
    /// For one call under this profile.
    pub fn new(parts: Parts, profile: &Profile) -> Result<Self, NameError> {
        let Parts { vault, connection, transport, observer, clock } = parts;
        let table = Arc::new(SlotTable::new(profile)?);
        Ok(Self { vault, connection, table, transport, observer, clock, comparisons: AtomicU32::new(0) })
    }

    /// Whether there is a secret, and its dates. Always permitted for a slot of the profile.
    pub async fn status(&self, slot: &str) -> Result<SlotStatus, UseError> {
        Ok(self.vault.status(&self.connection, &self.table.known(slot)?).await?)
    }

    /// Puts a new random secret into the slot, durably.
    pub async fn generate(&self, slot: &str, recipe: Recipe) -> Result<(), UseError> {
        let done = async {
            let slot = self.table.permit(slot, SlotUse::Generate)?;
            let secret = Secret::generate(recipe).map_err(VaultError::from)?;
            let stored = Stored { secret, created_ms: (self.clock)(), expires_ms: None };
            Ok(self.vault.put(&self.connection, &slot, &stored).await?)
        };
        self.told(slot, Usage::Generate, done.await)
    }

    /// Moves a secret to another slot, replacing what is there, durably.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), UseError> {
        let done = async {
            let source = self.table.permit(from, SlotUse::Rename)?;
            let target = self.table.permit(to, SlotUse::Rename)?;
            let moved = self.vault.rename(&self.connection, &source, &target).await?;
            if moved { Ok(()) } else { Err(UseError::Empty(source)) }
        };
        let done = self.told(from, Usage::Rename, done.await);
        self.tell(to, Usage::Rename, done.as_ref().map_or_else(outcome, |()| Outcome::Done));
        done
    }

    /// Empties the slot, durably.
    pub async fn forget(&self, slot: &str) -> Result<(), UseError> {
        let done = async {
            let slot = self.table.permit(slot, SlotUse::Forget)?;
            Ok(self.vault.forget(&self.connection, &slot).await?)
        };
        self.told(slot, Usage::Forget, done.await)
    }

    /// Whether the candidate is the secret, in constant time.
    pub async fn matches(&self, slot: &str, candidate: &[u8]) -> Result<bool, UseError> {
        let done = async {
            let stored = self.compared(slot, SlotUse::Matches).await?;
            Ok(stored.1.secret.matches(candidate))
        };
        self.judged(slot, Usage::Matches, done.await)
    }

    /// Whether `tag` is the HMAC-SHA256 of `message` under the slot's secret, in constant time.
    pub async fn verify_hmac_sha256(
        &self,
        slot: &str,
        form: KeyForm,
        message: &[u8],
        tag: &[u8],
    ) -> Result<bool, UseError> {
        let done = async {
            let (name, stored) = self.compared(slot, SlotUse::Verify).await?;
            stored.secret.verify_hmac_sha256(form, message, tag).map_err(|_| UseError::KeyForm(name))
        };
        self.judged(slot, Usage::Verify, done.await)
    }

    /// One request in which secrets go out or come in. What came is on disk before this returns. It goes on to its end when the
    /// caller stops waiting: a server that has replaced a secret does not take it back.
    pub async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeReply, ExchangeError> {
        let exchange = Exchange {
            vault: self.vault.clone(),
            connection: self.connection.clone(),
            table: self.table.clone(),
            transport: self.transport.clone(),
            observer: self.observer.clone(),
            clock: self.clock.clone(),
        };
        let task = tokio::spawn(exchange.run(request));
        task.await.unwrap_or_else(|error| Err(ExchangeError::Aborted(error.is_panic())))
    }

    /// Host only: puts a secret that a person or the product gave into a slot, durably.
    pub async fn put(&self, slot: &str, secret: Secret, expires_ms: Option<u64>) -> Result<(), UseError> {
        let done = async {
            let slot = self.table.known(slot)?;
            let stored = Stored { secret, created_ms: (self.clock)(), expires_ms };
            Ok(self.vault.put(&self.connection, &slot, &stored).await?)
        };
        self.told(slot, Usage::Put, done.await)
    }

    /// Host only: the secret itself, for a request's credential or for an administrator's eyes.
    pub async fn reveal(&self, slot: &str) -> Result<Stored, UseError> {
        let done = async {
            let slot = self.table.known(slot)?;
            self.vault.reveal(&self.connection, &slot).await?.ok_or(UseError::Empty(slot))
        };
        self.told(slot, Usage::Reveal, done.await)
    }

    async fn compared(&self, slot: &str, wanted: SlotUse) -> Result<(SlotName, Stored), UseError> {
        let slot = self.table.permit(slot, wanted)?;
        if self.comparisons.fetch_add(1, Ordering::Relaxed) >= MAX_COMPARISONS {
            self.comparisons.store(MAX_COMPARISONS, Ordering::Relaxed);
            return Err(UseError::Exhausted);
        }
        let stored = self.vault.reveal(&self.connection, &slot).await?;
        stored.map(|stored| (slot.clone(), stored)).ok_or(UseError::Empty(slot))
    }

    fn told<T>(&self, slot: &str, usage: Usage, done: Result<T, UseError>) -> Result<T, UseError> {
        self.tell(slot, usage, done.as_ref().map_or_else(outcome, |_| Outcome::Done));
        done
    }

    fn judged(&self, slot: &str, usage: Usage, done: Result<bool, UseError>) -> Result<bool, UseError> {
        let verdict = |right: &bool| if *right { Outcome::Right } else { Outcome::Wrong };
        self.tell(slot, usage, done.as_ref().map_or_else(outcome, verdict));
        done
    }

    fn tell(&self, slot: &str, usage: Usage, outcome: Outcome) {
        let (connection, at_ms) = (&self.connection, (self.clock)());
        let slot = if self.table.known(slot).is_ok() { slot } else { &shown(slot) };
        self.observer.used(&UseEvent { connection, slot, usage, outcome, at_ms });
    }
}

fn outcome(error: &UseError) -> Outcome {
    match error {
        UseError::Denied(_) => Outcome::Denied,
        UseError::Empty(_) => Outcome::Empty,
        UseError::Exhausted => Outcome::Exhausted,
        UseError::KeyForm(_) | UseError::Vault(_) => Outcome::Failed,
    }
}
