//! What a connection does at this moment, as server-sent events.
//!
//! Each event carries a mark of how jobs ended, too: one that has come and gone between two looks is not missed.
//!
//! A stream ends after a while and when the server ends; browsers then ask again by themselves. So nobody who left a page open holds a
//! place for ever, and a session that has ended does not go on seeing.

use super::super::{Desk, Own, Seen, Visitor};
use super::Answer;
use crate::serve::live::Progress;
use crate::serve::page::overview::{mark, words};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use futures_util::stream;
use gitlab_sync_host::connection_id::ConnectionId;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const LASTS: Duration = Duration::from_secs(60);
/// Between two events: as often as anyone can see.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a change may go unseen that no progress tells of.
const LOOK: Duration = Duration::from_secs(2);

struct Following {
    desk: Arc<Desk>,
    id: ConnectionId,
    progress: watch::Receiver<Progress>,
    ending: watch::Receiver<bool>,
    until: Instant,
    told: Option<String>,
}

pub(super) async fn follow(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let following = Following {
        progress: desk.progress(&seen.caller),
        ending: desk.ending(),
        id: seen.caller.id().clone(),
        desk,
        until: Instant::now() + LASTS,
        told: None,
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
        loop {
            if self.told.is_some() {
                self.wait().await?;
            }
            let now = self.now().await?;
            if self.told.as_ref() != Some(&now) {
                self.told = Some(now.clone());
                return Some(format!("retry: 1000\ndata: {now}\n\n").into());
            }
        }
    }

    /// None: the stream is over.
    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            changed = self.progress.changed() => changed.ok()?,
            () = tokio::time::sleep(LOOK) => {}
            () = tokio::time::sleep_until(self.until) => return None,
            _ = self.ending.wait_for(|ending| *ending) => return None,
        }
        tokio::time::sleep(PAUSE).await;
        Some(())
    }

    async fn now(&mut self) -> Option<String> {
        let progress = self.progress.borrow_and_update().clone();
        let mark = mark(&self.desk.state(&self.id).await.ok()?);
        let value = serde_json::json!({
            "running": progress.running.is_some(), "done": progress.done, "total": progress.total, "words": words(&progress), "mark": mark,
        });
        Some(value.to_string())
    }
}
