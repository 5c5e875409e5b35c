//! One request in which secrets go out or come in, without the connector seeing any.
//!
//! Order, and why:
//!
//! 1. Placeholders are read. What is filled in later cannot change the shape of what is judged in 2 (`placeholder`).
//! 2. The policy judges the request as the connector wrote it. The rule it finds must list each slot that is to go out, and says
//!    itself which fields come in and where they go: the connector has no say in that.
//! 3. The turn with all these slots is taken: one exchange at a time for each slot, in this process and in others.
//! 4. The secrets are read and filled in. Only now: whoever waited in 3 gets what the one before it captured.
//! 5. A note is written, durably: these slots are about to be filled.
//! 6. The request is sent, once.
//! 7. What came is written and its notes are removed in one change, durably, and again if the store fails. Only then does the reply
//!    go to the connector, without any secret of the connection (`redact`).
//!
//! A kill before 6 leaves all as it was. A kill after 7 leaves the new secret. A kill between them leaves a note, so that "the server
//! may have replaced this secret" is known (`SlotStatus::unsettled_since_ms`) and not guessed; the same after no reply, 408, 5xx, or a
//! 2xx without the field. The only secret that can be lost is one that reached the host's memory and was not written when the process
//! was killed: nothing lies between the two but its parsing and sealing. OAuth as GitLab does it forgives even that, as the old
//! refresh token works until the new access token is used.
//!
//! The caller may stop waiting (a call that ran out of time): `ConnectionSecrets::exchange` runs this as a task of its own, which
//! goes on to the end. Not decided here: the network and the credential ([`Transport`]).

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use thiserror::Error;
use zeroize::Zeroize as _;

use super::capture::{self, Taken, Wanted};
use super::connection::Clock;
use super::envelope::Stored;
use super::names::{ConnectionId, SlotName};
use super::observer::{Observer, Outcome, Usage, UseEvent};
use super::placeholder::{Escape, Part, Unwritable, fill, parts};
use super::policy::{Denial, ExchangeRule, SlotTable};
use super::secret::MIN_SECRET_BYTES;
use super::vault::{Vault, VaultError};
use crate::redact::reply::{Marker, Redactor};

/// More placeholders than any request needs, few enough that they cannot blow it up.
const MAX_PLACEHOLDERS: usize = 16;

/// What the exchange needs of the one sender.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Judges the request as the connector wrote it. Reads no secret: the credential is looked up in `send`, since an exchange that
    /// had to wait in between may find another one.
    async fn decide(&self, request: &Outgoing<'_>) -> Result<Decided, Refusal>;

    /// Sends it once to the connection's own instance and reads the whole reply, decoded. Must come to an end by itself (timeouts),
    /// follow nothing and repeat nothing. The URI is path and query. Headers and body hold secrets: they must not be printed.
    async fn send(&self, decided: Decided, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, NoReply>;
}

/// A request before it is filled.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// `POST`.
    pub method: &'a str,
    /// From the base path on, with the query.
    pub path_with_query: &'a str,
    /// With placeholders.
    pub headers: &'a [(String, String)],
    /// With placeholders.
    pub body: &'a [u8],
}

/// A request that the policy permits.
pub struct Decided {
    /// What its rule says of secrets.
    pub rule: ExchangeRule,
    /// Whatever the transport wants back in `send`.
    pub ticket: Box<dyn Any + Send>,
}

/// The policy said no; names the line that would permit it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// No reply, so it may or may not have happened. One of wasi:http's error names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NoReply(pub String);

/// As `wit/secrets.wit` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// `POST`.
    pub method: String,
    /// From the instance's base path on, with the query.
    pub path_with_query: String,
    /// May hold placeholders.
    pub headers: Vec<(String, String)>,
    /// May hold placeholders, if `content-type` is JSON or a form.
    pub body: String,
}

/// What the connector is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeReply {
    /// The status.
    pub status: u16,
    /// Without cookies and secrets.
    pub headers: Vec<(String, String)>,
    /// Without secrets.
    pub body: Vec<u8>,
}

