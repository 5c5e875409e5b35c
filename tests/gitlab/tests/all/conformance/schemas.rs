//! Against the JSON schemas that GitLab tests its own API with (`schemas/public_api/v4` in `GITLAB_RECORDINGS`): required
//! keys, types and nullability. That a schema forbids further keys is not held: it knows nothing of the Enterprise Edition.

use std::path::{Path, PathBuf};

use gitlab_sim::Settings;
use serde_json::Value;

use super::calls::{self, Exchange};
use super::difference::{self, Exceptions};
use super::recordings::folder;
use super::shape::Kind;
use super::stage::Stage;

/// Which schema an answer must pass.
const TABLE: [(&str, &str, &str); 28] = [
    ("branch.json", "GET", "/api/v4/projects/{id}/repository/branches/{branch}"),
    ("branches.json", "GET", "/api/v4/projects/{id}/repository/branches"),
    ("commit/detail.json", "GET", "/api/v4/projects/{id}/repository/commits/{sha}"),
    ("commit/detail.json", "POST", "/api/v4/projects/{id}/repository/commits"),
    ("commits_with_stats.json", "GET", "/api/v4/projects/{id}/repository/commits"),
    ("deployment.json", "GET", "/api/v4/projects/{id}/deployments/{deployment_id}"),
    ("job.json", "GET", "/api/v4/projects/{id}/jobs/{job_id}"),
    ("labels/project_label_with_counts.json", "GET", "/api/v4/projects/{id}/labels"),
    ("labels/project_label.json", "GET", "/api/v4/projects/{id}/labels/{name}"),
    ("labels/label_with_counts.json", "GET", "/api/v4/groups/{id}/labels"),
    ("members.json", "GET", "/api/v4/projects/{id}/members"),
    ("members.json", "GET", "/api/v4/groups/{id}/members/all"),
    ("merge_request.json", "GET", "/api/v4/projects/{id}/merge_requests/{iid}"),
    ("merge_request.json", "POST", "/api/v4/projects/{id}/merge_requests"),
    ("merge_requests.json", "GET", "/api/v4/projects/{id}/merge_requests"),
    ("metadata.json", "GET", "/api/v4/metadata"),
    ("notes.json", "GET", "/api/v4/projects/{id}/merge_requests/{iid}/notes"),
    ("pipelines.json", "GET", "/api/v4/projects/{id}/pipelines"),
    ("pipeline/detail.json", "GET", "/api/v4/projects/{id}/pipelines/{pipeline_id}"),
    ("project_hook.json", "GET", "/api/v4/projects/{id}/hooks/{hook_id}"),
    ("project_hooks.json", "GET", "/api/v4/projects/{id}/hooks"),
    ("project_hook.json", "POST", "/api/v4/projects/{id}/hooks"),
    ("system_hook.json", "GET", "/api/v4/hooks/{hook_id}"),
    ("system_hooks.json", "GET", "/api/v4/hooks"),
    ("resource_access_token.json", "GET", "/api/v4/projects/{id}/access_tokens/{token_id}"),
    ("resource_access_tokens.json", "GET", "/api/v4/groups/{id}/access_tokens"),
    ("user/basics.json", "GET", "/api/v4/projects/{id}/merge_requests/{iid}/participants"),
    ("user/public.json", "GET", "/api/v4/user"),
];

/// A schema, where it came from, and what it refers to.
struct Schemas {
    root: PathBuf,
}

impl Schemas {
    fn read(&self, name: &str, beside: &Path) -> (Value, PathBuf) {
        let places = [beside.join(name), self.root.join("public_api/v4").join(name), self.root.join(name)];
        let file = places.into_iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("no schema `{name}`"));
        let beside = file.parent().unwrap().to_owned();
        (serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap(), beside)
    }

    /// Adds what a schema forbids about a value.
    fn judge(&self, here: &str, schema: &Value, beside: &Path, value: &Value, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let (schema, beside) = self.read(name.split('#').next().unwrap_or(name), beside);
            return self.judge(here, &schema, &beside, value, found);
        }
        for one in schema["allOf"].as_array().into_iter().flatten() {
            self.judge(here, one, beside, value, found);
        }
        for any in ["oneOf", "anyOf"].iter().filter_map(|key| schema[*key].as_array()) {
            let fits = |one: &&Value| {
                let mut complaints = Vec::new();
                self.judge(here, one, beside, value, &mut complaints);
                complaints.is_empty()
            };
            if !any.iter().any(|one| fits(&one)) {
                found.push(format!("{here}: fits no alternative"));
            }
        }
        if !types(schema).is_none_or(|types| types.contains(&word(value))) {
            found.push(format!("{here}: {} instead of {}", word(value), schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            found.push(format!("{here}: {value} is not allowed"));
        }
        match value {
            Value::Object(map) => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let missing = required.filter(|key| !map.contains_key(*key));
                found.extend(missing.map(|key| format!("{here}: missing key {key}")));
                for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
                    if let Some(value) = map.get(key) {
                        self.judge(&format!("{here} .{key}"), schema, beside, value, found);
                    }
                }
            }
            Value::Array(list) if schema["items"].is_object() => {
                list.iter().for_each(|item| self.judge(&format!("{here}[]"), &schema["items"], beside, item, found));
            }
            _ => {}
        }
    }
}

/// A schema's word for the type of a value.
fn word(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        other => Kind::of(other).word(),
    }
}

/// The types that a schema names; a whole number is a number, too.
fn types(schema: &Value) -> Option<Vec<&str>> {
    let mut types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    if types.contains(&"number") {
        types.push("integer");
    }
    Some(types)
}

/// Where a schema is wrong about what the wire says.
const EXCEPTIONS: Exceptions = &[
    ("labels/*_with_counts.json", "the schema is of one entry"),
    ("merge_request.json POST * .changes_count: null", "recorded: right after creation there is no difference yet"),
    ("notes.json *.resolved_by: object", "recorded: a user"),
];

#[tokio::test(flavor = "multi_thread")]
async fn answers_pass_the_schemas_that_gitlab_tests_itself_with() {
    let Some(folder) = folder() else { return difference::skipped("GITLAB_RECORDINGS") };
    let schemas = Schemas { root: folder.join("schemas") };
    let beside = schemas.root.join("public_api/v4");
    let mut stage = Stage::set(Settings::default()).await;
    let made = calls::make_all(&mut stage).await;
    let mut found = Vec::new();
    for (name, method, path) in TABLE {
        let fits =
            |made: &&Exchange| made.route.method == method && made.route.path == path && made.seen.status.is_success();
        let mut answers = made.iter().filter(fits).peekable();
        assert!(answers.peek().is_some(), "{method} {path} is not called");
        let (schema, beside) = schemas.read(name, &beside);
        for answer in answers {
            schemas.judge(&format!("{name} {method} {path}"), &schema, &beside, &answer.seen.json(), &mut found);
        }
    }
    difference::judge(found, EXCEPTIONS);
}
