//! Pagination: offset with its headers and limits, and keyset with nothing but a link.

use std::fmt::Write as _;

use http::{HeaderName, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use crate::call::Call;
use crate::error::ApiError;
use crate::reply::{Answer, Reply};

/// Entries per page when the client does not say.
const DEFAULT_PER_PAGE: i64 = 20;
/// Larger wishes are clamped to this.
const MAX_PER_PAGE: i64 = 100;
/// What Rails leaves as it is in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// Which page the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u64,
    /// 1 to 100.
    pub size: u64,
}

/// How many records there are, as far as anyone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// This many: totals and a last page, unless they reach the count limit.
    Known(u64),
    /// Never told; whether there is a next page.
    Untold {
        /// Whether a next page is advertised.
        more: bool,
    },
}

impl Page {
    /// Reads `page` and `per_page`.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        let mut checks = call.params.checks();
        let number = checks.integer("page", 1);
        let size = checks.integer("per_page", DEFAULT_PER_PAGE);
        if size == 0 {
            checks.complain("per_page has a value not allowed".into());
        }
        checks.finish()?;
        let positive = |value: i64| u64::try_from(value.max(1)).unwrap_or(1);
        Ok(Self { number: positive(number), size: positive(size.min(MAX_PER_PAGE)) })
    }

    /// Records before this page.
    pub fn offset(self) -> u64 {
        (self.number - 1).saturating_mul(self.size)
    }

    /// 405 when projects, groups or users are paged beyond the limit.
    pub fn cap(self, call: &Call, kind: &str) -> Result<Self, ApiError> {
        let limit = call.app.world().settings.offset_limit;
        if self.offset() > limit { Err(ApiError::offset_too_far(kind, limit)) } else { Ok(self) }
    }

    /// The slice of `all` on this page.
    pub fn slice<T>(self, all: &[T]) -> &[T] {
        let from = usize::try_from(self.offset()).unwrap_or(usize::MAX).min(all.len());
        let to = from.saturating_add(self.size as usize).min(all.len());
        &all[from..to]
    }
}

/// 200 with the page of `all`, each record shown by `show`.
pub fn paged<T, S: Serialize>(call: &Call, page: Page, all: &[T], show: impl FnMut(&T) -> S) -> Answer {
    let shown: Vec<S> = page.slice(all).iter().map(show).collect();
    with_headers(call, page, Total::Known(all.len() as u64), Reply::ok(&shown)?)
}

/// Adds the headers of offset pagination.
pub fn with_headers(call: &Call, page: Page, total: Total, reply: Reply) -> Answer {
    let limit = call.app.world().settings.count_limit;
    let (pages, more) = match total {
        Total::Known(count) => {
            let pages = count.div_ceil(page.size).max(1);
            let told = count < limit;
            (told.then_some((count, pages)), page.number < pages)
        }
        Total::Untold { more } => (None, more),
    };
    let next = if more { Some(page.number + 1) } else { None };
    let last_known = match total {
        Total::Known(count) => count.div_ceil(page.size).max(1),
        Total::Untold { .. } => u64::MAX,
    };
    let prev = (page.number > 1).then(|| (page.number - 1).min(last_known));
    let mut links = Vec::new();
    let mut link = |number: u64, rel: &str| links.push(page_link(call, page, number, rel));
    prev.into_iter().for_each(|number| link(number, "prev"));
    next.into_iter().for_each(|number| link(number, "next"));
    link(1, "first");
    pages.into_iter().for_each(|(_, pages)| link(pages, "last"));
    let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut reply = reply
        .with(header::LINK, &links.join(", "))
        .with(HeaderName::from_static("x-page"), &page.number.to_string())
        .with(HeaderName::from_static("x-per-page"), &page.size.to_string())
        .with(HeaderName::from_static("x-next-page"), &text(next))
        .with(HeaderName::from_static("x-prev-page"), &text(prev));
    if let Some((count, pages)) = pages {
        reply = reply
            .with(HeaderName::from_static("x-total"), &count.to_string())
            .with(HeaderName::from_static("x-total-pages"), &pages.to_string());
    }
    Ok(reply)
}

/// Adds the only header of keyset pagination: the link to the next page.
pub fn with_next_link(call: &Call, changes: &[(&str, String)], reply: Reply) -> Reply {
    reply.with(header::LINK, &format!("<{}>; rel=\"next\"", url_with(call, changes)))
}

fn page_link(call: &Call, page: Page, number: u64, rel: &str) -> String {
    let changes = [("page", number.to_string()), ("per_page", page.size.to_string())];
    format!("<{}>; rel=\"{rel}\"", url_with(call, &changes))
}

/// This request's URL with some parameters changed, keys in order as Rails writes them. Never carries a token.
fn url_with(call: &Call, changes: &[(&str, String)]) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let id = call.path.get("id");
    if !id.is_empty() {
        pairs.push(("id".into(), id.to_owned()));
    }
    for (key, value) in call.params.iter() {
        let changed = changes.iter().any(|(name, _)| name == key);
        if !changed && !["private_token", "access_token", "job_token", "id"].contains(&key.as_str()) {
            flatten(key, value, &mut pairs);
        }
    }
    pairs.extend(changes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    pairs.sort();
    let mut url = format!("{}{}", call.app.url(), call.uri.path());
    for (index, (key, value)) in pairs.iter().enumerate() {
        let mark = if index == 0 { '?' } else { '&' };
        let _ = write!(url, "{mark}{}={}", utf8_percent_encode(key, QUERY), utf8_percent_encode(value, QUERY));
    }
    url
}

fn flatten(key: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| flatten(&format!("{key}[]"), value, pairs)),
        Value::Object(map) => map.iter().for_each(|(name, value)| flatten(&format!("{key}[{name}]"), value, pairs)),
        Value::String(text) => pairs.push((key.to_owned(), text.clone())),
        other => pairs.push((key.to_owned(), other.to_string())),
    }
}
