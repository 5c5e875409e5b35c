//! Deliveries as people save them: two files as a server received them, or one that holds both.

use super::headers;
use crate::cli::WebhookVerify;
use crate::failure::Failure;
use gitlab_sync_host::sync::Delivery;
use serde_json::Value;
use std::path::Path;

/// Twice GitLab's largest delivery, and room for headers.
const MOST_BYTES: u64 = 52 << 20;

/// A delivery that was saved.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) delivery: Delivery,
}

impl Saved {
    /// The first of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.delivery.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

pub(super) fn read(arguments: &WebhookVerify) -> Result<Saved, Failure> {
    let delivery = match (&arguments.delivery, &arguments.headers, &arguments.body) {
        (Some(file), ..) => together(&bytes(file)?).map_err(|failure| failure.about(file))?,
        (_, Some(headers), Some(body)) => {
            let text = bytes(headers)?;
            let list = headers::read(&String::from_utf8_lossy(&text)).map_err(|failure| failure.about(headers))?;
            Delivery { headers: list, body: bytes(body)? }
        }
        _ => return Err(Failure::new("no delivery was given")),
    };
    Ok(Saved { delivery })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::new(format!("`{}` is larger than any delivery", path.display()))
            .hint("GitLab sends at most 25 MB"));
    }
    Ok(bytes)
}

/// JSON, or a request as it came over the wire.
fn together(bytes: &[u8]) -> Result<Delivery, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => of_json(bytes),
        _ => of_wire(bytes),
    }
}

/// `headers` and `body`, or GitLab's `request_headers` and `request_data`, or what services that record requests call them. A body that is
/// not a text is written anew, so that no signature over its bytes can hold.
fn of_json(bytes: &[u8]) -> Result<Delivery, Failure> {
    let value = match serde_json::from_slice(bytes).map_err(|error| Failure::of(&error))? {
        Value::Array(mut list) if list.len() == 1 => list.remove(0),
        Value::Array(list) => {
            return Err(Failure::new(format!("it is a list of {}, and one delivery is judged at a time", list.len()))
                .hint("give one entry of it"));
        }
        value => value,
    };
    let places = [Some(&value), value.get("event"), value.get("request")];
    let field = |names: &[&str]| {
        let mut places = places.into_iter().flatten().filter(|place| place.is_object());
        places.find_map(|place| names.iter().find_map(|name| place.get(name).filter(|it| !it.is_null()))).cloned()
    };
    let body = field(&["bodyRaw", "rawBody", "body", "request_data"]).ok_or_else(|| {
        Failure::new("it has no `body`").hint("give JSON with `headers` and `body`, or both in files of their own")
    })?;
    let headers = field(&headers::FIELDS).as_ref().map(headers::of_json).unwrap_or_default();
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned).into_bytes();
    Ok(Delivery { headers, body })
}

/// Headers, a blank line, and the body byte for byte.
fn of_wire(bytes: &[u8]) -> Result<Delivery, Failure> {
    let end = |blank: &[u8]| bytes.windows(blank.len()).position(|it| it == blank).map(|at| (at, at + blank.len()));
    let (head, body) = [end(b"\r\n\r\n"), end(b"\n\n")].into_iter().flatten().min().ok_or_else(|| {
        Failure::new("it is neither JSON nor headers, a blank line and a body")
            .hint("give the headers and the body in files of their own, with `--headers` and `--body`")
    })?;
    let headers = headers::read(&String::from_utf8_lossy(&bytes[..head]))?;
    Ok(Delivery { headers, body: bytes[body..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_may_hold_both() {
        for text in [
            r#"{"headers": {"a": "1"}, "body": "{\"b\":2}"}"#,
            r#"{"headers": [["a", "1"]], "body": {"b": 2}}"#,
            r#"{"id": 9, "request_headers": {"a": "1"}, "request_data": {"b": 2}}"#,
            "\u{feff}{\"event\": {\"headers\": {\"a\": \"1\"}, \"bodyRaw\": \"{\\\"b\\\":2}\", \"body\": {\"b\": 2.0}}}",
            r#"{"request": {"headers": [{"name": "a", "value": "1"}], "body": {"b": 2}}, "response": {"body": "x"}}"#,
            r#"[{"id": 9, "request_headers": {"a": "1"}, "request_data": {"b": 2}}]"#,
            "POST /hook HTTP/1.1\r\na: 1\r\n\r\n{\"b\":2}",
            "a: 1\n\n{\"b\":2}",
        ] {
            let delivery = together(text.as_bytes()).unwrap();
            let headers = vec![("a".to_owned(), "1".to_owned())];
            assert_eq!((delivery.headers, delivery.body.as_slice()), (headers, br#"{"b":2}"#.as_slice()), "{text}");
        }
        let framed = together(b"a: 1\r\n\r\n{\n\n \"b\": 2}\r\n").unwrap();
        assert_eq!(framed.body, b"{\n\n \"b\": 2}\r\n", "a body keeps its own lines");
        for nothing in ["{}", "not json", "", "{", "7", "[]", "[{},{}]"] {
            assert!(together(nothing.as_bytes()).is_err(), "{nothing}");
        }
    }
}
