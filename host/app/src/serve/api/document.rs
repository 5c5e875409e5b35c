//! The description of the API for programs: `OpenAPI` 3.1, made of the list of routes and of `schemas.json`.

use super::routes::{self, Route};
use crate::serve::people::Role;
use serde_json::{Map, Value, json};

/// Shapes by name, each described for itself.
const SCHEMAS: &str = include_str!("schemas.json");

/// As the server at this address hands it out.
pub(super) fn text(base: &str) -> String {
    serde_json::to_string_pretty(&document(base)).expect("plain data")
}

pub(super) fn document(base: &str) -> Value {
    let mut paths = Map::new();
    for route in routes::all() {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method] = operation(&route);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("the file is part of the program and tested");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gitlab-sync",
            "version": "1",
            "description": "Keeps folders of Markdown and YAML files and GitLab projects in step. Answers of the connector have the same form as with `--json` on the command line.",
        },
        "servers": [{ "url": base }],
        "security": [{ "user": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "user": { "type": "http", "scheme": "bearer", "description": "A user's token, made by `gitlab-sync user add`" },
            },
            "schemas": schemas,
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "description": match route.role {
            Role::Viewer => "For everyone of the organisation.",
            Role::Admin => "For admins of the organisation.",
        },
        "responses": {
            route.status.to_string(): answer(route.answer),
            "default": {
                "description": "It was not done",
                "content": { "application/json": { "schema": reference("Problem") } },
            },
        },
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = route.body {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn answer(schema: Option<&str>) -> Value {
    match schema {
        Some(schema) => json!({
            "description": "Done",
            "content": { "application/json": { "schema": reference(schema) } },
        }),
        None => json!({ "description": "Done" }),
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn parameters(route: &Route) -> Vec<Value> {
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = route.query.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.words,
            "schema": { "type": parameter.kind },
        })
    });
    in_path.chain(in_query).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(String::from));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document("https://sync.example.com");
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let known: BTreeSet<_> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
        assert_eq!(used, known);
        let undescribed: Vec<_> = schemas.iter().filter(|(_, it)| !it["description"].is_string()).collect();
        assert!(undescribed.is_empty(), "{undescribed:?}");
    }

    #[test]
    fn operations_are_told_apart_and_say_what_they_take() {
        let all = routes::all();
        let ids: BTreeSet<_> = all.iter().map(|route| route.id).collect();
        let places: BTreeSet<_> = all.iter().map(|route| (route.method, route.path)).collect();
        assert_eq!((ids.len(), places.len()), (all.len(), all.len()));
        for route in &all {
            // A new secret or address is asked for without a word.
            let wordless = ["rotateWebhook", "readdressWebhook"].contains(&route.id);
            let sends = matches!(route.method, "post" | "put") && !wordless;
            assert_eq!(route.body.is_some(), sends, "{}", route.id);
            assert_eq!(route.answer.is_none(), route.status == 204, "{}", route.id);
            assert!(route.role == Role::Admin || route.method == "get", "a viewer changes nothing: {}", route.id);
        }
    }
}
