//! Modes that send somewhere else: another host, port, scheme or method, in every spelling.

use super::bindings::wasi::http::types::Method;
use super::run::{Ask, Seen};
use super::wire::{Outcome, Request, scheme};
use std::net::{Ipv4Addr, Ipv6Addr};

fn echo(ask: &Ask) -> Request {
    Request::get(&ask.instance, "/hostile/echo")
}

/// Sends to each authority over the instance's scheme and says what came of it.
fn probe<A: AsRef<str>>(ask: &Ask, authorities: impl IntoIterator<Item = A>) -> Seen {
    let sent = authorities.into_iter().map(|authority| {
        let request = Request { authority: Some(authority.as_ref().into()), ..echo(ask) };
        format!("{}: {}", authority.as_ref(), request.send())
    });
    Ok(sent.collect())
}

/// Host and port of the granted server.
fn granted(ask: &Ask) -> (&str, &str) {
    ask.instance.authority.rsplit_once(':').unwrap_or((&ask.instance.authority, ""))
}

fn with_port(ask: &Ask, hosts: impl IntoIterator<Item = String>) -> Vec<String> {
    hosts.into_iter().map(|host| format!("{host}:{}", ask.line(0))).collect()
}

pub(super) fn other_host(ask: &Ask) -> Seen {
    let (host, port) = granted(ask);
    let around = [
        format!("{host}.evil.example:{port}"),
        format!("evil-{host}:{port}"),
        format!("api.{host}:{port}"),
        format!("{host}%00.evil.example:{port}"),
        format!("{host}%2eevil.example:{port}"),
        format!("{host}#.evil.example:{port}"),
        format!("{host}/.evil.example:{port}"),
        format!("{host}\\.evil.example:{port}"),
        format!("{host}?.evil.example:{port}"),
        format!("{host},evil.example:{port}"),
        format!("{host} evil.example:{port}"),
        "evil.example".into(),
        "localhost".into(),
        "[::1]".into(),
        String::new(),
    ];
    probe(ask, around.into_iter().chain(ask.lines().map(str::to_string)))
}

pub(super) fn other_port(ask: &Ask) -> Seen {
    let (host, port) = granted(ask);
    let odd = ["", "0", "22", "80", "443", "6379", "65536", "-1", "0x50", "+80", " 80", "99999999999999999999"];
    let spelled = [format!("{host}:0{port}"), format!("{host}:{port}:{port}"), host.to_string()];
    let ports = odd.into_iter().chain(ask.lines()).map(|port| format!("{host}:{port}"));
    probe(ask, ports.chain(spelled))
}

pub(super) fn other_scheme(ask: &Ask) -> Seen {
    let schemes =
        ["http", "https", "HTTP", "ftp", "file", "gopher", "ws", "unix", "data", "h2c", "", "http\r\nx", "http://evil"];
    let sent = schemes.iter().filter(|name| **name != ask.instance.scheme).map(|name| {
        let request = Request { scheme: Some(scheme(name)), ..echo(ask) };
        format!("{name:?}: {}", request.send())
    });
    let none = Request { scheme: None, ..echo(ask) };
    Ok(sent.chain([format!("none: {}", none.send())]).collect())
}

pub(super) fn user_info(ask: &Ask) -> Seen {
    let (own, other) = (&ask.instance.authority, ask.line(0));
    probe(
        ask,
        [
            format!("user@{own}"),
            format!("user:stolen@{own}"),
            format!("@{own}"),
            format!(":@{own}"),
            format!("{own}@{other}"),
            format!("{own}:80@{other}"),
            format!("{other}@{own}"),
            format!("user%40{own}"),
            format!("{own}%40{other}"),
            format!("a@b@{own}"),
            format!("{own}#@{other}"),
            format!("{own}\\@{other}"),
        ],
    )
}

pub(super) fn trailing_dot(ask: &Ask) -> Seen {
    let (host, port) = granted(ask);
    let (other, other_port) = ask.line(0).rsplit_once(':').unwrap_or_default();
    probe(
        ask,
        [
            format!("{host}.:{port}"),
            format!("{host}..:{port}"),
            format!(".{host}:{port}"),
            format!("{other}.:{other_port}"),
            format!("{other}..:{other_port}"),
            format!("localhost.:{other_port}"),
            format!("{host}:{port}."),
        ],
    )
}

pub(super) fn numeric(ask: &Ask) -> Seen {
    let hosts = [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "127.1",
        "127.0.1",
        "0177.0x0.00.1",
        "127.0.0.01",
        "127.0.0.1.",
        "00127.0.0.1",
        "4294967295",
        "4294967296",
        "6425673729",
        "127.0.0.1.0",
        "127.0.0.256",
        "0",
        "0.0.0.0",
        "127.0.0.2",
        "127.255.255.254",
    ];
    probe(ask, with_port(ask, hosts.map(str::to_string)))
}

pub(super) fn mapped(ask: &Ask) -> Seen {
    let loopback = Ipv4Addr::LOCALHOST;
    let [a, b, c, d] = loopback.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let wrapped = [
        Ipv6Addr::LOCALHOST,
        Ipv6Addr::UNSPECIFIED,
        loopback.to_ipv6_mapped(),
        loopback.to_ipv6_compatible(),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0),
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, high, low),
    ];
    let written = [
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::FFFF:7F00:0001]",
        "[::1%25lo]",
        "[::1%lo]",
        "[v1.127.0.0.1]",
        "::1",
        "[::1",
    ];
    let hosts = wrapped.iter().map(|address| format!("[{address}]")).chain(written.map(str::to_string));
    probe(ask, with_port(ask, hosts))
}

