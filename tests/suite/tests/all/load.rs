//! Bytes that are no connector. Each gets one clear sentence and a hint, and none of them a panic.

mod made;

use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::load::{LoadError, Outline};
use std::collections::BTreeSet;
use std::fmt::Write;

fn judge(bytes: &[u8]) -> Result<Outline, LoadError> {
    let outline = Outline::read(bytes)?;
    outline.check()?;
    Ok(outline)
}

/// The sentence and the hint, which have to be one line each, lower case, without full stop.
fn sentence(bytes: &[u8]) -> String {
    let error = judge(bytes).expect_err("this is no connector");
    let text = error.to_string();
    assert!(text.chars().all(|letter| !letter.is_control()), "{text:?}");
    assert!(text.starts_with(|first: char| first.is_lowercase()) && !text.ends_with('.'), "{text}");
    assert!(text.len() < 300, "{text}");
    assert!(!error.hint().is_empty());
    format!("{text}\n  hint: {}", error.hint())
}

/// Numbers differ from build to build.
fn without_numbers(text: &str) -> String {
    let mut digits = false;
    let mut plain = String::new();
    for letter in text.chars() {
        if !letter.is_ascii_digit() {
            plain.push(letter);
        } else if !digits {
            plain.push('#');
        }
        digits = letter.is_ascii_digit();
    }
    plain
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Same numbers on each run, so that a failure can be seen again.
fn random(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed | 1), |state| {
        let state = state ^ (state << 13);
        let state = state ^ (state >> 7);
        Some(state ^ (state << 17))
    })
}

/// Of the outermost component: after eight bytes, each section is its kind, its length in LEB128, and that many bytes.
fn export_starts(component: &[u8]) -> Vec<usize> {
    const EXPORT: u8 = 11;
    let (mut starts, mut at) = (Vec::new(), 8);
    while at < component.len() {
        starts.extend((component[at] == EXPORT).then_some(at));
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            length |= usize::from(component[at] & 0x7f) << shift;
            shift += 7;
            if component[at] < 0x80 {
                break;
            }
        }
        at += 1 + length;
    }
    starts
}

