//! Differences as a list, and the exceptions among them, each with its reason.

/// Differences that stay: what they begin with, and why. `*` stands for one or more characters.
pub(super) type Exceptions = &'static [(&'static str, &'static str)];

/// Panics with every difference that no exception covers. Exceptions that cover none are only named: other recordings than
/// those they were written for may not have them.
#[expect(clippy::print_stderr, reason = "seen by whoever runs this by hand")]
pub(super) fn judge(mut found: Vec<String>, exceptions: Exceptions) {
    found.sort();
    found.dedup();
    for (pattern, _) in exceptions.iter().filter(|(pattern, _)| !found.iter().any(|line| covers(pattern, line))) {
        eprintln!("exception without a difference: {pattern}");
    }
    let left: Vec<String> =
        found.into_iter().filter(|line| !exceptions.iter().any(|(pattern, _)| covers(pattern, line))).collect();
    assert!(left.is_empty(), "{} differences:\n{}", left.len(), left.join("\n"));
}

fn covers(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    for (index, part) in pattern.split('*').enumerate() {
        match rest.find(part) {
            Some(at) if index > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    true
}

/// Says loudly that a test did nothing, and what would make it do something.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(super) fn skipped(variable: &str) {
    eprintln!("\n*** SKIPPED: set {variable} to run this; nothing was compared ***\n");
}

#[test]
fn an_exception_covers_what_begins_with_it() {
    for (pattern, line, expected) in [
        ("GET /a: x", "GET /a: x is missing", true),
        ("GET *: x", "GET /a/b: x", true),
        ("GET *: x", "POST /a/b: x", false),
        (": x", "GET /a: x", false),
    ] {
        assert_eq!(covers(pattern, line), expected, "{pattern} {line}");
    }
}
