//! Builds a guest crate into a component, from a build script.
//!
//! Decided here: where the guest's own target folder is, which paths are remapped so that two folders give one digest, and how a
//! missing wasm target is added. Not decided here: how a component is linked; that stands in the workspace's cargo configuration.

mod metadata;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const ADD_TARGET: &str = "rustup target add wasm32-unknown-unknown";

/// Builds `package` of this workspace and gives back the path of its component. Panics with a sentence for people: a build script
/// has no other way to speak.
pub fn component(package: &str) -> PathBuf {
    let workspace = workspace();
    let target_dir = target_dir().join("guest");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&workspace)
        .args(["build", "--locked", "--profile", "guest", "--target", TARGET, "--package", package])
        .arg("--target-dir")
        .arg(&target_dir);
    forget_outer_build(&mut cargo);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rustflags(&workspace));
    if add_target() == Standard::FromSource {
        cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
    }
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "building the guest `{package}` failed, see above");
    watch(&workspace);
    let file = format!("{}.wasm", package.replace('-', "_"));
    let mut component = fs::read(target_dir.join(TARGET).join("guest").join(&file)).expect("cargo has written it");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    metadata::stamp(&mut component, &mut cargo, &workspace, package);
    let stamped = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join(file);
    fs::write(&stamped, component).expect("a build script may write to its own folder");
    stamped
}

/// Where the wasm standard library comes from.
#[derive(PartialEq)]
enum Standard {
    Installed,
    FromSource,
}

/// Adds the wasm target if it is missing. Where rustup has no network, the library's source does too, if it is there.
fn add_target() -> Standard {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let print = |arguments: &[&str]| {
        let output = Command::new(&rustc).args(arguments).output().expect("rustc starts");
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    };
    let installed = || print(&["--print", "target-libdir", "--target", TARGET]).is_dir();
    if installed() {
        return Standard::Installed;
    }
    let _ = Command::new("rustup").args(["target", "add", TARGET]).status();
    if installed() {
        return Standard::Installed;
    }
    let source = print(&["--print", "sysroot"]).join("lib/rustlib/src/rust/library");
    assert!(source.is_dir(), "the wasm target is missing and could not be added; run: {ADD_TARGET}");
    Standard::FromSource
}

/// The outer build's settings are for the host: they must not reach the guest, nor differ between `build` and `clippy`.
fn forget_outer_build(cargo: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let outer = ["CARGO_", "RUSTC", "RUSTFLAGS", "TARGET", "HOST", "OPT_LEVEL", "PROFILE", "DEBUG", "NUM_JOBS"];
        let keep = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_CAINFO"];
        if outer.iter().any(|prefix| text.starts_with(prefix)) && !keep.contains(&text.as_ref()) {
            cargo.env_remove(&name);
        }
    }
}

/// The flags of the cargo configuration, restated because this variable replaces them, and the remapped paths.
fn rustflags(workspace: &Path) -> String {
    let cargo_home =
        env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo"))).unwrap_or_default();
    let remap = |from: &str, to: &str| format!("--remap-path-prefix={from}={to}");
    [
        "-C".into(),
        "link-arg=--wasi-adapter=none".into(),
        remap(&workspace.display().to_string(), "/gitlab-sync"),
        remap(&cargo_home, "/cargo"),
    ]
    .join("\u{1f}")
}

/// Only what the guests are made of: a change in the host must not build them again.
#[expect(clippy::print_stdout, reason = "a build script speaks to cargo on its standard output")]
fn watch(workspace: &Path) {
    for part in ["wit", "plugin", "tests/hostile", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
}

/// The folder with the workspace's lock file, from the building crate's folder upwards.
fn workspace() -> PathBuf {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = manifest.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.expect("the workspace has a lock file").to_path_buf()
}

/// `OUT_DIR` is `<target>/<profile>/build/<crate>/out`, with the target triple in between when one is given.
fn target_dir() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let tagged = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged.unwrap_or(&out).to_path_buf()
}
