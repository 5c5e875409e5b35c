//! Webhooks of a project or a group. Their secrets are never returned by GitLab.

use super::client::{Client, json};
use super::{page, refusal};
use crate::error::{Code, Error};
use crate::host::Reply;
use crate::json::{self, Any, Fit, Kind, Take, Unfit};
use crate::request::{Method, Request, Target};

/// Pages of a list: GitLab allows a hundred webhooks per project, and an administrator more.
const PAGES: usize = 20;

/// Where webhooks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A project, by its number.
    Project(u64),
    /// A group, by its number: its webhooks hear of every project below.
    Group(u64),
}

/// What we read of a webhook. What an older GitLab does not say is taken for what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    /// Numeric.
    pub id: u64,
    /// What GitLab calls; parts that are variables are not shown.
    pub url: String,
    /// Where its maker can be named; since 17.1.
    pub description: String,
    /// Empty for all branches.
    pub push_events_branch_filter: String,
    /// `wildcard`, `regex` or `all_branches`; empty before 15.8, where it is always the first.
    pub branch_filter_strategy: String,
    /// `executable`, `temporarily_disabled` or `disabled`.
    alert_status: String,
    /// What deliveries look like instead of GitLab's own form.
    pub custom_webhook_template: String,
    /// Everything that is on or off.
    flags: Vec<(String, bool)>,
}

/// A webhook while it is read. One odd field must not hide it: another type than text is as good as no text.
#[derive(Default)]
struct Reading {
    fields: Any,
    hook: Hook,
}

impl<'a> Take<'a> for Reading {
    fn opens(&mut self, kind: Kind) -> Fit {
        if kind == Kind::Object { self.fields.opens(kind) } else { Err(Unfit) }
    }

    fn field(&mut self, name: &str, at: Option<usize>) -> Option<&mut dyn Take<'a>> {
        self.fields.field(name, at)
    }

    fn closes(&mut self, _: Kind) -> Fit {
        self.hook = Hook::of(&self.fields).ok_or(Unfit)?;
        Ok(())
    }
}

/// What we read of a delivery's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Rises.
    pub id: u64,
    /// A number as text, or `internal error`.
    pub response_status: String,
}

impl Record {
    /// As GitLab counts it: redirects too.
    pub fn is_success(&self) -> bool {
        matches!(self.response_status.as_bytes(), [b'2' | b'3', _, _])
    }
}

json::object!(Record { ; id, response_status });

impl Hook {
    /// None without a number.
    fn of(said: &Any) -> Option<Self> {
        let text = |name: &str| said.get(name).and_then(Any::text).unwrap_or_default().to_owned();
        let Some(Any::Number(id)) = said.get("id") else { return None };
        Some(Self {
            id: *id,
            url: text("url"),
            description: text("description"),
            push_events_branch_filter: text("push_events_branch_filter"),
            branch_filter_strategy: text("branch_filter_strategy"),
            alert_status: text("alert_status"),
            custom_webhook_template: text("custom_webhook_template"),
            flags: said.fields().iter().filter_map(|(name, value)| Some((name.clone(), value.flag()?))).collect(),
        })
    }

    /// Its address without a password and without parameters, which can be secrets.
    pub fn shown_url(&self) -> String {
        let bare = self.url.split(['?', '#']).next().unwrap_or_default();
        let Some((scheme, rest)) = bare.split_once("://") else { return String::new() };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}/{path}")
    }

    /// Whether GitLab has stopped calling it.
    pub fn is_disabled(&self) -> bool {
        !matches!(self.alert_status.as_str(), "" | "executable")
    }

    /// Whether GitLab says that it signs.
    pub fn signs(&self) -> bool {
        self.is("signing_token_present") == Some(true)
    }

    /// Whether GitLab says that nothing proves its deliveries.
    pub fn has_no_secret(&self) -> bool {
        self.is("token_present") == Some(false) && !self.signs()
    }

    /// Whether its deliveries hold what they are signed with.
    pub fn tells_its_key(&self) -> bool {
        self.is("token_present") == Some(true) && self.signs()
    }

    /// Whether something is on, such as `push_events` or `token_present`. None: this GitLab does not say.
    pub fn is(&self, flag: &str) -> Option<bool> {
        self.flags.iter().find(|(name, _)| name == flag).map(|(_, is_on)| *is_on)
    }

    /// Whether pushes are sent.
    pub fn tells_of_pushes(&self) -> bool {
        self.is("push_events") == Some(true)
    }

    /// Whether its filter lets the branch through. A regular expression is taken for one that does: it is not ours to run.
    pub fn covers(&self, branch: &str) -> bool {
        let filter = &self.push_events_branch_filter;
        match self.branch_filter_strategy.as_str() {
            "regex" | "all_branches" => true,
            _ => filter.is_empty() || wildcard(filter, branch),
        }
    }
}

impl Place {
    /// Where its webhooks are listed and made.
    pub fn hooks(self) -> Target {
        match self {
            Self::Project(id) => Target::project(id, "hooks"),
            Self::Group(id) => Target::group(id, "hooks"),
        }
    }

