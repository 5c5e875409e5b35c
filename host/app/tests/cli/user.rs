//! `user`: who may sign in to the server, and that the token is shown once and kept nowhere.

use crate::program::Program;

#[test]
fn a_user_is_added_listed_and_removed_and_the_token_shown_once() {
    let program = Program::new();
    assert!(program.run(&["user", "list"]).quietly(0).starts_with("nobody yet"));
    let added = program.run(&["user", "add", "ana", "--organisation", "acme", "--role", "admin"]);
    assert_eq!(added.stderr, "`ana` of `acme` may sign in as admin with this token, which is not shown again:\n");
    let token = added.stdout.trim().to_owned();
    assert!(token.starts_with("gsync_") && token.len() == 70 && added.status == 0, "{token}");
    let viewer = program.run(&["user", "add", "ben@example.com", "--json"]);
    let viewer: serde_json::Value = serde_json::from_str(&viewer.stdout).unwrap();
    assert_eq!((&viewer["organisation"], &viewer["role"]), (&"default".into(), &"viewer".into()), "{viewer}");
    assert_ne!(viewer["token"], token.as_str());
    let list = program.run(&["user", "list"]).quietly(0);
    assert_eq!(
        list,
        "acme     ana              admin   added just now\ndefault  ben@example.com  viewer  added just now\n"
    );
    let list = program.run(&["user", "list", "--organisation", "acme", "--json"]).json(0);
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["name"], &list[0]["role"]),
        (1, &"ana".into(), &"admin".into())
    );
    for entry in std::fs::read_dir(program.path("home")).unwrap().map(Result::unwrap).filter(|it| it.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(32).any(|window| window == &token.as_bytes()[6..38]), "{:?}", entry.path());
    }
    let removed = program.run(&["user", "remove", "ana", "--organisation", "acme"]).quietly(0);
    assert_eq!(removed, "Removed ana of acme; the token is no good any more\n");
    assert_eq!(program.run(&["user", "list", "--json"]).json(0).as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let program = Program::new();
    assert_eq!(program.run(&["user", "add", "ana"]).status, 0);
    for (arguments, status, sentence, hint) in [
        (&["user", "add", "ana"][..], 1, "there is a user `ana` in `default` already", "remove that one first"),
        (&["user", "remove", "ana", "--organisation", "acme"], 1, "there is no user `ana` in `acme`", "--organisation"),
        (&["user", "add", "Ana Lima"], 2, "`Ana Lima` is no user's name", ""),
        (&["user", "add", "ana", "--organisation", "../x"], 2, "`../x` is no organisation", ""),
    ] {
        let complaint = program.run(arguments).complaint(status);
        assert!(complaint.contains(sentence) && complaint.contains(hint), "{complaint}");
    }
}
