//! The one sender: one HTTP client, one pool, one origin, for one connection profile.
//!
//! Decided here: how an allowed request travels. HTTP/2 where the server offers it, HTTP/1.1 with keep-alive otherwise; idle
//! connections are closed after 60 s. Redirects come back as replies. Gzip is asked for and undone here. The credential is
//! attached last. A request is never sent twice: the client takes a request back only from a connection that was closed before
//! the first byte of it was written.
//!
//! Not decided here: whether it may travel (`policy`), where to (`connect`), how much in all (`budget`). A `Sender` is never
//! shared between connection profiles, so neither sockets nor TLS tickets are.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::budget::{CallBudget, Place};
use super::connect::Connector;
use super::credential::{self, CredentialSource};
use super::demand::Demand;
use super::denied::Denied;
use super::error::{SendError, Wait};
use super::gzip::Decoder;
use super::headers;
use super::record::Recorder;
use super::reply::{Bounds, ReplyBody, check_framing, take_encoding};
use super::resolve::{Resolve, SystemResolver};
use super::target::Target;
use super::timeouts::{Shorter, Timeouts};
use super::upload::{GuestBody, Progress, Upload};
use crate::permission::{Permission, Rule, Site};
use crate::redact::stream::{InFlight, Redactor};

/// Below the 65 to 75 s after which common servers close, so that they rarely close just when we write.
const POOL_IDLE: Duration = Duration::from_secs(60);
/// Idle connections that are kept. Several calls of one connection can be under way, with eight requests each: were fewer kept, each
/// burst of them would close what the next opens again.
const POOL_SIZE: usize = 32;
/// A reply's head: GitLab's have about 2 KiB; the longest `link` headers some more.
const MAX_HEAD_BYTES: u32 = 64 << 10;
/// A connection over HTTP/2 that answers no ping for so long is given up.
const PING: Duration = Duration::from_secs(20);

/// What a sender is made of beside its permission.
#[derive(Clone)]
pub struct SenderConfig {
    /// Looks names up.
    pub resolver: Arc<dyn Resolve>,
    /// Lends the connection's secrets.
    pub credentials: Arc<dyn CredentialSource>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Sent with every request.
    pub user_agent: HeaderValue,
}

/// Sends the requests of one connection profile.
pub struct Sender {
    permission: Permission,
    config: SenderConfig,
    demand: Arc<Demand>,
    in_flight: InFlight,
    client: Client<Connector, Upload>,
}

/// An allowed request on its way.
pub(super) struct Outgoing {
    pub(super) rule: Arc<Rule>,
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: GuestBody,
    pub(super) length: u64,
    /// No more than the rule's.
    pub(super) max_reply_bytes: u64,
    pub(super) deadline: Instant,
    pub(super) shorter: Shorter,
    pub(super) budget: Arc<CallBudget>,
    pub(super) place: Place,
}

