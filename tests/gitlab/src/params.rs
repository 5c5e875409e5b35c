//! Parameters of a request: query, form and JSON body in one map, read the way Grape reads them.
//!
//! Grape complains about all bad parameters at once, joined with commas, in the order of declaration: [`Checks`] collects.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// All parameters of a request.
#[derive(Debug, Clone, Default)]
pub struct Params {
    map: Map<String, Value>,
}

impl Params {
    /// Reads a query string or a form body.
    pub fn from_query(query: &str) -> Self {
        let mut params = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.put_form(&decode(key), Value::String(decode(value)));
        }
        params
    }

    /// Parameters of a JSON object.
    pub fn from_map(map: Map<String, Value>) -> Self {
        Self { map }
    }

    /// Adds the parameters of `other` over these.
    pub fn merge(&mut self, other: Self) {
        self.map.extend(other.map);
    }

    /// The value as it came.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    /// Whether the parameter was sent at all.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The value as text; numbers and booleans are spelled out, null and structures are nothing.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.map.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// The value as text when it is not blank.
    pub fn filled(&self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.trim().is_empty())
    }

    /// Every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.map.iter()
    }

    /// Starts to check parameters.
    pub fn checks(&self) -> Checks<'_> {
        Checks { params: self, complaints: Vec::new() }
    }

    /// `a[]=1`, `a[b]=1` and `a[][b]=1` as Rack nests them.
    fn put_form(&mut self, key: &str, value: Value) {
        let Some((name, rest)) = key.split_once('[') else {
            self.map.insert(key.to_owned(), value);
            return;
        };
        let rest: Vec<&str> = rest.split('[').map(|part| part.trim_end_matches(']')).collect();
        nest(self.map.entry(name.to_owned()).or_insert(Value::Null), &rest, value);
    }
}

fn nest(slot: &mut Value, path: &[&str], value: Value) {
    let Some((&first, rest)) = path.split_first() else {
        *slot = value;
        return;
    };
    if !first.is_empty() {
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        if let Value::Object(map) = slot {
            nest(map.entry(first.to_owned()).or_insert(Value::Null), rest, value);
        }
        return;
    }
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    let Value::Array(list) = slot else { return };
    // A repeated key begins the next element: `a[][x]=1&a[][y]=2&a[][x]=3` has two.
    let goes_on = rest.first().is_some_and(|key| list.last().is_some_and(|last| last.get(*key).is_none()));
    if !goes_on {
        list.push(Value::Null);
    }
    if let Some(last) = list.last_mut() {
        nest(last, rest, value);
    }
}

/// Decodes a part of a query: `+` is a space.
pub fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// Collects complaints about parameters.
#[derive(Debug)]
pub struct Checks<'a> {
    params: &'a Params,
    complaints: Vec<String>,
}

impl Checks<'_> {
    /// A text that must be there and not be blank.
    pub fn required(&mut self, key: &str) -> String {
        if !self.params.has(key) {
            self.complain(format!("{key} is missing"));
            return String::new();
        }
        match self.params.filled(key) {
            Some(text) => text,
            None => {
                self.complain(format!("{key} is empty"));
                String::new()
            }
        }
    }

    /// A text that must be there but may be blank.
    pub fn present(&mut self, key: &str) -> String {
        if !self.params.has(key) {
            self.complain(format!("{key} is missing"));
        }
        self.params.text(key).unwrap_or_default()
    }

    /// A whole number, or `default`.
    pub fn integer(&mut self, key: &str, default: i64) -> i64 {
        let Some(text) = self.params.filled(key) else { return default };
        text.trim().parse().unwrap_or_else(|_| {
            self.complain(format!("{key} is invalid"));
            default
        })
    }

    /// A truth value, or `default`. GitLab takes `true`, `1`, `on`, `yes` and their opposites.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some(text) = self.params.filled(key) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "on" | "yes" | "y" => true,
            "false" | "f" | "0" | "off" | "no" | "n" => false,
            _ => {
                self.complain(format!("{key} is invalid"));
                default
            }
        }
    }

    /// A point in time or a day, or nothing.
    pub fn time(&mut self, key: &str) -> Option<Timestamp> {
        let text = self.params.filled(key)?;
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
        let time = text.parse::<Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
        if time.is_none() {
            self.complain(format!("{key} is invalid"));
        }
        time
    }

    /// One of some words, or the first of them.
    pub fn one_of<'w>(&mut self, key: &str, words: &[&'w str]) -> &'w str {
        let first = words.first().copied().unwrap_or_default();
        let Some(text) = self.params.text(key) else { return first };
        words.iter().copied().find(|word| *word == text).unwrap_or_else(|| {
            self.complain(format!("{key} does not have a valid value"));
            first
        })
    }

    /// Adds a complaint.
    pub fn complain(&mut self, text: String) {
        self.complaints.push(text);
    }

    /// Shape 8, if anything was wrong.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.complaints.is_empty() { Ok(()) } else { Err(ApiError::invalid_params(&self.complaints.join(", "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn brackets_nest_as_rack_nests_them() {
        for (query, key, expected) in [
            ("a=1&a=2", "a", json!("2")),
            ("a[]=1&a[]=2", "a", json!(["1", "2"])),
            ("a[b]=1&a[c]=2", "a", json!({"b": "1", "c": "2"})),
            ("a[][x]=1&a[][y]=2&a[][x]=3", "a", json!([{"x": "1", "y": "2"}, {"x": "3"}])),
            ("a=x+y%2Bz", "a", json!("x y+z")),
        ] {
            assert_eq!(Params::from_query(query).get(key), Some(&expected), "{query}");
        }
    }

    #[test]
    fn all_complaints_come_in_one_line() {
        let params = Params::from_query("b=&page=x&state=nope");
        let mut checks = params.checks();
        checks.required("a");
        checks.required("b");
        checks.integer("page", 1);
        checks.one_of("state", &["opened"]);
        let error = checks.finish().unwrap_err();
        assert!(
            format!("{error:?}")
                .contains("a is missing, b is empty, page is invalid, state does not have a valid value")
        );
    }
}
