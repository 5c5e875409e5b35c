//! Custom payload templates: JSON with `{{path.to.value}}` in it.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

static PLACE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{\{(.+?)\}\}").expect("the pattern is constant"));

/// Why a template gave no payload.
#[derive(Debug, thiserror::Error)]
#[error("Error while parsing rendered custom webhook template: {0}")]
pub struct BadTemplate(String);

/// Fills a template with the values of a payload. Texts are escaped as JSON has them, without their quotes.
pub fn render(template: &str, payload: &Value) -> Result<Value, BadTemplate> {
    let mut arrays = false;
    let filled = PLACE.replace_all(template, |place: &Captures<'_>| {
        let value = place[1].split('.').try_fold(payload, |value, key| {
            arrays |= value.is_array();
            value.get(key)
        });
        let json = value.unwrap_or(&Value::Null).to_string();
        if value.is_some_and(Value::is_string) { json[1..json.len() - 1].to_owned() } else { json }
    });
    if arrays {
        return Err(BadTemplate("You may be trying to access an array value, which is not supported.".into()));
    }
    serde_json::from_str(&filled).map_err(|error| BadTemplate(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_take_values_of_the_payload_as_json() {
        let payload = json!({ "a": { "b": "say \"x\"\n" }, "n": 3, "list": [1] });
        let made = render(r#"{"t": "{{a.b}}!", "n": {{n}}, "none": {{nope}}, "all": {{a}}}"#, &payload).unwrap();
        assert_eq!(made, json!({ "t": "say \"x\"\n!", "n": 3, "none": null, "all": { "b": "say \"x\"\n" } }));
        assert!(render("{{n", &payload).is_err());
        assert!(render(r#"{"x": {{list.0}}}"#, &payload).unwrap_err().to_string().contains("array value"));
    }
}
