//! A store that is not as it was left: what is wrong is named, with what to do, and nothing is taken for empty.

use crate::gitlab::Scene;
use crate::program::Program;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

/// It was once told without anything to do about it.
#[test]
fn a_damaged_store_is_told_with_what_to_do() {
    let overwritten = |program: &Program, from: u64| {
        let mut file = OpenOptions::new().write(true).open(program.path("home/store.sqlite")).unwrap();
        file.seek(SeekFrom::Start(from)).unwrap();
        file.write_all(&[b'x'; 4096]).unwrap();
    };
    let entry = |program: &Program| {
        let store = rusqlite::Connection::open(program.path("home/store.sqlite")).unwrap();
        store.execute("UPDATE connections SET entry = '{'", []).unwrap();
    };
    let damages: [(&str, &dyn Fn(&Program)); 3] = [
        ("another file", &|program| overwritten(program, 0)),
        ("its second page", &|program| (1..12).for_each(|page| overwritten(program, page * 4096))),
        ("a row", &entry),
    ];
    for (damage, damaged) in damages {
        let scene = Scene::new();
        scene.connect(&scene.token, &[]).quietly(0);
        damaged(&scene.program);
        let said = scene.program.run(&["status"]).complaint(1);
        assert!(said.contains("store.sqlite` cannot be used"), "{damage}: {said}");
        assert!(said.contains("hint: it is damaged: put a copy of it back"), "{damage}: {said}");
    }
}
