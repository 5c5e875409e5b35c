//! Modes that write a path, a query or a body which the server may read otherwise than the permission does.

use super::run::{Ask, Seen};
use super::wire::Request;
use crate::PATH_ESCAPES;

pub(super) fn escapes(ask: &Ask) -> Seen {
    let sent = PATH_ESCAPES.iter().map(|path| format!("{path}: {}", Request::get(&ask.instance, path).send()));
    let outside_base = [
        "/api/v4/user".to_string(),
        format!("{}x/hostile/echo", ask.instance.base_path),
        format!("{}/../hostile/echo", ask.instance.base_path),
    ];
    let outside = outside_base.iter().map(|path| {
        let request = Request { path: Some(path.clone()), ..Request::get(&ask.instance, "") };
        format!("base {path}: {}", request.send())
    });
    let none = Request { path: None, ..Request::get(&ask.instance, "") };
    Ok(sent.chain(outside).chain([format!("none: {}", none.send())]).collect())
}

pub(super) fn queries(ask: &Ask) -> Seen {
    let queries = [
        "page=1&page=2",
        "page=1&admin=true",
        "PAGE=1",
        "page[]=1",
        "page[admin]=1",
        "pa%67e=1",
        "p%61ge=1&admi%6e=1",
        "page=1#&admin=1",
        "page",
        "page=",
        "=1",
        "&",
        "&&page=1",
        "page=1;admin=1",
        "page=1%26admin=1",
        "page=1&%61dmin=1",
        "?page=1",
        "page=1?admin=1",
        "page=%00",
        "page=%",
        "page=%zz",
        "page=\u{e9}",
        "page=a b",
        "page=%0d%0ax",
        "+page=1",
        "page+=1",
        "page%20=1",
        ".page=1",
        "page%5b%5d=1",
        "search=%2e%2e%2f",
    ];
    let sent = queries.iter().map(|query| {
        let request = Request::get(&ask.instance, &format!("/hostile/echo?{query}"));
        format!("{query}: {}", request.send())
    });
    Ok(sent.collect())
}

/// Bodies for a rule that allows the keys `mode`, `name` and `list`, and pins `mode` to `read`.
pub(super) fn json(ask: &Ask) -> Seen {
    let deep = format!(r#"{{"mode":"read","list":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("good", br#"{"mode":"read","name":"a"}"#.into()),
        ("unknown key", br#"{"mode":"read","force":true}"#.into()),
        ("wrong pin", br#"{"mode":"write"}"#.into()),
        ("pin twice", br#"{"mode":"read","mode":"write"}"#.into()),
        ("pin twice, other way", br#"{"mode":"write","mode":"read"}"#.into()),
        ("pin twice, escaped", br#"{"mode":"read","\u006dode":"write"}"#.into()),
        ("pin escaped", br#"{"mode":"re\u0061d"}"#.into()),
        ("unknown key, escaped", br#"{"mode":"read","f\u006frce":true}"#.into()),
        ("pin is null", br#"{"mode":null}"#.into()),
        ("pin is a list", br#"{"mode":["read","write"]}"#.into()),
        ("pin is an object", br#"{"mode":{"read":"write"}}"#.into()),
        ("pin with blank", br#"{"mode":"read "}"#.into()),
        ("pin in capitals", br#"{"mode":"READ"}"#.into()),
        ("pin with null byte", br#"{"mode":"read\u0000"}"#.into()),
        ("no pin", br#"{"name":"a"}"#.into()),
        ("key with blank", br#"{"mode":"read","name ":"a"}"#.into()),
        ("key with null byte", br#"{"mode":"read","force\u0000":"a"}"#.into()),
        ("key in capitals", br#"{"Mode":"write","mode":"read"}"#.into()),
        ("key with brackets", br#"{"mode":"read","list[]":["a"]}"#.into()),
        ("a list", br#"[{"mode":"read"}]"#.into()),
        ("a text", br#""mode""#.into()),
        ("two bodies", br#"{"mode":"read"}{"mode":"write","force":true}"#.into()),
        ("rest after it", br#"{"mode":"read"} force=true"#.into()),
        ("comment", br#"{"mode":"read"/*","force":true/**/}"#.into()),
        ("trailing comma", br#"{"mode":"read",}"#.into()),
        ("single quotes", br#"{'mode':'read','force':true}"#.into()),
        ("not a number", br#"{"mode":"read","name":NaN}"#.into()),
        ("byte order mark", b"\xef\xbb\xbf{\"mode\":\"read\"}".into()),
        ("UTF-16", "\u{feff}{\"mode\":\"write\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("not UTF-8", b"{\"mode\":\"read\",\"name\":\"\xff\"}".into()),
        ("overlong UTF-8", b"{\"mode\":\"read\",\"name\":\"\xc0\xa2,\"}".into()),
        ("lone surrogate", br#"{"mode":"read","name":"\ud800"}"#.into()),
        ("raw line break", b"{\"mode\":\"read\",\"name\":\"a\nb\"}".into()),
        ("prototype", br#"{"mode":"read","__proto__":{"force":true}}"#.into()),
        ("class", br#"{"mode":"read","json_class":"String"}"#.into()),
        ("empty key", br#"{"mode":"read","":"a"}"#.into()),
        ("empty", b"".into()),
        ("deep", deep.into_bytes()),
    ];
    let sent = bodies.into_iter().map(|(label, body)| {
        let request = Request::post(&ask.instance, "/json/1", body);
        format!("{label}: {}", request.send())
    });
    Ok(sent.collect())
}

pub(super) fn content_types(ask: &Ask) -> Seen {
    let form = "mode=write&force=true";
    let json = r#"{"mode":"write","force":true}"#;
    let parts = "--x\r\ncontent-disposition: form-data; name=\"force\"\r\n\r\ntrue\r\n--x--\r\n";
    let good = r#"{"mode":"read"}"#;
    let table: [(&str, &[&str], &str); 14] = [
        ("form", &["application/x-www-form-urlencoded"], form),
        ("multipart", &["multipart/form-data; boundary=x"], parts),
        ("text", &["text/plain"], json),
        ("XML", &["application/xml"], "<mode>write</mode>"),
        ("YAML", &["application/x-yaml"], "mode: write"),
        ("none", &[], form),
        ("none, JSON", &[], good),
        ("empty", &[""], form),
        ("form that is JSON", &["application/x-www-form-urlencoded"], good),
        ("JSON in UTF-16", &["application/json; charset=utf-16"], good),
        ("two types", &["application/json", "application/x-www-form-urlencoded"], good),
        ("list of types", &["application/json, application/x-www-form-urlencoded"], good),
        ("other JSON", &["application/vnd.api+json"], json),
        ("upper case", &["APPLICATION/JSON"], json),
    ];
    let mut seen: Vec<String> = table
        .iter()
        .map(|(label, types, body)| {
            let mut request = Request::post(&ask.instance, "/json/1", *body);
            request.headers.retain(|(name, _)| name != "content-type");
            request.headers.extend(types.iter().map(|name| ("content-type".to_string(), name.as_bytes().to_vec())));
            format!("{label}: {}", request.send())
        })
        .collect();
    for encoding in ["gzip", "deflate", "identity", "br"] {
        let request = Request::post(&ask.instance, "/json/1", good).header("content-encoding", encoding);
        seen.push(format!("encoded as {encoding}: {}", request.send()));
    }
    Ok(seen)
}
