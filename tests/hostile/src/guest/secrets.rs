//! Modes that try to learn a secret, to send it where it does not belong, or to use one that is not theirs.

use super::bindings::gitlab_sync::connector::clock;
use super::bindings::gitlab_sync::connector::secrets::{
    self, ExchangeError, ExchangeReply, ExchangeRequest, KeyForm, Recipe,
};
use super::run::{Ask, Seen};
use super::wire::{Outcome, Request};
use crate::{FORBIDDEN_HEADERS, Needle};

fn said(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}").chars().take(300).collect()
}

pub(super) fn guess(ask: &Ask) -> Seen {
    let answers =
        (0..ask.number(1)).map(|number| said(&secrets::matches(ask.line(0), format!("{number:064x}").as_bytes())));
    Ok(answers.collect())
}

/// The clock is all it has to measure with.
pub(super) fn timing(ask: &Ask) -> Seen {
    let seen = ask.lines().skip(1).map(|candidate| {
        let before = clock::now();
        let answer = secrets::matches(ask.line(0), candidate.as_bytes());
        format!("{} after {} ms", said(&answer), clock::now() - before)
    });
    Ok(seen.collect())
}

pub(super) fn tags() -> Seen {
    let verify = |tag: &[u8]| secrets::verify_hmac_sha256("webhook", KeyForm::Text, b"message", tag);
    let mut seen = vec![format!("empty: {}", said(&verify(b"")))];
    seen.extend((0..=255_u8).map(|byte| format!("one byte: {}", said(&verify(&[byte])))));
    seen.push(format!("33 bytes: {}", said(&verify(&[0; 33]))));
    seen.push(format!("as whsec: {}", said(&secrets::verify_hmac_sha256("webhook", KeyForm::Whsec, b"", &[0; 32]))));
    Ok(seen)
}

/// Every use of a slot.
fn use_all(slot: &str) -> Vec<String> {
    let shown: String = slot.escape_default().take(80).collect();
    vec![
        format!("status {shown}: {}", said(&secrets::status(slot).map(|status| status.present))),
        format!("matches {shown}: {}", said(&secrets::matches(slot, b"a"))),
        format!("verify {shown}: {}", said(&secrets::verify_hmac_sha256(slot, KeyForm::Text, b"a", &[0; 32]))),
        format!("rename {shown}: {}", said(&secrets::rename(slot, "webhook"))),
        format!("rename to {shown}: {}", said(&secrets::rename("webhook", slot))),
        format!("generate {shown}: {}", said(&secrets::generate(slot, Recipe::Hex))),
        format!("forget {shown}: {}", said(&secrets::forget(slot))),
    ]
}

pub(super) fn slot_names() -> Seen {
    let long = "s".repeat(1 << 20);
    let slots = [
        "",
        ".",
        "..",
        "../other/webhook",
        "other/webhook",
        "/webhook",
        "webhook/",
        "webhook\0",
        "webhook\n",
        "WEBHOOK",
        " webhook",
        "{{webhook}}",
        "master-key",
        "*",
        "webhook.tmp",
        "nul",
        &long,
    ];
    Ok(slots.into_iter().flat_map(use_all).collect())
}

pub(super) fn credential_as_slot(ask: &Ask) -> Seen {
    Ok(use_all(ask.line(0)))
}

/// A POST of JSON that fills the webhook slot, to the one path that may take it.
fn allowed() -> ExchangeRequest {
    ExchangeRequest {
        method: "POST".into(),
        path_with_query: "/secret/1".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: r#"{"secret":"{{webhook}}"}"#.into(),
    }
}

fn outcome(reply: &Result<ExchangeReply, ExchangeError>) -> String {
    match reply {
        Ok(reply) => format!("reply {}, {} bytes", reply.status, reply.body.len()),
        Err(error) => said(error),
    }
}

fn exchange_each<'a>(requests: impl IntoIterator<Item = (&'a str, ExchangeRequest)>) -> Seen {
    let sent = requests
        .into_iter()
        .map(|(label, request)| format!("{}: {}", label.escape_default(), outcome(&secrets::exchange(&request))));
    Ok(sent.collect())
}

pub(super) fn rename_credential(ask: &Ask) -> Seen {
    let token = ask.line(0);
    let moved = secrets::rename(token, "webhook");
    let sent = secrets::exchange(&allowed());
    let over = secrets::rename("webhook-next", token);
    let back = secrets::rename("webhook", token);
    Ok(vec![
        format!("moved: {}", said(&moved)),
        format!("sent: {}", outcome(&sent)),
        format!("captured and moved over it: {}", said(&over)),
        format!("moved back: {}", said(&back)),
    ])
}

