//! How `secrets.exchange` reaches the network, and the network the connection's secrets: two borders between this folder and
//! `http`, and nothing else.

use super::envelope::Stored;
use super::exchange::{Decided, NoReply, Outgoing, Refusal, Transport};
use super::names::SlotName;
use super::policy::ExchangeRule;
use super::vault::Vault;
use crate::connection_id::ConnectionId;
use crate::http::call::{Approved, Call};
use crate::http::credential::{CredentialError, CredentialSource, Lent};
use crate::http::target::Target;
use crate::manifest::Rule;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::Arc;

/// The vault as the sender's source of secrets.
pub(crate) struct VaultCredentials {
    pub(crate) vault: Arc<Vault>,
    pub(crate) connection: ConnectionId,
}

#[async_trait]
impl CredentialSource for VaultCredentials {
    async fn secrets(&self) -> Result<Lent, CredentialError> {
        let all = self.vault.reveal_all(&self.connection).await;
        let all = all.map_err(|error| CredentialError::Vault { message: error.to_string(), hint: error.hint() })?;
        let lent = |(slot, stored): (SlotName, Stored)| (slot.to_string(), stored.secret.expose().to_vec().into());
        Ok(all.into_iter().map(lent).collect())
    }
}

/// The call's network, for exchanges.
pub(crate) struct CallTransport {
    pub(crate) call: Call,
}

#[async_trait]
impl Transport for CallTransport {
    async fn decide(&self, request: &Outgoing<'_>) -> Result<Decided, Refusal> {
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| refusal("the method is none"))?;
        let headers = headers(request.headers)?;
        let target = self.target(request.path_with_query)?;
        let approved = self.call.decide(&method, &target, &headers, request.body);
        let approved = approved.map_err(|error| Refusal(error.to_string()))?;
        let Rule { purpose, fills, captures, .. } = approved.rule().wanted.clone();
        Ok(Decided { rule: ExchangeRule { purpose, fills, captures }, ticket: Box::new(approved) })
    }

    async fn send(&self, decided: Decided, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, NoReply> {
        let approved = decided.ticket.downcast::<Approved>().map_err(|_| NoReply("internal-error".into()))?;
        let (head, body) = request.into_parts();
        self.call.send(*approved, head.headers, body).await.map_err(|error| NoReply(error.to_string()))
    }
}

impl CallTransport {
    /// The connection's own instance: a request cannot name another.
    fn target(&self, path_with_query: &str) -> Result<Target, Refusal> {
        let permission = self.call.permission();
        let site = permission.site().map_err(|hint| Refusal(format!("nothing is granted: {hint}")))?;
        let target = Target::new(site.origin().clone(), site.base_path(), path_with_query);
        target.map_err(|error| Refusal(error.to_string()))
    }
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refusal("a header's name is none"))?;
        let value = HeaderValue::from_str(value).map_err(|_| refusal("a header's value is none"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn refusal(text: &str) -> Refusal {
    Refusal(text.into())
}
