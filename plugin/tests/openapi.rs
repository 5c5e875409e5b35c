//! Every request that a permission table allows is one that GitLab describes (`GITLAB_OPENAPI=FILE`, the description of its API, which
//! is not part of this project): the route, each parameter and each key of the body. The host refuses requests outside the tables, so
//! this holds for all that the connector can send.

use std::collections::BTreeSet;
use std::io::Write;

use gitlab_sync_connector::about::{Rule, profiles};
use yaml_rust2::{Yaml, YamlLoader};

/// Where GitLab's pages know more than the description: the beginning of a difference, and why it is none.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("GET /api/v4/projects: no such parameter cursor", "of keyset pages: taken from the next page's link"),
    ("GET /api/v4/projects: no such parameter pagination", "every list that has keyset pages takes it"),
    ("GET /api/v4/projects/{#project}/repository/tree: no such parameter cursor", "of keyset pages, see above"),
    (
        "POST /api/v4/projects/{#project}/repository/commits: no such parameter",
        "described as the upload that it may be, too",
    ),
];

/// Keys of bodies that GitLab has since a later version than the description's: how the difference ends, and since when.
const NEWER: &[(&str, &str)] = &[("no such parameter signing_token", "of webhooks, since 19.0")];

/// What stands below a key, if anything.
fn at<'d>(yaml: &'d Yaml, key: &str) -> Option<&'d Yaml> {
    yaml.as_hash()?.get(&Yaml::String(key.to_owned()))
}

/// The path without the names of its parameters.
fn nameless(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    // The extension of an archive is a parameter.
    let path = path.replace("/archive.tar", "/archive");
    // And so is the event that a test is made of.
    let path = path.replace("/test/push_events", "/test/{}").replace("/test/merge_requests_events", "/test/{}");
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn operation<'d>(document: &'d Yaml, rule: &Rule) -> Option<&'d Yaml> {
    let mut paths = at(document, "paths")?.as_hash()?.iter();
    let wanted = nameless(rule.path);
    paths.find_map(|(path, item)| {
        let found = nameless(path.as_str()?) == wanted;
        found.then(|| at(item, &rule.method.to_lowercase())).flatten()
    })
}

/// Names of parameters, and keys of the body.
fn names(document: &Yaml, operation: &Yaml) -> BTreeSet<String> {
    let listed = at(operation, "parameters").and_then(Yaml::as_vec).into_iter().flatten();
    let mut names: BTreeSet<String> = listed.filter_map(|one| at(one, "name")?.as_str()).map(str::to_owned).collect();
    let bodies = at(operation, "requestBody").and_then(|body| at(body, "content")?.as_hash());
    for body in bodies.into_iter().flatten().filter_map(|(_, content)| at(content, "schema")) {
        let named = at(body, "$ref").and_then(Yaml::as_str).and_then(|name| name.rsplit('/').next());
        let schema = named.and_then(|name| at(at(at(document, "components")?, "schemas")?, name)).unwrap_or(body);
        let keys = at(schema, "properties").and_then(Yaml::as_hash).into_iter().flatten();
        names.extend(keys.filter_map(|(key, _)| key.as_str()).map(str::to_owned));
    }
    // `actions[][path]` is a key of what `actions` lists.
    names.iter().map(|name| name.split('[').next().unwrap_or(name).to_owned()).collect()
}

/// What the description does not have.
fn differences(document: &Yaml, rule: &Rule) -> Vec<String> {
    let here = format!("{} {}", rule.method, rule.path);
    let Some(operation) = operation(document, rule) else { return vec![format!("{here}: no such operation")] };
    let known = names(document, operation);
    let keys = rule.json.iter().flat_map(|json| json.keys.iter());
    let unknown = rule.query.iter().chain(keys).filter(|name| !known.contains(**name));
    unknown.map(|name| format!("{here}: no such parameter {name}")).collect()
}

#[test]
fn every_request_that_is_allowed_is_one_that_gitlab_describes() {
    let Some(file) = std::env::var_os("GITLAB_OPENAPI") else {
        // Not `eprintln`, which is kept from whoever runs the tests.
        let skipped =
            "SKIPPED: set GITLAB_OPENAPI to GitLab's description of its API to compare the permission tables with it";
        return writeln!(std::io::stderr(), "{skipped}").unwrap();
    };
    let document = YamlLoader::load_from_str(&std::fs::read_to_string(file).unwrap()).unwrap().remove(0);
    let rules: Vec<Rule> = profiles().into_iter().flat_map(|profile| profile.rules).collect();
    // What is not below /api/v4 is described nowhere: GraphQL, and OAuth.
    let described = rules.iter().filter(|rule| rule.path.starts_with("/api/v4/"));
    let found: BTreeSet<String> = described.flat_map(|rule| differences(&document, rule)).collect();
    let is_known = |line: &&String| {
        EXCEPTIONS.iter().any(|(begin, _)| line.starts_with(begin)) || NEWER.iter().any(|(end, _)| line.ends_with(end))
    };
    let unexpected: Vec<_> = found.iter().filter(|line| !is_known(line)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}
