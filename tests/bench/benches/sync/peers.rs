//! Who else does the job: git itself, and python-gitlab, each as its users would do it and with its best foot forward.
//!
//! git gets its token with the first request; asked for it by a 401, as with a credential helper, each command would take one round
//! trip more. Nothing runs that git would do in the background afterwards.

use crate::cell::{Job, folder};
use crate::lab::{Lab, MAIN, Place};
use crate::stopwatch::Step;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PYTHON_GITLAB: &str = "python-gitlab==6.5.0";
/// What a user of python-gitlab writes for this.
const SCRIPT: &str = include_str!("peer.py");

/// One of git's commands against the lab.
fn git(folder: &Path, lab: &Lab, arguments: &[&str]) -> Step {
    let mut step = Step::new("git", arguments, folder);
    let header = format!("Authorization: Basic {}", base64(&format!("oauth2:{}", lab.token)));
    let settings = [
        ("http.extraHeader", header.as_str()),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("user.name", "Alice"),
        ("user.email", "alice@example.com"),
        ("init.defaultBranch", MAIN),
        ("advice.detachedHead", "false"),
    ];
    step.environment = vec![
        ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
        ("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()),
        ("GIT_TERMINAL_PROMPT".into(), "0".into()),
        ("GIT_CONFIG_COUNT".into(), settings.len().to_string()),
    ];
    for (number, (key, value)) in settings.iter().enumerate() {
        step.environment.push((format!("GIT_CONFIG_KEY_{number}"), (*key).to_owned()));
        step.environment.push((format!("GIT_CONFIG_VALUE_{number}"), (*value).to_owned()));
    }
    step
}

/// What git does for a job in this folder.
pub(crate) fn git_steps(job: Job, lab: &Lab, place: &Place, folder: &Path) -> Vec<Step> {
    let url = format!("{}/{}.git", lab.url(), place.path);
    let run = |arguments: &[&str]| git(folder, lab, arguments);
    match job {
        Job::ColdPull => vec![run(&["clone", "--quiet", "--depth", "1", &url, "."])],
        Job::NothingNew => vec![run(&["fetch", "--quiet"])],
        Job::PullTen => vec![run(&["fetch", "--quiet"]), run(&["merge", "--quiet", "--ff-only", "FETCH_HEAD"])],
        Job::PushTen => vec![
            run(&["add", "--all"]),
            run(&["commit", "--quiet", "--message", "Change ten files"]),
            run(&["push", "--quiet", "origin", MAIN]),
        ],
        Job::FirstPush => vec![
            run(&["init", "--quiet", "."]),
            run(&["add", "--all"]),
            run(&["commit", "--quiet", "--message", "Begin"]),
            run(&["push", "--quiet", &url, MAIN]),
        ],
    }
}

/// A Python with python-gitlab in it, installed below the target folder; or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    let environment = folder().join("python-gitlab");
    let python = environment.join("bin/python");
    let complete = environment.join("complete");
    if !complete.exists() {
        let run = |program: &Path, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
            let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
            output.status.success().then_some(()).ok_or_else(said)
        };
        run(Path::new("python3"), &["-m", "venv", &environment.to_string_lossy()])?;
        run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYTHON_GITLAB])?;
        fs::write(complete, PYTHON_GITLAB).map_err(|error| error.to_string())?;
    }
    fs::write(environment.join("peer.py"), SCRIPT).map_err(|error| error.to_string())?;
    Ok(python)
}

/// What python-gitlab does for a job in this folder; its notes are beside it.
pub(crate) fn python_steps(python: &Path, job: Job, lab: &Lab, place: &Place, folder: &Path) -> Vec<Step> {
    let script = python.with_file_name("../peer.py");
    let (script, notes) = (script.to_string_lossy(), folder.with_extension("json"));
    let (url, id) = (lab.url(), place.id.to_string());
    let arguments = [&*script, job.name(), &url, &lab.token, &id, &notes.to_string_lossy()];
    vec![Step::new(python, &arguments, folder)]
}

/// For a header.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let number = three.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(number >> (18 - 6 * place) & 63) as usize]);
            encoded.push(if place > three.len() { '=' } else { letter });
        }
    }
    encoded
}
