//! What the connector may do, from the component that this server runs.

use super::super::{Desk, Own, Seen, Visitor};
use super::{Answer, Sheet};
use crate::operations::Trouble;
use crate::review::{Granted, Review};
use crate::serve::page::address::Place;
use crate::serve::page::review::html;
use axum::extract::State;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::load::Outline;
use std::sync::Arc;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let main = html(&reviewed(&desk, &seen.caller.entry().grant).await?);
    Ok(Sheet::of(&desk, &seen.caller, Place::Review, "What it may do", &seen.fields).await.response(&main))
}

async fn reviewed(desk: &Desk, grant: &Grant) -> Result<Review, Trouble> {
    let outline = Outline::read(CONNECTOR).expect("the server has loaded it");
    let mut review = Review::of("connector", &outline);
    let about = desk.about().await?;
    review.hear(&about);
    review.granted = review.wants.as_ref().map(|wants| Granted::of(wants, grant));
    Ok(review)
}
