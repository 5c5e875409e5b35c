//! Which headers belong to whom.
//!
//! Decided here: the few that a guest may set, the many it can neither set nor see, the ones that may carry a credential, and
//! what is taken off a reply. A guest's request is judged by the allow-list alone; the list of forbidden names exists because
//! wasi-http asks for it at the moment a field is set, so that a guest learns early.

use http::{HeaderMap, HeaderName, header};

/// All a guest may say about its request. Everything else is refused, whether it is on the list below or not.
const GUEST_MAY_SET: [HeaderName; 7] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::RANGE,
];

/// Names that are the host's, the connection's or somebody's credential.
const FORBIDDEN: [&str; 38] = [
    "accept-encoding",
    "authentication-info",
    "authorization",
    "connection",
    "cookie",
    "cookie2",
    "deploy-token",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "job-token",
    "keep-alive",
    "private-token",
    "set-cookie",
    "set-cookie2",
    "sudo",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "user-agent",
    "via",
    "x-api-key",
    "x-auth-token",
    "x-client-ip",
    "x-csrf-token",
    "x-forwarded",
    "x-gitlab-token",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-sendfile",
    "x-xsrf-token",
];

const FORBIDDEN_PREFIXES: [&str; 4] = ["proxy-", "x-forwarded-", "sec-", "x-accel-"];

/// More bytes of headers than any of the seven needs.
pub const MAX_GUEST_HEADER_BYTES: usize = 4 * 1024;

/// Whether a guest may put this header on a request.
pub fn guest_may_set(name: &HeaderName) -> bool {
    GUEST_MAY_SET.contains(name)
}

/// Whether a guest can neither set nor see this header, nor a trailer of this name.
pub fn is_forbidden(name: &HeaderName) -> bool {
    let name = name.as_str();
    FORBIDDEN.contains(&name) || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a profile may have its credential put into this header: not one that means something to the transport.
pub fn may_carry_credential(name: &HeaderName) -> bool {
    const MEANT_FOR_IT: [&str; 6] =
        ["authorization", "private-token", "job-token", "deploy-token", "x-api-key", "x-auth-token"];
    MEANT_FOR_IT.contains(&name.as_str())
        || !(is_forbidden(name) || name.as_str().starts_with("content-") || guest_may_set(name))
}

/// Takes off what a guest must not see.
pub fn strip_reply(headers: &mut HeaderMap, credential: &HeaderName) {
    let forbidden: Vec<HeaderName> =
        headers.keys().filter(|name| is_forbidden(name) || *name == credential).cloned().collect();
    for name in forbidden {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_both_settable_and_forbidden() {
        assert!(GUEST_MAY_SET.iter().all(|name| !is_forbidden(name)));
    }

    #[test]
    fn what_the_connector_must_read_in_a_reply_is_not_forbidden() {
        for name in [
            "location",
            "retry-after",
            "ratelimit-remaining",
            "x-next-page",
            "x-total",
            "link",
            "etag",
            "date",
            "x-request-id",
        ] {
            assert!(!is_forbidden(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn the_names_of_every_credential_and_of_the_transport_are_forbidden() {
        let from_wasi = wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;
        let ours =
            ["authorization", "private-token", "job-token", "deploy-token", "cookie", "set-cookie", "accept-encoding"];
        let more =
            ["sudo", "x-http-method-override", "host", "forwarded", "x-forwarded-for", "x-forwarded-host", "proxy-foo"];
        let names = ours.into_iter().chain(more).map(HeaderName::from_static).chain(from_wasi);
        for name in names {
            assert!(is_forbidden(&name) && !guest_may_set(&name), "{name}");
        }
    }

    #[test]
    fn a_credential_never_goes_into_a_header_of_the_transport() {
        for (name, may) in [
            ("authorization", true),
            ("private-token", true),
            ("x-my-token", true),
            ("host", false),
            ("cookie", false),
            ("content-type", false),
            ("content-encoding", false),
            ("transfer-encoding", false),
            ("accept", false),
            ("user-agent", false),
            ("proxy-authorization", false),
        ] {
            assert_eq!(may_carry_credential(&HeaderName::from_static(name)), may, "{name}");
        }
    }
}