/// Where each section begins that exports something. A section is a number and its length in groups of seven bits.
fn exports(component: &[u8]) -> Vec<usize> {
    const EXPORTS: u8 = 11;
    let (mut at, mut starts) = (8, Vec::new());
    while at < component.len() {
        starts.extend((component[at] == EXPORTS).then_some(at));
        let groups = component[at + 1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let length =
            component[at + 1..][..groups].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        at += 1 + groups + length;
    }
    starts
}

#[test]
fn a_connector_cut_off_anywhere_is_refused_with_a_clear_sentence() {
    let mut sentences = BTreeSet::new();
    for part in 0..64 {
        sentences.insert(without_numbers(&sentence(&CONNECTOR[..CONNECTOR.len() * part / 64])));
    }
    // Before each export, where what is there is whole and the rest is missing: no other cut meets these but by chance.
    for length in exports(CONNECTOR) {
        sentences.insert(without_numbers(&sentence(&CONNECTOR[..length])));
    }
    // Every length near the start, where the header is.
    for length in 0..200 {
        sentences.insert(without_numbers(&sentence(&CONNECTOR[..length])));
    }
    // And before each export: there, what is left is whole but for what it lacks.
    for length in export_starts(CONNECTOR) {
        sentences.insert(without_numbers(&sentence(&CONNECTOR[..length])));
    }
    insta::assert_snapshot!("truncated", sentences.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn random_bytes_are_refused_with_a_clear_sentence() {
    let headers: [&[u8]; 4] = [b"", b"\0asm", b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0"];
    for (seed, header) in (1..=500).flat_map(|seed| headers.map(|header| (seed, header))) {
        let length = 1 + seed as usize % 97;
        let noise: Vec<u8> = random(seed).skip(8).take(length).map(|word| word as u8).collect();
        sentence(&[header, &noise].concat());
    }
}

/// Damage that leaves a valid component, such as in a name or in code, is not noticed here: that is what the digest is for.
#[test]
fn a_damaged_connector_never_panics_the_reader() {
    let mut connector = CONNECTOR.to_vec();
    for word in random(7).take(400) {
        let at = (word >> 8) as usize % connector.len();
        connector[at] ^= 1 << (word % 8);
        if let Err(error) = judge(&connector) {
            assert!(error.to_string().len() < 400, "{error}");
        }
        connector[at] = CONNECTOR[at];
    }
}

#[test]
fn the_connector_itself_is_taken() {
    judge(CONNECTOR).unwrap();
}

/// Every foreign thing with what is said of it, as a reviewer sees it.
#[test]
fn foreign_components_are_refused_by_the_name_of_what_they_ask_for() {
    let import = |name: &str| format!(r#"(component (import "{name}" (instance)))"#);
    let function = |name: &str, function: &str| {
        format!(r#"(component (import "{name}" (instance (export "{function}" (func)))))"#)
    };
    let exports = |sync: &str| {
        format!(
            r#"(component (instance $empty)
                (export "gitlab-sync:connector/about@0.1.0" (instance $empty))
                (export "{sync}" (instance $empty)))"#
        )
    };
    let table = [
        ("a core module", "(module)".to_string()),
        ("a core module with everything", r#"(module (memory 1) (func (export "run") unreachable))"#.into()),
        ("an empty component", "(component)".into()),
        ("files of WASI", import("wasi:filesystem/types@0.2.12")),
        ("preopened folders", import("wasi:filesystem/preopens@0.2.12")),
        ("sockets", import("wasi:sockets/tcp@0.2.12")),
        ("name look-up", import("wasi:sockets/ip-name-lookup@0.2.12")),
        ("environment", import("wasi:cli/environment@0.2.12")),
        ("standard output", import("wasi:cli/stdout@0.2.12")),
        ("exit", import("wasi:cli/exit@0.2.12")),
        ("random numbers", import("wasi:random/random@0.2.12")),
        ("clock of WASI", import("wasi:clocks/monotonic-clock@0.2.12")),
        ("incoming HTTP", import("wasi:http/incoming-handler@0.2.12")),
        ("key-value store", import("wasi:keyvalue/store@0.2.0-draft")),
        ("WASI 0.3", import("wasi:http/types@0.3.0")),
        ("a newer WASI 0.2", import("wasi:io/poll@0.2.99")),
        ("a release candidate", import("wasi:io/poll@0.2.0-rc.1")),
        ("an interface without version", import("wasi:io/poll")),
        ("an older contract", import("gitlab-sync:connector/files@0.0.9")),
        ("a newer contract", import("gitlab-sync:connector/files@0.2.0")),
        ("an export of the contract as import", import("gitlab-sync:connector/sync@0.1.0")),
        ("a look-alike", import("gitlab-sync:connectors/files@0.1.0")),
        ("a name without interface", import("run")),
        ("one function too many", function("gitlab-sync:connector/files@0.1.0", "chmod")),
        ("a function that is not restated", function("wasi:http/types@0.2.12", "http-error-code-two")),
        ("a bare function", r#"(component (import "run" (func)))"#.into()),
        ("a bare function with a good name", r#"(component (import "wasi:io/poll@0.2.12" (func)))"#.into()),
        ("a core module as import", r#"(component (import "run" (core module)))"#.into()),
        ("a component as import", r#"(component (import "run" (component)))"#.into()),
        ("a type as import", r#"(component (import "run" (type (sub resource))))"#.into()),
        ("one export of two", exports("gitlab-sync:connector/other@0.1.0")),
        ("an export of another contract", exports("gitlab-sync:connector/sync@0.2.0")),
    ];
    let mut report = String::new();
    for (label, text) in table {
        writeln!(report, "{label}:\n  {}", sentence(&component(&text))).unwrap();
    }
    insta::assert_snapshot!("foreign", report);
}

#[test]
fn what_is_no_webassembly_is_called_so() {
    let mut report = String::new();
    let table: [(&str, &[u8]); 8] = [
        ("nothing", b""),
        ("a web page", b"<!doctype html><title>404</title>"),
        ("a zip archive", b"PK\x03\x04"),
        ("a tar archive", &[0; 1024]),
        ("a gzip file", b"\x1f\x8b\x08"),
        ("a program", b"\x7fELF\x02\x01"),
        ("text of a component", b"(component)"),
        ("a JSON manifest", b"{\"schemaVersion\":2}"),
    ];
    for (label, bytes) in table {
        writeln!(report, "{label}:\n  {}", sentence(bytes)).unwrap();
    }
    writeln!(report, "a very large file:\n  {}", sentence(&vec![0; (4 << 20) + 1])).unwrap();
    insta::assert_snapshot!("no_webassembly", report);
}

/// A component inside the component may import what it likes, as long as the outside gives it only what it was lent itself.
#[test]
fn only_what_the_outermost_component_imports_counts() {
    let inner = r#"(component (component $inner (import "wasi:filesystem/types@0.2.12" (instance))))"#;
    let outline = Outline::read(&component(inner)).unwrap();
    assert_eq!(outline.imports, []);
    assert!(matches!(outline.check(), Err(LoadError::MissingExport(_))));
}

#[test]
fn deeply_nested_components_do_not_exhaust_the_reader() {
    let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
    sentence(&component(&nested(50)));
    // The text parser has its own limit, so the deepest are put together by hand: a section 4 with a component in it.
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..5_000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        leb128(&mut outer, bytes.len());
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    sentence(&bytes);
}

fn leb128(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

#[test]
fn metadata_of_strangers_cannot_draw_on_the_reviewers_terminal() {
    let text = "(component $name (@custom \"description\" \"kind\\n\\u{1b}[2Japproved\"))";
    let metadata = Outline::read(&component(text)).unwrap().metadata;
    assert!(metadata.iter().all(|(_, value)| !value.contains(char::is_control)), "{metadata:?}");
    assert!(metadata.iter().any(|(name, _)| name == "description"), "{metadata:?}");
}
