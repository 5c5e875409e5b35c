//! The bar of a long command, on a real terminal and where there is none.

use crate::gitlab::Scene;
use gitlab_sim::{Effect, Fault};

/// To the line's begin, and everything after it gone.
const CLEAR: &str = "\r\u{1b}[K";
const FILES: usize = 300;

/// Hundreds of files wait here, and GitLab takes longer to answer than the first drawing waits.
fn slow() -> Scene {
    let scene = Scene::ready();
    for number in 0..FILES {
        scene.program.write(&format!("files/{number:03}.md"), format!("# Page {number}\n"));
    }
    scene.gitlab.admin().fault(Fault::on_any("*/repository/*", Effect::Latency { ms: 400, jitter_ms: 0 }));
    scene
}

/// What a terminal shows in the end: each line without what was erased of it.
fn left(seen: &str) -> Vec<&str> {
    seen.lines().map(|line| line.rsplit(CLEAR).next().unwrap_or(line)).collect()
}

#[test]
fn a_push_of_hundreds_of_files_shows_a_bar_on_a_terminal_and_nothing_of_it_stays() {
    let (status, seen) = slow().program.run_on_terminal(&["push"], "");
    assert_eq!(status, 0, "{seen}");
    let bar = seen.split(CLEAR).find(|part| part.starts_with('[')).unwrap_or_else(|| panic!("{seen:?}"));
    let (drawing, words) = bar.split_once("] ").unwrap();
    assert!(drawing.len() == 25 && drawing[1..].chars().all(|letter| "#.".contains(letter)), "{bar:?}");
    assert!(words.ends_with(&format!("/{} files read", FILES + 1)), "{bar:?}");
    let left = left(&seen);
    assert!(!left.iter().any(|line| line.contains("files read")), "{left:?}");
    assert!(left.iter().any(|line| line.contains(&format!(": {} create", FILES + 1))), "{left:?}");
}

#[test]
fn without_a_terminal_or_for_a_program_there_is_no_bar() {
    let piped = slow().program.run(&["push"]).quietly(0);
    assert!(piped.contains("Pushed") && !piped.contains('\u{1b}'), "{piped}");
    let (status, json) = slow().program.run_on_terminal(&["push", "--json"], "");
    assert_eq!(status, 0, "{json}");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "nothing but one value: {json:?}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let colored = |environment: &[(&str, &str)], arguments: &[&str]| {
        let scene = Scene::ready();
        let arguments = [&["push"], arguments].concat();
        let (status, seen) = scene.program.run_on_terminal_with(&arguments, environment, "");
        assert_eq!(status, 0, "{seen}");
        assert!(seen.contains("Pushed"), "{seen}");
        seen.contains("\u{1b}[32mPushed\u{1b}[0m")
    };
    for (environment, arguments, expected) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("NO_COLOR", "")], &[], true),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
        (&[], &["--color", "never"], false),
    ] {
        assert_eq!(colored(environment, arguments), expected, "{environment:?} {arguments:?}");
    }
}
