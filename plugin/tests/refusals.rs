//! Every shape in which GitLab, its proxies and its throttles refuse, and the code that a product gets for it.

use gitlab_sync_connector::error::Code;
use gitlab_sync_connector::gitlab::refusal::{refusal, unreachable};
use gitlab_sync_connector::host::{HttpError, Reply};
use gitlab_sync_connector::request::{Instance, Request, Target};

const NOW_MS: u64 = 1_790_000_000_000;

fn instance() -> Instance {
    Instance { scheme: "https".into(), authority: "gitlab.example.com".into(), base_path: "/gitlab".into() }
}

fn judge(status: u16, headers: &[(&str, &str)], body: &str) -> gitlab_sync_connector::error::Error {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let reply = Reply { status, headers, body: body.as_bytes().to_vec() };
    refusal(&Request::get(&instance(), Target::api("user")), &reply, NOW_MS)
}

#[test]
fn every_shape_of_refusal_has_its_code() {
    for (status, body, code) in [
        (401, r#"{"message":"401 Unauthorized"}"#, Code::TokenRejected),
        (
            401,
            r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
            Code::TokenExpired,
        ),
        (
            401,
            r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
            Code::TokenRejected,
        ),
        (401, r#"{"errors":[{"message":"Invalid token"}]}"#, Code::TokenRejected),
        (401, "<html>Basic auth</html>", Code::NotAGitlab),
        (
            403,
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}"#,
            Code::TokenScope,
        ),
        (
            403,
            r#"{"error":"insufficient_granular_scope","error_description":"Access denied: Your Personal Access Token lacks the required permissions: [User: Read]."}"#,
            Code::TokenScope,
        ),
        (403, r#"{"message":"403 Forbidden"}"#, Code::RoleTooLow),
        // Whether the branch is protected, or a name taken, is looked at by whoever asked: words may be in any language.
        (403, r#"{"message":"403 Forbidden - You are not allowed to push into this branch"}"#, Code::RoleTooLow),
        (
            403,
            r#"{"message":"403 Forbidden - Vous n'êtes pas autorisé à pousser vers cette branche"}"#,
            Code::RoleTooLow,
        ),
        (403, r#"{"message":"403 Forbidden - Your account has been blocked."}"#, Code::TokenRejected),
        (403, r#"{"message":"403 Forbidden - The project is archived"}"#, Code::ProjectArchived),
        (403, r#"{"message":"403 Forbidden - This feature requires a Premium license"}"#, Code::TierRequired),
        (403, r#"{"message":"403 Forbidden - Your subscription has expired"}"#, Code::TierRequired),
        (402, r#"{"message":"402 Payment Required"}"#, Code::TierRequired),
        (403, r#"{"error":["Your project limit is 0"]}"#, Code::RoleTooLow),
        (403, "<html>WAF</html>", Code::UnexpectedReply),
        (404, r#"{"message":"404 Project Not Found"}"#, Code::ProjectNotFound),
        (404, r#"{"message":"404 Repository Not Found"}"#, Code::RepositoryDisabled),
        (404, r#"{"message":"404 Branch Not Found"}"#, Code::BranchMissing),
        (404, r#"{"message":"404 Tree Not Found"}"#, Code::BranchMissing),
        (404, r#"{"message":"404 Blob Not Found"}"#, Code::HistoryRewritten),
        (404, r#"{"message":"404 Commit Not Found"}"#, Code::HistoryRewritten),
        (404, r#"{"message":"404 Not found"}"#, Code::UnexpectedReply),
        (404, r#"{"error":"404 Not Found"}"#, Code::NotAGitlab),
        (404, "<html>nginx</html>", Code::NotAGitlab),
        (400, r#"{"message":"400 Bad request - branch is required"}"#, Code::UnexpectedReply),
        (400, r#"{"error":"branch is missing"}"#, Code::UnexpectedReply),
        (
            400,
            r#"{"message":{"name":["has already been taken"],"path":["has already been taken"]}}"#,
            Code::UnexpectedReply,
        ),
        (
            400,
            r#"{"message":{"name":["ist bereits vergeben"],"path":["ist bereits vergeben"]}}"#,
            Code::UnexpectedReply,
        ),
        (400, r#"{"message":"The file has changed since you started editing it: docs/a.md"}"#, Code::BranchMoved),
        (400, r#"{"message":"9:reference update: reference does not point to expected object."}"#, Code::BranchMoved),
        (400, r#"{"message":"Could not update refs/heads/main. Please refresh and try again."}"#, Code::BranchMoved),
        (400, r#"{"message":"A file with this name already exists"}"#, Code::BranchMoved),
        (
            400,
            r#"{"message":"You are not allowed to push code to protected branches on this project."}"#,
            Code::UnexpectedReply,
        ),
        (400, r#"{"message":"You can only create or edit files when you are on a branch"}"#, Code::BranchMissing),
        (400, r#"{"message":"The branch refname is invalid"}"#, Code::BranchMissing),
        (405, r#"{"message":"Non GET methods are not allowed for moved projects"}"#, Code::ProjectMoved),
        (405, r#"{"message":"405 Method Not Allowed"}"#, Code::UnexpectedReply),
        (409, r#"{"message":"409 Conflict: Resource lock"}"#, Code::ServerUnavailable),
        (409, r#"{"message":["Another open merge request already exists"]}"#, Code::UnexpectedReply),
        (412, r#"{"message":"412 Precondition Failed"}"#, Code::UnexpectedReply),
        (413, r#"{"message":"413 Request Entity Too Large"}"#, Code::TooLarge),
        (413, "<html>nginx</html>", Code::TooLarge),
        (422, r#"{"error":"Invalid url given"}"#, Code::HookUrl),
        (
            429,
            r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
            Code::RateLimited,
        ),
        (429, "Retry later\n", Code::RateLimited),
        (500, r#"{"message":"500 Internal Server Error"}"#, Code::ServerUnavailable),
        (502, "<html>GitLab is not responding</html>", Code::ServerUnavailable),
        (503, r#"{"message":"GitLab is undergoing maintenance"}"#, Code::ServerUnavailable),
        (301, "This resource has been moved permanently to https://gitlab.example.com/x", Code::ProjectMoved),
        (302, "", Code::NotAGitlab),
        (418, "", Code::UnexpectedReply),
    ] {
        assert_eq!(judge(status, &[], body).code, code, "{status} {body}");
    }
}

#[test]
fn a_wrong_address_is_told_by_what_it_answered() {
    let error = judge(404, &[], "<html></html>");
    assert_eq!(error.message, "`https://gitlab.example.com/gitlab` responded 404 for /api/v4/user");
    let error = judge(302, &[("location", "https://sso.example.com/in?secret=x")], "");
    assert!(error.message.ends_with("redirects /api/v4/user to `https://sso.example.com/in`"), "{error}");
}

#[test]
fn how_long_to_wait_is_what_the_server_said_and_a_minute_where_it_did_not() {
    let later = (NOW_MS / 1000 + 30).to_string();
    for (status, headers, wait) in [
        (429, &[("retry-after", "7")][..], Some(7_000)),
        (429, &[("ratelimit-reset", later.as_str())], Some(30_000)),
        (429, &[], Some(60_000)),
        (503, &[("retry-after", "900")], Some(900_000)),
        (502, &[], None),
        (403, &[("retry-after", "7")], None),
    ] {
        assert_eq!(judge(status, headers, "{}").retry_after_ms, wait, "{status} {headers:?}");
    }
}

#[test]
fn a_reply_is_never_quoted_whole() {
    let long = format!(r#"{{"message":"404 {} \u001b[31m"}}"#, "ü".repeat(5_000));
    let error = judge(400, &[], &long);
    assert!(error.message.len() < 700, "{}", error.message.len());
    let echo = judge(400, &[], r#"{"unknown":"the token glpat-x was here"}"#);
    assert!(!echo.message.contains("glpat"), "{echo}");
    let coloured = judge(400, &[], "{\"message\":\"a\\u001b[31mb\"}");
    assert!(!coloured.message.contains('\u{1b}'), "{coloured:?}");
}

#[test]
fn a_server_that_cannot_be_reached_is_told_from_one_that_the_host_does_not_allow() {
    for (error, code, words) in [
        (HttpError::NotResolved, Code::HostUnreachable, "Can't reach `https://gitlab.example.com/gitlab`"),
        (HttpError::NotConnected("it refuses the connection"), Code::HostUnreachable, "refuses the connection"),
        (HttpError::NotTrusted, Code::HostUnreachable, "certificate"),
        (HttpError::NoReply("the reply took too long"), Code::HostUnreachable, "took too long"),
        (HttpError::Denied(None), Code::Denied, "https://gitlab.example.com"),
        (HttpError::Denied(Some("denied: no rule".into())), Code::Denied, "no rule"),
        (HttpError::AddressProhibited, Code::Denied, "private or special address"),
        (HttpError::NoCredential, Code::SecretMissing, "token"),
        (HttpError::Exhausted, Code::BudgetExhausted, "limit"),
        (HttpError::ReplyTooLarge, Code::TooLarge, "exceeds"),
    ] {
        let told = unreachable(&instance(), &error);
        assert_eq!(told.code, code, "{error:?}");
        assert!(told.message.contains(words), "{told}");
    }
}
