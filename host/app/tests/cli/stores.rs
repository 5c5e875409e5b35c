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

fn break_a_row(program: &Program) {
    let store = rusqlite::Connection::open(program.path("home/store.sqlite")).unwrap();
    store.execute("UPDATE connections SET entry = '{'", []).unwrap();
}

/// How it is damaged.
type Damage = (&'static str, fn(&Program));

const DAMAGES: [Damage; 3] = [
    ("another file", |program| overwrite(program, 0..1)),
    ("its tables", |program| overwrite(program, 1..12)),
    ("a row", break_a_row),
];

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
