//! The GraphQL schema against GitLab's types (`graphql/types.json` in `GITLAB_RECORDINGS`): every field that is there must
//! have GitLab's type, and its arguments must be GitLab's.

use std::collections::BTreeMap;

use gitlab_sim::Settings;
use serde_json::{Value, json};

use super::difference::{self, Exceptions};
use super::recordings::folder;
use super::stage::Stage;

const INTROSPECTION: &str = "{ __schema { types { name kind fields { name type { ...T } args { name type { ...T } } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// `[String!]!`.
fn spelled(of: &Value) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", spelled(&of["ofType"])),
        Some("LIST") => format!("[{}]", spelled(&of["ofType"])),
        _ => of["name"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Where the pages that `types.json` was made from are wrong or shortened.
const EXCEPTIONS: Exceptions = &[];

#[tokio::test(flavor = "multi_thread")]
async fn types_are_those_of_gitlab() {
    let Some(folder) = folder() else { return difference::skipped("GITLAB_RECORDINGS") };
    let known = std::fs::read_to_string(folder.join("graphql/types.json")).unwrap();
    let known: BTreeMap<String, Vec<Value>> = serde_json::from_str(&known).unwrap();
    let stage = Stage::set(Settings::default()).await;
    let token = format!("Bearer {}", stage.names["token:"]);
    let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
    let body = json!({ "query": INTROSPECTION }).to_string();
    let answer = stage.lab.send("POST", "/api/graphql", &headers, body).await.unwrap().json();
    let types = answer["data"]["__schema"]["types"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let (mut found, mut compared) = (Vec::new(), 0);
    for of in types {
        let name = of["name"].as_str().unwrap_or_default();
        let Some(fields) = known.get(name) else { continue };
        compared += 1;
        for field in of["fields"].as_array().into_iter().flatten() {
            let field_name = field["name"].as_str().unwrap_or_default();
            let here = format!("{name}.{field_name}");
            let Some(wanted) = fields.iter().find(|wanted| wanted["name"] == field["name"]) else {
                found.push(format!("{here}: no such field"));
                continue;
            };
            let (ours, theirs) = (spelled(&field["type"]), wanted["type"].as_str().unwrap_or_default());
            if ours != theirs {
                found.push(format!("{here}: {ours} instead of {theirs}"));
            }
            for arg in field["args"].as_array().into_iter().flatten() {
                let name = arg["name"].as_str().unwrap_or_default();
                // Every connection has these; the pages leave them out.
                if ["first", "last", "after", "before"].contains(&name) {
                    continue;
                }
                let wanted = wanted["args"].as_array().into_iter().flatten().find(|known| known["name"] == name);
                match wanted.and_then(|wanted| wanted["type"].as_str()) {
                    Some(theirs) if theirs == spelled(&arg["type"]) => {}
                    Some(theirs) => {
                        found.push(format!("{here}({name}): {} instead of {theirs}", spelled(&arg["type"])))
                    }
                    None => found.push(format!("{here}({name}): no such argument")),
                }
            }
        }
    }
    assert!(compared >= 8, "only {compared} types are known");
    difference::judge(found, EXCEPTIONS);
}
