//! The webhook, the checks, who did what, and what the connector may do.

use super::{Answer, Done, Parameter};
use crate::installation::slot;
use crate::operations::diagnose::diagnose as probed;
use crate::operations::hooks::{Former, SECRET, standing};
use crate::review::{Granted, Review};
use crate::serve::api::Api;
use crate::serve::api::body::{Asked, Sent};
use crate::serve::api::caller::{Admin, Own, Visitor};
use crate::serve::api::problem::Problem;
use crate::serve::hooks::{self, Keeper};
use crate::serve::states::{Delivered, Hook};
use crate::serve::trail::{MOST_ON_A_PAGE, Numbered, Page};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::load::Outline;
use gitlab_sync_host::sync::{Check, Webhook as Kept};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// For admins alone: with both of these somebody can send deliveries.
#[derive(Serialize)]
pub(super) struct Webhook {
    /// None: nobody has asked for one yet, of a connection that was made on the command line.
    url: Option<String>,
    /// None: nothing is configured yet.
    secret: Option<String>,
    /// The one before is good as well until then.
    former: Option<Good>,
    /// How it stands, as the connector knows. None: nothing is configured yet.
    kept: Option<Kept>,
    /// The last delivery whose sender was proved.
    delivery: Option<Delivered>,
    hook: Option<Hook>,
}

/// How long the secret before the present one is good.
#[derive(Serialize)]
#[serde(tag = "until", rename_all = "kebab-case")]
pub(super) enum Good {
    /// GitLab has used the present one.
    Delivery,
    Time {
        ms: u64,
    },
    /// Somebody ends it.
    Ended,
}

impl From<Former> for Good {
    fn from(former: Former) -> Self {
        match former {
            Former::Delivery => Self::Delivery,
            Former::Until { ms } => Self::Time { ms },
            Former::Ended => Self::Ended,
        }
    }
}

pub(super) async fn webhook(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Webhook> {
    Ok(Json(how_it_stands(&api, &own).await?))
}

async fn how_it_stands(api: &Api, own: &Own<Admin>) -> Result<Webhook, Problem> {
    let path = hooks::known(own.id(), &api.vault, &api.database).await?;
    let stored = api.vault.reveal(own.id(), &slot(SECRET)).await.map_err(Problem::of)?;
    let secret = stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).into_owned());
    let (kept, former) = standing(&api.connection(own.id()).await?, own.id(), &api.installation).await?;
    let state = api.states.get(own.id()).await.map_err(Problem::of)?;
    let url = path.map(|path| format!("{}{}", api.config.base(), path.route()));
    Ok(Webhook { url, secret, former: former.map(Good::from), kept, delivery: state.delivery, hook: state.hook })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    keeper: Keeper,
}

pub(super) async fn keep(State(api): State<Arc<Api>>, own: Own<Admin>, Sent(chosen): Sent<Chosen>) -> Answer<Webhook> {
    api.choose_keeper(&own.entry, chosen.keeper, own.person()).await?;
    Ok(Json(how_it_stands(&api, &own).await?))
}

pub(super) async fn readdress(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Webhook> {
    api.readdress(&own.entry, own.person()).await?;
    Ok(Json(how_it_stands(&api, &own).await?))
}

/// Twice at once it is done once: GitLab has to be given the first before there is a second.
pub(super) async fn rotate(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Webhook> {
    api.rotate(&own.entry, own.person()).await?;
    Ok(Json(how_it_stands(&api, &own).await?))
}

pub(super) async fn retire(State(api): State<Arc<Api>>, own: Own<Admin>) -> Done {
    api.retire(own.id(), own.person()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn diagnose(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Vec<Check>> {
    Ok(Json(probed(&own.entry, &api.connection(own.id()).await?).await?))
}

pub(super) const BEFORE: [Parameter; 1] =
    [Parameter { name: "before", kind: "integer", words: "Only entries with a smaller number", required: false }];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    before: Option<i64>,
}

pub(super) async fn history(
    State(api): State<Arc<Api>>,
    own: Own<Visitor>,
    Asked(Before { before }): Asked<Before>,
) -> Answer<Vec<Numbered>> {
    let (organisation, connection) = (own.person().organisation.clone(), Some(own.id().clone()));
    let page = Page { organisation, connection, before, most: MOST_ON_A_PAGE };
    Ok(Json(api.trail.page(page).await.map_err(Problem::of)?))
}

/// As `gitlab-sync inspect --json` prints it, with what this connection was granted.
pub(super) async fn review(State(api): State<Arc<Api>>, own: Own<Visitor>) -> Answer<Review> {
    let outline = Outline::read(CONNECTOR).map_err(Problem::of)?;
    let mut review = Review::of("connector", &outline);
    review.hear(&*api.connector.about().await.map_err(Problem::of)?);
    review.granted = review.wants.as_ref().map(|wants| Granted::of(wants, &own.entry.grant));
    Ok(Json(review))
}
