//! What a reply that is not a success means, in codes of our catalogue.
//!
//! GitLab refuses in many shapes: `message` is a text, a list or an object of lists; `error` stands alone or with a description;
//! proxies answer in HTML, throttles in plain text. Decided here: which shape is which code, and how much of a reply may be
//! quoted. A reply is never pasted whole: it can echo what was sent.

use crate::date;
use crate::error::{Code, Error};
use crate::host::{HttpError, Reply};
use crate::json::{self, Any};
use crate::request::{Instance, Request};

/// Bytes of GitLab's own words that an error may quote.
const QUOTE: usize = 512;
/// GitLab's application limits answer 429 without saying how long; their window is a minute.
const RETRY_MS: u64 = 60_000;

/// How GitLab's refusals speak of what is paid for, beside "403 Forbidden".
const PAID: &[&str] = &["license", "premium", "ultimate", "subscription", "your plan"];

/// The error for a reply whose status is not a success.
pub fn refusal(request: &Request, reply: &Reply, now_ms: u64) -> Error {
    let said = Said::of(reply);
    let mut error = match reply.status {
        300..=399 => redirected(request, reply),
        400 => by_words(&said).unwrap_or_else(|| quoting(Code::UnexpectedReply, reply, &said)),
        401 => unauthorized(request, reply, &said),
        402 => quoting(Code::TierRequired, reply, &said),
        403 => forbidden(reply, &said),
        404 | 410 => not_found(request, reply, &said),
        405 if said.holds("moved project") => Code::ProjectMoved.into(),
        409 if said.holds("resource lock") => quoting(Code::ServerUnavailable, reply, &said),
        413 => quoting(Code::TooLarge, reply, &said),
        429 => Code::RateLimited.into(),
        500..=599 => by_words(&said).unwrap_or_else(|| quoting(Code::ServerUnavailable, reply, &said)),
        _ => by_words(&said).unwrap_or_else(|| quoting(Code::UnexpectedReply, reply, &said)),
    };
    if matches!(error.code, Code::RateLimited | Code::ServerUnavailable) {
        error.retry_after_ms = wait(reply, now_ms).or((reply.status == 429).then_some(RETRY_MS));
    }
    error
}

/// The error for a request without reply.
pub fn unreachable(instance: &Instance, error: &HttpError) -> Error {
    let cannot = |why: &str| Error::new(Code::HostUnreachable, format!("Can't reach `{instance}`: {why}"));
    match error {
        HttpError::Denied(Some(reason)) => Error::because(Code::Denied, reason),
        HttpError::Denied(None) => Error::because(Code::Denied, &format!("a request to `{instance}` was refused")),
        HttpError::AddressProhibited => Error::because(
            Code::Denied,
            &format!("`{}` resolves to a private or special address that is not granted", instance.authority),
        ),
        HttpError::NotResolved => cannot("its name could not be resolved"),
        HttpError::NotConnected(why) | HttpError::NoReply(why) => cannot(why),
        HttpError::NotTrusted => cannot("its certificate or TLS handshake was not accepted"),
        HttpError::NoCredential => Error::because(Code::SecretMissing, "the token"),
        HttpError::Exhausted => Code::BudgetExhausted.into(),
        HttpError::ReplyTooLarge => Error::because(Code::TooLarge, "the reply exceeds what the host lends"),
        HttpError::NoRoom => {
            Error::because(Code::TooLarge, "the replies do not fit into the memory of a call together")
        }
    }
}

/// A success whose body is not what GitLab's API answers, such as the sign-in page of a proxy.
pub fn not_json(request: &Request, reply: &Reply) -> Error {
    let kind = reply.header("content-type").map_or("nothing", |kind| kind.split(';').next().unwrap_or(kind));
    Error::new(
        Code::NotAGitlab,
        format!("`{}` answered {} for {} instead of JSON", request.instance, clip(kind), request.target.path()),
    )
}

/// A listing that is not one, or broke off: nothing may be concluded from it.
pub fn not_listing(request: &Request, reply: &Reply) -> Error {
    if reply.body.first() == Some(&b'[') {
        return Error::because(Code::PartialListing, request.target.path());
    }
    not_json(request, reply)
}

/// What GitLab said in words, if it did.
pub fn words(reply: &Reply) -> Option<String> {
    Said::of(reply).text
}

/// What a reply says, out of any of its shapes.
struct Said {
    /// Cut to what may be quoted. None: not JSON, or JSON of an unknown shape.
    text: Option<String>,
    /// OAuth-style code: a single word in `error` beside a description.
    oauth: Option<String>,
    /// `{"error":"404 Not Found"}`: no such route, so perhaps no GitLab API at all.
    no_route: bool,
}

impl Said {
    fn of(reply: &Reply) -> Self {
        let value: Any = json::read(&reply.body).unwrap_or_default();
        let error = value.get("error");
        let description = value.get("error_description").and_then(Any::text);
        let first = value.get("errors").and_then(Any::first).and_then(|first| first.get("message"));
        let flat = description.map(str::to_owned).or_else(|| flatten(value.get("message").or(error).or(first)?));
        Self {
            text: flat.map(|text| clip(&text)),
            oauth: error.filter(|_| description.is_some()).and_then(Any::text).map(str::to_owned),
            no_route: value.get("message").is_none() && error.and_then(Any::text) == Some("404 Not Found"),
        }
    }

