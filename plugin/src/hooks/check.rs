//! Whether deliveries can arrive: URL, secret, events, branch, state and the last delivery, one after the other.
//!
//! Nothing is changed here. Where the token may not see webhooks, the list is one for a person to go through.

use super::ensure::{is_ours_to_keep, listed};
use super::{Kept, Mode, Room, Wanted};
use crate::configure::WEBHOOK;
use crate::diagnose::Check;
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::hook::{self, Hook, Place};
use crate::host::Host;

/// What to do about a webhook that we look after.
const REPAIR: &str = "Repair the webhook; it is done in place.";

/// Everything that a delivery needs.
pub fn check(client: &Client<'_>) -> Result<Vec<Check>, Error> {
    let Some(room) = Room::open(client.host)? else {
        return Ok(vec![Check::fail("webhook", &Code::NotConfigured.into())]);
    };
    if room.kept.mode == Mode::None {
        return Ok(vec![Check::pass("webhook", "none is wanted")]);
    }
    let mut checks = vec![secret(client.host)];
    if let Some(error) = &room.kept.by_hand {
        checks.push(Check::fail("webhook", error));
    }
    checks.extend(in_gitlab(client, &room)?);
    Ok(checks)
}

fn secret(host: &dyn Host) -> Check {
    match host.is_present(WEBHOOK) {
        Ok(true) => Check::pass("webhook secret", "it is there"),
        Ok(false) => Check::fail("webhook secret", &Code::SecretMissing.into()),
        Err(error) => Check::fail("webhook secret", &error.into()),
    }
}

/// What GitLab shows to maintainers only; others are told what to look at.
fn in_gitlab(client: &Client<'_>, room: &Room<'_>) -> Result<Vec<Check>, Error> {
    let kept = &room.kept;
    let hooks = match listed(client, kept.place) {
        Ok(hooks) => hooks,
        Err(error) if matches!(error.code, Code::RoleTooLow | Code::TokenScope | Code::Denied | Code::TierRequired) => {
            return Ok(by_hand(kept));
        }
        Err(error) => return Ok(vec![Check::fail("webhook", &error)]),
    };
    let branch = branch(client.host, kept)?;
    let wanted = is_ours_to_keep(client.host, kept)?;
    let Some(hook) = meant(&hooks, kept, wanted.as_ref(), &branch) else {
        return Ok(vec![missing(kept)]);
    };
    let mut checks = vec![Check::pass("webhook", format!("webhook {}", hook.id)), url(hook, kept)];
    if wanted.is_some() {
        let settled = room.webhook()?.settled && !hook.has_no_secret();
        let is_known = if settled {
            Ok("GitLab has confirmed it".to_owned())
        } else {
            Err(Error::because(Code::HookChanged, "GitLab has not confirmed the present secret"))
        };
        checks.push(kept_check("webhook Secret token", is_known));
    } else if hook.has_no_secret() {
        let error = Error::because(Code::HookSecret, &format!("webhook {} has none", hook.id));
        checks.push(Check::fail("webhook Secret token", &error));
    }
    checks.extend(flags(hook, kept, wanted.as_ref(), &branch));
    checks.push(last_delivery(client, kept.place, hook.id));
    Ok(checks)
}

/// Nobody has to have one: it is missed where somebody has said which.
fn missing(kept: &Kept) -> Check {
    match kept.mode {
        Mode::Manual(None) => Check::unchecked(
            "webhook",
            "there is none, and none is needed: changes come with the next pull",
            "To be told of changes at once, add one in Settings → Webhooks, with the URL and the secret of this connection.",
        ),
        _ => Check::fail("webhook", &Code::HookMissing.into()),
    }
}

fn branch(host: &dyn Host, kept: &Kept) -> Result<String, Error> {
    let configuration = crate::configure::Configuration::load(host)?;
    Ok(configuration.filter(|it| kept.place == Place::Project(it.project)).map(|it| it.branch).unwrap_or_default())
}

/// The one that is ours; of those that a person pasted, the one that would wake us, if any: the best of them.
fn meant<'h>(hooks: &'h [Hook], kept: &Kept, wanted: Option<&Wanted>, branch: &str) -> Option<&'h Hook> {
    if let Some(wanted) = wanted {
        let known = hooks.iter().find(|hook| kept.hook == Some(hook.id));
        return known.or_else(|| hooks.iter().find(|hook| wanted.is_ours(hook)));
    }
    let with_url = |hook: &&Hook| kept.url().is_none_or(|url| url == hook.url);
    let merit = |hook: &&Hook| (with_url(hook), hook.tells_of_pushes(), hook.covers(branch), !hook.is_disabled());
    hooks.iter().max_by_key(merit)
}

