//! `inspect`: on components that no one here wrote, and on files that are none.

use crate::program::Program;

/// A command-line program of somebody else.
const STRANGER: &str = r#"(component
    (import "wasi:cli/environment@0.2.3" (instance (export "get-arguments" (func))))
    (import "wasi:filesystem/types@0.2.3" (instance))
    (import "wasi:io/poll@0.2.3" (instance (export "poll" (func)) (export "quit" (func))))
    (import "wasi:io/streams@0.3.0" (instance))
    (import "acme:things/thing" (instance))
    (import "naked" (func))
)"#;

/// It has the shape of a connector as far as a parser can tell.
const SHELL: &str = r#"(component
    (import "gitlab-sync:connector/clock@0.1.0" (instance (export "now" (func (result u64)))))
    (component $nested (import "wasi:filesystem/types@0.2.3" (instance)))
    (instance $empty)
    (export "gitlab-sync:connector/about@0.1.0" (instance $empty))
    (export "gitlab-sync:connector/sync@0.1.0" (instance $empty))
)"#;

#[test]
fn a_foreign_component_is_told_apart_in_plain_words() {
    let program = Program::new();
    program.component("stranger.wasm", STRANGER);
    insta::assert_snapshot!(program.run(&["inspect", "stranger.wasm"]).quietly(3));
}

#[test]
fn a_foreign_component_as_json() {
    let program = Program::new();
    program.component("stranger.wasm", STRANGER);
    insta::assert_snapshot!(program.run(&["inspect", "--json", "stranger.wasm"]).quietly(3));
}

#[test]
fn what_is_no_component_gets_one_sentence_and_a_hint() {
    let program = Program::new();
    program.component("core.wasm", r#"(module (func (export "run")))"#);
    program.write("page.wasm", "<!doctype html>");
    program.write("empty.wasm", "");
    program.write("short.wasm", b"\0asm\x0d\0");
    program.write("version.wasm", b"\0asm\x63\0\0\0");
    let whole = wat::parse_str(STRANGER).unwrap();
    program.write("cut.wasm", &whole[..whole.len() / 2]);
    std::fs::File::create(program.path("huge.wasm")).unwrap().set_len(5 << 30).unwrap();
    std::fs::create_dir(program.path("folder.wasm")).unwrap();
    let names = ["core", "page", "empty", "short", "version", "cut", "huge", "folder", "missing"];
    let mut all = String::new();
    for name in names {
        let complaint = program.run(&["inspect", &format!("{name}.wasm")]).complaint(1);
        assert_eq!(complaint.lines().count(), 2, "{complaint}");
        all.push_str(&complaint);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_failure_is_json_for_programs_too() {
    let program = Program::new();
    let run = program.run(&["inspect", "--json", "missing.wasm"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.starts_with("error: `missing.wasm` cannot be read"), "{}", run.stderr);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["error"]["hints"][0], "give the path of a `.wasm` file");
}

#[test]
fn control_characters_of_a_stranger_never_reach_the_terminal() {
    let program = Program::new();
    let mut bytes = wat::parse_str(r#"(component (import "a:b/c" (instance)))"#).unwrap();
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\n\rfake line";
    // A custom section: its id, its length, the length of its name, its name, its text.
    let body: Vec<u8> = [&[11][..], b"description", evil.as_bytes()].concat();
    bytes.extend([&[0, u8::try_from(body.len()).unwrap()][..], &body].concat());
    program.write("evil.wasm", bytes);
    for arguments in
        [&["inspect", "evil.wasm"][..], &["inspect", "--json", "evil.wasm"], &["inspect", "evil.wasm", "evil.wasm"]]
    {
        let shown = program.run(arguments).quietly(3);
        let is_bad = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert!(!shown.contains(is_bad), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("fake")), "{shown}");
    }
    let evil_name = program.run(&["inspect", "no\u{1b}[31mfile"]).complaint(1);
    assert!(!evil_name.contains('\u{1b}'), "{evil_name:?}");
}

#[test]
fn two_versions_are_compared() {
    let program = Program::new();
    program.component("old.wasm", SHELL);
    program.component("new.wasm", STRANGER);
    insta::assert_snapshot!(program.run(&["inspect", "old.wasm", "new.wasm"]).quietly(3));
    let same = program.run(&["inspect", "new.wasm", "new.wasm"]).quietly(3);
    assert!(same.contains("the same, byte for byte"), "{same}");
}

#[test]
fn colours_are_only_for_those_who_want_them() {
    let program = Program::new();
    program.component("stranger.wasm", STRANGER);
    let colors = |arguments: &[&str], environment: &[(&str, &str)]| {
        program.run_with(arguments, environment).quietly(3).contains('\u{1b}')
    };
    assert!(!colors(&["inspect", "stranger.wasm"], &[]), "a pipe is no terminal");
    assert!(colors(&["inspect", "stranger.wasm", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!colors(&["inspect", "stranger.wasm", "--color", "never"], &[]));
}
