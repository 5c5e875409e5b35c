//! Finding a GitLab and knowing whose token this is, before anything else is asked.
//!
//! Decided here: what counts as a GitLab, the kind of a token, what it is good for, and when its end is near. A token's text says
//! nothing reliable (personal, group and project tokens share a prefix, which can be changed), so only the server's answers count.

use serde_json::Value;

use crate::error::{Code, Error};
use crate::gitlab::client::{Client, json};
use crate::gitlab::token::{self, Metadata, OauthToken, Token, User};
use crate::gitlab::{page, project, refusal};
use crate::host::{Host, HttpError, Reply};
use crate::request::{Instance, Request};

/// Candidates that are probed at most.
const PROBES: usize = 3;
/// Days before the end at which a token's expiry is worth a sentence.
const WARN_DAYS: i64 = 60;
const DAY_MS: u64 = 86_400_000;

/// What sort of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Of a person.
    Personal,
    /// Of a project's bot.
    Project,
    /// Of a group's bot.
    Group,
    /// Of a service account.
    ServiceAccount,
    /// From an OAuth application.
    Oauth,
    /// With single permissions instead of scopes.
    FineGrained,
}

/// Whether the token is good for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Such as `write-files`.
    pub job: &'static str,
    /// Whether GitLab would let it.
    pub allowed: bool,
    /// Why.
    pub reason: String,
}

/// Who is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Empty where the token may not know it.
    pub username: String,
    /// Of the user, else of the token.
    pub name: String,
    /// Its sort.
    pub kind: TokenKind,
    /// As GitLab names them.
    pub scopes: Vec<String>,
    /// `2027-01-31`.
    pub expires_on: Option<String>,
    /// Of the server.
    pub version: Option<String>,
    /// What it is good for.
    pub abilities: Vec<Ability>,
    /// Sentences to show.
    pub warnings: Vec<String>,
}

/// The first of the candidates that answers like a GitLab. Asked at once and without credential.
pub fn locate(host: &dyn Host, candidates: &[Instance]) -> Result<Instance, Error> {
    let probed = &candidates[..candidates.len().min(PROBES)];
    let requests: Vec<Request> = probed.iter().map(|instance| Request::get(instance, token::probe())).collect();
    let outcomes = host.send(&requests);
    let mut failure = None;
    for (request, outcome) in requests.iter().zip(outcomes) {
        match outcome {
            Ok(reply) if is_gitlab(&reply) => return Ok(request.instance.clone()),
            outcome => failure = failure.or(Some(not_located(host, request, outcome))),
        }
    }
    Err(failure.unwrap_or_else(|| Error::because(Code::InvalidSettings, "no address was given")))
}

/// Who the token is and what it is good for. Two requests at once, then one for what only one kind of token can ask.
pub fn connect(host: &dyn Host, instance: &Instance) -> Result<Connected, Error> {
    let client = Client { host, instance };
    let requests = [client.get(token::user()), client.get(token::own_token())];
    let mut outcomes = host.send(&requests).into_iter();
    let mut next = || outcomes.next().unwrap_or(Err(HttpError::NoReply("the host gave no outcome")));
    let user = identity(&client, &requests[0], next())?;
    let (own, is_oauth) = own_token(&client, &requests[1], next())?;
    if user.is_none() && own.is_none() && !is_oauth {
        return Ok(fine_grained(Token::default(), User::default()));
    }
    let mut connected = describe(user.unwrap_or_default(), own.unwrap_or_default(), is_oauth);
    if is_oauth {
        let info: OauthToken = client.read(token::oauth_token())?;
        connected.scopes = info.scope;
    } else {
        connected.version = version(&client)?;
    }
    connected.abilities = abilities(connected.kind, &connected.scopes);
    connected.warnings = expiry_warning(connected.expires_on.as_deref(), host.now_ms()).into_iter().collect();
    Ok(connected)
}

/// Fails where a token cannot create projects, before anything is sent that would.
pub fn may_create_projects(client: &Client<'_>) -> Result<(), Error> {
    let user: User = client.read(token::user())?;
    match bot_kind(&user) {
        None => Ok(()),
        Some(kind) => Err(Error::because(Code::TokenKindCannotCreate, no_namespace(kind))),
    }
}

fn is_gitlab(reply: &Reply) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(&reply.body) else { return false };
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    match reply.status {
        200 => !text("version").is_empty() && value.get("revision").is_some(),
        401 => text("message").starts_with("401") || text("error") == "invalid_token",
        _ => false,
    }
}

