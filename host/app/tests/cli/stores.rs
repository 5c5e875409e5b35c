//! A store that is not as it was left: what is wrong is named, with what to do, and nothing is taken for empty.

use crate::gitlab::Scene;
use crate::program::Program;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

const PAGE: u64 = 4096;

fn overwrite(program: &Program, pages: std::ops::Range<u64>) {
    let mut file = OpenOptions::new().write(true).open(program.path("home/store.sqlite")).unwrap();
    file.seek(SeekFrom::Start(pages.start * PAGE)).unwrap();
    pages.for_each(|_| file.write_all(&[b'x'; PAGE as usize]).unwrap());
}

/// How it is damaged.
type Damage = (&'static str, fn(&Program));

const DAMAGES: [Damage; 2] =
    [("another file", |program| overwrite(program, 0..1)), ("its tables", |program| overwrite(program, 1..12))];

/// It was once told without anything to do about it.
#[test]
fn a_damaged_store_is_told_with_what_to_do() {
    for (damage, damaged) in DAMAGES {
        let scene = Scene::new();
        scene.connect(&scene.token, &[]).quietly(0);
        damaged(&scene.program);
        let said = scene.program.run(&["status"]).complaint(1);
        assert!(said.contains("store.sqlite` cannot be used"), "{damage}: {said}");
        assert!(said.contains("hint: it is damaged: put a copy of it back"), "{damage}: {said}");
    }
}

/// A row that was damaged kept every other connection from being made or shown, and could not be removed.
#[test]
fn a_connection_that_cannot_be_read_is_named_and_disconnected_and_no_other_is_kept_up() {
    let scene = Scene::ready();
    let store = rusqlite::Connection::open(scene.program.path("home/store.sqlite")).unwrap();
    std::fs::create_dir(scene.program.path("other")).unwrap();
    scene.program.write("other/here.md", "other\n");
    scene.connect_to("other", &["-c", "other"]).quietly(0);
    let spoil = "UPDATE connections SET entry = substr(entry, 1, 40) WHERE id = 'default'";
    assert_eq!(store.execute(spoil, []).unwrap(), 1);
    let connect = || scene.connect(&scene.token, &[]);
    for run in [scene.program.run(&["status"]), scene.program.run(&["pull"]), connect()] {
        let said = run.complaint(1);
        assert!(said.starts_with("error: what is kept of the connection `default` cannot be read\n"), "{said}");
        assert!(said.contains("remove this connection with `gitlab-sync disconnect` and connect again"), "{said}");
    }
    let created = scene.program.run(&["-c", "other", "configure", "--create", "other"]);
    assert_eq!(created.status, 0, "the others go on: {}", created.stderr);
    scene.program.run(&["-c", "other", "sync"]).quietly(0);
    std::fs::create_dir(scene.program.path("third")).unwrap();
    scene.connect_to("third", &["-c", "third"]).quietly(0);
    let gone = scene.program.run(&["disconnect"]);
    assert_eq!(gone.status, 0, "{}", gone.stderr);
    assert_eq!(gone.stderr, "warning: what is kept of the connection `default` cannot be read\n");
    let rows = "SELECT count(*) FROM secrets WHERE connection = 'default'";
    assert_eq!(store.query_row(rows, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    connect().quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    scene.program.run(&["sync"]).quietly(0);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
}

/// What was chosen could not be read, and all that helped was to disconnect.
#[test]
fn settings_that_are_damaged_are_chosen_anew_and_nothing_else_is_lost() {
    let (scene, conflicts) = Scene::in_conflict("edited there\n", "edited here\n");
    let store = rusqlite::Connection::open(scene.program.path("home/store.sqlite")).unwrap();
    for key in ["settings", "webhook"] {
        let spoil = "UPDATE state SET bytes = x'7b' WHERE connection = 'default' AND key = ?1";
        assert_eq!(store.execute(spoil, [key]).unwrap(), 1, "{key}");
    }
    scene.program.write("files/new.md", "new\n");
    for command in ["plan", "push", "pull"] {
        let said = scene.program.run(&[command]).complaint(1);
        assert!(said.starts_with("error: What was chosen for this connection cannot be read"), "{said}");
        assert!(said.contains("hint: choose it anew: `gitlab-sync configure --project PROJECT`"), "{said}");
    }
    let status = scene.program.run(&["status"]);
    assert!(status.status == 0 && status.stdout.ends_with("next: gitlab-sync configure\n"), "{}", status.stdout);
    assert!(status.stderr.starts_with("warning: What was chosen"), "{}", status.stderr);
    scene.connect(&scene.token, &[]).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    scene.program.run(&["sync"]).quietly(0);
    assert_eq!(scene.in_gitlab("new.md").as_deref(), Some("new\n"));
    assert_eq!(scene.here("here.md").as_deref(), Some("edited there\n"));
    assert_eq!(scene.program.run(&["conflicts", "--json"]).json(0), conflicts, "and no conflict is lost");
}
