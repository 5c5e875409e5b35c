//! Finding a GitLab and knowing whose token this is, before anything else is asked.
//!
//! Decided here: what counts as a GitLab, the kind of a token, and when its end is near. A token's text says nothing reliable (personal,
//! group and project tokens share a prefix, which can be changed), so only the server's answers count. Not decided here: what a token is
//! good for ([`crate::ability`]).

use crate::ability::{Ability, judge, no_namespace};
use crate::date::{DAY_MS, days_since_1970};
use crate::error::{Code, Error};
use crate::gitlab::client::{Client, json};
use crate::gitlab::membership::Memberships;
use crate::gitlab::token::{self, Identity, OauthToken, Token, User};
use crate::gitlab::{page, project, refusal};
use crate::host::{Host, HttpError, Reply};
use crate::json::{self, Any};
use crate::request::{Instance, Request};

/// Candidates that are probed at most.
const PROBES: usize = 3;
/// Days before the end at which a token's expiry is worth a sentence.
const WARN_DAYS: i64 = 60;
/// The oldest GitLab that two-way sync was made for.
const OLDEST: (u32, u32) = (16, 0);

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
    /// What its user is directly a member of.
    pub memberships: Memberships,
    /// What it is good for.
    pub abilities: Vec<Ability>,
    /// Sentences to show.
    pub warnings: Vec<String>,
}

/// The first of the candidates that answers like a GitLab. Asked at once and without credential.
pub fn locate(host: &dyn Host, candidates: &[Instance]) -> Result<Instance, Error> {
    let probed = &candidates[..candidates.len().min(PROBES)];
    let [first, ..] = probed else { return Err(Error::because(Code::InvalidSettings, "no address was given")) };
    let requests: Vec<Request> = probed.iter().map(|instance| Request::get(instance, token::probe())).collect();
    let outcomes = Client { host, instance: first }.send_all(&requests);
    let mut failure = None;
    for (request, outcome) in requests.iter().zip(outcomes) {
        match outcome {
            Ok(reply) if is_gitlab(&reply) => return Ok(request.instance.clone()),
            outcome => failure = failure.or(Some(not_located(host, request, outcome))),
        }
    }
    Err(failure.unwrap_or_else(|| Code::NotAGitlab.into()))
}

/// Who the token is and what it is good for. Two requests at once; one more where one of them may not tell.
pub fn connect(host: &dyn Host, instance: &Instance) -> Result<Connected, Error> {
    let client = Client { host, instance };
    let requests = [client.get(token::own_token()), token::identity(&client)];
    let mut outcomes = client.send_all(&requests).into_iter();
    let mut next = || outcomes.next().unwrap_or(Err(HttpError::NoReply("the host gave no outcome")));
    let told = told(&client, &requests[0], next());
    let seen = identity(&client, &requests[1], next())?;
    // Before 15.5 a token could not tell of itself, and "not found" would be no help.
    old_enough(seen.version())?;
    let mut connected = describe(&client, told?, &seen)?;
    connected.version = seen.version().map(str::to_owned);
    connected.warnings = expiry_warning(connected.expires_on.as_deref(), host.now_ms()).into_iter().collect();
    let (abilities, warnings) = judge(connected.kind, &connected.scopes, &connected.memberships);
    connected.abilities = abilities;
    connected.warnings.extend(warnings);
    Ok(connected)
}

/// Fails where a token cannot create projects, before anything is sent that would. Gives whose it is, if GitLab says.
pub fn may_create_projects(client: &Client<'_>) -> Result<Option<String>, Error> {
    let request = token::identity(client);
    let seen = identity(client, &request, client.send_raw(&request))?;
    match seen.user.as_ref().and_then(bot_kind) {
        None => Ok(seen.user.map(|user| user.username)),
        Some(kind) => Err(Error::because(Code::TokenKindCannotCreate, no_namespace(kind))),
    }
}