fn not_located(host: &dyn Host, request: &Request, outcome: Result<Reply, HttpError>) -> Error {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(error) => return refusal::unreachable(&request.instance, &error),
    };
    let error = match reply.status {
        200 | 401 => refusal::not_json(request, &reply),
        _ => refusal::refusal(request, &reply, host.now_ms()),
    };
    match error.code {
        Code::RateLimited | Code::ServerUnavailable | Code::NotAGitlab => error,
        _ => Error::new(
            Code::NotAGitlab,
            format!("`{}` responded {} for {}", request.instance, reply.status, request.target.path()),
        ),
    }
}

/// None: the token is valid and may not know whose it is.
fn identity(client: &Client<'_>, request: &Request, outcome: Result<Reply, HttpError>) -> Result<Option<User>, Error> {
    match client.checked(request, outcome) {
        Ok(reply) => json(request, &reply).map(Some),
        Err(error) if error.code == Code::TokenScope => Ok(None),
        Err(error) => Err(error),
    }
}

/// None where the server does not tell: before 15.5, or to a fine-grained token. And whether it is an OAuth token.
fn own_token(
    client: &Client<'_>,
    request: &Request,
    outcome: Result<Reply, HttpError>,
) -> Result<(Option<Token>, bool), Error> {
    let reply = match outcome {
        Ok(reply) if reply.status == 404 => return Ok((None, false)),
        Ok(reply) if reply.status == 400 => {
            let oauth = refusal::words(&reply).is_some_and(|text| text.contains("requires token type"));
            if oauth {
                return Ok((None, true));
            }
            client.checked(request, Ok(reply))
        }
        outcome => client.checked(request, outcome),
    };
    match reply {
        Ok(reply) => json(request, &reply).map(|token| (Some(token), false)),
        Err(error) if error.code == Code::TokenScope => Ok((None, false)),
        Err(error) => Err(error),
    }
}

/// Not every token may know it, which is no reason to fail.
fn version(client: &Client<'_>) -> Result<Option<String>, Error> {
    match client.read::<Metadata>(token::metadata()) {
        Ok(metadata) => Ok(Some(metadata.version)),
        Err(error) if matches!(error.code, Code::RateLimited | Code::HostUnreachable) => Err(error),
        Err(_) => Ok(None),
    }
}

fn describe(user: User, token: Token, is_oauth: bool) -> Connected {
    if token.granular || token.scopes == ["granular"] {
        return fine_grained(token, user);
    }
    let kind = match bot_kind(&user) {
        _ if is_oauth => TokenKind::Oauth,
        Some(kind) => kind,
        None => TokenKind::Personal,
    };
    Connected {
        name: if user.name.is_empty() { token.name } else { user.name },
        username: user.username,
        kind,
        scopes: token.scopes,
        expires_on: token.expires_at,
        version: None,
        abilities: Vec::new(),
        warnings: Vec::new(),
    }
}

fn fine_grained(token: Token, user: User) -> Connected {
    Connected {
        name: if user.name.is_empty() { token.name } else { user.name },
        username: user.username,
        kind: TokenKind::FineGrained,
        abilities: abilities(TokenKind::FineGrained, &token.scopes),
        scopes: token.scopes,
        expires_on: token.expires_at,
        version: None,
        warnings: Vec::new(),
    }
}

/// `project_7_bot_4ffca233`, `project_7_bot`, `project_7_bot1`; any other bot is a service account.
fn bot_kind(user: &User) -> Option<TokenKind> {
    let of = |prefix: &str| {
        let rest = user.username.strip_prefix(prefix)?;
        let (id, tail) = rest.split_once("_bot")?;
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let hash = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let good = tail.is_empty() || number(tail) || tail.strip_prefix('_').is_some_and(hash);
        (number(id) && good).then_some(())
    };
    if of("project_").is_some() {
        return Some(TokenKind::Project);
    }
    if of("group_").is_some() {
        return Some(TokenKind::Group);
    }
    user.bot.then_some(TokenKind::ServiceAccount)
}

fn no_namespace(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Project => "a project token's bot user has no namespace of its own",
        TokenKind::Group => "a group token's bot user has no namespace of its own",
        _ => "a service account has no namespace of its own",
    }
}

