//! Who did what for a connection.

use super::super::caller::Caller as _;
use super::super::{Desk, Own, Seen, Visitor};
use super::{Answer, Sheet};
use crate::serve::page::address::Place;
use crate::serve::page::history::{View, html};
use axum::extract::State;
use std::sync::Arc;

const MOST: usize = 50;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let own = &seen.caller;
    let before = seen.fields.word("before").and_then(|number| number.parse().ok());
    let mut entries = desk.history(own, before, MOST + 1).await?;
    let more = entries.len() > MOST;
    entries.truncate(MOST);
    let main = html(&View { id: own.id(), entries: &entries, more, now_ms: desk.now_ms() });
    let _ = own.visitor();
    Ok(Sheet::of(&desk, own, Place::History, "History", &seen.fields).await.response(&main))
}