fn is_gitlab(reply: &Reply) -> bool {
    let Ok(value) = json::read::<Any>(&reply.body) else { return false };
    let text = |name: &str| value.get(name).and_then(Any::text).unwrap_or_default();
    reply.status == 401 && (text("message").starts_with("401") || text("error") == "invalid_token")
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

/// What a token may tell of itself.
enum Told {
    Token(Token),
    /// It is no access token, but one of OAuth.
    Oauth,
    /// A fine-grained one without the permission to know itself.
    Nothing,
}

fn told(client: &Client<'_>, request: &Request, outcome: Result<Reply, HttpError>) -> Result<Told, Error> {
    let status = outcome.as_ref().map_or(0, |reply| reply.status);
    let words = outcome.as_ref().ok().and_then(refusal::words).unwrap_or_default();
    if status == 400 && words.contains("requires token type") {
        return Ok(Told::Oauth);
    }
    match client.checked(request, outcome) {
        Ok(reply) => json(request, &reply).map(Told::Token),
        Err(error) if error.code == Code::TokenScope => Ok(Told::Nothing),
        Err(error) => Err(error),
    }
}

/// A token of narrow scope is refused the query with 401 or 403, although it is good; whether it is, its own page says.
fn identity(client: &Client<'_>, request: &Request, outcome: Result<Reply, HttpError>) -> Result<Identity, Error> {
    match client.checked(request, outcome) {
        Ok(reply) => Ok(Identity::read(&reply.body)),
        Err(error) if matches!(error.code, Code::RateLimited | Code::ServerUnavailable | Code::HostUnreachable) => {
            Err(error)
        }
        Err(error) if matches!(error.code, Code::Denied | Code::BudgetExhausted | Code::SecretMissing) => Err(error),
        Err(_) => Ok(Identity::default()),
    }
}

fn old_enough(version: Option<&str>) -> Result<(), Error> {
    let Some(version) = version else { return Ok(()) };
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let major_minor = (parts.next().flatten(), parts.next().flatten());
    match major_minor {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            let (major, minor) = OLDEST;
            Err(Error::because(Code::VersionTooOld, &format!("it is {version}, and {major}.{minor} is needed")))
        }
        _ => Ok(()),
    }
}

fn describe(client: &Client<'_>, told: Told, seen: &Identity) -> Result<Connected, Error> {
    let (token, kind) = match told {
        Told::Token(token) => {
            let granular = token.granular || token.scopes == ["granular"];
            (token, granular.then_some(TokenKind::FineGrained))
        }
        Told::Oauth => {
            let info: OauthToken = client.read(token::oauth_token())?;
            let token = Token { scopes: info.scope, user_id: info.resource_owner_id, ..Token::default() };
            (token, Some(TokenKind::Oauth))
        }
        Told::Nothing => (Token::default(), Some(TokenKind::FineGrained)),
    };
    let user = match (&seen.user, token.user_id) {
        (Some(user), _) => user.clone(),
        (None, Some(id)) => named(client, id)?,
        (None, None) => User::default(),
    };
    Ok(Connected {
        memberships: user.memberships(),
        kind: kind.or_else(|| bot_kind(&user)).unwrap_or(TokenKind::Personal),
        name: if user.name.is_empty() { token.name } else { user.name },
        username: user.username,
        scopes: token.scopes,
        expires_on: token.expires_at,
        version: None,
        abilities: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Tokens for git only may not even know their user's name.
fn named(client: &Client<'_>, id: u64) -> Result<User, Error> {
    match client.read(token::user(id)) {
        Err(error) if matches!(error.code, Code::TokenScope | Code::RoleTooLow) => Ok(User::default()),
        user => user,
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

fn expiry_warning(expires_on: Option<&str>, now_ms: u64) -> Option<String> {
    let date = expires_on?;
    let today = i64::try_from(now_ms / DAY_MS).ok()?;
    let left = days_since_1970(date)? - today;
    match left {
        ..=0 => Some(format!("The token has expired on {date}.")),
        1 => Some(format!("The token expires tomorrow, on {date}: rotate it today.")),
        2..=7 => Some(format!("The token expires in {left} days, on {date}: rotate it now.")),
        8..=30 => Some(format!("The token expires in {left} days, on {date}: rotate it soon.")),
        31..=WARN_DAYS => Some(format!("The token expires in {left} days, on {date}.")),
        _ => None,
    }
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
    fn an_expiry_is_told_from_sixty_days_on() {
        let today = 20_849 * DAY_MS + 5;
        for (date, word) in [
            ("2027-01-31", Some("has expired")),
            ("2027-02-01", Some("tomorrow")),
            ("2027-02-07", Some("in 7 days")),
            ("2027-02-08", Some("in 8 days, on 2027-02-08: rotate it soon.")),
            ("2027-03-02", Some("in 30 days, on 2027-03-02: rotate it soon.")),
            ("2027-03-03", Some("in 31 days, on 2027-03-03.")),
            ("2027-04-01", Some("in 60 days, on 2027-04-01.")),
            ("2027-04-02", None),
        ] {
            let warning = expiry_warning(Some(date), today);
            assert_eq!(warning.is_some(), word.is_some(), "{date}: {warning:?}");
            assert!(warning.unwrap_or_default().contains(word.unwrap_or_default()), "{date}");
        }
    }
}