fn abilities(kind: TokenKind, scopes: &[String]) -> Vec<Ability> {
    let has = |scope: &str| scopes.iter().any(|held| held == scope);
    let reads = has("api") || has("read_api");
    let by_scope = |job, allowed: bool, wanted: &str| {
        let reason = if allowed { "the token's scopes allow it".into() } else { format!("it needs scope {wanted}") };
        Ability { job, allowed, reason }
    };
    if kind == TokenKind::FineGrained {
        let reason = "GitLab checks the token's permissions at each use";
        let jobs = ["read-files", "write-files", "create-project", "manage-webhooks", "read-records"];
        return jobs.map(|job| Ability { job, allowed: true, reason: reason.into() }).into();
    }
    let create = match kind {
        TokenKind::Project | TokenKind::Group | TokenKind::ServiceAccount => {
            Ability { job: "create-project", allowed: false, reason: no_namespace(kind).into() }
        }
        _ => by_scope("create-project", has("api"), "api"),
    };
    vec![
        by_scope("read-files", reads, "read_api or api; read_repository cannot list files"),
        by_scope("write-files", has("api"), "api; write_repository is for git only"),
        create,
        by_scope("manage-webhooks", has("api"), "api"),
        by_scope("read-records", reads, "read_api or api"),
    ]
}

fn expiry_warning(expires_on: Option<&str>, now_ms: u64) -> Option<String> {
    let date = expires_on?;
    let today = i64::try_from(now_ms / DAY_MS).ok()?;
    let left = days_since_1970(date)? - today;
    match left {
        ..=0 => Some(format!("The token has expired on {date}.")),
        1 => Some(format!("The token expires tomorrow, on {date}: rotate it today.")),
        2..=7 => Some(format!("The token expires in {left} days, on {date}: rotate it now.")),
        8..=WARN_DAYS => Some(format!("The token expires in {left} days, on {date}.")),
        _ => None,
    }
}

/// The proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_since_1970(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// One page of projects for a picker.
pub fn projects(
    host: &dyn Host,
    instance: &Instance,
    search: &str,
    cursor: Option<&str>,
) -> Result<(Vec<project::Project>, Option<String>), Error> {
    page::read(&Client { host, instance }, project::projects(search), cursor)
}

/// One page of branches for a picker.
pub fn branches(
    host: &dyn Host,
    instance: &Instance,
    project: u64,
    search: &str,
    cursor: Option<&str>,
) -> Result<(Vec<project::Branch>, Option<String>), Error> {
    page::read(&Client { host, instance }, project::branch_list(project, search), cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(username: &str, bot: bool) -> User {
        User { username: username.into(), bot, ..User::default() }
    }

    #[test]
    fn a_bot_is_known_by_its_name_and_a_service_account_by_being_a_bot() {
        for (name, bot, kind) in [
            ("project_123_bot_4ffca233d8298ea1", true, Some(TokenKind::Project)),
            ("project_123_bot", false, Some(TokenKind::Project)),
            ("project_123_bot2", true, Some(TokenKind::Project)),
            ("group_9_bot_00ff", true, Some(TokenKind::Group)),
            ("service_account_77", true, Some(TokenKind::ServiceAccount)),
            ("robots_named_bot", true, Some(TokenKind::ServiceAccount)),
            ("project_x_bot_1", false, None),
            ("project_1_botany", false, None),
            ("jane", false, None),
        ] {
            assert_eq!(bot_kind(&user(name, bot)), kind, "{name}");
        }
    }

    #[test]
    fn days_are_counted_like_the_calendar() {
        for (date, days) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(11_016)),
            ("2024-12-31", Some(20_088)),
            ("2027-01-31", Some(20_849)),
            ("2027-13-01", None),
            ("soon", None),
        ] {
            assert_eq!(days_since_1970(date), days, "{date}");
        }
    }

    #[test]
    fn an_expiry_is_told_from_sixty_days_on() {
        let today = 20_849 * DAY_MS + 5;
        for (date, word) in [
            ("2027-01-31", Some("has expired")),
            ("2027-02-01", Some("tomorrow")),
            ("2027-02-07", Some("in 7 days")),
            ("2027-04-01", Some("in 60 days")),
            ("2027-04-02", None),
        ] {
            let warning = expiry_warning(Some(date), today);
            assert_eq!(warning.is_some(), word.is_some(), "{date}: {warning:?}");
            assert!(warning.unwrap_or_default().contains(word.unwrap_or_default()), "{date}");
        }
    }

    #[test]
    fn narrow_scopes_say_which_jobs_they_allow() {
        let allowed = |kind, scopes: &[&str]| {
            let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let jobs = abilities(kind, &scopes).into_iter().filter(|ability| ability.allowed);
            jobs.map(|ability| ability.job).collect::<Vec<_>>()
        };
        assert_eq!(allowed(TokenKind::Personal, &["api"]).len(), 5);
        assert_eq!(allowed(TokenKind::Project, &["api"]).len(), 4);
        assert_eq!(allowed(TokenKind::Personal, &["read_api"]), ["read-files", "read-records"]);
        assert!(allowed(TokenKind::Personal, &["read_repository", "write_repository"]).is_empty());
    }
}