/// Why there is no reply to show. In the contract's words: `denied` for the first three, `no-reply` also for [`Self::Aborted`],
/// `storage` also for [`Self::Unwritable`]; the others have words of their own.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The profile's slots.
    #[error(transparent)]
    Slot(#[from] Denial),
    /// The rules.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request is none, or nothing can be filled into it.
    #[error("{0}")]
    Request(String),
    /// A placeholder's slot is empty.
    #[error("slot `{0}` is empty")]
    Empty(SlotName),
    /// A placeholder's secret cannot stand there.
    #[error("the secret in slot `{slot}` {source}")]
    Unwritable {
        /// The slot.
        slot: SlotName,
        /// Why.
        source: Unwritable,
    },
    /// It happened, but the reply has no text that could be kept as a secret.
    #[error(
        "the reply ({status}) has no text of at least {MIN_SECRET_BYTES} bytes in field `{field}` for slot `{slot}`"
    )]
    FieldMissing {
        /// The reply's status.
        status: u16,
        /// The first field that is missing. What came in other fields is in its slots.
        field: String,
        /// The slot that should have been filled.
        slot: SlotName,
    },
    /// It may or may not have happened.
    #[error(transparent)]
    NoReply(#[from] NoReply),
    /// The exchange broke off in the host: a panic, or the runtime is shutting down. It may or may not have happened.
    #[error("the exchange broke off in the host{}", if *.0 { " by a panic" } else { "" })]
    Aborted(bool),
    /// The vault. If `sent`, then a secret may be lost.
    #[error("the vault failed {}", if *sent { "after the reply came" } else { "before anything was sent" })]
    Storage {
        /// Whether the request went out.
        sent: bool,
        /// Why.
        source: VaultError,
    },
}

/// Everything an exchange works with, apart from the request.
pub(super) struct Exchange {
    pub(super) vault: Arc<Vault>,
    pub(super) connection: ConnectionId,
    pub(super) table: Arc<SlotTable>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: Clock,
}

impl Exchange {
    pub(super) async fn run(self, request: ExchangeRequest) -> Result<ExchangeReply, ExchangeError> {
        let template = Template::read(&request)?;
        let decided = self.decide(&request, &template).await?;
        let wanted = self.wanted(&decided.rule)?;
        let slots: Vec<_> = wanted.iter().map(|one| one.slot.clone()).collect();
        let turn = template.fills.iter().chain(&slots).cloned().collect();
        let _turn = self.vault.hold_slots(&self.connection, turn).await.map_err(unsent)?;
        let known = self.vault.reveal_all(&self.connection).await.map_err(unsent)?;
        let filled = template.fill(&request, &known).inspect_err(|error| self.tell_unfilled(error))?;
        let noted = self.vault.begin(&self.connection, &slots, (self.clock)()).await.map_err(unsent)?;
        let reply = self.transport.send(decided, filled).await;
        self.tell(Usage::Fill, &template.fills, if reply.is_ok() { Outcome::Done } else { Outcome::NoReply });
        let reply = reply.inspect_err(|_| self.tell(Usage::Capture, &slots, Outcome::NoReply))?;
        self.finish(reply, &wanted, &noted, &known).await
    }

    async fn decide(&self, request: &ExchangeRequest, template: &Template<'_>) -> Result<Decided, ExchangeError> {
        let outgoing = Outgoing {
            method: &request.method,
            path_with_query: &request.path_with_query,
            headers: &request.headers,
            body: request.body.as_bytes(),
        };
        let decided = self.transport.decide(&outgoing).await.map_err(ExchangeError::from);
        let permitted = decided.and_then(|decided| {
            template.fills.iter().try_for_each(|slot| self.table.known(slot.as_str()).map(drop))?;
            decided.rule.permit(&template.fills)?;
            Ok(decided)
        });
        permitted.inspect_err(|_| self.tell(Usage::Fill, &template.fills, Outcome::Denied))
    }

