//! Programs out of Debian's public archive, unpacked below the target directory.
//!
//! The index is kept there too: nothing of the system is read but the archive's keyring and which packages are installed,
//! and nothing of it is changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{DEMAND, installed, is_required, on_path, step};

/// The first release with all that needs nothing but libc.
const SUITE: &str = "trixie";
/// What signs the archive, where Debian's package of that name puts it.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// `program` from `PATH`, or out of the package of that name, which must need nothing but libc.
pub(crate) fn program(program: &str) -> Result<PathBuf, String> {
    if let Some(file) = on_path(program) {
        return Ok(file);
    }
    let folder = installed(&format!("debian-{program}"), |folder| {
        fetch(SUITE, |apt| apt.current_dir(folder).args(["download", program]))?;
        unpack(folder, folder)
    })?;
    Ok(folder.join("usr/bin").join(program))
}

/// `program`, a path within `package`, which is unpacked with everything it needs beyond what this system has. Its libraries
/// are those of the system's own release. It is not fetched unless clients are required: a browser is 90 MB with all that.
pub(crate) fn program_with_libraries(package: &str, program: &str) -> Result<PathBuf, String> {
    let folder = installed(&format!("debian-{package}"), |folder| {
        if !is_required() {
            return Err(format!("`{package}` is not on PATH, and is fetched only with `{DEMAND}=required`"));
        }
        let archives = folder.join("archives");
        fs::create_dir_all(archives.join("partial")).map_err(text)?;
        let place = format!("Dir::Cache::archives={}", archives.display());
        fetch(&codename()?, |apt| {
            apt.args(["-o", &place, "-o", "Debug::NoLocking=1", "-y", "--no-install-recommends", "--download-only"]);
            apt.args(["install", package])
        })?;
        unpack(&archives, folder)?;
        fs::remove_dir_all(&archives).map_err(text)?;
        let mut libraries = Vec::new();
        find_libraries(folder, &mut libraries).map_err(text)?;
        let start = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
            libraries.join(":"),
            folder.join(program).display()
        );
        fs::write(folder.join("start"), start).map_err(text)?;
        step(Command::new("chmod").arg("+x").arg(folder.join("start")))
    })?;
    Ok(folder.join("start"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn text(error: std::io::Error) -> String {
    error.to_string()
}

/// The release of this system, if it is a Debian.
fn codename() -> Result<String, String> {
    let said = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"'));
    match (value("ID="), value("VERSION_CODENAME=")) {
        (Some("debian"), Some(name)) => Ok(name.to_owned()),
        _ => Err("this system is not a release of Debian".into()),
    }
}

/// Has apt-get download something of a release.
fn fetch(suite: &str, arguments: impl Fn(&mut Command) -> &mut Command) -> Result<(), String> {
    if !Path::new(KEYRING).exists() {
        return Err(format!("without `{KEYRING}` nothing of Debian's archive can be checked"));
    }
    let index = installed(&format!("debian-index-{suite}"), |folder| {
        for part in ["sources", "lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part)).map_err(text)?;
        }
        let source = format!(
            "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
        );
        fs::write(folder.join("sources/debian.sources"), source).map_err(text)?;
        step(apt(folder).arg("update"))
    })?;
    let download = || step(arguments(&mut apt(&index)));
    // The index may be of last month, and name what is gone.
    download().or_else(|_| step(apt(&index).arg("update")).and_then(|()| download()))
}

/// apt-get with sources, index and cache in this folder.
fn apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    let at = |part: &str| folder.join(part).display().to_string();
    for option in [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={}", at("sources")),
        format!("Dir::State::lists={}", at("lists")),
        format!("Dir::Cache={}", at("cache")),
        // Neither translations nor software-centre data: 9 MB in place of 28.
        "Acquire::Languages=none".into(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
        "Acquire::Retries=1".into(),
        "Acquire::http::Timeout=20".into(),
        "APT::Update::Error-Mode=any".into(),
        "APT::Sandbox::User=root".into(),
    ] {
        command.args(["-o", &option]);
    }
    command
}

/// Unpacks every package in a folder.
fn unpack(from: &Path, to: &Path) -> Result<(), String> {
    for entry in fs::read_dir(from).map_err(text)?.flatten() {
        if entry.path().extension().is_some_and(|end| end == "deb") {
            step(Command::new("dpkg-deb").arg("-x").arg(entry.path()).arg(to))?;
        }
    }
    Ok(())
}

/// Every folder with a library in it.
fn find_libraries(folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    let mut holds = false;
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_type()?.is_dir() {
            find_libraries(&entry.path(), found)?;
        }
        holds |= entry.file_name().to_string_lossy().contains(".so");
    }
    if holds {
        found.push(folder.display().to_string());
    }
    Ok(())
}