pub(super) fn exchange_paths() -> Seen {
    let paths = [
        "",
        "/",
        "/secret/1/",
        "/secret/2/../1",
        "/secret/%31",
        "/secret/1/more",
        "/secret/a",
        "/secret/1?x=1",
        "/secret/1?secret={{webhook}}",
        "/secret/1#x",
        "/secret/1;x",
        "//secret/1",
        "/secret//1",
        "/SECRET/1",
        "/hostile/echo",
        "/open/echo",
        "/json/1",
        "/api/v4/projects/1/hooks",
        "http://evil.example/secret/1",
        "//evil.example/secret/1",
        "@evil.example/secret/1",
        "/secret/\u{661}",
        "/../secret/1",
        "secret/1",
    ];
    let methods = ["GET", "PUT", "DELETE", "CONNECT", "TRACE", "post", "POST ", "POST\r\nx: y", ""];
    let by_path = paths.map(|path| (path, ExchangeRequest { path_with_query: path.into(), ..allowed() }));
    let by_method = methods.map(|method| (method, ExchangeRequest { method: method.into(), ..allowed() }));
    exchange_each(by_path.into_iter().chain(by_method))
}

pub(super) fn exchange_slots(ask: &Ask) -> Seen {
    let token = ask.line(0);
    let slots = [token, "webhook-next", "other", "", "../token", "token\0", " token ", "webhook}}{{token"];
    exchange_each(
        slots.map(|slot| (slot, ExchangeRequest { body: format!(r#"{{"secret":"{{{{{slot}}}}}"}}"#), ..allowed() })),
    )
}

pub(super) fn exchange_in_path() -> Seen {
    let paths = [
        "/secret/{{webhook}}",
        "/secret/1?secret={{webhook}}",
        "/secret/1?{{webhook}}=1",
        "/{{webhook}}/1",
        "/secret/1/{{webhook}}",
        "/secret/%7b%7bwebhook%7d%7d",
        "{{webhook}}",
    ];
    exchange_each(paths.map(|path| (path, ExchangeRequest { path_with_query: path.into(), ..allowed() })))
}

pub(super) fn exchange_headers() -> Seen {
    let with = |name: &str, value: &str| ExchangeRequest {
        headers: [allowed().headers, vec![(name.into(), value.into())]].concat(),
        ..allowed()
    };
    let forbidden = FORBIDDEN_HEADERS.iter().map(|name| (*name, with(name, "stolen")));
    let filled = FORBIDDEN_HEADERS.iter().map(|name| (*name, with(name, "{{webhook}}")));
    let odd = [
        ("name is a secret", with("{{webhook}}", "a")),
        ("value is a secret", with("x-secret", "{{webhook}}")),
        (
            "content type is a secret",
            ExchangeRequest { headers: vec![("content-type".into(), "{{webhook}}".into())], ..allowed() },
        ),
        ("content type twice", with("content-type", "text/plain")),
        ("length", with("content-length", "1")),
        ("method override", with("x-http-method-override", "DELETE")),
        ("sudo", with("sudo", "root")),
    ];
    exchange_each(forbidden.chain(filled).chain(odd))
}

pub(super) fn exchange_placeholders() -> Seen {
    let bodies = [
        r#"{"secret":"{{webhook}}{{webhook}}"}"#,
        r#"{"{{webhook}}":"secret"}"#,
        r#"{"secret":{{webhook}}}"#,
        r#"{"secret":"{{ webhook }}"}"#,
        r#"{"secret":"{{webhook"}"#,
        r#"{"secret":"webhook}}"}"#,
        r#"{"secret":"{{{webhook}}}"}"#,
        r#"{"secret":"{{{{webhook}}}}"}"#,
        r#"{"secret":"{{web{{webhook}}hook}}"}"#,
        r#"{"secret":"{{WEBHOOK}}"}"#,
        r#"{"secret":"{{}}"}"#,
        r#"{"secret":"\u007b\u007bwebhook\u007d\u007d"}"#,
        r#"{"secret":"{\u007bwebhook}}"}"#,
        r#"{{webhook}}"#,
        r#"{"force":"{{webhook}}"}"#,
        r#"{"secret":"{{webhook}}","secret":"a"}"#,
    ];
    let types = ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""];
    let json = bodies.map(|body| (body, ExchangeRequest { body: body.into(), ..allowed() }));
    let typed =
        types.map(|name| (name, ExchangeRequest { headers: vec![("content-type".into(), name.into())], ..allowed() }));
    let untyped = ExchangeRequest { headers: vec![], ..allowed() };
    let many = ExchangeRequest { body: format!(r#"{{"secret":"{}"}}"#, "{{webhook}}".repeat(50_000)), ..allowed() };
    exchange_each(json.into_iter().chain(typed).chain([("no type", untyped), ("many", many)]))
}

pub(super) fn exchange_injection() -> Seen {
    let breaks = "\r\nprivate-token: stolen\r\n\r\nGET /api/v4/user HTTP/1.1\r\n";
    let with = |name: String, value: String| ExchangeRequest {
        headers: [allowed().headers, vec![(name, value)]].concat(),
        ..allowed()
    };
    exchange_each([
        ("path", ExchangeRequest { path_with_query: format!("/secret/1{breaks}"), ..allowed() }),
        (
            "encoded path",
            ExchangeRequest { path_with_query: "/secret/1%0d%0aprivate-token:%20stolen".into(), ..allowed() },
        ),
        ("method", ExchangeRequest { method: format!("POST{breaks}"), ..allowed() }),
        ("header name", with(format!("x{breaks}"), "a".into())),
        ("header value", with("x-a".into(), format!("a{breaks}"))),
        ("null byte", with("x-a".into(), "a\0".into())),
        ("many headers", ExchangeRequest { headers: vec![("x-a".into(), "a".into()); 10_000], ..allowed() }),
    ])
}

/// Counts the needles of the lines after the first in everything that an exchange shows.
fn search(ask: &Ask, label: &str, request: &ExchangeRequest) -> String {
    let needles: Vec<Needle> = ask.lines().skip(1).filter_map(Needle::parse).collect();
    let reply = secrets::exchange(request);
    let shown = match &reply {
        Ok(reply) => [format!("{:?}", reply.headers).into_bytes(), reply.body.clone()].concat(),
        Err(error) => format!("{error:?}").into_bytes(),
    };
    let found: usize = needles.iter().map(|needle| needle.count_in(&shown)).sum();
    format!("{label}: {}, found {found}", outcome(&reply))
}

/// What is captured stands in the rule, so all that is left is to ask for it in other ways, and to have it sent back.
pub(super) fn exchange_captures(ask: &Ask) -> Seen {
    let plain = ExchangeRequest { path_with_query: format!("/secret/{}", ask.line(0)), ..allowed() };
    let with = |name: &str, value: &str| ExchangeRequest {
        headers: [plain.headers.clone(), vec![(name.into(), value.into())]].concat(),
        ..plain.clone()
    };
    let mut seen: Vec<_> = [
        ("as listed", plain.clone()),
        ("again", plain.clone()),
        ("without a secret", ExchangeRequest { headers: vec![], body: String::new(), ..plain.clone() }),
        ("naming another field", ExchangeRequest { body: r#"{"captures":[{"field":"id"}]}"#.into(), ..plain.clone() }),
        ("encoded", with("accept-encoding", "gzip, br")),
        ("in part", with("range", "bytes=5-")),
    ]
    .iter()
    .map(|(label, request)| search(ask, label, request))
    .collect();
    let moved = format!("moved {:?} and sent back", secrets::rename("webhook-next", "webhook"));
    seen.push(search(ask, &moved, &ExchangeRequest { path_with_query: "/filled/3".into(), ..allowed() }));
    seen.push(search(ask, "once more", &plain));
    Ok(seen)
}

pub(super) fn exchange_echo(ask: &Ask) -> Seen {
    let request = ExchangeRequest { path_with_query: format!("/filled/{}", ask.line(0)), ..allowed() };
    Ok(vec![search(ask, "echo", &request)])
}

pub(super) fn parked(ask: &Ask) -> Seen {
    let needles: Vec<Needle> = ask.lines().skip(1).filter_map(Needle::parse).collect();
    let sent = secrets::exchange(&ExchangeRequest { path_with_query: "/secret/3".into(), ..allowed() });
    let asked = ask.line(0).split(' ').map(|path| {
        let outcome = Request::get(&ask.instance, path).send();
        let Outcome::Reply { headers, body, .. } = &outcome else { return format!("{path}: {outcome}") };
        let shown = [format!("{headers:?}").into_bytes(), body.clone()].concat();
        let found: usize = needles.iter().map(|needle| needle.count_in(&shown)).sum();
        format!("{path}: {outcome}, found {found}")
    });
    Ok([format!("sent: {}", outcome(&sent))].into_iter().chain(asked).collect())
}
