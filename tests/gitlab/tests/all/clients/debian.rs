//! Programs out of Debian's public archive, unpacked below the target directory.
//!
//! The index is kept there too: nothing of the system is read but the archive's keyring, nothing of it is changed. Only
//! programs that need nothing but libc can be had this way, since dependencies are not unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{installed, on_path, step};

/// The first release with all that is asked for.
const SUITE: &str = "trixie";
/// What signs the archive, where Debian's package of that name puts it.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// `program` from `PATH`, or out of the package of that name.
pub(super) fn program(program: &str) -> Result<PathBuf, String> {
    if let Some(file) = on_path(program) {
        return Ok(file);
    }
    let folder = installed(&format!("debian-{program}"), |folder| unpack(program, folder))?;
    Ok(folder.join("usr/bin").join(program))
}

fn unpack(package: &str, folder: &Path) -> Result<(), String> {
    if !Path::new(KEYRING).exists() {
        return Err(format!("`{package}` is not on PATH, and without `{KEYRING}` its package cannot be checked"));
    }
    let index = installed("debian-index", |folder| step(apt(folder)?.arg("update")))?;
    let download = || step(apt(&index)?.current_dir(folder).args(["download", package]));
    // The index may be of last month, and name what is gone.
    download().or_else(|_| step(apt(&index)?.arg("update")).and_then(|()| download()))?;
    let found = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut files = found.flatten().map(|entry| entry.path());
    let archive =
        files.find(|path| path.extension().is_some_and(|end| end == "deb")).ok_or("apt-get left no package")?;
    step(Command::new("dpkg-deb").arg("-x").arg(archive).arg(folder))
}

/// apt-get with sources, index and cache in this folder.
fn apt(folder: &Path) -> Result<Command, String> {
    let text = |error: std::io::Error| error.to_string();
    for part in ["sources", "lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(folder.join(part)).map_err(text)?;
    }
    let source = format!(
        "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n"
    );
    std::fs::write(folder.join("sources/debian.sources"), source).map_err(text)?;
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
    Ok(command)
}