    /// What the rule lists, whoever asks.
    fn wanted(&self, rule: &ExchangeRule) -> Result<Vec<Wanted>, ExchangeError> {
        let wanted = rule.captures.iter().map(|capture| {
            let slot = self.table.known(&capture.slot)?;
            Ok(Wanted { field: capture.field.clone(), slot, expires_field: capture.expires_field.clone() })
        });
        wanted.collect()
    }

    /// From here on the server may have thrown the old secret away: nothing may fail before the new one is written.
    async fn finish(
        &self,
        reply: http::Response<Bytes>,
        wanted: &[Wanted],
        noted: &[SlotName],
        known: &[(SlotName, Stored)],
    ) -> Result<ExchangeReply, ExchangeError> {
        let status = reply.status();
        let mut taken = Taken::default();
        if status.is_success() {
            taken = capture::take(reply.body(), wanted, (self.clock)());
            self.settle(&taken).await?;
        } else if is_refusal(status) {
            self.tell(Usage::Capture, wanted.iter().map(|one| &one.slot), Outcome::Missing);
            // A note that stays says "in doubt" where there is none: no reason to keep the reply from the connector.
            let _ = self.vault.settle(&self.connection, &[], noted).await;
        } else {
            self.tell(Usage::Capture, wanted.iter().map(|one| &one.slot), Outcome::NoReply);
        }
        if let Some((field, slot)) = taken.missing.first() {
            let (field, slot) = (field.clone(), slot.clone());
            return Err(ExchangeError::FieldMissing { status: status.as_u16(), field, slot });
        }
        Ok(shown(reply, wanted, &taken, known))
    }

    async fn settle(&self, taken: &Taken) -> Result<(), ExchangeError> {
        let done = self.vault.settle(&self.connection, &taken.came, &[]).await;
        let outcome = if done.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.tell(Usage::Capture, taken.came.iter().map(|(slot, _)| slot), outcome);
        self.tell(Usage::Capture, taken.missing.iter().map(|(_, slot)| slot), Outcome::Missing);
        done.map_err(|source| ExchangeError::Storage { sent: true, source })
    }

    fn tell_unfilled(&self, error: &ExchangeError) {
        match error {
            ExchangeError::Empty(slot) => self.tell(Usage::Fill, [slot], Outcome::Empty),
            ExchangeError::Unwritable { slot, .. } => self.tell(Usage::Fill, [slot], Outcome::Failed),
            _ => {}
        }
    }

    fn tell<'s>(&self, usage: Usage, slots: impl IntoIterator<Item = &'s SlotName>, outcome: Outcome) {
        for slot in slots {
            let (connection, at_ms) = (&self.connection, (self.clock)());
            self.observer.used(&UseEvent { connection, slot: slot.as_str(), usage, outcome, at_ms });
        }
    }
}

/// A request taken apart at its placeholders.
struct Template<'a> {
    headers: Vec<(HeaderName, Vec<Part<'a>>)>,
    body: Vec<Part<'a>>,
    escape: Escape,
    fills: BTreeSet<SlotName>,
}

