//! Against GitLab's own description of its API (`GITLAB_OPENAPI=FILE`).
//!
//! The description is generated, and weak in known ways: a type that nobody wrote down is `string`, a list is shown as its
//! entry, what is nullable is not said, and most refusals are missing. So: an undeclared type says nothing, a reference may
//! be an object, null or a list of objects, and null is allowed everywhere. Keys are compared both ways.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};
use yaml_rust2::{Yaml, YamlLoader};

use super::calls::{self, Exchange};
use super::difference::{self, Exceptions};
use super::shape::Kind;
use super::stage::Stage;

/// Every endpoint takes these, whether or not the description says so.
const EVERYWHERE: [&str; 3] = ["page", "per_page", "pagination"];

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    lines: Vec<String>,
    places: BTreeMap<String, Place>,
}

/// Keys of one schema. One is missing when no answer at all had it: many are shown under conditions.
#[derive(Debug, Default)]
struct Place {
    declared: BTreeSet<String>,
    shown: BTreeSet<String>,
}

impl Found {
    fn push(&mut self, line: String) {
        self.lines.push(line);
    }

    fn extend(&mut self, lines: impl Iterator<Item = String>) {
        self.lines.extend(lines);
    }

    fn into_lines(mut self) -> Vec<String> {
        for (here, place) in &self.places {
            self.lines.extend(place.declared.difference(&place.shown).map(|key| format!("{here}: missing key {key}")));
        }
        self.lines
    }
}

pub(super) struct Document(Value);

impl Document {
    /// The document of the environment, if there is one.
    pub(super) fn of_environment() -> Option<Self> {
        let file = std::env::var_os("GITLAB_OPENAPI")?;
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if text.starts_with('{') {
            return Some(Self(serde_json::from_str(&text).unwrap()));
        }
        Some(Self(json(&YamlLoader::load_from_str(&text).unwrap()[0])))
    }

    /// The operation of a route. Names of parameters may differ.
    pub(super) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let wanted = nameless(path);
        let paths = self.0["paths"].as_object()?.iter();
        let found = paths.filter(|(path, _)| nameless(path) == wanted).map(|(_, item)| item);
        let method = method.to_lowercase();
        found.filter_map(|item| item.get(&method)).next()
    }

    fn schema<'d>(&'d self, schema: &'d Value) -> &'d Value {
        let name = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/"));
        name.map_or(schema, |name| &self.0["components"]["schemas"][name])
    }

    /// Names of parameters that an operation takes in path, query and body.
    pub(super) fn params(&self, operation: &Value) -> BTreeSet<String> {
        let listed = operation["parameters"].as_array().into_iter().flatten();
        let listed = listed.filter_map(|param| param["name"].as_str());
        let mut names: BTreeSet<String> = listed.map(|name| first_part(name).to_owned()).collect();
        for content in operation["requestBody"]["content"].as_object().into_iter().flat_map(Map::values) {
            let body = self.schema(&content["schema"]);
            names.extend(
                body["properties"].as_object().into_iter().flat_map(Map::keys).map(|key| first_part(key).to_owned()),
            );
        }
        names.extend(EVERYWHERE.map(str::to_owned));
        names
    }

    /// What is different about one exchange.
    fn compare(&self, made: &Exchange, found: &mut Found) {
        let route = &made.route;
        let here = format!("{} {}", route.method, route.path);
        // What is not below /api/v4 is described nowhere.
        if !route.path.starts_with("/api/v4/") {
            return;
        }
        let described = if route.method == "HEAD" {
            self.operation("HEAD", &route.path).or_else(|| self.operation("GET", &route.path))
        } else {
            self.operation(route.method, &route.path)
        };
        let Some(operation) = described else {
            found.push(format!("{here}: no such operation"));
            return;
        };
        let known = self.params(operation);
        found.extend(made.params.difference(&known).map(|name| format!("{here}: no such parameter {name}")));
        let status = made.seen.status.as_u16();
        let Some(response) = operation["responses"].get(status.to_string()) else {
            // Most refusals are not described.
            if status < 400 {
                found.push(format!("{here}: no such status {status}"));
            }
            return;
        };
        let kind = made.seen.header("content-type").unwrap_or_default();
        let content = response["content"].as_object();
        if let Some(content) = content.filter(|content| !content.is_empty() && status < 300 && status != 204)
            && !content.keys().any(|known| kind.starts_with(known.as_str()))
        {
            found.push(format!("{here}: content type `{kind}`"));
        }
        if route.method != "HEAD" && kind.starts_with("application/json") && !made.seen.body.is_empty() {
            let schema = &response["content"]["application/json"]["schema"];
            self.value(&here, schema, &made.seen.json(), found);
        }
    }

    fn value(&self, here: &str, schema: &Value, value: &Value, found: &mut Found) {
        let declared = self.schema(schema);
        // A named schema is compared once, wherever it is used.
        let here = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or(here);
        if declared.is_null() || value.is_null() {
            return;
        }
        if let Some(list) = value.as_array() {
            let items = match declared["type"].as_str() {
                Some("array" | "Array") => &declared["items"],
                _ => declared,
            };
            list.iter().for_each(|item| self.value(here, items, item, found));
            return;
        }
        match (declared["properties"].as_object(), value) {
            (Some(properties), Value::Object(map)) => {
                let unknown = map.keys().filter(|key| !properties.contains_key(*key));
                found.extend(unknown.map(|key| format!("{here}: undeclared key {key}")));
                let place = found.places.entry(here.to_owned()).or_default();
                place.declared.extend(properties.keys().cloned());
                place.shown.extend(map.keys().cloned());
                for (key, value) in map {
                    if let Some(schema) = properties.get(key) {
                        self.value(&format!("{here} .{key}"), schema, value, found);
                    }
                }
            }
            (Some(_), other) => found.push(format!("{here}: {} instead of an object", Kind::of(other).word())),
            (None, other) => {
                if let Some(wanted) = expected(declared).filter(|wanted| !wanted.contains(&Kind::of(other))) {
                    let wanted: Vec<&str> = wanted.iter().map(|kind| kind.word()).collect();
                    found.push(format!("{here}: {} instead of {}", Kind::of(other).word(), wanted.join(" or ")));
                }
                let words = declared["enum"].as_array();
                if words.is_some_and(|words| !words.contains(other)) {
                    found.push(format!("{here}: {other} is none of the declared values"));
                }
            }
        }
    }
}

