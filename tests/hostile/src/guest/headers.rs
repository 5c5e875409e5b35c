//! Modes that set headers, trailers and parameters which are the host's, or which another reader would split.

use super::bindings::wasi::http::types::Method;
use super::run::{Ask, Seen};
use super::wire::Request;
use crate::{FORBIDDEN_HEADERS, FORBIDDEN_PARAMETERS, OVERRIDE_HEADERS};

fn echo(ask: &Ask) -> Request {
    Request::get(&ask.instance, "/hostile/echo")
}

/// A header may be written in any case; `Fields` has to know them all as one.
fn spellings(name: &str) -> [String; 3] {
    let capitals = name.to_ascii_uppercase();
    let mixed = name.char_indices().map(|(at, letter)| if at % 2 == 0 { letter.to_ascii_uppercase() } else { letter });
    [name.to_string(), mixed.collect(), capitals]
}

pub(super) fn auth(ask: &Ask) -> Seen {
    let spelled = FORBIDDEN_HEADERS.iter().flat_map(|name| spellings(name));
    Ok(spelled.map(|name| format!("{name}: {}", echo(ask).header(&name, "stolen").send())).collect())
}

pub(super) fn overrides(ask: &Ask) -> Seen {
    let sent = |name: &&str| format!("{name}: {}", echo(ask).header(name, "DELETE").send());
    Ok(OVERRIDE_HEADERS.iter().map(sent).collect())
}

pub(super) fn trailers(ask: &Ask) -> Seen {
    let spelled = FORBIDDEN_HEADERS.iter().flat_map(|name| spellings(name));
    let sent = spelled.map(|name| {
        let mut post = Request::post(&ask.instance, "/hostile/echo", "{}");
        post.trailers.push((name.clone(), b"stolen".into()));
        format!("{name}: {}", post.send())
    });
    Ok(sent.collect())
}

pub(super) fn query(ask: &Ask) -> Seen {
    let spelled = FORBIDDEN_PARAMETERS.iter().flat_map(|name| {
        let capitals = name.to_ascii_uppercase();
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let first = format!("%{:02X}{}", name.as_bytes()[0], &name[1..]);
        [
            format!("{name}=stolen"),
            format!("{capitals}=stolen"),
            format!("{encoded}=stolen"),
            format!("{first}=stolen"),
            format!("page=1&{name}=stolen"),
            format!("page=1;{name}=stolen"),
            format!("page=1%26{name}=stolen"),
            name.to_string(),
            format!("{name}[]=stolen"),
            format!("+{name}=stolen"),
            format!("%20{name}=stolen"),
            format!("{name}%00=stolen"),
        ]
    });
    let sent = spelled.map(|query| {
        let request = Request::get(&ask.instance, &format!("/hostile/echo?{query}"));
        format!("{query}: {}", request.send())
    });
    Ok(sent.collect())
}

pub(super) fn injection(ask: &Ask) -> Seen {
    let names = [
        "x\r\nprivate-token",
        "x\nprivate-token",
        "x\0",
        "x:",
        "x y",
        " x",
        "x ",
        "",
        "\u{e9}",
        "private-token ",
        ":path",
    ];
    let values: [&[u8]; 9] = [
        b"a\r\nprivate-token: stolen",
        b"a\nprivate-token: stolen",
        b"a\rprivate-token: stolen",
        b"a\r\n\r\nGET /api/v4/user HTTP/1.1\r\nhost: x\r\n\r\n",
        b"a\0b",
        b"a\x0bb",
        b"a\x7fb",
        b"\xc4\x8d\xc4\x8aprivate-token: stolen",
        b"\xff\xfe",
    ];
    let by_name = names.iter().map(|name| (format!("name {name:?}"), echo(ask).header(name, "a")));
    let by_value = values
        .iter()
        .map(|value| (format!("value {:?}", value.escape_ascii().to_string()), echo(ask).header("accept", *value)));
    Ok(by_name.chain(by_value).map(|(label, request)| format!("{label}: {}", request.send())).collect())
}

pub(super) fn flood(ask: &Ask) -> Seen {
    let mut request = echo(ask);
    request.headers = (0..ask.number(0)).map(|number| (format!("x-{number}"), vec![])).collect();
    Ok(vec![request.send().to_string()])
}

pub(super) fn huge(ask: &Ask) -> Seen {
    Ok(vec![echo(ask).header("x-huge", vec![b'x'; ask.number(0)]).send().to_string()])
}

pub(super) fn lengths(ask: &Ask) -> Seen {
    let post = || Request {
        headers: vec![("content-type".into(), "text/plain".into())],
        ..Request::post(&ask.instance, "/hostile/echo", "0123456789")
    };
    let bodyless = Request { method: Method::Get, body: None, headers: vec![], ..post() };
    let table = [
        ("none", post()),
        ("right", post().header("content-length", "10")),
        ("longer", post().header("content-length", "20")),
        ("shorter", post().header("content-length", "5")),
        ("zero", post().header("content-length", "0")),
        ("two", post().header("content-length", "10").header("content-length", "5")),
        ("list", post().header("content-length", "10, 5")),
        ("plus", post().header("content-length", "+10")),
        ("negative", post().header("content-length", "-1")),
        ("huge", post().header("content-length", "18446744073709551616")),
        ("word", post().header("content-length", "ten")),
        ("without body", bodyless.header("content-length", "10")),
        ("chunked too", post().header("transfer-encoding", "chunked")),
    ];
    Ok(table.iter().map(|(label, request)| format!("{label}: {}", request.send())).collect::<Vec<_>>())
}
