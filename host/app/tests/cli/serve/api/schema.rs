//! Holds JSON against a schema of the description: as much of JSON Schema as the description uses, and anything else in it is an error.

use serde_json::Value;

/// Known words of a schema. One that is not here would be passed over in silence by a validator that is less strict.
const KNOWN: [&str; 10] = [
    "$ref",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "items",
    "oneOf",
    "properties",
    "required",
    "type",
];

/// Why `value` is not what `schema` says; nothing if it is.
pub(super) fn complaint(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return complaint(document, target.unwrap_or_else(|| panic!("{reference} leads nowhere")), value, at);
    }
    let unknown = schema.as_object().unwrap().keys().find(|key| !KNOWN.contains(&key.as_str()));
    assert_eq!(unknown, None, "{at}: a word of the schema is not known here");
    let parts = [alternatives(document, schema, value, at), kind(schema, value, at), words(schema, value, at)];
    parts
        .into_iter()
        .flatten()
        .next()
        .or_else(|| fields(document, schema, value, at))
        .or_else(|| items(document, schema, value, at))
}

fn alternatives(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let complaints = |all: &Value| -> Option<Vec<Option<String>>> {
        Some(all.as_array()?.iter().map(|one| complaint(document, one, value, at)).collect())
    };
    let fits = |all: &[Option<String>]| all.iter().filter(|one| one.is_none()).count();
    let any = complaints(&schema["anyOf"]).filter(|all| fits(all) == 0);
    let one = complaints(&schema["oneOf"]).filter(|all| fits(all) != 1);
    any.or(one).map(|all| format!("{at}: none or several fit: {all:?}"))
}

fn kind(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Null => return None,
        Value::String(kind) => vec![kind],
        kinds => kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect(),
    };
    let is = |kind: &&str| match *kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("{at}: {other} is no type here"),
    };
    (!kinds.iter().any(is)).then(|| format!("{at}: {value} is none of {kinds:?}"))
}

fn words(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let words = schema["enum"].as_array()?;
    (!words.contains(value)).then(|| format!("{at}: {value} is none of {words:?}"))
}

fn fields(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let (known, fields) = (schema["properties"].as_object()?, value.as_object()?);
    let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
    if let Some(missing) = required.into_iter().find(|name| !fields.contains_key(*name)) {
        return Some(format!("{at}: `{missing}` is missing"));
    }
    fields.iter().find_map(|(name, value)| match known.get(name) {
        Some(schema) => complaint(document, schema, value, &format!("{at}.{name}")),
        None => Some(format!("{at}: `{name}` is not described")),
    })
}

fn items(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let all = value.as_array()?.iter().enumerate();
    let schema = schema.get("items")?;
    all.into_iter().find_map(|(index, value)| complaint(document, schema, value, &format!("{at}[{index}]")))
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    use serde_json::json;
    let document = json!({ "shapes": { "Name": { "type": ["string", "null"], "description": "A name" } } });
    let name = json!({ "$ref": "#/shapes/Name" });
    let schema = json!({
        "type": "object",
        "properties": { "name": name, "job": { "type": "string", "enum": ["pull"] }, "all": { "type": "array", "items": { "type": "integer" } } },
        "required": ["name"],
        "additionalProperties": false,
    });
    let table = [
        (json!({ "name": "a" }), None),
        (json!({ "name": null, "job": "pull", "all": [1] }), None),
        (json!([]), Some("it: [] is none of")),
        (json!({}), Some("it: `name` is missing")),
        (json!({ "name": 1 }), Some("it.name: 1 is none of")),
        (json!({ "name": "a", "more": 1 }), Some("it: `more` is not described")),
        (json!({ "name": "a", "job": "push" }), Some("it.job: \"push\" is none of")),
        (json!({ "name": "a", "all": [1, "2"] }), Some("it.all[1]: \"2\" is none of")),
    ];
    for (value, expected) in table {
        let said = complaint(&document, &schema, &value, "it");
        assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{value}");
    }
    let one = json!({ "oneOf": [{ "type": "string" }, { "type": "string" }, { "type": "null" }] });
    assert!(complaint(&document, &one, &json!("both"), "it").is_some());
    assert_eq!(complaint(&document, &one, &json!(null), "it"), None);
}
