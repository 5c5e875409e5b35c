//! Every delivery that was made, with its exact headers and bytes, for the hook log and for programs that hold the
//! simulator. Kept until [`Deliveries::clear`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::trigger::Trigger;

/// How much of an answer's body the hook log keeps.
const KEPT_BODY: usize = 8 * 1024;
/// How many of an answer's headers it keeps, and how much of each.
const KEPT_HEADERS: (usize, usize) = (50, 1024);

/// One delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Number, from 1, in the order of sending. The id in the hook log.
    pub id: u64,
    /// Of which hook.
    pub hook_id: u64,
    /// What it told.
    pub trigger: Trigger,
    /// Where it went: variables filled in, user and password taken out.
    pub url: String,
    /// The headers as GitLab names them; on the wire every part of a name begins with a capital.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// When it was sent, by the instance's clock.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// The hook's URL with its variables.
    pub(crate) hook_url: String,
    /// What the body was made from.
    pub(crate) payload: Value,
    /// How many of the headers the hook log shows.
    pub(crate) logged: usize,
    /// Which of them it shows without their values.
    pub(crate) secret: Vec<String>,
    /// Until the receiver had answered.
    pub(crate) took: Duration,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody knows yet.
    UnderWay,
    /// The receiver answered.
    Answered(Answered),
    /// There was no answer, and this is why.
    Failed(String),
}

/// A receiver's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The first 8 KB of the body.
    pub body: String,
}

impl Answered {
    /// Whether GitLab counts it as a success: redirects do.
    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.status)
    }
}

impl Delivery {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The key that is the same for a delivery and for those that repeat it.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.header("Idempotency-Key")
    }

    /// The status as the hook log spells it.
    pub(crate) fn status(&self) -> String {
        match &self.outcome {
            Outcome::Answered(answer) => answer.status.to_string(),
            Outcome::UnderWay | Outcome::Failed(_) => "internal error".into(),
        }
    }

    /// The entry of the hook log.
    pub(crate) fn entry(&self) -> Value {
        let answer = match &self.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        };
        json!({
            "id": self.id,
            "url": self.hook_url,
            "trigger": self.trigger.log_name(),
            "request_headers": self.logged_headers(),
            "request_data": self.payload,
            "response_headers": answer.map(logged_answer_headers).unwrap_or_default(),
            "response_body": answer.map(|answer| answer.body.as_str()).unwrap_or_default(),
            "execution_duration": self.took.as_secs_f64(),
            "response_status": self.status(),
        })
    }

    fn logged_headers(&self) -> Map<String, Value> {
        let shown = self.headers.iter().take(self.logged);
        shown
            .map(|(name, value)| {
                let value = if self.secret.contains(name) { "[REDACTED]" } else { value };
                (name.clone(), value.into())
            })
            .collect()
    }
}

fn logged_answer_headers(answer: &Answered) -> Map<String, Value> {
    let (count, bytes) = KEPT_HEADERS;
    let kept = answer.headers.iter().take(count);
    kept.map(|(name, value)| (capitalised(name), cut(value, bytes).into())).collect()
}

/// `content-type` as `Content-Type`.
fn capitalised(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

/// The body of an answer as it is kept.
pub(crate) fn kept_body(body: &[u8]) -> String {
    cut(&String::from_utf8_lossy(&body[..body.len().min(KEPT_BODY)]), KEPT_BODY).to_owned()
}

/// All deliveries.
#[derive(Debug, Default)]
pub struct Deliveries {
    all: Mutex<Vec<Delivery>>,
    last_id: AtomicU64,
    events: AtomicU64,
}

impl Deliveries {
    /// Everything so far, in the order of sending. `Running::deliveries` waits for what is under way.
    pub fn all(&self) -> Vec<Delivery> {
        self.lock().clone()
    }

    /// Forgets everything that is not under way.
    pub fn clear(&self) {
        self.lock().retain(|delivery| delivery.outcome == Outcome::UnderWay);
    }

    /// Those of one hook since `since`, newest first.
    pub(crate) fn of_hook(&self, hook_id: u64, since: Timestamp) -> Vec<Delivery> {
        let all = self.lock();
        let fits = |delivery: &&Delivery| delivery.hook_id == hook_id && delivery.at >= since;
        all.iter().rev().filter(fits).cloned().collect()
    }

    /// Adds one that is about to be sent; its id.
    pub(crate) fn begin(&self, mut delivery: Delivery) -> u64 {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        delivery.id = id;
        self.lock().push(delivery);
        id
    }

    /// Says what became of one.
    pub(crate) fn end(&self, id: u64, outcome: Outcome, took: Duration) {
        if let Some(delivery) = self.lock().iter_mut().find(|delivery| delivery.id == id) {
            delivery.outcome = outcome;
            delivery.took = took;
        }
    }

    /// Counts an event whose deliveries have all begun.
    pub(crate) fn count_event(&self) {
        self.events.fetch_add(1, Ordering::Release);
    }

    /// Whether every one of `told` events has been worked off and nothing is under way.
    pub(crate) fn is_settled(&self, told: u64) -> bool {
        self.events.load(Ordering::Acquire) >= told
            && self.lock().iter().all(|delivery| delivery.outcome != Outcome::UnderWay)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Delivery>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