impl<'a> Template<'a> {
    fn read(request: &'a ExchangeRequest) -> Result<Self, ExchangeError> {
        let wrong = |text: String| Err(ExchangeError::Request(text));
        if slots_of(&parts(&request.path_with_query)).next().is_some() {
            return wrong("a placeholder may stand in a header or in the body, not in the path".to_owned());
        }
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            let Ok(name) = HeaderName::try_from(name.as_str()) else {
                return wrong("the name of a header is not one".to_owned());
            };
            headers.push((name, parts(value)));
        }
        let body = parts(&request.body);
        let fills: Vec<_> =
            headers.iter().map(|(_, value)| value).chain([&body]).flat_map(|all| slots_of(all)).collect();
        if fills.len() > MAX_PLACEHOLDERS {
            return wrong(format!("more than {MAX_PLACEHOLDERS} placeholders"));
        }
        let fills = fills.into_iter().cloned().collect();
        let escape = if slots_of(&body).next().is_some() { escape_of(request)? } else { Escape::Header };
        Ok(Self { headers, body, escape, fills })
    }

    fn fill(
        &self,
        request: &ExchangeRequest,
        known: &[(SlotName, Stored)],
    ) -> Result<http::Request<Bytes>, ExchangeError> {
        let known: BTreeMap<_, _> = known.iter().map(|(slot, stored)| (slot, stored.secret.expose())).collect();
        if let Some(slot) = self.fills.iter().find(|slot| !known.contains_key(slot)) {
            return Err(ExchangeError::Empty(slot.clone()));
        }
        let write = |parts: &[Part<'_>], escape| {
            let filled = fill(parts, escape, |slot| known[slot]);
            // The buffer is zeroed when the last one who sends it lets go.
            filled.map(Bytes::from_owner).map_err(|(slot, source)| ExchangeError::Unwritable { slot, source })
        };
        let wrong = |_| ExchangeError::Request("method, path or headers are not those of a request".to_owned());
        let body = write(&self.body, self.escape)?;
        let uri = request.path_with_query.as_str();
        let mut filled = http::Request::builder().method(request.method.as_str()).uri(uri).body(body).map_err(wrong)?;
        for (name, value) in &self.headers {
            let value = HeaderValue::from_maybe_shared(write(value, Escape::Header)?);
            let mut value = value.map_err(|error| wrong(error.into()))?;
            value.set_sensitive(true);
            filled.headers_mut().append(name, value);
        }
        Ok(filled)
    }
}

fn slots_of<'p>(parts: &'p [Part<'_>]) -> impl Iterator<Item = &'p SlotName> {
    parts.iter().filter_map(|part| if let Part::Slot(slot) = part { Some(slot) } else { None })
}

/// How secrets are written into this body. More than one content type would leave it open what was judged.
fn escape_of(request: &ExchangeRequest) -> Result<Escape, ExchangeError> {
    let mut types = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
    let escape = match (types.next(), types.next()) {
        (Some((_, one)), None) => Escape::of_body(one),
        _ => None,
    };
    let wrong = |text: &str| ExchangeError::Request(text.to_owned());
    let escape = escape.ok_or_else(|| {
        wrong("placeholders in a body need one content-type: application/json or application/x-www-form-urlencoded")
    })?;
    if escape == Escape::Json && serde_json::from_str::<serde::de::IgnoredAny>(&request.body).is_err() {
        return Err(wrong("the body is not JSON; a placeholder stands inside a string: \"{{slot}}\""));
    }
    Ok(escape)
}

/// The server saw it and did not do it. A 408 or 5xx may have done it.
fn is_refusal(status: http::StatusCode) -> bool {
    !status.is_success() && !status.is_server_error() && status != http::StatusCode::REQUEST_TIMEOUT
}

fn shown(
    reply: http::Response<Bytes>,
    wanted: &[Wanted],
    taken: &Taken,
    known: &[(SlotName, Stored)],
) -> ExchangeReply {
    let came = taken.came.iter().map(|(_, stored)| (stored.secret.expose(), Marker::Captured));
    let shadowed = taken.shadowed.iter().map(|secret| (secret.expose(), Marker::Captured));
    let known = known.iter().map(|(_, stored)| (stored.secret.expose(), Marker::Secret));
    let redactor = Redactor::new(came.chain(shadowed).chain(known));
    let redactor = redactor.withholding(wanted.iter().map(|one| one.field.as_str()));
    let (parts, body) = reply.into_parts();
    let headers = parts.headers.iter().filter(|(name, _)| **name != SET_COOKIE);
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), redactor.header(value.as_bytes()))).collect();
    let clean = redactor.body(&body);
    if let Ok(mut body) = body.try_into_mut() {
        body.zeroize();
    }
    ExchangeReply { status: parts.status.as_u16(), headers, body: clean }
}

fn unsent(source: VaultError) -> ExchangeError {
    ExchangeError::Storage { sent: false, source }
}
