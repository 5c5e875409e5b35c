//! The shape of JSON: which keys with which types at which path, merged over any number of examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

/// A type of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// What is at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Types seen here.
    pub(super) kinds: BTreeSet<Kind>,
    /// How many objects were seen here.
    pub(super) objects: usize,
    /// What is under each key, and how many of the objects had it.
    pub(super) keys: BTreeMap<String, (usize, Shape)>,
    /// What is in arrays.
    pub(super) items: Option<Box<Shape>>,
}

impl Shape {
    /// The shape of one value.
    pub(super) fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(value);
        shape
    }

    /// Learns from one more value.
    pub(super) fn add(&mut self, value: &Value) {
        self.kinds.insert(Kind::of(value));
        match value {
            Value::Object(map) => {
                self.objects += 1;
                for (key, value) in map {
                    let (count, shape) = self.keys.entry(key.clone()).or_default();
                    *count += 1;
                    shape.add(value);
                }
            }
            Value::Array(list) => {
                let items = self.items.get_or_insert_default();
                list.iter().for_each(|value| items.add(value));
            }
            _ => {}
        }
    }

    /// The types, spelled out.
    pub(super) fn types(&self) -> String {
        self.kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join("|")
    }

    /// One line per place, `?` where not every object has the key.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        self.write("", "", &mut text);
        text
    }

    fn write(&self, path: &str, mark: &str, text: &mut String) {
        let shown = if path.is_empty() { "." } else { path };
        let _ = writeln!(text, "{shown}{mark}: {}", self.types());
        for (key, (count, shape)) in &self.keys {
            shape.write(&format!("{path}.{key}"), if *count < self.objects { "?" } else { "" }, text);
        }
        if let Some(items) = self.items.as_ref().filter(|items| !items.kinds.is_empty()) {
            items.write(&format!("{path}[]"), "", text);
        }
    }
}
