//! `POST /hooks/<path>`: takes a delivery, has the connector say who sent it, and answers once what follows from it is on disk.
//!
//! Order: its size, the body as far as there is room, a place among those that are judged, the path, the proof, the disk. Nothing is parsed
//! here at all, and by the connector only what is proved. A path that nobody has costs the same work as a wrong secret and gets the same
//! answer: it is verified as if it were its neighbour's, and rejected whatever comes of that.
//!
//! Answers: 200 verified, whatever the work is, because GitLab stops calling those who answer with errors; 401 not proved, empty; 413 too
//! large, before it is read; 408 too slow; 503 with `Retry-After` where there is no room or no disk, and then nothing was acknowledged. GitLab
//! waits ten seconds for an answer; a server that has room needs a few milliseconds.

use super::hooks::HookPath;
use super::journal::{Journal, Journaled};
use super::metrics::Delivered;
use super::server::{Judge, Server};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::sync::{Delivery, Verdict};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Deliveries that are whole and wait for their answer at once, each for a few milliseconds.
const MOST_DELIVERIES: usize = 512;
/// Bodies in memory, all together, in KiB. The largest delivery fits five times.
const MOST_BODIES_KIB: usize = 128 << 10;
/// Verified at once: more would only wait for the same cores.
const MOST_VERIFYING: usize = 32;
/// For the whole body. GitLab gives up after ten seconds.
const BODY: Duration = Duration::from_secs(8);
/// From the body's end to the answer.
const ANSWER: Duration = Duration::from_secs(5);
/// GitLab does not repeat by itself, but proxies before us and people with scripts read it.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// What all deliveries share.
struct Intake {
    server: Arc<Server>,
    journal: Journal,
    places: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    verifying: Semaphore,
}

/// Why a delivery is not answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// No proof, a wrong one, or nobody's path.
    Stranger,
    TooLarge,
    TooSlow,
    /// The sender went away.
    CutOff,
    /// No room, no disk, or the connector did not come to an end. Nothing was taken.
    NoRoom,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let close = [(CONNECTION, HeaderValue::from_static("close"))];
        match self {
            Self::Stranger => StatusCode::UNAUTHORIZED.into_response(),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, close, "the body is too large\n").into_response(),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, close, "the body took too long\n").into_response(),
            Self::CutOff => (StatusCode::BAD_REQUEST, close).into_response(),
            Self::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, AGAIN)], "no room\n").into_response(),
        }
    }
}

/// The routes of hooks. The journal behind them ends when the last of them is gone.
pub(crate) fn router(server: Arc<Server>, journal: Journal) -> Router {
    let intake = Intake {
        server,
        journal,
        places: Arc::new(Semaphore::new(MOST_DELIVERIES)),
        bodies: Arc::new(Semaphore::new(MOST_BODIES_KIB)),
        verifying: Semaphore::new(MOST_VERIFYING),
    };
    Router::new().route("/hooks/{path}", post(receive)).with_state(Arc::new(intake))
}

async fn receive(State(intake): State<Arc<Intake>>, Path(path): Path<String>, request: Request<Body>) -> Response {
    let taken = intake.take(&path, request).await;
    intake.server.metrics.delivered(counted(taken));
    match taken {
        Ok(journaled) => (StatusCode::OK, words(journaled)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

fn counted(taken: Result<Journaled, Refused>) -> Delivered {
    match taken {
        Ok(Journaled::Queued) => Delivered::Taken,
        Ok(Journaled::Noted) => Delivered::Noted,
        Ok(Journaled::Repeat) => Delivered::Repeat,
        Err(Refused::Stranger) => Delivered::Rejected,
        Err(Refused::TooLarge) => Delivered::TooLarge,
        Err(Refused::TooSlow | Refused::CutOff | Refused::NoRoom) => Delivered::Failed,
    }
}

/// For the people who look at the hook's recent events in GitLab.
fn words(journaled: Journaled) -> &'static str {
    match journaled {
        Journaled::Queued => "queued\n",
        Journaled::Noted => "nothing to do\n",
        Journaled::Repeat => "known already\n",
    }
}

impl Intake {
    async fn take(&self, path: &str, request: Request<Body>) -> Result<Journaled, Refused> {
        let (parts, body) = request.into_parts();
        let body = self.body(&parts.headers, body).await?;
        // Only now: whoever sends slowly takes nobody's place.
        let _place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::NoRoom)?;
        let delivery = Delivery { headers: headers(&parts.headers), body: body.bytes };
        let judged = tokio::time::timeout(ANSWER, self.judge(path, delivery));
        judged.await.unwrap_or(Err(Refused::NoRoom))
    }

    async fn judge(&self, path: &str, delivery: Delivery) -> Result<Journaled, Refused> {
        let judge = self.server.judge(&HookPath::typed(path)).await.map_err(|failure| {
            self.server.log.error("a hook could not be looked up", &[("why", failure.message())]);
            Refused::NoRoom
        })?;
        let Some(Judge { connection, owner }) = judge else { return Err(Refused::Stranger) };
        match (self.verify(&connection, delivery).await?, owner) {
            (Verdict::Verified(event), Some(owner)) => self.journal.write(owner, event).await.ok_or(Refused::NoRoom),
            _ => Err(Refused::Stranger),
        }
    }

    async fn verify(&self, connection: &Connection, delivery: Delivery) -> Result<Verdict, Refused> {
        let _turn = self.verifying.acquire().await.expect("it is never closed");
        connection.verify_webhook(delivery).await.map_err(|error| {
            let code = match &error {
                ConnectionError::Refused(refusal) => refusal.code.clone(),
                _ => "stopped".into(),
            };
            self.server.log.warn("a delivery could not be judged", &[("code", &code), ("why", &error.to_string())]);
            Refused::NoRoom
        })
    }

    /// The whole body, if there is room for it and it comes in time.
    async fn body(&self, headers: &HeaderMap, body: Body) -> Result<Held, Refused> {
        let limit = self.server.config.body_limit;
        let said = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if said.is_some_and(|said| said > limit) {
            return Err(Refused::TooLarge);
        }
        let held = Held { bytes: Vec::with_capacity(said.unwrap_or_default().min(1 << 20)), room: None };
        let read = tokio::time::timeout(BODY, self.read(body, held, limit));
        read.await.unwrap_or(Err(Refused::TooSlow))
    }

    async fn read(&self, mut body: Body, mut held: Held, limit: usize) -> Result<Held, Refused> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refused::CutOff)?;
            let Ok(data) = frame.into_data() else { continue };
            if held.bytes.len() + data.len() > limit {
                return Err(Refused::TooLarge);
            }
            held.add(&data, &self.bodies)?;
        }
        Ok(held)
    }
}

/// A body with its share of the memory.
struct Held {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn add(&mut self, data: &Bytes, bodies: &Arc<Semaphore>) -> Result<(), Refused> {
        let has = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = (self.bytes.len() + data.len()).div_ceil(1 << 10).saturating_sub(has);
        if missing > 0 {
            let missing = u32::try_from(missing).map_err(|_| Refused::TooLarge)?;
            let more = Arc::clone(bodies).try_acquire_many_owned(missing).map_err(|_| Refused::NoRoom)?;
            match &mut self.room {
                Some(room) => room.merge(more),
                None => self.room = Some(more),
            }
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

/// What proves to somebody else who the sender is, is none of the connector's business.
const WITHHELD: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// Several of one name stay several.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let lent = headers.iter().filter(|(name, _)| !WITHHELD.contains(name));
    lent.map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

#[cfg(test)]
pub(super) mod tests;
