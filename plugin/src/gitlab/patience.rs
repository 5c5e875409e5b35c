//! Which refusals are waited out within a call, and for how long.
//!
//! Decided here: that a request which only reads is sent again when GitLab is busy or its front door has no backend, and one that
//! writes only when a limiter refused it, because limiters stand before everything that could have been done. Not decided here:
//! whether there is time for it, which the host knows, and which requests are made at all.

use super::refusal;
use crate::host::Reply;
use crate::request::{Method, Request, Target};

/// How often a request is sent again.
pub(super) const REPEATS: usize = 2;
/// Longer than this, the person who asked is told instead.
const MOST_MS: u64 = 30_000;
/// Where the server names no time: by status class, for each repeat.
const BUSY_MS: [u64; REPEATS] = [1_000, 4_000];
const DOWN_MS: [u64; REPEATS] = [300, 1_500];

/// How long to wait before the request of this reply is sent again, for the time after `sent` repeats. None: the reply counts.
pub(super) fn pause(request: &Request, reply: &Reply, sent: usize, now_ms: u64) -> Option<u32> {
    let usual = match reply.status {
        429 => BUSY_MS,
        502..=504 if only_reads(request) => DOWN_MS,
        _ => return None,
    };
    let usual = *usual.get(sent)?;
    let wait = refusal::wait(reply, now_ms).unwrap_or(usual);
    // Those that were refused together do not come back together.
    let spread = now_ms % 128;
    u32::try_from(wait + spread).ok().filter(|_| wait <= MOST_MS)
}

/// GraphQL is asked by POST, and the permission table holds no query that changes anything.
fn only_reads(request: &Request) -> bool {
    request.method == Method::Get || request.target == Target::graphql()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Instance;

    #[test]
    fn what_is_waited_out_depends_on_who_refused_and_what_was_asked() {
        let at = Instance { scheme: "https".into(), authority: "h".into(), base_path: String::new() };
        let read = Request::get(&at, Target::api("user"));
        let query = Request::post(&at, Target::graphql(), Vec::new());
        let write = Request::post(&at, Target::project(7, "repository/commits"), Vec::new());
        let after = |seconds: &str| vec![("retry-after".to_owned(), seconds.to_owned())];
        let reset = vec![("ratelimit-reset".to_owned(), "1020".to_owned())];
        let date = after("Thu, 01 Jan 1970 00:16:45 GMT");
        for (request, status, headers, sent, expected) in [
            (&read, 200, vec![], 0, None),
            (&read, 429, vec![], 0, Some(1_000)),
            (&read, 429, vec![], 1, Some(4_000)),
            (&read, 429, vec![], 2, None),
            (&read, 429, after("7"), 0, Some(7_000)),
            (&read, 429, after("31"), 0, None),
            (&read, 429, date, 0, Some(5_000)),
            (&read, 429, reset, 0, Some(20_000)),
            (&read, 502, vec![], 0, Some(300)),
            (&read, 503, after("2"), 1, Some(2_000)),
            (&read, 504, vec![], 1, Some(1_500)),
            (&read, 500, vec![], 0, None),
            (&read, 401, after("1"), 0, None),
            (&query, 502, vec![], 0, Some(300)),
            (&write, 429, after("3"), 0, Some(3_000)),
            (&write, 502, vec![], 0, None),
            (&write, 503, after("1"), 0, None),
        ] {
            let reply = Reply { status, headers, body: Vec::new() };
            let now_ms = 1_000_000;
            let expected = expected.map(|wait| wait + u32::try_from(now_ms % 128).unwrap());
            assert_eq!(pause(request, &reply, sent, now_ms), expected, "{} {reply:?} {sent}", request.target);
        }
    }
}
