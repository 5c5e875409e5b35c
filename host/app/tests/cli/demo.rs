//! `demo`: what the README promises.

use crate::program::Program;

#[test]
fn the_demo_holds_and_says_what_it_did() {
    let program = Program::new();
    let run = program.run(&["demo", "--folder", "demo"]);
    // A step of more than five seconds, as on a slow machine, tells how far it is and nothing else.
    let is_progress = |line: &str| line.starts_with(|first: char| first.is_ascii_digit());
    assert!(run.status == 0 && run.stderr.lines().all(is_progress), "{}", run.stderr);
    let said = run.stdout;
    for heading in ["Connect", "Configure", "Plan", "Push", "Edits", "Pull", "Resolve", "Webhook"] {
        assert!(said.contains(&format!("  {heading}  ")), "{heading}\n{said}");
    }
    assert!(said.contains("All of it held."), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours into a pipe");
    for file in ["workspace/guides/holidays.md", "gitlab/1.git/HEAD", "home/store.sqlite", "home/audit-demo.jsonl"] {
        assert!(program.path("demo").join(file).is_file(), "{file}");
    }
    let again = program.run(&["demo", "--folder", "demo"]).complaint(1);
    assert!(again.contains("hint: name a new one"), "{again}");
}