impl SenderConfig {
    /// The system's resolver and the usual timeouts.
    pub fn new(credentials: Arc<dyn CredentialSource>) -> Self {
        Self {
            resolver: Arc::new(SystemResolver),
            credentials,
            timeouts: Timeouts::default(),
            user_agent: HeaderValue::from_static(concat!("gitlab-sync/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

impl Sender {
    /// A sender for one connection profile. Nothing is opened before the first request.
    pub fn new(permission: Permission, config: SenderConfig) -> Self {
        let demand = Arc::new(Demand::default());
        let connector =
            Connector::new(permission.clone(), Arc::clone(&config.resolver), config.timeouts, Arc::clone(&demand));
        let idle = usize::try_from(permission.limits().in_flight).unwrap_or(usize::MAX);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(idle.max(POOL_SIZE))
            .http1_max_buf_size(256 << 10)
            .http2_max_header_list_size(MAX_HEAD_BYTES)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .build(connector);
        Self { permission, config, demand, in_flight: InFlight::default(), client }
    }

    /// What this sender may send.
    pub fn permission(&self) -> &Permission {
        &self.permission
    }

    /// How long it waits for what.
    pub fn timeouts(&self) -> Timeouts {
        self.config.timeouts
    }

    /// Sends what the policy has allowed.
    pub(super) async fn send(
        &self,
        outgoing: Outgoing,
        mut recorder: Recorder,
    ) -> Result<Response<ReplyBody>, SendError> {
        let progress = Arc::new(Progress::new());
        let sent = self.send_and_bound(outgoing, &progress).await;
        recorder.sent(progress.sent());
        match sent {
            Ok((reply, decoder, redactor, bounds)) => {
                recorder.answered(reply.status().as_u16());
                Ok(reply.map(|body| ReplyBody::new(body, decoder, redactor, bounds, recorder)))
            }
            Err(error) => {
                recorder.failed(&error);
                Err(error)
            }
        }
    }

    async fn send_and_bound(
        &self,
        outgoing: Outgoing,
        progress: &Arc<Progress>,
    ) -> Result<(Response<Incoming>, Decoder, Redactor, Bounds), SendError> {
        let site = self.permission.site().map_err(|hint| Denied::Nothing { hint: hint.to_owned() })?;
        let Outgoing {
            rule,
            method,
            target,
            mut headers,
            body,
            length,
            max_reply_bytes,
            deadline,
            shorter,
            budget,
            place,
        } = outgoing;
        let on_its_way = self.demand.on_its_way();
        self.add_own_headers(&mut headers);
        let lent = timeout_at(deadline, self.config.credentials.secrets()).await;
        let secrets = lent.map_err(|_| SendError::Timeout(Wait::Total))??;
        credential::attach(&secrets, site, &rule, &target, &mut headers)?;
        // The reply to an exchange may bring a secret that is to be kept: `secrets::exchange` takes it out after that.
        let redactor =
            if rule.moves_secrets() { Redactor::default() } else { Redactor::new(self.in_flight.patterns(&secrets)) };
        drop(secrets);

        let mut request = Request::new(Upload::new(body, length, Arc::clone(&budget), Arc::clone(progress)));
        *request.method_mut() = method;
        *request.uri_mut() = target.to_uri();
        *request.headers_mut() = headers;
        let captured = capture_connection(&mut request);
        let mut reply = self.head(request, captured.clone(), progress, deadline, shorter).await?;
        let limit = max_reply_bytes.min(rule.wanted.max_reply_bytes);
        let decoder = judge(&mut reply, site, &redactor, limit).inspect_err(|_| leave(&captured))?;
        let between_bytes = self.config.timeouts.shortened(shorter).between_bytes;
        Ok((reply, decoder, redactor, Bounds { limit, between_bytes, deadline, budget, place, on_its_way }))
    }

    /// A piece of an encoded reply cannot be decoded, so with `range` nothing but the plain reply is asked for.
    fn add_own_headers(&self, headers: &mut HeaderMap) {
        headers.remove(header::CONTENT_LENGTH);
        let encoding = if headers.contains_key(header::RANGE) { "identity" } else { "gzip" };
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        headers.insert(header::USER_AGENT, self.config.user_agent.clone());
    }

    async fn head(
        &self,
        request: Request<Upload>,
        captured: CaptureConnection,
        progress: &Progress,
        deadline: Instant,
        shorter: Shorter,
    ) -> Result<Response<Incoming>, SendError> {
        let mut reply = pin!(self.client.request(request));
        let answer = |reply: Result<_, _>| reply.map_err(|error| SendError::from_client(&error));
        let waiting = self.demand.waiting();
        let connected_by = deadline.min(Instant::now() + self.config.timeouts.connection(shorter));
        tokio::select! {
            biased;
            reply = &mut reply => return answer(reply),
            () = connected(captured) => drop(waiting),
            () = sleep_until(connected_by) => return Err(SendError::Timeout(Wait::Connection)),
        }
        progress.touch();
        let first_byte = self.config.timeouts.shortened(shorter).first_byte;
        loop {
            tokio::select! {
                biased;
                reply = &mut reply => return answer(reply),
                () = sleep_until(deadline.min(progress.last() + first_byte)) => {}
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(SendError::Timeout(Wait::Total));
            }
            if now >= progress.last() + first_byte {
                let wait = if progress.is_complete() { Wait::FirstByte } else { Wait::Upload };
                return Err(SendError::Timeout(wait));
            }
        }
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("permission", &self.permission).finish_non_exhaustive()
    }
}

/// Strips a reply that can be read in one way and is not too long, and says how to decode it.
fn judge(reply: &mut Response<Incoming>, site: &Site, redactor: &Redactor, limit: u64) -> Result<Decoder, SendError> {
    check_framing(reply)?;
    headers::strip_reply(reply.headers_mut(), &site.credential.header);
    redactor.strip(reply.headers_mut());
    let decoder = take_encoding(reply.headers_mut())?;
    if reply.body().size_hint().lower() > limit { Err(SendError::ReplyTooLarge { limit }) } else { Ok(decoder) }
}

/// Nothing more is sent on the connection of a reply that was refused: what follows on it may be a part of that reply.
fn leave(captured: &CaptureConnection) {
    if let Some(connected) = captured.connection_metadata().as_ref() {
        connected.poison();
    }
}

async fn connected(mut captured: CaptureConnection) {
    captured.wait_for_connection_metadata().await;
}
