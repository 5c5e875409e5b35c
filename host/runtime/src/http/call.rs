//! The network as one call of the connector has it: a sender, a budget, and what was refused.
//!
//! Two ways lead through here and they are one: `forward` for the guest's own requests, `decide` and then `send` for
//! `secrets.exchange`, where the body is judged as the guest wrote it and sent with the secrets filled in.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, timeout_at};

use super::budget::{BudgetError, CallBudget, Place, Turn};
use super::denied::Denied;
use super::error::{SendError, Wait};
use super::policy::{self, Ask, BodyLength, HeadAllowed, Via};
use super::record::{Decision, Observer, Recorder};
use super::reply::ReplyBody;
use super::sender::{Outgoing, Sender};
use super::target::Target;
use super::timeouts::Shorter;
use super::upload::GuestBody;
use crate::permission::{Permission, Rule};

/// A person reads the first few; a guest that is refused a thousand times is refused for the same reason.
const MAX_REFUSALS: usize = 32;

/// The reply of an exchange is held in memory as a whole: a token or a webhook, a few KiB.
const MAX_EXCHANGE_REPLY: u64 = 1 << 20;

/// One call's network. Cheap to clone, and all clones share one budget.
#[derive(Clone)]
pub struct Call(Arc<Inner>);

struct Inner {
    sender: Arc<Sender>,
    budget: Arc<CallBudget>,
    observer: Arc<dyn Observer>,
    refusals: Mutex<Vec<Refusal>>,
}

/// A refusal or failure in words, with what a person could change. wasi:http's error codes have no room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was refused.
    pub message: String,
    /// What to change.
    pub hint: String,
}

/// A request that was decided but not yet sent. Method, destination and headers can no longer change.
pub struct Approved {
    rule: Arc<Rule>,
    method: Method,
    target: Target,
    headers: HeaderMap,
    deadline: Instant,
    recorder: Recorder,
}

impl Call {
    /// A call with a fresh budget.
    pub fn new(sender: Arc<Sender>, observer: Arc<dyn Observer>) -> Self {
        let budget = Arc::new(CallBudget::new(sender.permission().limits()));
        Self(Arc::new(Inner { sender, budget, observer, refusals: Mutex::default() }))
    }

    /// What this call may do.
    pub fn permission(&self) -> &Permission {
        self.0.sender.permission()
    }