pub(super) fn metadata(ask: &Ask) -> Seen {
    probe(
        ask,
        [
            "169.254.169.254",
            "169.254.169.254:80",
            "169.254.170.2",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "metadata",
            "metadata.google.internal",
            "metadata.google.internal.",
            "instance-data",
            "169.254.169.254.nip.io",
        ],
    )
}

pub(super) fn private(ask: &Ask) -> Seen {
    probe(
        ask,
        [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.0.1",
            "172.16.0.1",
            "172.31.255.254",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[100::1]",
            "[2001:10::1]",
            "[2001:20::1]",
            "[3fff::1]",
            "[5f00::1]",
        ],
    )
}

pub(super) fn unicode(ask: &Ask) -> Seen {
    let hosts = [
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "127\u{ff0e}0\u{ff0e}0\u{ff0e}1",
        "\u{2460}27.0.0.1",
        "\u{24db}ocalhost",
        "loc\u{ad}alhost",
        "l\u{200b}ocalhost",
        "LOCALHOST",
        "loc\u{430}lhost",
        "xn--localhost",
        "xn--a",
        "\u{1d4c1}ocalhost",
        "localhos\u{ff54}",
        "127.0.0.1\u{ff03}",
        "localho\u{df}t",
        "\u{202e}tsohlacol",
    ];
    probe(ask, with_port(ask, hosts.map(str::to_string)))
}

pub(super) fn methods(ask: &Ask) -> Seen {
    let named =
        [Method::Head, Method::Put, Method::Delete, Method::Connect, Method::Options, Method::Trace, Method::Patch];
    let other = [
        "CONNECT",
        "TRACE",
        "connect",
        "get",
        "Get",
        "GET ",
        " GET",
        "PROPFIND",
        "PRI",
        "DELETE",
        "GET\r\nx: y",
        "",
        "GET /x HTTP/1.1\r\n\r\n",
        "\u{47}\u{c9}T",
        "M-SEARCH",
        "PURGE",
        "MOVE",
        "BREW",
    ];
    let all = named.into_iter().chain(other.iter().map(|name| Method::Other((*name).into())));
    let sent = all.map(|method| {
        let label = format!("{method:?}");
        format!("{label}: {}", Request { method, ..echo(ask) }.send())
    });
    Ok(sent.collect())
}

pub(super) fn repeatedly(ask: &Ask) -> Seen {
    Ok((0..ask.number(0)).map(|_| echo(ask).send().to_string()).collect())
}

/// As a naive client does: takes the reply's `location` apart and asks there, at most five times.
pub(super) fn follow_redirect(ask: &Ask) -> Seen {
    let mut request = Request::get(&ask.instance, &format!("/hostile/{}", ask.line(0)));
    let mut seen = vec![];
    for _ in 0..5 {
        let outcome = request.send();
        seen.push(format!("{}: {outcome}", request.authority.as_deref().unwrap_or_default()));
        let Outcome::Reply { headers, .. } = outcome else { break };
        let location =
            headers.iter().find(|(name, _)| name == "location").map(|(_, value)| String::from_utf8_lossy(value));
        let Some((to, rest)) = location.as_deref().and_then(|location| location.split_once("://")) else { break };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        request.scheme = Some(scheme(to));
        request.authority = Some(authority.into());
        request.path = Some(format!("/{path}"));
    }
    Ok(seen)
}

pub(super) fn absolute_path(ask: &Ask) -> Seen {
    let (own, other) = (&ask.instance.authority, ask.line(0));
    let paths = [
        format!("http://{other}/hostile/echo"),
        format!("https://{other}/hostile/echo"),
        format!("//{other}/hostile/echo"),
        format!("///{other}/hostile/echo"),
        format!("/\\{other}/hostile/echo"),
        format!("\\\\{other}/hostile/echo"),
        format!("/http://{other}/hostile/echo"),
        format!("@{other}/hostile/echo"),
        format!(":80@{other}/hostile/echo"),
        format!(".{other}/hostile/echo"),
        format!("http://{own}/hostile/echo"),
        other.to_string(),
    ];
    let with = |authority: Option<String>, path: &String| Request { authority, path: Some(path.clone()), ..echo(ask) };
    let sent = paths.iter().flat_map(|path| {
        [
            format!("{path}: {}", with(Some(own.clone()), path).send()),
            format!("{path} without authority: {}", with(None, path).send()),
            format!("{path} with empty authority: {}", with(Some(String::new()), path).send()),
        ]
    });
    Ok(sent.collect())
}

pub(super) fn injection(ask: &Ask) -> Seen {
    let breaks = [
        "\r\nx-evil: 1",
        "\nx-evil: 1",
        "\r",
        " HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        "\0",
        "\t",
        " ",
        "\x0b",
        "\u{a0}",
        "\u{2028}",
        "\u{10a}",
    ];
    let own = &ask.instance.authority;
    let sent = breaks.iter().flat_map(|text| {
        let shown = text.escape_default();
        let path = Request { path: Some(format!("/hostile/echo{text}")), ..echo(ask) };
        let query = Request { path: Some(format!("/hostile/echo?page=1{text}")), ..echo(ask) };
        let authority = Request { authority: Some(format!("{own}{text}")), ..echo(ask) };
        let method = Request { method: Method::Other(format!("GET{text}")), ..echo(ask) };
        [
            format!("path {shown}: {}", path.send()),
            format!("query {shown}: {}", query.send()),
            format!("authority {shown}: {}", authority.send()),
            format!("method {shown}: {}", method.send()),
        ]
    });
    Ok(sent.collect())
}
