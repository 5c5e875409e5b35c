//! How a hook looks: never with its secrets, and with what the version knows.

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::clock::iso_millis;
use crate::hooks::hook::{Hook, Owner};
use crate::hooks::trigger::Trigger;
use crate::version::Version;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Lists leave variables and headers out.
    List,
    /// Everything.
    Full,
}

/// The entity.
pub(super) fn show(app: &App, hook: &Hook, detail: Detail) -> Value {
    let settings = app.world().settings.clone();
    let (version, now) = (&settings.version, app.now());
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    put("id", hook.id.into());
    put("url", hook.url.clone().into());
    put("created_at", iso_millis(hook.created_at).into());
    put("enable_ssl_verification", hook.verify_tls.into());
    put("alert_status", hook.status(&settings.hooks, now).word().into());
    put("disabled_until", json!(hook.breaker.until().map(iso_millis)));
    put("push_events_branch_filter", json!(hook.branches.pattern()));
    put("branch_filter_strategy", hook.branches.strategy().into());
    if version.at_least(17, 1) {
        put("name", json!(hook.name));
        put("description", json!(hook.description));
    }
    if version.at_least(18, 6) {
        put("organization_id", 1.into());
    }
    if version.at_least(16, 10) {
        put("custom_webhook_template", json!(hook.template));
    }
    if version.at_least(19, 0) {
        put("token_present", hook.token.is_some().into());
        put("signing_token_present", hook.signing.is_some().into());
    }
    for trigger in shown_triggers(hook.owner, version) {
        put(trigger.parameter(), hook.triggers.contains(&trigger).into());
    }
    match hook.owner {
        Owner::Project(id) => put("project_id", id.into()),
        Owner::Group(id) => put("group_id", id.into()),
        Owner::System => None,
    };
    if detail == Detail::Full {
        let keys = |keys: Vec<&String>| keys.into_iter().map(|key| json!({ "key": key })).collect::<Vec<_>>();
        put("url_variables", keys(hook.variables.keys().collect()).into());
        if version.at_least(16, 11) {
            put("custom_headers", keys(hook.headers.keys().collect()).into());
        }
    }
    Value::Object(shown)
}

/// What hooks of this owner can listen to.
pub(super) fn shown_triggers(owner: Owner, version: &Version) -> impl Iterator<Item = Trigger> {
    use Trigger::{
        Emoji, Member, MergeRequests, Milestone, Project, Push, RepositoryUpdate, ResourceAccessToken,
        ResourceDeployToken, Subgroup, System, TagPush, Vulnerability,
    };
    let version = version.clone();
    let fits = move |trigger: Trigger| match trigger {
        System => false,
        Push | TagPush | MergeRequests | RepositoryUpdate => true,
        _ if owner == Owner::System => false,
        Subgroup | Member => matches!(owner, Owner::Group(_)),
        Project => matches!(owner, Owner::Group(_)) && version.at_least(17, 3),
        Vulnerability => version.at_least(17, 7),
        ResourceDeployToken => version.at_least(19, 0),
        ResourceAccessToken => version.at_least(16, 10),
        Emoji => version.at_least(16, 2),
        Milestone => version.at_least(18, 2),
        _ => true,
    };
    Trigger::ALL.iter().copied().filter(move |&trigger| fits(trigger))
}
