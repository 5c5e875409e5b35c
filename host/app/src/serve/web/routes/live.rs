//! What a connection does at this moment, as server-sent events.
//!
//! A stream ends after a while and when the server ends; browsers then ask again by themselves. So nobody who left a page open holds a
//! place for ever, and a session that has ended does not go on seeing.

use super::super::{Desk, Own, Seen, Visitor};
use super::Answer;
use crate::serve::live::Progress;
use crate::serve::page::overview::words;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

const LASTS: Duration = Duration::from_secs(60);
/// Between two events: as often as anyone can see.
const PAUSE: Duration = Duration::from_millis(100);

struct Following {
    progress: watch::Receiver<Progress>,
    ending: watch::Receiver<bool>,
    until: Instant,
    told: bool,
}

pub(super) async fn follow(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let following = Following {
        progress: desk.progress(&seen.caller),
        ending: desk.ending(),
        until: Instant::now() + LASTS,
        told: false,
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response())
}

impl Following {
    /// The present state first, and then each change of it.
    async fn next(&mut self) -> Option<Bytes> {
        if self.told {
            tokio::select! {
                changed = timeout_at(self.until, self.progress.changed()) => changed.ok()?.ok()?,
                _ = self.ending.wait_for(|ending| *ending) => return None,
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.told = true;
        let progress = self.progress.borrow_and_update().clone();
        let value = serde_json::json!({
            "running": progress.running.is_some(), "done": progress.done, "total": progress.total, "words": words(&progress),
        });
        Some(format!("retry: 1000\ndata: {value}\n\n").into())
    }
}
