//! How the component reaches secrets: `wit/secrets.wit` over [`ConnectionSecrets`](super::connection::ConnectionSecrets).
//!
//! Nothing is decided here; words are translated. What a refusal says is the policy's.

use super::connection::UseError;
use super::exchange::{ExchangeError, ExchangeReply, ExchangeRequest};
use super::secret::{KeyForm, Recipe};
use super::vault::VaultError;
use crate::bindings::gitlab_sync::connector::secrets as wit;
use crate::call::CallState;

type Answer<T, E> = wasmtime::Result<Result<T, E>>;

impl wit::Host for CallState {
    async fn status(&mut self, slot: String) -> Answer<wit::SlotStatus, wit::SecretError> {
        self.count_host_call()?;
        let status = self.lent.secrets.status(&slot).await;
        Ok(status.map_err(|error| self.secret_error(error)).map(|status| wit::SlotStatus {
            present: status.present.is_some(),
            created_ms: status.present.map(|dates| dates.created_ms),
            expires_ms: status.present.and_then(|dates| dates.expires_ms),
            unsettled_since_ms: status.unsettled_since_ms,
        }))
    }

    async fn generate(&mut self, slot: String, recipe: wit::Recipe) -> Answer<(), wit::SecretError> {
        self.count_host_call()?;
        let recipe = match recipe {
            wit::Recipe::Hex => Recipe::Hex,
            wit::Recipe::Whsec => Recipe::Whsec,
        };
        Ok(self.lent.secrets.generate(&slot, recipe).await.map_err(|error| self.secret_error(error)))
    }

    async fn rename(&mut self, from: String, to: String) -> Answer<(), wit::SecretError> {
        self.count_host_call()?;
        Ok(self.lent.secrets.rename(&from, &to).await.map_err(|error| self.secret_error(error)))
    }

    async fn forget(&mut self, slot: String) -> Answer<(), wit::SecretError> {
        self.count_host_call()?;
        Ok(self.lent.secrets.forget(&slot).await.map_err(|error| self.secret_error(error)))
    }

    async fn matches(&mut self, slot: String, candidate: Vec<u8>) -> Answer<bool, wit::SecretError> {
        self.count_host_call()?;
        Ok(self.lent.secrets.matches(&slot, &candidate).await.map_err(|error| self.secret_error(error)))
    }

    async fn verify_hmac_sha256(
        &mut self,
        slot: String,
        key: wit::KeyForm,
        message: Vec<u8>,
        tag: Vec<u8>,
    ) -> Answer<bool, wit::SecretError> {
        self.count_host_call()?;
        let form = match key {
            wit::KeyForm::Text => KeyForm::Text,
            wit::KeyForm::Whsec => KeyForm::Whsec,
        };
        let verified = self.lent.secrets.verify_hmac_sha256(&slot, form, &message, &tag).await;
        Ok(verified.map_err(|error| self.secret_error(error)))
    }

    async fn exchange(&mut self, request: wit::ExchangeRequest) -> Answer<wit::ExchangeReply, wit::ExchangeError> {
        self.count_host_call()?;
        let reply = self.lent.secrets.exchange(request.into()).await;
        Ok(reply.map(wit::ExchangeReply::from).map_err(|error| self.exchange_error(error)))
    }
}

/// The storage's own words name folders of the host: they go into the host's log, and the component hears that it failed.
const STORAGE: &str = "the vault's storage failed";

impl CallState {
    fn secret_error(&self, error: UseError) -> wit::SecretError {
        match error {
            UseError::Vault(VaultError::Store(cause)) => {
                self.lent.log.host_failed(STORAGE, &cause);
                wit::SecretError::Storage(STORAGE.into())
            }
            error => error.into(),
        }
    }

    fn exchange_error(&self, error: ExchangeError) -> wit::ExchangeError {
        if let ExchangeError::Storage { source, .. } = &error {
            self.lent.log.host_failed(STORAGE, source);
        }
        error.into()
    }
}

impl From<UseError> for wit::SecretError {
    fn from(error: UseError) -> Self {
        match error {
            UseError::Denied(denial) => Self::Denied(denial.to_string()),
            UseError::Empty(slot) => Self::Empty(slot.to_string()),
            UseError::Exhausted => Self::Exhausted,
            error @ UseError::KeyForm(_) => Self::NotAKey(error.to_string()),
            error @ UseError::Vault(_) => Self::Storage(error.to_string()),
        }
    }
}

impl From<wit::ExchangeRequest> for ExchangeRequest {
    fn from(wit: wit::ExchangeRequest) -> Self {
        Self { method: wit.method, path_with_query: wit.path_with_query, headers: wit.headers, body: wit.body }
    }
}

impl From<ExchangeReply> for wit::ExchangeReply {
    fn from(reply: ExchangeReply) -> Self {
        Self { status: reply.status, headers: reply.headers, body: reply.body }
    }
}

impl From<ExchangeError> for wit::ExchangeError {
    fn from(error: ExchangeError) -> Self {
        let text = error.to_string();
        match error {
            ExchangeError::Slot(_) | ExchangeError::Refused(_) | ExchangeError::Request(_) => Self::Denied(text),
            ExchangeError::Empty(_) => Self::Empty(text),
            ExchangeError::FieldMissing { field, .. } => Self::FieldMissing(field),
            ExchangeError::NoReply(_) | ExchangeError::Aborted(_) => Self::NoReply(text),
            ExchangeError::Unwritable { .. } | ExchangeError::Storage { .. } => Self::Storage(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::exchange::{NoReply, Refusal};
    use crate::secrets::names::SlotName;

    #[test]
    fn only_what_was_not_sent_is_denied_or_empty() {
        let slot = || SlotName::parse("token").unwrap();
        let missing = ExchangeError::FieldMissing { status: 200, field: "pat".into(), slot: slot() };
        assert!(matches!(wit::ExchangeError::from(missing), wit::ExchangeError::FieldMissing(field) if field == "pat"));
        for (error, expected) in [
            (ExchangeError::Refused(Refusal("a".into())), "Denied"),
            (ExchangeError::Request("a".into()), "Denied"),
            (ExchangeError::Empty(slot()), "Empty"),
            (ExchangeError::NoReply(NoReply("a".into())), "NoReply"),
            (ExchangeError::Aborted(true), "NoReply"),
        ] {
            let said = format!("{:?}", wit::ExchangeError::from(error));
            assert!(said.starts_with(&format!("ExchangeError::{expected}")), "{said}");
        }
    }
}
