//! The style sheet, the script and the icon. Their addresses change with their content, so they are kept for good.

use super::super::desk::Desk;
use crate::serve::page::asset::{Asset, ICON, SCRIPT, STYLE};
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;

pub(super) fn router() -> Router<Arc<Desk>> {
    let files: [&'static Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    files
        .into_iter()
        .fold(Router::new(), |router, asset| router.route(&asset.path, get(move || async move { sent(asset) })))
}

fn sent(asset: &'static Asset) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, asset.content)
}
