//! Headers as people save them: as they came over the wire, as programs show them, or as JSON.

use crate::failure::Failure;
use serde_json::Value;

pub(super) type Headers = Vec<(String, String)>;

/// Where JSON has them beside something else.
pub(super) const FIELDS: [&str; 2] = ["headers", "request_headers"];

/// Lines of `Name: value`, up to a body that may follow them; or JSON.
pub(super) fn read(text: &str) -> Result<Headers, Failure> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text).map(|value| of_json(&value)).map_err(|error| Failure::of(&error));
    }
    let mut headers: Headers = vec![];
    let mut is_after_blank = false;
    for (index, line) in text.lines().enumerate() {
        // What `curl -v` puts before what was sent.
        let line = line.strip_prefix('>').unwrap_or(line);
        if line.trim().is_empty() {
            is_after_blank = !headers.is_empty();
            continue;
        }
        match (pair(line), headers.last_mut()) {
            (Some(header), _) => headers.push(header),
            _ if is_aside(line) => {}
            _ if is_after_blank => break,
            // A long value may go on in the next line, after white space.
            (_, Some((_, value))) if line.starts_with(char::is_whitespace) => {
                *value = format!("{value} {}", line.trim());
            }
            _ => {
                return Err(Failure::new(format!("line {} of the headers is not `Name: value`", index + 1))
                    .hint("give the headers as they were received, one per line"));
            }
        }
    }
    Ok(headers)
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':').filter(|(name, _)| is_name(name.trim())).or_else(|| {
        let (name, value) = line.split_once('=')?;
        name.starts_with(CGI).then_some((name, value))
    })?;
    Some((named(name.trim()), value.trim().into()))
}

/// RFC 9110, 5.6.2.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A request or status line, what HTTP/2 has instead, and what `curl -v` says beside it or received.
fn is_aside(line: &str) -> bool {
    line.contains("HTTP/") || line.starts_with([':', '*', '<'])
}

/// What web servers put before the names of headers that they hand on as variables.
const CGI: &str = "HTTP_";

fn named(name: &str) -> String {
    name.strip_prefix(CGI).map_or_else(|| name.to_owned(), |name| name.replace('_', "-"))
}

/// An object, whose values may be lists; or a list of pairs, of objects with `name` and `value`, or of names and values in turn.
pub(super) fn of_json(value: &Value) -> Headers {
    let inner = FIELDS.iter().find_map(|field| value.get(field).filter(|it| it.is_object() || it.is_array()));
    match inner.unwrap_or(value) {
        Value::Object(object) => object.iter().flat_map(|(name, value)| each(name, value)).collect(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.chunks_exact(2).flat_map(|two| two[0].as_str().map_or(vec![], |name| each(name, &two[1]))).collect()
        }
        Value::Array(list) => list.iter().flat_map(|it| entry(it).unwrap_or_default()).collect(),
        _ => vec![],
    }
}

fn entry(value: &Value) -> Option<Headers> {
    let name = value.get(0).or_else(|| value.get("name")).or_else(|| value.get("key"))?;
    Some(each(name.as_str()?, value.get(1).or_else(|| value.get("value"))?))
}

fn each(name: &str, value: &Value) -> Headers {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(values) => values.iter().map(|value| (named(name), text(value))).collect(),
        value => vec![(named(name), text(value))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Headers {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn headers_are_read_as_they_were_received() {
        let expected = owned([("X-Gitlab-Token", "a:b"), ("x-gitlab-event", "Push Hook")]);
        for text in [
            "POST /hook HTTP/1.1\r\nX-Gitlab-Token: a:b \r\nx-gitlab-event:Push Hook\r\n\r\n",
            "> POST /hook HTTP/1.1\n> X-Gitlab-Token: a:b\n> x-gitlab-event: Push Hook\n>\n",
            "\u{feff}X-Gitlab-Token :\ta:b\n\tx-gitlab-event: Push Hook",
            ":method: POST\n:path: /hook?a=b\nX-Gitlab-Token: a:b\nx-gitlab-event: Push Hook\n",
            "POST http://host:80/hook HTTP/1.1\nX-Gitlab-Token: a:b\n\n\nx-gitlab-event: Push Hook\n",
            "* Connected to host (127.0.0.1) port 80\n> POST / HTTP/2\n> X-Gitlab-Token: a:b\n> x-gitlab-event: Push Hook\n>\n< HTTP/2 200\n",
            "X-Gitlab-Token: a:b\nx-gitlab-event: Push Hook\n\n{\n  \"object_kind\": \"push\",\n  \"ref\": \"x\"\n}\n",
            "X-Gitlab-Token: a:b\r\nx-gitlab-event: Push Hook\r\n\r\n{\"object_kind\":\"push\"}",
            r#"{"X-Gitlab-Token": "a:b", "x-gitlab-event": ["Push Hook"]}"#,
            r#" [["X-Gitlab-Token", "a:b"], ["x-gitlab-event", "Push Hook"]]"#,
            r#"["X-Gitlab-Token", "a:b", "x-gitlab-event", "Push Hook"]"#,
            r#"[{"name": "X-Gitlab-Token", "value": "a:b"}, {"key": "x-gitlab-event", "value": "Push Hook"}]"#,
            r#"{"method": "POST", "headers": {"X-Gitlab-Token": "a:b", "x-gitlab-event": "Push Hook"}}"#,
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        assert_eq!(read("a: 1,2\r\n\t v1,3\r\nb: 4").unwrap(), owned([("a", "1,2 v1,3"), ("b", "4")]));
        for text in ["HTTP_X_GITLAB_EVENT=Push Hook\n", r#"{"HTTP_X_GITLAB_EVENT": "Push Hook"}"#] {
            assert_eq!(read(text).unwrap(), owned([("X-GITLAB-EVENT", "Push Hook")]), "{text}");
        }
        assert_eq!(read("").unwrap(), []);
        assert!(read("X-Ok: 1\nno header\n").unwrap_err().message().starts_with("line 2"));
        assert!(read("no header\n").unwrap_err().message().starts_with("line 1"));
        assert!(read("{").is_err());
    }

    #[test]
    fn repeated_headers_stay_repeated() {
        let twice = owned([("a", "1"), ("a", "2")]);
        assert_eq!(read("a: 1\na: 2").unwrap(), twice);
        assert_eq!(read(r#"{"a": ["1", "2"]}"#).unwrap(), twice);
    }
}
