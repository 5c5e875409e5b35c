//! The words of `wit/sync.wit` as Rust, for the calls of [`Connection`](crate::connection::Connection). Each is documented there.

pub use crate::bindings::exports::gitlab_sync::connector::sync::{
    Ability, Action, Author, Branch, BranchPage, Change, Check, CheckOutcome, CiRun, Configured, Conflict,
    ConflictPolicy, Connected, Deletions, Delivery, Direction, Event, ExpiringToken, FirstSync, HookScope, Membership,
    MembershipPlace, Options, Ownership, Project, ProjectPage, Proof, RecordKind, RecordRef, RefMove, Resolution,
    Settings, Side, Step, SyncPlan, SyncStatus, Target, TokenClass, TokenKind, Unselected, Verdict, Versions, Watched,
    Webhook, WebhookDeed, WebhookEvents, WebhookMode, WebhookPlace, WebhookReport, Work,
};
pub use crate::bindings::gitlab_sync::connector::types::{Error, Instance};
