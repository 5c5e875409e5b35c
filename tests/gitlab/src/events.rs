//! What happened in the instance, for whoever wants to know: webhooks, caches, tests.
//!
//! API commits, branch changes and `git push` all come through here. A push says what moved, and a listener reads the rest
//! (commits, names, URLs) from the world and the repository when it needs it. Records go on changing, so of them an event
//! carries what is to be told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::hooks::trigger::Trigger;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// References moved, by API or by `git push`.
    Push(PushEvent),
    /// A project was made.
    ProjectCreated {
        /// Its id.
        project_id: u64,
    },
    /// A record changed.
    Record(Telling),
}

/// What hooks are told of a record.
#[derive(Debug, Clone)]
pub struct Telling {
    /// Whose hooks.
    pub audience: Audience,
    /// Which of them.
    pub trigger: Trigger,
    /// In which words.
    pub payload: Value,
    /// `X-Gitlab-Event-UUID` of the request that caused this.
    pub chain: Option<String>,
}

/// Whose hooks are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those of a project, of the groups above it and of the instance.
    Project(u64),
    /// Those of a group and of the groups above it.
    Group(u64),
    /// Those of the instance.
    Instance,
}

/// One push: everything that one `git push` or one API call moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushEvent {
    /// In which project.
    pub project_id: u64,
    /// By whom.
    pub user_id: u64,
    /// What moved, at least one.
    pub changes: Vec<RefChange>,
    /// `git push -o` options.
    pub push_options: Vec<String>,
    /// `X-Gitlab-Event-UUID` of the request that caused this, for recursion detection.
    pub chain: Option<String>,
}

/// One reference that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefChange {
    /// `refs/heads/main` or `refs/tags/v1`.
    pub reference: String,
    /// Object id before; 40 zeros when the reference is new.
    pub before: String,
    /// Object id after; 40 zeros when the reference is gone.
    pub after: String,
}

/// The object id that stands for nothing.
pub const ZERO_ID: &str = "0000000000000000000000000000000000000000";

/// Hands events to everyone who listens.
#[derive(Debug, Default)]
pub struct Events {
    listeners: Mutex<Vec<UnboundedSender<Event>>>,
    told: AtomicU64,
}

impl Events {
    /// Listens from now on.
    pub fn listen(&self) -> UnboundedReceiver<Event> {
        let (sender, receiver) = unbounded_channel();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// How many events there were.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    /// Tells everyone. Never waits.
    pub fn tell(&self, event: &Event) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        self.told.fetch_add(1, Ordering::Release);
        listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}
