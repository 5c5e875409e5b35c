//! Modes that reach for files outside the workspace, or for more of it than was lent.

use super::bindings::gitlab_sync::connector::files::{self, Change, Delete, Expectation, Write};
use super::run::{Ask, Seen};
use crate::EVIL_PATHS;

fn write(path: &str) -> Change {
    let expected = Expectation::Absent;
    Change::Write(Write { path: path.into(), bytes: b"hostile".into(), executable: true, expected })
}

fn overwrite(path: &str, version: &str) -> Change {
    let expected = Expectation::Version(version.into());
    Change::Write(Write { path: path.into(), bytes: b"hostile".into(), executable: true, expected })
}

fn delete(path: &str) -> Change {
    Change::Delete(Delete { path: path.into(), expected: Expectation::Version(String::new()) })
}

fn said(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}").chars().take(300).collect()
}

/// Every function that takes a path, with this one.
fn try_all(path: &str) -> Vec<String> {
    let shown = path.escape_default();
    vec![
        format!("write {shown}: {}", said(&files::apply(&[write(path)]))),
        format!("overwrite {shown}: {}", said(&files::apply(&[overwrite(path, "1")]))),
        format!("read {shown}: {}", said(&files::read(&[path.into()]))),
        format!("list {shown}: {}", said(&files::list(path, None))),
        format!("news {shown}: {}", said(&files::list_news(&[0, u64::MAX], &[path.into()]))),
        format!("look {shown}: {}", said(&files::look(&[path.into()]))),
        format!("after {shown}: {}", said(&files::list("", Some(path)))),
        format!("delete {shown}: {}", said(&files::apply(&[delete(path)]))),
        format!("ahead {shown}: {}", said(&files::apply_ahead(&[write(path)]).and_then(|_| files::apply_ahead(&[])))),
    ]
}

pub(super) fn escapes(ask: &Ask) -> Seen {
    let long = ["x".repeat(256), format!("{}a", "d/".repeat(3_000)), "\u{1f4a3}".repeat(70)];
    let paths = EVIL_PATHS.iter().copied().chain(ask.lines()).chain(long.iter().map(String::as_str));
    Ok(paths.flat_map(try_all).collect())
}

pub(super) fn links(ask: &Ask) -> Seen {
    Ok(ask.lines().flat_map(try_all).collect())
}

pub(super) fn half_batch() -> Seen {
    let evil = ["../outside", "a/../../outside", ".git/config", "nul", "good/1.md/below"];
    let batches = evil.iter().enumerate().flat_map(|(number, path)| {
        let good = |which| write(&format!("half/{number}-{which}.md"));
        [
            vec![good("before"), write(path)],
            vec![write(path), good("after")],
            vec![good("twice"), good("twice")],
            vec![good("gone"), delete(&format!("half/{number}-gone.md"))],
        ]
    });
    Ok(batches.map(|batch| said(&files::apply(&batch))).collect())
}

pub(super) fn flood(ask: &Ask) -> Seen {
    let batch: Vec<_> = (0..ask.number(0)).map(|number| write(&format!("flood/{number}.md"))).collect();
    Ok(vec![said(&files::apply(&batch).map(|versions| versions.len()))])
}

pub(super) fn collisions() -> Seen {
    let pairs = [
        ("case/a.md", "case/A.md"),
        ("case/b/x.md", "CASE/b/y.md"),
        ("normal/\u{e9}.md", "normal/e\u{301}.md"),
        ("normal/\u{df}.md", "normal/ss.md"),
        ("normal/\u{fb01}.md", "normal/fi.md"),
        ("file", "file/below.md"),
        ("normal/\u{130}.md", "normal/i\u{307}.md"),
    ];
    let written = pairs.iter().flat_map(|(one, two)| {
        let both = [write(one), write(two)];
        let apart = [files::apply(&[write(&format!("apart/{one}"))]), files::apply(&[write(&format!("apart/{two}"))])];
        [format!("{one} and {two} at once: {}", said(&files::apply(&both))), format!("then: {}", said(&apart))]
    });
    Ok(written.collect())
}

pub(super) fn without_permission() -> Seen {
    Ok(try_all("seen.md"))
}