    /// One webhook.
    pub fn hook(self, id: u64) -> Target {
        self.hooks().part(&id.to_string())
    }

    /// The list, in its largest pages.
    pub fn list(self) -> Target {
        self.hooks().query("per_page", "100")
    }

    /// The newest record of a delivery.
    pub fn deliveries(self, hook: u64) -> Target {
        self.hook(hook).fixed("events").query("per_page", "1")
    }
}

/// All of them, each once: of pages that repeat themselves, one webhook could look like two.
pub fn list(client: &Client<'_>, place: Place) -> Result<Vec<Hook>, Error> {
    let (mut all, mut cursor) = (Vec::<Hook>::new(), None);
    for _ in 0..PAGES {
        let (hooks, next) = page::read::<Reading>(client, place.list(), cursor.as_deref())?;
        for Reading { hook, .. } in hooks {
            if all.iter().all(|known| known.id != hook.id) {
                all.push(hook);
            }
        }
        if next.is_none() {
            return Ok(all);
        }
        cursor = next;
    }
    Err(Error::because(Code::PartialListing, place.hooks().path()))
}

/// The newest delivery of the last seven days.
pub fn last_delivery(client: &Client<'_>, place: Place, hook: u64) -> Result<Option<Record>, Error> {
    page::read(client, place.deliveries(hook), None).map(|(records, _)| records.into_iter().next())
}

/// A request that makes a webhook.
pub fn creation(client: &Client<'_>, place: Place, body: Vec<u8>) -> Request {
    Request::post(client.instance, place.hooks(), body)
}

/// A request that changes one.
pub fn change(client: &Client<'_>, place: Place, hook: u64, body: Vec<u8>) -> Request {
    Request { method: Method::Put, ..Request::post(client.instance, place.hook(hook), body) }
}

/// A request that removes one.
pub fn removal(client: &Client<'_>, place: Place, hook: u64) -> Request {
    Request { method: Method::Delete, ..Request::get(client.instance, place.hook(hook)) }
}

/// A request that has GitLab call one with a sample. A good answer to it is what wakes a disabled webhook; a change does not.
pub fn test(client: &Client<'_>, place: Place, hook: u64, event: &str) -> Request {
    Request { method: Method::Post, ..Request::get(client.instance, place.hook(hook).fixed("test").fixed(event)) }
}

/// What GitLab says a webhook is after it was made or changed. None: it is not there.
pub fn written(client: &Client<'_>, request: &Request) -> Result<Option<Hook>, Error> {
    let reply = client.exchange(request)?;
    if is_gone(&reply) && request.method == Method::Put {
        return Ok(None);
    }
    if !(200..300).contains(&reply.status) {
        return Err(refusal::refusal(request, &reply, client.host.now_ms()));
    }
    json(request, &reply).map(|Reading { hook, .. }| Some(hook))
}

/// Removes one. One that is not there is no error.
pub fn remove(client: &Client<'_>, place: Place, hook: u64) -> Result<(), Error> {
    let request = removal(client, place, hook);
    match client.send_raw(&request) {
        Ok(reply) if is_gone(&reply) || reply.status == 204 => Ok(()),
        // A proxy's page, or whatever else calls itself a success.
        Ok(reply) if (200..300).contains(&reply.status) => Err(refusal::not_json(&request, &reply)),
        outcome => client.checked(&request, outcome).map(drop),
    }
}

/// The webhook, that is. A project that is not found may be one that this token may no longer see.
fn is_gone(reply: &Reply) -> bool {
    reply.status == 404 && refusal::words(reply).is_some_and(|words| words.eq_ignore_ascii_case("404 not found"))
}

/// `*` stands for any text, also with slashes.
fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices().map(|(at, _)| at).chain([tail.len()]).any(|at| wildcard(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("https://me:pass@hooks.example.com/in?token=x#y", "https://hooks.example.com/in"),
            ("https://hooks.example.com", "https://hooks.example.com/"),
            ("nothing", ""),
        ] {
            assert_eq!(Hook { url: url.into(), ..Hook::default() }.shown_url(), shown);
        }
    }

    #[test]
    fn a_filter_covers_what_its_stars_stand_for() {
        let hook = |filter: &str, strategy: Option<&str>| Hook {
            push_events_branch_filter: filter.into(),
            branch_filter_strategy: strategy.unwrap_or_default().into(),
            ..Hook::default()
        };
        for (filter, strategy, branch, covered) in [
            ("", None, "main", true),
            ("main", Some("wildcard"), "main", true),
            ("main", Some("wildcard"), "maint", false),
            ("release/*", None, "release/1/x", true),
            ("*-stable", None, "1-0-stable", true),
            ("*-stable", None, "stable", false),
            ("^x$", Some("regex"), "main", true),
            ("other", Some("all_branches"), "main", true),
        ] {
            assert_eq!(hook(filter, strategy).covers(branch), covered, "{filter} {branch}");
        }
    }
}
