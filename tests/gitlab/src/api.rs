//! All routes of the instance, one file per noun. A noun's file has a `routes()` that is merged here.

pub(crate) mod instance;
pub(crate) mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use http::{Response, StatusCode, header};

use crate::app::App;
use crate::error::ApiError;

/// Everything below the base path.
pub(crate) fn routes() -> Router<Arc<App>> {
    let rest = Router::new().merge(instance::routes()).merge(users::routes());
    // A method that a known path does not have is 405 in Grape, with its own text.
    let rest = rest.method_not_allowed_fallback(|| async { ApiError::method_not_allowed() });
    rest.fallback(no_route).route_layer(from_fn(name_route))
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

/// The catch-all: JSON below `/api/`, the way to the sign-in page everywhere else.
async fn no_route(request: Request) -> Response<Body> {
    if request.uri().path().starts_with("/api/") {
        return ApiError::no_route().into_response();
    }
    ApiError::html(StatusCode::FOUND).with_header(header::LOCATION, "/users/sign_in").into_response()
}