    /// Whether it says this; `words` are in lower case.
    fn holds(&self, words: &str) -> bool {
        self.text.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains(words))
    }

    fn is(&self, oauth: &str) -> bool {
        self.oauth.as_deref() == Some(oauth)
    }
}

/// `{"name": ["has already been taken"]}` becomes `name has already been taken`.
fn flatten(value: &Any) -> Option<String> {
    let join = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("; "));
    match value {
        Any::Text(text) => Some(text.clone()),
        Any::List(values) => join(values.iter().filter_map(flatten).collect()),
        Any::Object(fields) => {
            let field = |(name, value): &(String, Any)| {
                let text = flatten(value)?;
                Some(if name == "error" { text } else { format!("{name} {text}") })
            };
            join(fields.iter().filter_map(field).collect())
        }
        _ => None,
    }
}

/// Refusals that GitLab words the same under several statuses, mostly of the Commits API.
fn by_words(said: &Said) -> Option<Error> {
    const TABLE: &[(&str, Code)] = &[
        ("has changed since you started editing", Code::BranchMoved),
        ("does not point to expected object", Code::BranchMoved),
        ("reference is already locked", Code::BranchMoved),
        ("refresh and try again", Code::BranchMoved),
        ("could not update", Code::BranchMoved),
        ("a file with this name already exists", Code::BranchMoved),
        ("a directory with this name already exists", Code::BranchMoved),
        ("a file with this name doesn't exist", Code::BranchMoved),
        ("when you are on a branch", Code::BranchMissing),
        ("refname is invalid", Code::BranchMissing),
        ("upload size", Code::TooLarge),
        ("project hooks (", Code::HookLimit),
        ("group hooks (", Code::HookLimit),
        ("invalid url given", Code::HookUrl),
        ("url is blocked", Code::HookUrl),
        ("read-only instance", Code::ServerUnavailable),
    ];
    let found = TABLE.iter().find(|(words, _)| said.holds(words))?;
    Some(Error::because(found.1, said.text.as_deref()?))
}

fn unauthorized(request: &Request, reply: &Reply, said: &Said) -> Error {
    match &said.text {
        None => not_json(request, reply),
        Some(_) if said.is("invalid_token") && said.holds("expired") => Code::TokenExpired.into(),
        Some(text) if said.is("invalid_token") => Error::because(Code::TokenRejected, text),
        Some(_) => Code::TokenRejected.into(),
    }
}

fn forbidden(reply: &Reply, said: &Said) -> Error {
    if said.is("insufficient_scope") || said.is("insufficient_granular_scope") {
        return quoting(Code::TokenScope, reply, said);
    }
    if said.holds("your account") || said.holds("terms of service") || said.holds("password expired") {
        return quoting(Code::TokenRejected, reply, said);
    }
    if said.holds("archived") {
        return Code::ProjectArchived.into();
    }
    if PAID.iter().any(|words| said.holds(words)) {
        return quoting(Code::TierRequired, reply, said);
    }
    if said.text.is_none() {
        return quoting(Code::UnexpectedReply, reply, said);
    }
    by_words(said).unwrap_or_else(|| quoting(Code::RoleTooLow, reply, said))
}

fn not_found(request: &Request, reply: &Reply, said: &Said) -> Error {
    let Some(text) = said.text.as_deref().filter(|_| !said.no_route) else {
        let message = format!("`{}` responded {} for {}", request.instance, reply.status, request.target.path());
        return Error::new(Code::NotAGitlab, message);
    };
    let code = match text {
        "404 Project Not Found" => Code::ProjectNotFound,
        "404 Repository Not Found" => Code::RepositoryDisabled,
        "404 Branch Not Found" | "404 Tree Not Found" => Code::BranchMissing,
        "404 Commit Not Found" | "404 Ref Not Found" | "404 Blob Not Found" => Code::HistoryRewritten,
        _ => return quoting(Code::UnexpectedReply, reply, said),
    };
    code.into()
}

/// Never followed. A moved project says so; anything else is a proxy or a sign-in page.
fn redirected(request: &Request, reply: &Reply) -> Error {
    let moved = reply.body.starts_with(b"This resource has been moved permanently");
    let location = reply.header("location").unwrap_or_default();
    if moved {
        return Code::ProjectMoved.into();
    }
    let origin = location.split(['?', '#']).next().unwrap_or_default();
    Error::new(
        Code::NotAGitlab,
        format!("`{}` redirects {} to `{}`", request.instance, request.target.path(), clip(origin)),
    )
}

fn quoting(code: Code, reply: &Reply, said: &Said) -> Error {
    match &said.text {
        Some(text) => Error::because(code, text),
        None => Error::because(code, &format!("status {} without a message", reply.status)),
    }
}

/// What `Retry-After` says, in seconds or as a date, else the time of `RateLimit-Reset`.
pub(super) fn wait(reply: &Reply, now_ms: u64) -> Option<u64> {
    let number = |name| reply.header(name).and_then(|value| value.trim().parse::<u64>().ok());
    let after = number("retry-after").map(|seconds| seconds.saturating_mul(1000));
    let date = || reply.header("retry-after").and_then(date::http_time_ms).map(|at| at.saturating_sub(now_ms));
    let until = || number("ratelimit-reset").map(|at| at.saturating_mul(1000).saturating_sub(now_ms));
    after.or_else(date).or_else(until)
}

/// At most [`QUOTE`] bytes, without control characters.
fn clip(text: &str) -> String {
    let mut end = text.len().min(QUOTE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
