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

/// Our own, and what it says of itself.
fn ours(program: &Program) -> serde_json::Value {
    program.run(&["component", "ours.wasm"]).quietly(0);
    program.run(&["inspect", "ours.wasm", "--json"]).json(0)
}

#[test]
fn our_own_component_lies_inside_the_contract_and_says_what_it_wants() {
    let program = Program::new();
    let review = ours(&program);
    assert_eq!(
        (&review["outside"], &review["contract"]),
        (&serde_json::json!([]), &"gitlab-sync:connector@0.1.0".into())
    );
    assert_eq!(review["digest"], gitlab_sync_host::load::digest(gitlab_sync_component::CONNECTOR));
    let profiles = review["wants"]["profiles"].as_array().unwrap();
    assert_eq!(profiles.len(), 5);
    let text = program.run(&["inspect", "ours.wasm"]).quietly(0);
    for profile in profiles {
        let words =
            [&profile["name"], &profile["digest"], &profile["rules"][0]["purpose"], &profile["slots"][0]["purpose"]];
        assert!(words.iter().all(|word| text.contains(word.as_str().unwrap())), "{words:?}");
    }
    assert!(text.ends_with("Everything lies inside the contract.\n"), "{text}");
    let same = program.run(&["inspect", "ours.wasm", "ours.wasm"]).quietly(0);
    assert!(same.contains("the same, byte for byte"), "{same}");
}

#[test]
fn a_grant_shows_each_request_with_its_whole_address() {
    let program = Program::new();
    let review = ours(&program);
    let digest = review["wants"]["profiles"][0]["digest"].as_str().unwrap();
    let grant = |approved: &str| {
        let lines = format!(
            "origin = \"https://gitlab.example.com\"\nbase-path = \"/gitlab\"\nprofile = \"files-read-write\"\n{approved}\n\
             workspace = \"read\"\n[network]\nprivate-addresses = [\"10.20.0.7/32\"]\n"
        );
        program.write("grant.toml", lines);
        program.run(&["inspect", "ours.wasm", "--grant", "grant.toml"])
    };
    let given = grant(&format!("approved = \"{digest}\"")).quietly(0);
    for words in ["https://gitlab.example.com/gitlab/api/v4/user", "10.20.0.7/32", "workspace   read only"] {
        assert!(given.contains(words), "{given}");
    }
    let missing = grant("").quietly(0);
    assert!(missing.contains(&format!("add `approved = \"{digest}\"` to the grant")), "{missing}");
    let other = grant("approved = \"sha256:0\"").quietly(3);
    assert!(other.contains("nothing, the grant is refused"), "{other}");
    let typo = grant("aproved = 1").complaint(1);
    assert!(typo.starts_with("error: `grant.toml`: line 4: unknown field `aproved`"), "{typo}");
}

#[test]
fn a_shell_that_cannot_say_what_it_wants_is_outside() {
    let program = Program::new();
    program.component("shell.wasm", SHELL);
    let said = program.run(&["inspect", "shell.wasm"]).quietly(3);
    assert!(said.contains("it does not say what it wants"), "{said}");
    assert!(!said.contains("wasi:filesystem"), "what is nested is its own business: {said}");
}

/// Not damaged, and no download helps.
#[test]
fn a_component_of_a_proposal_that_is_left_out_is_told_so() {
    let program = Program::new();
    program.component("proposal.wasm", "(component (core func (canon error-context.drop)))");
    let complaint = program.run(&["inspect", "proposal.wasm"]).complaint(3);
    assert!(
        complaint.contains("uses the built-in function `error-context-drop`, which connectors do without"),
        "{complaint}"
    );
    assert!(!complaint.contains("caused by"), "said once: {complaint}");
}

#[test]
fn what_is_no_component_gets_one_sentence_and_a_hint() {
    let program = Program::new();
    program.component("core.wasm", r#"(module (func (export "run")))"#);
    program.write("page.wasm", "<!doctype html>");
    program.write("empty.wasm", "");
    program.write("short.wasm", b"\0asm\x0d\0");
    program.write("version.wasm", b"\0asm\x63\0\0\0");
    program.write("old.wasm", b"\0asm\x0a\0\x01\x01");
    let whole = wat::parse_str(STRANGER).unwrap();
    program.write("cut.wasm", &whole[..whole.len() / 2]);
    // What a file says of itself comes before its size.
    for (name, head) in
        [("huge", &b"\0asm\x0d\0\x01\0"[..]), ("huge-core", b"\0asm\x01\0\0\0"), ("huge-zeros", b"\0\0")]
    {
        program.write(&format!("{name}.wasm"), head);
        let file = std::fs::File::options().write(true).open(program.path(&format!("{name}.wasm")));
        file.unwrap().set_len(5 << 30).unwrap();
    }
    std::fs::create_dir(program.path("folder.wasm")).unwrap();
    #[cfg(unix)]
    {
        std::process::Command::new("mkfifo").arg(program.path("pipe.wasm")).status().unwrap();
        std::os::unix::fs::symlink("loop.wasm", program.path("loop.wasm")).unwrap();
    }
    let names = [
        "core",
        "page",
        "empty",
        "short",
        "version",
        "old",
        "cut",
        "huge",
        "huge-core",
        "huge-zeros",
        "folder",
        "missing",
    ];
    let names = names.into_iter().chain(if cfg!(unix) { &["pipe", "loop"][..] } else { &[] }.iter().copied());
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