    /// What was refused so far, the first 32.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Judges a request of `secrets.exchange`, with its body as the guest wrote it.
    pub fn decide(
        &self,
        method: &Method,
        target: &Target,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Approved, SendError> {
        let mut recorder = Recorder::new(Arc::clone(&self.0.observer), method, Some(target));
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let known = if body.is_empty() { BodyLength::None } else { BodyLength::Exactly(length) };
        let ask = Ask { via: Via::Exchange, method, target, headers, body: known };
        let counted = self.0.budget.count_request().map_err(SendError::from);
        let decided = counted.and_then(|()| policy::decide(self.permission(), &ask, body).map_err(SendError::from));
        let rule = self.noted(&mut recorder, decided)?;
        recorder.decided(Decision::Allowed(rule.wanted.purpose.clone()));
        Ok(Approved {
            rule,
            method: method.clone(),
            target: target.clone(),
            headers: headers.clone(),
            deadline: Instant::now() + self.0.sender.timeouts().total,
            recorder,
        })
    }

    /// Sends a request that was decided, with the headers and the body in which the secrets are filled in, and reads the whole reply.
    pub async fn send(&self, approved: Approved, filled: HeaderMap, body: Bytes) -> Result<Response<Bytes>, SendError> {
        let Approved { rule, method, target, headers: judged, deadline, mut recorder } = approved;
        // Only values were filled in: a name that was not judged stays behind.
        let headers = filled.into_iter().filter_map(|(name, value)| Some((name?, value)));
        let headers = headers.filter(|(name, _)| judged.contains_key(name)).collect();
        let place = self.place(self.0.budget.turn(), deadline).await;
        let place = self.noted(&mut recorder, place)?;
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let (budget, shorter, max_reply_bytes) = (Arc::clone(&self.0.budget), Shorter::default(), MAX_EXCHANGE_REPLY);
        let outgoing =
            Outgoing { rule, method, target, headers, body, length, max_reply_bytes, deadline, shorter, budget, place };
        let reply = self.0.sender.send(outgoing, recorder).await.inspect_err(|error| self.note(error))?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.inspect_err(|error| self.note(error))?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    /// Judges and sends a request as the guest makes it. Nothing of a refused one is sent. It has its turn from this moment on, not
    /// from when it is first waited for.
    pub fn forward(
        &self,
        request: Request<GuestBody>,
        shorter: Shorter,
    ) -> impl Future<Output = Result<Response<ReplyBody>, SendError>> + Send + use<> {
        let (call, turn) = (self.clone(), self.0.budget.turn());
        async move { call.forward_in_turn(request, shorter, turn).await }
    }

    async fn forward_in_turn(
        &self,
        request: Request<GuestBody>,
        shorter: Shorter,
        turn: Turn,
    ) -> Result<Response<ReplyBody>, SendError> {
        let (head, body) = request.into_parts();
        let target = Target::from_uri(&head.uri);
        let mut recorder = Recorder::new(Arc::clone(&self.0.observer), &head.method, target.as_ref().ok());
        let deadline = Instant::now() + self.0.sender.timeouts().total;

        let counted = self.0.budget.count_request().map_err(SendError::from);
        let target = counted.and_then(|()| target.map_err(|error| Denied::Target(error).into()));
        let target = self.noted(&mut recorder, target)?;
        let declared = declared_length(&head.headers, &body);
        let ask =
            Ask { via: Via::Handler, method: &head.method, target: &target, headers: &head.headers, body: declared };
        let allowed = policy::decide_head(self.permission(), &ask).map_err(SendError::from);
        let allowed = self.noted(&mut recorder, allowed)?;
        let place = self.place(turn, deadline).await;
        let place = self.noted(&mut recorder, place)?;
        let decided = decide_body(allowed, body, declared, deadline).await;
        let (rule, body, length) = self.noted(&mut recorder, decided)?;
        recorder.decided(Decision::Allowed(rule.wanted.purpose.clone()));

        let max_reply_bytes = rule.wanted.max_reply_bytes;
        let (method, headers, budget) = (head.method, head.headers, Arc::clone(&self.0.budget));
        let outgoing =
            Outgoing { rule, method, target, headers, body, length, max_reply_bytes, deadline, shorter, budget, place };
        self.0.sender.send(outgoing, recorder).await.inspect_err(|error| self.note(error))
    }

    async fn place(&self, turn: Turn, deadline: Instant) -> Result<Place, SendError> {
        let patience = deadline.min(Instant::now() + self.0.sender.timeouts().place);
        timeout_at(patience, turn.place()).await.map_err(|_| self.0.budget.no_place().into())
    }

    /// Writes down what ended a request before it was sent.
    fn noted<T>(&self, recorder: &mut Recorder, result: Result<T, SendError>) -> Result<T, SendError> {
        if let Err(error) = &result {
            self.note(error);
            recorder.decided(Decision::Denied(error.to_string()));
        }
        result
    }

    fn note(&self, error: &SendError) {
        let hint = match (error, error.hint()) {
            (_, Some(hint)) => hint,
            (SendError::Budget(BudgetError::InFlight { .. }), None) => {
                "the connector has to read its replies in the order of its requests, or to drop them".to_owned()
            }
            (SendError::Budget(_), None) => {
                "the call is larger than its limits allow: see `[limits]` of the grant".to_owned()
            }
            (_, None) => return,
        };
        let mut refusals = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < MAX_REFUSALS {
            refusals.push(Refusal { message: error.to_string(), hint });
        }
    }
}

impl Approved {
    /// The rule that allows it: which slots may be filled in and captured stands there.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// A guest that never asked for a body has none; else its `content-length` counts, if there is one.
fn declared_length(headers: &HeaderMap, body: &GuestBody) -> BodyLength {
    if body.is_end_stream() {
        return BodyLength::None;
    }
    let declared = headers.get(header::CONTENT_LENGTH).map(HeaderValue::to_str);
    declared.and_then(|text| text.ok()?.parse().ok()).map_or(BodyLength::Unknown, BodyLength::Exactly)
}

async fn decide_body(
    allowed: HeadAllowed,
    body: GuestBody,
    declared: BodyLength,
    deadline: Instant,
) -> Result<(Arc<Rule>, GuestBody, u64), SendError> {
    if allowed.must_read_body() {
        let read = timeout_at(deadline, read(&allowed, body)).await;
        let bytes = read.map_err(|_| SendError::Timeout(Wait::Upload))??;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let rule = allowed.decide_body(&bytes)?;
        return Ok((rule, Full::new(bytes).map_err(|never| match never {}).boxed_unsync(), length));
    }
    let length = if let BodyLength::Exactly(length) = declared { length } else { 0 };
    Ok((allowed.decide_unread()?, body, length))
}

async fn read(allowed: &HeadAllowed, mut body: GuestBody) -> Result<Bytes, SendError> {
    let limit = usize::try_from(allowed.max_request_bytes()).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { return Err(allowed.trailers().into()) };
        if data.len() > limit - bytes.len() {
            return Err(allowed.too_large().into());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
