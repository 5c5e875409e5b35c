//! The throttle in front of everything, and its `RateLimit-*` headers. Limits of single features are `Call::limit`'s part.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use jiff::Timestamp;

use crate::app::App;
use crate::auth::{self, Presented};
use crate::clock::http_date;
use crate::error::ApiError;
use crate::limiter::Standing;
use crate::params::Params;
use crate::world::settings::Throttle;

/// What the throttle says of a request: its name and where its key stands.
#[derive(Debug)]
pub(crate) struct Verdict {
    name: &'static str,
    standing: Standing,
    period: u32,
    rules: Throttle,
    old: bool,
}

/// Counts a request, when a throttle is on that covers it.
pub(crate) fn judge(app: &App, request: &Request<Body>) -> Option<Verdict> {
    let path = request.uri().path();
    if !path.starts_with("/api/") && !path.starts_with("/oauth/") {
        return None;
    }
    let world = app.world();
    let rules = world.settings.throttle.clone();
    if rules.authenticated.is_none() && rules.unauthenticated.is_none() && rules.files.is_none() {
        return None;
    }
    let params = Params::from_query(request.uri().query().unwrap_or_default());
    let presented = Presented { headers: request.headers(), params: &params, method: request.method(), path };
    let user = auth::throttled_user(&world, presented);
    let old = !world.settings.version.at_least(18, 0);
    drop(world);
    let (name, limit) = match user {
        Some(_) if rules.files.is_some() && path.contains("/repository/files/") => {
            ("throttle_authenticated_files_api", rules.files)
        }
        Some(_) => ("throttle_authenticated_api", rules.authenticated),
        None => ("throttle_unauthenticated_api", rules.unauthenticated),
    };
    let period = if rules.period_seconds == 0 { 60 } else { rules.period_seconds };
    let key = format!("{name}:{}", user.unwrap_or_default());
    let standing = app.limiter.count(&key, limit?, period, app.now());
    Some(Verdict { name, standing, period, rules, old })
}

impl Verdict {
    /// The 429, when this request was one too many.
    pub(crate) fn refusal(&self) -> Option<Response<Body>> {
        let text = if self.rules.text.is_empty() { "Retry later" } else { &self.rules.text };
        self.standing.is_over().then(|| ApiError::throttled(text).into_response())
    }

    /// Adds the headers.
    pub(crate) fn describe(&self, now: Timestamp, headers: &mut HeaderMap) {
        let over = self.standing.is_over();
        if self.rules.no_headers || (self.rules.headers_only_on_refusal && !over) {
            return;
        }
        let Standing { limit, observed, reset } = self.standing;
        // The limit is told per minute whatever the period is.
        let per_minute = u64::from(limit) * 60 / u64::from(self.period.max(1));
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put("ratelimit-limit", per_minute.to_string());
        put("ratelimit-name", self.name.to_owned());
        put("ratelimit-observed", observed.to_string());
        put("ratelimit-remaining", limit.saturating_sub(observed).to_string());
        put("ratelimit-reset", reset.to_string());
        // Recorded with every answer until 18, since then with refusals only.
        if over || self.old {
            let at = Timestamp::from_second(reset).unwrap_or(now);
            put("ratelimit-resettime", http_date(at));
        }
        if over {
            put("retry-after", (reset - now.as_second()).max(1).to_string());
        }
    }
}
