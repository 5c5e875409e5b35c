//! Reading JSON into values of our own.
//!
//! A value says through [`Take`] what it wants, and one reader fills them all. Derived readers, one for each type, took 145 kB
//! more of the component than this. Decided here: that what nobody asks for is passed over unread, and that a field which has to be
//! there and is not, stands twice, or is of another type is an error. Not decided here: how deliveries are read, which are judged more
//! kindly (`webhook::value`).

mod any;
mod fields;
mod fill;
mod take;

pub use any::Any;
pub use fields::Names;
pub(crate) use fields::{fields, object};
pub use fill::{fill, is_json, read};
pub use serde_json::Error;
pub use take::{Anything, Fit, Kind, Owned, Scalar, Take, Text, Unfit};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[derive(Debug, Default, PartialEq)]
    struct File {
        path: String,
        size: u64,
        owner: Option<Owner>,
        tags: Vec<String>,
        hidden: bool,
    }

    #[derive(Debug, Default, PartialEq)]
    struct Owner {
        name: String,
    }

    object!(File { path, size; owner as "ownedBy", tags, hidden });
    object!(Owner { name; });

    #[test]
    fn what_is_asked_for_is_read_and_the_rest_passed_over() {
        let plain = || File { path: "a".into(), size: 1, ..File::default() };
        for (json, file) in [
            (r#"{"path":"a","size":1}"#, plain()),
            (r#" { "size" : 1 , "x" : [{"path":"b"}, -1, 1.5e9, null, "\u00e9"] , "path" : "\u0061" } "#, plain()),
            (r#"{"path":"a","size":1,"ownedBy":null,"owner":7,"tags":[]}"#, plain()),
            (
                r#"{"ownedBy":{"name":"o","x":{}},"path":"a","size":1}"#,
                File { owner: Some(Owner { name: "o".into() }), ..plain() },
            ),
            (
                r#"{"hidden":true,"tags":["x","y"],"size":1,"path":"a"}"#,
                File { hidden: true, tags: vec!["x".into(), "y".into()], ..plain() },
            ),
            (r#"{"path":"a","size":18446744073709551615}"#, File { size: u64::MAX, ..plain() }),
        ] {
            assert_eq!(read::<File>(json.as_bytes()).unwrap(), file, "{json}");
        }
    }

    #[test]
    fn what_lacks_a_field_or_has_it_twice_or_of_another_type_is_an_error() {
        let wrong = "a value of another type is expected";
        for (json, error) in [
            (r#"{"path":"a"}"#, "missing field `size`"),
            (r#"{"path":"a","size":1,"path":"b"}"#, "duplicate field `path`"),
            (r#"{"path":null,"size":1}"#, wrong),
            (r#"{"path":"a","size":-1}"#, wrong),
            (r#"{"path":"a","size":1.5}"#, wrong),
            (r#"{"path":"a","size":"1"}"#, wrong),
            (r#"{"path":"a","size":[1]}"#, wrong),
            (r#"{"path":"a","size":1,"tags":null}"#, wrong),
            (r#"{"path":"a","size":1,"tags":{}}"#, wrong),
            (r#"{"path":"a","size":1,"ownedBy":{}}"#, "missing field `name`"),
            (r#"{"path":"a","size":1,"ownedBy":[]}"#, wrong),
            (r#"["a",1]"#, wrong),
            (r#"7"#, wrong),
            (r#"{"path":"a","size":1}x"#, "trailing characters"),
            (r#"{"path":"a","size":1"#, "EOF while parsing an object"),
            ("", "EOF while parsing a value"),
        ] {
            let found = read::<File>(json.as_bytes()).unwrap_err().to_string();
            assert!(found.starts_with(&format!("{error} at line 1 column ")), "{json}: {found}");
        }
    }

    #[test]
    fn a_text_is_copied_only_if_it_was_escaped() {
        use std::borrow::Cow;
        let read = |json: &'static str| read::<Cow<'static, str>>(json.as_bytes()).unwrap();
        assert!(matches!(read(r#""plain""#), Cow::Borrowed("plain")));
        assert!(matches!(read(r#""es\ncaped""#), Cow::Owned(text) if text == "es\ncaped"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (i64::MIN..0).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-c]{0,2}|.{0,4}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn as_any(value: &Value) -> Any {
        match value {
            Value::String(text) => Any::Text(text.clone()),
            Value::Bool(flag) => Any::Flag(*flag),
            Value::Number(number) => number.as_u64().map_or(Any::Other, Any::Number),
            Value::Null => Any::Other,
            Value::Array(entries) => Any::List(entries.iter().map(as_any).collect()),
            Value::Object(fields) => {
                Any::Object(fields.iter().map(|(name, value)| (name.clone(), as_any(value))).collect())
            }
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_as_the_library_reads_it(value in any_json(), pretty: bool) {
            let json = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assert_eq!(read::<Any>(json.as_bytes()).unwrap(), as_any(&value));
        }

        #[test]
        fn bytes_that_are_no_json_are_refused_by_both(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:1-.etrufalsn\\ \n".to_vec()), 0..12)) {
            let is_json = serde_json::from_slice::<Value>(&bytes).is_ok();
            prop_assert_eq!(read::<Any>(&bytes).is_ok(), is_json);
            prop_assert_eq!(super::is_json(&bytes), serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok());
        }
    }
}