fn url(hook: &Hook, kept: &Kept) -> Check {
    const NAME: &str = "webhook URL";
    let finding = format!("GitLab calls `{}`", hook.shown_url());
    match kept.url() {
        Some(url) if url == hook.url => Check::pass(NAME, finding),
        Some(_) => {
            kept_check(NAME, Err(Error::because(Code::HookChanged, &format!("{finding}, which is another address"))))
        }
        None => Check::unchecked(NAME, finding, "Check that this is the address where the product receives webhooks."),
    }
}

fn kept_check(name: &'static str, outcome: Result<String, Error>) -> Check {
    let mut check = Check::of(name, outcome);
    if check.remedy.is_some() {
        check.remedy = Some(REPAIR.into());
    }
    check
}

fn flags(hook: &Hook, kept: &Kept, wanted: Option<&Wanted>, branch: &str) -> Vec<Check> {
    let id = hook.id;
    let missing = |why: String| Err(Error::because(Code::HookMissing, &why));
    let is_on = |good: bool, yes: String, no: String| if good { Ok(yes) } else { missing(no) };
    let mut checks = Vec::new();
    if kept.events == super::Events::Pushes {
        let events = is_on(hook.tells_of_pushes(), "on".into(), format!("Push events are off in webhook {id}"));
        checks.push(Check::of("webhook Push events", events));
        let yes = format!("`{branch}` is covered");
        let covers =
            is_on(hook.covers(branch), yes, format!("the branch filter of webhook {id} leaves out `{branch}`"));
        checks.push(Check::of("webhook branch", covers));
    }
    let enabled = if hook.is_disabled() { Err(Code::HookDisabled.into()) } else { Ok("GitLab calls it".to_owned()) };
    checks.push(Check::of("webhook state", enabled));
    let told = ["URL", "branch filter"];
    let others: Vec<_> =
        wanted.iter().flat_map(|wanted| wanted.differences(hook)).filter(|it| !told.contains(it)).collect();
    if !others.is_empty() {
        let changed = Error::because(Code::HookChanged, &format!("{} of webhook {id}", others.join(", ")));
        checks.push(kept_check("webhook settings", Err(changed)));
    }
    checks
}

fn last_delivery(client: &Client<'_>, place: Place, hook: u64) -> Check {
    const NAME: &str = "webhook delivery";
    let by_hand = "Look at Recent events of the webhook in Settings → Webhooks, or send a test there.";
    match hook::last_delivery(client, place, hook) {
        Ok(Some(delivery)) if delivery.is_success() => {
            Check::pass(NAME, format!("the last one was answered {}", delivery.response_status))
        }
        Ok(Some(delivery)) if delivery.response_status == "401" => {
            Check::fail(NAME, &Error::because(Code::HookSecret, "the last delivery was answered 401"))
        }
        Ok(Some(delivery)) => Check::fail(
            NAME,
            &Error::because(Code::HookFailing, &format!("the last one was answered `{}`", delivery.response_status)),
        ),
        Ok(None) => Check::unchecked(NAME, "there was none in the last seven days", by_hand),
        Err(_) => Check::unchecked(NAME, "GitLab does not show them, which it does since 17.3", by_hand),
    }
}

fn by_hand(kept: &Kept) -> Vec<Check> {
    let see = |name, remedy: &str| Check::unchecked(name, "the token may not see webhooks", remedy);
    let url = match kept.url() {
        Some(url) => format!("In Settings → Webhooks, check that the URL is `{url}`."),
        None => "In Settings → Webhooks, check that the URL is the address where the product receives webhooks.".into(),
    };
    let mut checks = vec![
        see("webhook URL", &url),
        see("webhook Secret token", "In Settings → Webhooks, paste the secret of this connection again."),
    ];
    if kept.events == super::Events::Pushes {
        checks.push(see("webhook Push events", "In Settings → Webhooks, check that Push events is on."));
        checks.push(see(
            "webhook branch",
            "In Settings → Webhooks, check that the branch filter lets the branch through.",
        ));
    }
    checks
}
