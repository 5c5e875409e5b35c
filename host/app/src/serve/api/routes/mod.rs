//! Every address of the API, with what its description says of it.

mod configuration;
mod conflicts;
mod connections;
mod moving;
mod people;
mod watching;

use super::Api;
use super::problem::Problem;
use crate::serve::people::Role;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::{self, MethodRouter};
use std::sync::Arc;

/// One method of one address.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Of the operation, unique.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Who may call it.
    pub(super) role: Role,
    /// What may stand behind the question mark.
    pub(super) query: &'static [Parameter],
    /// What is sent, by its name in `schemas.json`.
    pub(super) body: Option<&'static str>,
    pub(super) status: u16,
    /// What is answered, likewise.
    pub(super) answer: Option<&'static str>,
    pub(super) handler: MethodRouter<Arc<Api>>,
}

/// Of a query.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// `string` or `integer`.
    pub(super) kind: &'static str,
    pub(super) words: &'static str,
    pub(super) required: bool,
}

/// What a handler gives back.
type Answer<T> = Result<axum::Json<T>, Problem>;
type Done = Result<StatusCode, Problem>;

const ONE: &str = "/api/v1/connections/{id}";

macro_rules! at {
    ($rest:literal) => {
        concat!("/api/v1/connections/{id}", $rest)
    };
}

/// All of them, in the order of the description.
pub(super) fn all() -> Vec<Route> {
    let mut all = about_people();
    all.extend(about_connections());
    all.extend(about_moving());
    all.extend(about_looking_after());
    all
}

fn about_people() -> Vec<Route> {
    vec![
        get("/api/v1/me", "me", "Who the token is", people::me).answers("Person"),
        get("/api/v1/users", "users", "Who may sign in", people::users).answers("Users").admin(),
        post("/api/v1/users", "addUser", "Let somebody in; the token is told here and never again", people::add)
            .takes("NewUser")
            .status(201)
            .answers("AddedUser")
            .admin(),
        delete("/api/v1/users/{name}", "removeUser", "Keep somebody out from now on", people::remove).admin(),
    ]
}

fn about_connections() -> Vec<Route> {
    vec![
        get("/api/v1/connections", "connections", "The connections of the organisation", connections::list)
            .answers("Connections"),
        post("/api/v1/connections", "connect", "Connect to a GitLab with an access token", connections::connect)
            .takes("NewConnection")
            .status(201)
            .answers("Connected")
            .admin(),
        get(ONE, "connection", "What is configured, how it does, and what it does now", connections::show)
            .answers("Connection"),
        put(at!("/token"), "replaceToken", "Another token of the same GitLab", connections::replace_token)
            .takes("NewToken")
            .answers("Account")
            .admin(),
        delete(
            ONE,
            "disconnect",
            "Forget the token, the secrets and the settings; files stay",
            connections::disconnect,
        )
        .status(200)
        .answers("Left")
        .admin(),
        get(at!("/projects"), "projects", "Projects that the token can push to", configuration::projects)
            .asks(&configuration::SEARCH)
            .answers("ProjectPage")
            .admin(),
        get(at!("/branches"), "branches", "Branches of a project", configuration::branches)
            .asks(&configuration::BRANCHES)
            .answers("BranchPage")
            .admin(),
        put(at!("/configuration"), "configure", "Choose what to sync; moves no file", configuration::configure)
            .takes("Choice")
            .answers("Configured")
            .admin(),
    ]
}

fn about_moving() -> Vec<Route> {
    vec![
        get(at!("/plan"), "plan", "What a sync would do; changes nothing", moving::plan)
            .asks(&moving::DIRECTION)
            .answers("Plan")
            .admin(),
        post(at!("/jobs"), "start", "Pull, push, or both; done by the queue", moving::start)
            .takes("Order")
            .status(202)
            .answers("Started")
            .admin(),
        get(at!("/jobs"), "jobs", "The last jobs, the newest first", moving::jobs).answers("Jobs"),
        get(at!("/jobs/{number}"), "job", "One job", moving::job).answers("Job"),
        get(at!("/progress"), "progress", "What is done at this moment", moving::progress).answers("Progress"),
        put(at!("/auto-sync"), "autoSync", "Whether edits of the folder are pushed by themselves", moving::auto_sync)
            .takes("Switch")
            .admin(),
        get(at!("/conflicts"), "conflicts", "Conflicts that wait to be resolved", conflicts::list).answers("Conflicts"),
        get(at!("/conflicts/{conflict}"), "conflict", "All versions of one conflict", conflicts::show)
            .answers("Versions"),
        post(at!("/conflicts/{conflict}"), "resolve", "Put the chosen version into the folder", conflicts::resolve)
            .takes("Resolution")
            .admin(),
    ]
}

fn about_looking_after() -> Vec<Route> {
    vec![
        get(at!("/webhook"), "webhook", "The webhook's URL and secret, to paste into GitLab", watching::webhook)
            .answers("Webhook")
            .admin(),
        put(
            at!("/webhook"),
            "keepWebhook",
            "Who puts the webhook into GitLab: the connector or a person",
            watching::keep,
        )
        .takes("WebhookKeeper")
        .answers("Webhook")
        .admin(),
        post(
            at!("/webhook/address"),
            "readdressWebhook",
            "Make a new address; the one before is nobody's at once",
            watching::readdress,
        )
        .answers("Webhook")
        .admin(),
        post(
            at!("/webhook/secret"),
            "rotateWebhook",
            "Make a new secret; the one before stays good until GitLab has used it",
            watching::rotate,
        )
        .answers("Webhook")
        .admin(),
        delete(
            at!("/webhook/former-secret"),
            "endFormerSecret",
            "End the secret before the present one at once",
            watching::retire,
        )
        .admin(),
        get(at!("/diagnosis"), "diagnose", "Probe everything a sync needs", watching::diagnose)
            .answers("Diagnosis")
            .admin(),
        get(at!("/history"), "history", "Who did what, the newest first", watching::history)
            .asks(&watching::BEFORE)
            .answers("History"),
        get(at!("/review"), "review", "What the connector may do, for whoever answers for it", watching::review)
            .answers("Review"),
    ]
}

fn route(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: MethodRouter<Arc<Api>>,
) -> Route {
    Route { method, path, id, summary, role: Role::Viewer, query: &[], body: None, status: 204, answer: None, handler }
}

fn get<H: Handler<T, Arc<Api>>, T: 'static>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: H,
) -> Route {
    route("get", path, id, summary, routing::get(handler)).status(200)
}

fn post<H: Handler<T, Arc<Api>>, T: 'static>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: H,
) -> Route {
    route("post", path, id, summary, routing::post(handler))
}

fn put<H: Handler<T, Arc<Api>>, T: 'static>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: H,
) -> Route {
    route("put", path, id, summary, routing::put(handler))
}

fn delete<H: Handler<T, Arc<Api>>, T: 'static>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: H,
) -> Route {
    route("delete", path, id, summary, routing::delete(handler))
}

impl Route {
    fn admin(self) -> Self {
        Self { role: Role::Admin, ..self }
    }

    fn asks(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    fn takes(self, schema: &'static str) -> Self {
        Self { body: Some(schema), ..self }
    }

    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With 200, unless it was told before.
    fn answers(self, schema: &'static str) -> Self {
        let status = if self.status == 204 { 200 } else { self.status };
        Self { answer: Some(schema), status, ..self }
    }
}
