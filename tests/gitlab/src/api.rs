//! All routes of the instance, one file per noun. A noun's file has a `routes()` that is merged here.

pub(crate) mod archive;
pub(crate) mod blobs;
pub(crate) mod branches;
pub(crate) mod commits;
pub(crate) mod compare;
pub(crate) mod contributors;
pub(crate) mod create_commit;
pub(crate) mod deploy_tokens;
pub(crate) mod deployments;
pub(crate) mod files;
pub(crate) mod forks;
pub(crate) mod git_http;
pub(crate) mod groups;
pub(crate) mod hooks;
pub(crate) mod impersonation_tokens;
pub(crate) mod instance;
pub(crate) mod jobs;
pub(crate) mod labels;
pub(crate) mod lfs;
pub(crate) mod members;
pub(crate) mod merge_requests;
pub(crate) mod namespaces;
pub(crate) mod oauth;
pub(crate) mod personal_tokens;
pub(crate) mod pipelines;
pub(crate) mod projects;
pub(crate) mod protected_branches;
pub(crate) mod protected_tags;
pub(crate) mod push_rules;
pub(crate) mod resource_tokens;
pub(crate) mod service_accounts;
pub(crate) mod statuses;
pub(crate) mod submodules;
pub(crate) mod tags;
pub(crate) mod tree;
pub(crate) mod users;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn};
use http::{Response, StatusCode, header};

use crate::app::App;
use crate::error::ApiError;
use crate::routing::{Route, Router};

/// Every route of the instance, in order of path. Git over HTTP is no route: its paths are the projects'.
pub fn table() -> Vec<Route> {
    nouns().table()
}

/// Everything below the base path.
pub(crate) fn routes() -> axum::Router<Arc<App>> {
    let all = nouns().into_axum().method_not_allowed_fallback(|| async { ApiError::no_such_verb() });
    all.fallback(no_route).route_layer(from_fn(name_route))
}

fn nouns() -> Router<Arc<App>> {
    let nouns = [
        archive::routes(),
        blobs::routes(),
        branches::routes(),
        commits::routes(),
        compare::routes(),
        contributors::routes(),
        create_commit::routes(),
        deploy_tokens::routes(),
        deployments::routes(),
        files::routes(),
        forks::routes(),
        crate::graphql::endpoint::routes(),
        groups::routes(),
        hooks::routes(),
        impersonation_tokens::routes(),
        instance::routes(),
        jobs::routes(),
        labels::routes(),
        members::routes(),
        merge_requests::routes(),
        namespaces::routes(),
        oauth::routes(),
        personal_tokens::routes(),
        pipelines::routes(),
        projects::routes(),
        protected_branches::routes(),
        protected_tags::routes(),
        push_rules::routes(),
        resource_tokens::routes(),
        service_accounts::routes(),
        statuses::routes(),
        submodules::routes(),
        tags::routes(),
        tree::routes(),
        users::routes(),
    ];
    nouns.into_iter().fold(Router::new(), Router::merge)
}

/// Leaves the name of the route in the answer, for the log.
async fn name_route(request: Request, next: Next) -> Response<Body> {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// What no route has: JSON below `/api/`, git's own requests, and the way to the sign-in page for everything else.
async fn no_route(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return ApiError::no_route().into_response();
    }
    if let Some(service) = git_http::Service::of(&request) {
        return git_http::serve(app, service, request).await;
    }
    if let Some(wish) = lfs::Wish::of(&request) {
        return lfs::serve(app, wish, request).await;
    }
    let sign_in = format!("{}/users/sign_in", app.url());
    ApiError::html(StatusCode::FOUND).with_header(header::LOCATION, &sign_in).into_response()
}