/// The types that a schema allows. `string` without an example or a format is what nobody declared.
fn expected(schema: &Value) -> Option<Vec<Kind>> {
    let of_example = schema.get("example").filter(|example| !example.is_null()).map(Kind::of);
    match schema["type"].as_str()? {
        "integer" | "int" | "number" | "Float" => Some(vec![Kind::Number]),
        "boolean" | "Boolean" => Some(vec![Kind::Boolean]),
        "array" | "Array" => Some(vec![Kind::Array]),
        "object" => Some(vec![Kind::Object]),
        "DateTime" | "date-time" => Some(vec![Kind::String]),
        // An example written as text may stand for a number or a truth value.
        "string" => of_example.filter(|kind| *kind != Kind::String).map(|kind| vec![kind, Kind::String]),
        _ => None,
    }
}

fn first_part(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

fn nameless(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        // `archive.{format}` has its parameter inside.
        if part.starts_with('{') { "{}" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(text) => text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        Yaml::Integer(number) => (*number).into(),
        Yaml::String(text) => text.clone().into(),
        Yaml::Boolean(flag) => (*flag).into(),
        Yaml::Array(list) => list.iter().map(json).collect(),
        Yaml::Hash(map) => {
            let key = |key: &Yaml| match key {
                Yaml::String(text) => text.clone(),
                other => json(other).to_string(),
            };
            map.iter().map(|(name, value)| (key(name), json(value))).collect::<Map<_, _>>().into()
        }
        _ => Value::Null,
    }
}

/// Where recordings, GitLab's source or its pages contradict the description.
const EXCEPTIONS: Exceptions = &[
    ("APIEntitiesBasicProjectDetails: undeclared key", "lists are described as simple and are not, unless asked to be"),
    ("APIEntitiesCiPipelineBasic: undeclared key name", "the list of a project has it, recorded since 15.10"),
    ("APIEntitiesCiJob: undeclared key source", "GitLab's own page shows it"),
    ("APIEntitiesCommit: undeclared key stats", "a list with `with_stats` is described as one without"),
    ("APIEntitiesGroup: undeclared key", "making and changing a group answer its detail"),
    ("APIEntitiesMember: undeclared key", "the user's own keys are merged in, which the description shows as `user`"),
    ("APIEntitiesMember: missing key user", "see above"),
    ("APIEntitiesMergeRequestApprovals: undeclared key", "described as Free has it"),
    ("APIEntitiesPersonalAccessToken: ", "`/self/associations` is described with the wrong entity"),
    ("APIEntitiesProject: undeclared key permissions", "shown to whoever is signed in, and described for lists only"),
    ("APIEntitiesUser: undeclared key", "administrators see more"),
    ("APIEntitiesUserBasic: undeclared key", "administrators see more"),
    ("APIEntitiesUserPublic: undeclared key", "administrators see more"),
    ("DELETE /api/v4/groups/{id}: no such status 202", "deletion is delayed"),
    ("DELETE /api/v4/projects/{id}/merge_requests/{iid}: no such status 204", "the good answer is not described"),
    ("GET /api/v4/projects/{id}/repository/archive.*: no such operation", "the extension is part of the path"),
    ("POST *: no such status 201", "known error of the description: the wire says 201"),
    ("POST */rotate: no such status 200", "GitLab's pages and source say 200"),
    ("POST /api/v4/projects/{id}/repository/*: no such parameter", "read by hand, so Grape does not know them"),
    ("PUT /api/v4/projects/{id}/repository/*: no such parameter", "read by hand, so Grape does not know them"),
    ("PUT *hooks/{hook_id}/custom_headers/{key}: no such status 204", "GitLab's source says 204"),
    ("PUT *hooks/{hook_id}/url_variables/{key}: no such status 204", "GitLab's source says 204"),
    // Keys under conditions that are not modelled.
    ("*: missing key custom_attributes", "only with `with_custom_attributes`, for administrators"),
    ("*: missing key avatar_path", "only where one address in an interface is asked for"),
    ("*: missing key license", "only with `license`: no licence is recognised here"),
    ("*: missing key description_html", "only with `render_html`"),
    ("*: missing key title_html", "only with `render_html`"),
    ("*: missing key diverged_commits_count", "only with `include_diverged_commits_count`"),
    ("*: missing key allow_", "only for merge requests of forks, and for groups that may"),
    ("*: missing key mirror_", "only for projects that mirror another"),
    ("*: missing key only_mirror_protected_branches", "only for projects that mirror another"),
    ("*: missing key duo_", "of features of Duo, which are not modelled"),
    ("*: missing key auto_duo_code_review_enabled", "of features of Duo, which are not modelled"),
    ("APIEntitiesGroup*: missing key ldap_group_links", "only where LDAP is set up"),
    ("APIEntitiesGroup*: missing key saml_group_links", "only where SAML is set up"),
    ("APIEntitiesGroup*: missing key root_storage_statistics", "only for top-level groups with storage limits"),
    ("APIEntitiesGroupDetail: missing key", "of Ultimate, or only with a parameter"),
    ("APIEntitiesProject: missing key forked_from_project", "described elsewhere: the fork is shown with its access"),
    ("APIEntitiesProject: missing key owner", "described elsewhere: a personal project is shown with its access"),
    ("APIEntitiesProject: missing key statistics", "described elsewhere: shown with `statistics=true` and access"),
    ("APIEntitiesProject*: missing key mr_default_target_self", "only for forks of a public project"),
    ("APIEntitiesMember: missing key", "of enterprise users, SAML, SCIM, LDAP and custom roles"),
    ("APIEntitiesNamespace: missing key", "of subscriptions, on GitLab.com"),
    ("APIEntitiesCiJob: missing key artifacts_file", "only for jobs with artifacts"),
    ("APIEntitiesServiceAccount: missing key unconfirmed_email", "only while an address is unconfirmed"),
    ("APIEntitiesMergeRequestApprovalStateRule: missing key code_owner", "only for rules of code owners"),
    ("DetailedStatusEntity: missing key action", "only for what can be acted on"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_as_gitlab_describes_it() {
    let Some(document) = Document::of_environment() else { return difference::skipped("GITLAB_OPENAPI") };
    let mut stage = Stage::set(gitlab_sim::Settings::default()).await;
    let mut found = Found::default();
    for made in calls::make_all(&mut stage).await {
        document.compare(&made, &mut found);
    }
    difference::judge(found.into_lines(), EXCEPTIONS);
}
