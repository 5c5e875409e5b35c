//! Every address of the pages, and who may ask for it: the type of each handler's first argument says so.

mod assets;
mod conflicts;
mod connect;
mod connections;
mod disconnect;
mod history;
mod live;
mod moving;
mod overview;
mod project;
mod review;
mod sign_in;
mod webhook;

use super::caller::{Caller, Own, Visitor};
use super::desk::Desk;
use super::fields::Fields;
use super::headers::guarded;
use super::refusal::{Broken, Refusal, notice};
use crate::serve::page::address::{CONNECT, GITLAB, Place, SIGN_IN, SIGN_OUT};
use crate::serve::page::overview::{is_first, steps, tabs};
use crate::serve::page::{Crumb, Frame, Markup, Notice, document, html};
use crate::serve::server::Server;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::SyncStatus;
use std::sync::Arc;
use tokio::sync::watch;

/// What a handler gives back.
type Answer = Result<Response, Refusal>;

pub(crate) fn router(server: Arc<Server>, end: watch::Receiver<bool>) -> Router {
    let desk = Arc::new(Desk::new(server, end));
    let at = |place: Place| format!("{GITLAB}/on/{{id}}{}", place.path());
    let one_conflict = format!("{}/{{conflict}}", at(Place::Conflicts));
    Router::new()
        .route("/", get(|| async { Redirect::to(GITLAB) }))
        .route(SIGN_IN, get(sign_in::show).post(sign_in::sign_in))
        .route(SIGN_OUT, post(sign_in::sign_out))
        .route(GITLAB, get(connections::show))
        .route(CONNECT, get(connect::show).post(connect::connect))
        .route(&at(Place::Overview), get(overview::show))
        .route(&at(Place::Live), get(live::follow))
        .route(&at(Place::History), get(history::show))
        .route(&at(Place::Review), get(review::show))
        .route(&at(Place::Conflicts), get(conflicts::list))
        .route(&one_conflict, get(conflicts::show).post(conflicts::resolve))
        .route(&at(Place::Token), get(connect::show_token).post(connect::replace_token))
        .route(&at(Place::Project), get(project::show))
        .route(&at(Place::Settings), get(project::show_settings).post(project::save))
        .route(&at(Place::Plan), get(moving::plan))
        .route(&at(Place::Push), post(moving::push))
        .route(&at(Place::Pull), post(moving::pull))
        .route(&at(Place::Sync), post(moving::sync))
        .route(&at(Place::AutoSync), post(moving::auto_sync))
        .route(&at(Place::Webhook), get(webhook::show).post(webhook::choose))
        .route(&at(Place::Address), get(webhook::back).post(webhook::address))
        .route(&at(Place::Secret), get(webhook::back).post(webhook::secret))
        .route(&at(Place::Check), get(webhook::check))
        .route(&at(Place::Disconnect), get(disconnect::show).post(disconnect::disconnect))
        .merge(assets::router())
        .fallback(|| async { Refusal::NotHere })
        .method_not_allowed_fallback(|| async { Refusal::NotHere })
        .layer(from_fn_with_state(desk.clone(), logged))
        .layer(from_fn(guarded))
        .with_state(desk)
}

/// What broke within is for the operator.
async fn logged(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(Broken(why)) = response.extensions().get::<Broken>() {
        desk.complain(why);
    }
    response
}

/// A page of somebody who is signed in.
fn page(visitor: &Visitor, title: &str, crumbs: &[Crumb], fields: &Fields, main: &Markup) -> Response {
    framed(visitor, title, crumbs, notice(fields), None, StatusCode::OK, main)
}

fn framed(
    visitor: &Visitor,
    title: &str,
    crumbs: &[Crumb],
    notice: Option<Notice>,
    again: Option<String>,
    status: StatusCode,
    main: &Markup,
) -> Response {
    let frame = Frame { title, signed_in: Some(visitor.signed_in()), crumbs, notice, again };
    (status, Html(document(&frame, main).into_string())).into_response()
}

/// A page of one connection, with the way to its others.
pub(super) struct Sheet<'a> {
    visitor: &'a Visitor,
    id: &'a ConnectionId,
    place: Place,
    /// None: this is the connection's first page.
    title: Option<&'static str>,
    /// What the connection is called: its project, or its folder.
    called: String,
    conflicts: u32,
    /// A first sync has ended.
    is_set_up: bool,
    notice: Option<Notice>,
    again: Option<String>,
    status: StatusCode,
}

impl<'a> Sheet<'a> {
    /// Says what the connection is called, as far as that can be found out without GitLab.
    pub(super) async fn of<W: Caller>(
        desk: &Desk,
        own: &'a Own<W>,
        place: Place,
        title: &'static str,
        fields: &Fields,
    ) -> Self {
        let status = match desk.opened(own.entry()).await {
            Ok(connection) => connection.status().await.ok(),
            Err(_) => None,
        };
        let project = status.as_ref().and_then(|status| status.configured.as_ref());
        Self {
            visitor: own.visitor(),
            id: own.id(),
            place,
            title: Some(title).filter(|title| !title.is_empty()),
            called: project.map_or_else(|| "New connection".into(), |configured| configured.project.path.clone()),
            is_set_up: is_set_up(desk, own.id(), status.as_ref()).await,
            conflicts: status.map_or(0, |status| status.conflicts),
            notice: notice(fields),
            again: None,
            status: StatusCode::OK,
        }
    }

    /// Something runs: browsers without script look again.
    pub(super) fn changing(mut self, is_running: bool) -> Self {
        let begins = self.notice == Some(Notice::Started);
        self.again = (is_running || begins).then(|| self.place.of(self.id));
        self
    }

    /// Something was refused: the form again, with why.
    pub(super) fn refused(mut self) -> Self {
        self.status = StatusCode::UNPROCESSABLE_ENTITY;
        self
    }

    pub(super) fn response(self, main: &Markup) -> Response {
        let here = Crumb { words: self.called.clone(), address: self.title.map(|_| Place::Overview.of(self.id)) };
        let below = self.title.map(|title| Crumb { words: title.into(), address: None });
        let crumbs: Vec<_> = [Some(here), below].into_iter().flatten().collect();
        let title = self.title.map_or_else(|| self.called.clone(), |title| format!("{title} · {}", self.called));
        let is_step = matches!(self.place, Place::Project | Place::Settings | Place::Plan);
        let main = html! {
            @if is_step && !self.is_set_up { (steps(self.place)) }
            @else { (tabs(self.id, self.place, self.visitor.person().role, self.conflicts)) }
            (main)
        };
        framed(self.visitor, &title, &crumbs, self.notice, self.again, self.status, &main)
    }
}

/// Whether the first sync is over. Where nobody knows, the tabs do no harm.
async fn is_set_up(desk: &Desk, id: &ConnectionId, status: Option<&SyncStatus>) -> bool {
    match (status, desk.state(id).await) {
        (Some(status), Ok(state)) => !is_first(status, &state),
        _ => true,
    }
}

/// After something was done: another page, so that reloading does not do it again.
fn done(address: &str, notice: Notice) -> Response {
    let mark = if address.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{address}{mark}done={}", notice.word())).into_response()
}
