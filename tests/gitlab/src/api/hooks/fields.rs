//! The fields of a hook: what is read from a request, what it does to a hook, and which values GitLab refuses.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::StatusCode;
use regex::Regex;
use serde_json::{Value, json};

use super::entity::shown_triggers;
use crate::call::Call;
use crate::error::ApiError;
use crate::hooks::branch_filter::BranchFilter;
use crate::hooks::hook::{Hook, Owner};
use crate::hooks::signing::SigningKey;
use crate::hooks::target::{self, Target};
use crate::hooks::trigger::Trigger;
use crate::params::{Checks, Params};

const MAX_TEMPLATE: usize = 4096;
const MAX_DESCRIPTION: usize = 2048;
const MAX_NAME: usize = 255;
const MAX_HEADERS: usize = 20;
const MAX_VARIABLES: usize = 20;
const MAX_HEADER_VALUE: usize = 2048;

/// A header name: letters first, no doubled separators, a letter or digit last.
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[A-Za-z]+[0-9]*(?:[._-][A-Za-z0-9]+)*$").expect("the pattern is constant"));

/// What was sent; nothing for what was not.
#[derive(Debug, Default)]
pub(super) struct Fields {
    url: Option<String>,
    texts: Vec<(&'static str, Option<String>)>,
    token: Option<Option<String>>,
    signing: Option<Option<SigningKey>>,
    flags: Vec<(Trigger, bool)>,
    verify_tls: Option<bool>,
    strategy: Option<String>,
    pattern: Option<Option<String>>,
    variables: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    sent: usize,
}

impl Fields {
    /// Whether nothing was sent that a hook has.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == 0
    }
}

/// Why a hook cannot be kept.
#[derive(Debug)]
pub(super) enum Complaint {
    /// The URL.
    Url,
    /// The branch filter.
    BranchFilter,
    /// The custom headers.
    CustomHeaders,
    /// Anything else: the attribute, its name in sentences, and what is wrong with it.
    Other(&'static str, &'static str, String),
}

impl Complaint {
    /// What a creation says: one sentence.
    pub(super) fn on_create(self) -> String {
        match self {
            Self::Url => "Invalid url given".into(),
            Self::BranchFilter => "Invalid branch filter given".into(),
            Self::CustomHeaders => "Custom headers must be a valid json schema".into(),
            Self::Other(_, name, text) => format!("{name} {text}"),
        }
    }

    /// What a change says: a sentence for three attributes, the model's complaints for the rest.
    pub(super) fn on_change(self) -> ApiError {
        let sentence = |text: &str| ApiError::service(StatusCode::UNPROCESSABLE_ENTITY, text);
        match self {
            Self::Url => sentence("Invalid url given"),
            Self::BranchFilter => sentence("Invalid branch filter given"),
            Self::CustomHeaders => sentence("Custom headers validation failed"),
            Self::Other(key, _, text) => {
                let body = json!({ "message": { key: [text] } });
                ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, body)
            }
        }
    }
}

/// Reads the fields that hooks of this owner have in this version. Complaints of form are Grape's.
pub(super) fn read(call: &Call, owner: Owner, mut checks: Checks<'_>) -> Result<Fields, ApiError> {
    let params = &call.params;
    let version = call.app.world().settings.version.clone();
    let mut fields = Fields { url: params.text("url"), ..Fields::default() };
    let texts = [("name", (17, 1)), ("description", (17, 1)), ("custom_webhook_template", (16, 10))];
    for (key, (major, minor)) in texts {
        if params.has(key) && version.at_least(major, minor) {
            fields.texts.push((key, params.filled(key)));
        }
    }
    for trigger in shown_triggers(owner, &version) {
        if params.has(trigger.parameter()) {
            fields.flags.push((trigger, checks.flag(trigger.parameter(), false)));
        }
    }
    fields.token = params.has("token").then(|| params.text("token").filter(|token| !token.is_empty()));
    if params.has("enable_ssl_verification") {
        fields.verify_tls = Some(checks.flag("enable_ssl_verification", true));
    }
    if params.has("branch_filter_strategy") {
        fields.strategy = Some(checks.one_of("branch_filter_strategy", BranchFilter::STRATEGIES).to_owned());
    }
    fields.pattern = params.has("push_events_branch_filter").then(|| params.text("push_events_branch_filter"));
    if version.at_least(19, 0) && params.has("signing_token") {
        fields.signing = Some(signing(params, &mut checks));
    }
    fields.variables = pairs(params, "url_variables", &mut checks);
    if version.at_least(16, 11) {
        fields.headers = pairs(params, "custom_headers", &mut checks);
    }
    checks.finish()?;
    fields.sent = count(&fields);
    Ok(fields)
}

