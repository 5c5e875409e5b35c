//! The words of the command line: a change of them shows in review.

use crate::program::Program;

#[test]
fn help_says_what_there_is() {
    let program = Program::new();
    let of = [
        "inspect",
        "component",
        "connect",
        "configure",
        "push",
        "sync",
        "conflicts",
        "resolve",
        "webhook",
        "keys",
        "serve",
        "user",
    ];
    let commands = [vec!["--help"]].into_iter().chain(of.map(|command| vec![command, "--help"]));
    let commands = commands.chain(["secret", "verify"].map(|command| vec!["webhook", command, "--help"]));
    let texts: Vec<_> = commands.map(|command| program.run(&command).quietly(0)).collect();
    insta::assert_snapshot!(texts.join("\n----\n\n"));
}

#[test]
fn wrong_arguments_end_with_2_and_a_suggestion() {
    let program = Program::new();
    let complaint = program.run(&["inspct", "a.wasm"]).complaint(2);
    assert!(complaint.contains("inspect"), "{complaint}");
    assert_eq!(program.run(&[]).status, 2);
    assert_eq!(program.run(&["inspect"]).status, 2);
    assert_eq!(program.run(&["--version"]).quietly(0), format!("gitlab-sync {}\n", env!("CARGO_PKG_VERSION")));
}
