//! What a component says of itself, in the sections that `wasm-tools metadata show` reads: name, version, description, licence and
//! source, all from the package's manifest, so that they cannot differ from it.

use std::env;
use std::path::Path;
use std::process::Command;

/// A section's name and its text.
type Entry = (&'static str, String);

/// The manifest's entries, as cargo resolves them.
pub(crate) fn of_package(workspace: &Path, package: &str) -> Vec<Entry> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace)
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    let found = packages.iter().find(|found| found["name"] == package).expect("the guest is in this workspace");
    [
        ("name", "name"),
        ("version", "version"),
        ("description", "description"),
        ("licenses", "license"),
        ("source", "repository"),
    ]
    .into_iter()
    .filter_map(|(section, key)| Some((section, found[key].as_str()?.to_owned())))
    .collect()
}

/// Adds a custom section for each entry. The name has a section of its own kind, the others are OCI annotations.
pub(crate) fn append(component: &mut Vec<u8>, entries: &[Entry]) {
    for (section, text) in entries {
        match *section {
            "name" => custom(component, "component-name", &[&[0], sized(&sized(text.as_bytes())).as_slice()].concat()),
            section => custom(component, section, text.as_bytes()),
        }
    }
}

fn custom(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    component.push(0);
    component.extend(sized(&[sized(name.as_bytes()).as_slice(), data].concat()));
}

/// The bytes after their length in LEB128.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let (mut sized, mut length) = (Vec::new(), bytes.len());
    while length >= 0x80 {
        sized.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    sized.push(length as u8);
    sized.extend_from_slice(bytes);
    sized
}
