//! Deliveries as people save them: two files as a server received them, or one of JSON.

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
            let list = list(&String::from_utf8_lossy(&text)).map_err(|failure| failure.about(headers))?;
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

/// `Name: value` lines, as `curl` and most servers write them; a status or request line before them is passed over. Or JSON.
fn list(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text).map(|value| of_json(&value)).map_err(|error| Failure::of(&error));
    }
    let mut headers: Vec<(String, String)> = vec![];
    for (index, line) in text.lines().enumerate() {
        // What `curl -v` puts before what was sent.
        let line = line.strip_prefix('>').unwrap_or(line);
        match (line.split_once(':'), headers.last_mut()) {
            _ if line.trim().is_empty() => {}
            (Some((name, value)), _) if !name.trim().contains(char::is_whitespace) => {
                headers.push((name.trim().into(), value.trim().into()));
            }
            // A long value may go on in the next line, after white space.
            (_, Some((_, value))) if line.starts_with(char::is_whitespace) => {
                *value = format!("{value} {}", line.trim());
            }
            _ if index == 0 => {}
            _ => {
                return Err(Failure::new(format!("line {} of the headers is not `Name: value`", index + 1))
                    .hint("give the headers as they were received, one per line"));
            }
        }
    }
    Ok(headers)
}

/// An object, whose values may be lists; or a list of pairs.
fn of_json(value: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let each = |name: &str, value: &Value| match value {
        Value::Array(values) => values.iter().map(|value| (name.to_owned(), text(value))).collect(),
        value => vec![(name.to_owned(), text(value))],
    };
    match value {
        Value::Object(object) => object.iter().flat_map(|(name, value)| each(name, value)).collect(),
        Value::Array(pairs) => {
            let pair = |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), text(pair.get(1)?)));
            pairs.iter().filter_map(pair).collect()
        }
        _ => vec![],
    }
}

/// `headers` and `body`, or GitLab's `request_headers` and `request_data`. A body that is not a text is written anew, so that no signature
/// over its bytes can hold.
fn together(bytes: &[u8]) -> Result<Delivery, Failure> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Failure::of(&error))?;
    let field = |names: [&str; 2]| names.into_iter().find_map(|name| value.get(name).filter(|it| !it.is_null()));
    let body = field(["body", "request_data"]).ok_or_else(|| {
        Failure::new("it has no `body`").hint("give JSON with `headers` and `body`, or both in files of their own")
    })?;
    let headers = field(["headers", "request_headers"]).map(of_json).unwrap_or_default();
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned).into_bytes();
    Ok(Delivery { headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn headers_are_read_as_they_were_received() {
        let expected = owned([("X-Gitlab-Token", "a:b"), ("x-gitlab-event", "Push Hook")]);
        for text in [
            "POST /hook HTTP/1.1\r\nX-Gitlab-Token: a:b \r\nx-gitlab-event:Push Hook\r\n\r\n",
            "> POST /hook HTTP/1.1\n> X-Gitlab-Token: a:b\n> x-gitlab-event: Push Hook\n>\n",
            "\u{feff}X-Gitlab-Token :\ta:b\n\tx-gitlab-event: Push Hook",
            r#"{"X-Gitlab-Token": "a:b", "x-gitlab-event": ["Push Hook"]}"#,
            r#" [["X-Gitlab-Token", "a:b"], ["x-gitlab-event", "Push Hook"]]"#,
        ] {
            assert_eq!(list(text).unwrap(), expected, "{text}");
        }
        assert_eq!(list("a: 1,2\r\n\t v1,3\r\nb: 4").unwrap(), owned([("a", "1,2 v1,3"), ("b", "4")]));
        assert!(list("X-Ok: 1\nno header\n").unwrap_err().message().starts_with("line 2"));
        assert!(list("{").is_err());
    }

    #[test]
    fn repeated_headers_stay_repeated() {
        let twice = owned([("a", "1"), ("a", "2")]);
        assert_eq!(list("a: 1\na: 2").unwrap(), twice);
        assert_eq!(list(r#"{"a": ["1", "2"]}"#).unwrap(), twice);
    }

    #[test]
    fn one_file_may_hold_both() {
        for text in [
            r#"{"headers": {"a": "1"}, "body": "{\"b\":2}"}"#,
            r#"{"headers": [["a", "1"]], "body": {"b": 2}}"#,
            r#"{"id": 9, "request_headers": {"a": "1"}, "request_data": {"b": 2}}"#,
        ] {
            let delivery = together(text.as_bytes()).unwrap();
            assert_eq!(
                (delivery.headers, delivery.body.as_slice()),
                (owned([("a", "1")]), br#"{"b":2}"#.as_slice()),
                "{text}"
            );
        }
        assert!(together(b"{}").is_err());
        assert!(together(b"not json").is_err());
    }
}