fn count(fields: &Fields) -> usize {
    let single = [
        fields.url.is_some(),
        fields.token.is_some(),
        fields.signing.is_some(),
        fields.verify_tls.is_some(),
        fields.strategy.is_some(),
        fields.pattern.is_some(),
    ];
    let many = fields.texts.len() + fields.flags.len() + fields.variables.len() + fields.headers.len();
    single.iter().filter(|sent| **sent).count() + many
}

fn signing(params: &Params, checks: &mut Checks<'_>) -> Option<SigningKey> {
    let token = params.text("signing_token").filter(|token| !token.is_empty())?;
    let key = SigningKey::parse(&token);
    if key.is_none() {
        checks.complain("signing_token is invalid".into());
    }
    key
}

/// `[{key, value}]` as a map.
fn pairs(params: &Params, name: &str, checks: &mut Checks<'_>) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    let Some(sent) = params.get(name) else { return map };
    let Value::Array(list) = sent else {
        checks.complain(format!("{name} is invalid"));
        return map;
    };
    for (index, pair) in list.iter().enumerate() {
        let part = |key: &str| pair.get(key).and_then(Value::as_str).map(str::to_owned);
        for key in ["key", "value"].into_iter().filter(|key| part(key).is_none()) {
            checks.complain(format!("{name}[{index}][{key}] is missing"));
        }
        map.extend(part("key").zip(part("value")));
    }
    map
}

/// Does what was asked. A new URL takes every secret with it that was not sent again; otherwise pairs are merged by key.
pub(super) fn fill(hook: &mut Hook, fields: Fields) {
    let moved = fields.url.as_ref().is_some_and(|url| *url != hook.url);
    if moved {
        hook.token = None;
        hook.variables.clear();
        hook.headers.clear();
    }
    hook.variables.extend(fields.variables);
    hook.headers.extend(fields.headers);
    if let Some(url) = fields.url {
        hook.url = url;
    }
    for (key, text) in fields.texts {
        match key {
            "name" => hook.name = text,
            "description" => hook.description = text,
            _ => hook.template = text,
        }
    }
    if let Some(token) = fields.token {
        hook.token = token;
    }
    if let Some(signing) = fields.signing {
        hook.signing = signing;
    }
    for (trigger, wanted) in fields.flags {
        if wanted {
            hook.triggers.insert(trigger)
        } else {
            hook.triggers.remove(&trigger)
        };
    }
    hook.verify_tls = fields.verify_tls.unwrap_or(hook.verify_tls);
    if fields.strategy.is_some() || fields.pattern.is_some() {
        let strategy = fields.strategy.unwrap_or_else(|| hook.branches.strategy().to_owned());
        let pattern = fields.pattern.unwrap_or_else(|| hook.branches.pattern().map(str::to_owned));
        hook.branches = BranchFilter::new(&strategy, pattern);
    }
}

/// What GitLab's model says of a hook.
pub(super) fn judge(call: &Call, hook: &Hook) -> Result<(), Complaint> {
    let url = target::interpolate(&hook.url, &hook.variables).map_err(|_| Complaint::Url)?;
    let target = Target::parse(&url).map_err(|_| Complaint::Url)?;
    // System hooks have a switch of their own, which is on.
    if target.is_local() && hook.owner != Owner::System && !call.app.world().settings.hooks.allow_local {
        return Err(Complaint::Url);
    }
    if !hook.branches.is_valid() {
        return Err(Complaint::BranchFilter);
    }
    judge_headers(hook)?;
    let fits = |(key, value): (&String, &String)| HEADER.is_match(key) && (1..=MAX_HEADER_VALUE).contains(&value.len());
    if hook.variables.len() > MAX_VARIABLES || !hook.variables.iter().all(fits) {
        return Err(Complaint::Other("url_variables", "Url variables", "must be a valid json schema".into()));
    }
    if hook.token.as_ref().is_some_and(|token| token.contains('\n')) {
        return Err(Complaint::Other("token", "Token", "is invalid".into()));
    }
    let lengths = [
        ("name", "Name", &hook.name, MAX_NAME),
        ("description", "Description", &hook.description, MAX_DESCRIPTION),
        ("custom_webhook_template", "Custom webhook template", &hook.template, MAX_TEMPLATE),
    ];
    for (key, name, text, max) in lengths {
        if text.as_ref().is_some_and(|text| text.chars().count() > max) {
            return Err(Complaint::Other(key, name, format!("is too long (maximum is {max} characters)")));
        }
    }
    Ok(())
}

fn judge_headers(hook: &Hook) -> Result<(), Complaint> {
    let fits = |(key, value): (&String, &String)| {
        HEADER.is_match(key) && (1..=MAX_HEADER_VALUE).contains(&value.len()) && !value.contains(['\r', '\n'])
    };
    let good = hook.headers.len() <= MAX_HEADERS && hook.headers.iter().all(fits);
    if good { Ok(()) } else { Err(Complaint::CustomHeaders) }
}
