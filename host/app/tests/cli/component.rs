//! `component FILE`.

use crate::program::Program;
use gitlab_sync_component::CONNECTOR;

#[test]
fn the_embedded_component_is_written_once() {
    let program = Program::new();
    let line = program.run(&["component", "out.wasm"]).quietly(0);
    assert_eq!(std::fs::read(program.path("out.wasm")).unwrap(), CONNECTOR);
    assert!(line.starts_with("sha256:") && line.ends_with("  out.wasm\n"), "{line}");
    let again = program.run(&["component", "out.wasm"]).complaint(1);
    assert!(again.contains("hint: name a new file"), "{again}");
    let nowhere = program.run(&["component", "no/folder/out.wasm"]).complaint(1);
    assert!(nowhere.contains("hint: make the folder first"), "{nowhere}");
}
