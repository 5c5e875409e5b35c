//! Name, version, licence, source and description inside the component, where `wasm-tools metadata show` and registries look.
//!
//! The linker cannot put them there, so they are appended: a component is a list of sections, and custom ones may stand at its
//! end. The texts are those of the guest's Cargo manifest. What the linker calls the parts inside, 10 kB that only a debugger would
//! show, gives way.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

const NAMES: &str = "component-name";
/// The magic number and the version, before the first section.
const PREAMBLE: usize = 8;

/// The component with its manifest's fields.
pub(crate) fn stamp(component: &mut Vec<u8>, cargo: &mut Command, workspace: &Path, package: &str) {
    let output = cargo
        .current_dir(workspace)
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo describes the workspace");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let manifest = packages.iter().find(|one| one["name"] == package).expect("the guest is in the workspace");
    without(component, NAMES);
    // Subsection 0 of `component-name` is the component's own name.
    let mut name = vec![0];
    put_text(&mut name, &text(package.as_bytes()));
    section(component, NAMES, &name);
    for (field, of_manifest) in
        [("description", "description"), ("licenses", "license"), ("source", "repository"), ("version", "version")]
    {
        if let Some(value) = manifest[of_manifest].as_str() {
            section(component, field, value.as_bytes());
        }
    }
}

/// Takes out the custom sections of this name.
fn without(component: &mut Vec<u8>, name: &str) {
    let mut at = PREAMBLE;
    while at < component.len() {
        let (length, body) = length(component, at + 1);
        let end = body + length;
        if component[at] == 0 && component[body..end].starts_with(&text(name.as_bytes())) {
            component.drain(at..end);
        } else {
            at = end;
        }
    }
}

/// A custom section: id 0, its length, its name, its content.
fn section(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut body = text(name.as_bytes());
    body.extend_from_slice(content);
    component.push(0);
    put_text(component, &body);
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    put_text(&mut text, bytes);
    text
}

/// A length as LEB128, and where it ends.
fn length(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut length, mut shift) = (0, 0);
    loop {
        length |= usize::from(bytes[at] & 0x7f) << shift;
        at += 1;
        if bytes[at - 1] <= 0x7f {
            return (length, at);
        }
        shift += 7;
    }
}

/// The length as LEB128, then the bytes.
fn put_text(into: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length > 0x7f {
        into.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    into.push(length as u8);
    into.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sections_of_a_name_are_taken_out() {
        let preamble = b"\0asm\x0d\0\x01\0".to_vec();
        let mut other = preamble.clone();
        section(&mut other, "component-names", &[7; 300]);
        other.extend([11, 2, 0, 0]);
        let mut component = preamble;
        section(&mut component, NAMES, &[0; 20_000]);
        component.extend_from_slice(&other[PREAMBLE..]);
        section(&mut component, NAMES, b"");
        without(&mut component, NAMES);
        assert_eq!(component, other);
    }
}
