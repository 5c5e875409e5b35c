//! Both sides of a connection, brought together as a product does it: call after call, until none is asked for.

use super::{Memory, instance, options};
use gitlab_sync_connector::configure::{ConflictPolicy, Goal, Settings, configure};
use gitlab_sync_connector::error::Error;
use gitlab_sync_connector::hooks::Mode;
use gitlab_sync_connector::plan::Direction;
use gitlab_sync_connector::preview::{Preview, preview};
use gitlab_sync_connector::pull::pull;
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::report::Step;

/// Project 7, and otherwise what is there if nothing is said.
pub(crate) fn settings() -> Settings {
    Settings {
        goal: Goal::Existing(7),
        branch: None,
        directories: Vec::new(),
        patterns: Vec::new(),
        conflicts: ConflictPolicy::KeepBoth,
        first: Default::default(),
        message: None,
        author: None,
        ownership: Default::default(),
        webhook: Mode::Manual(None),
    }
}

/// A connection under these settings.
pub(crate) fn configured(settings: Settings) -> Memory {
    let host = Memory::default();
    configure(&host, &instance(), settings).unwrap();
    host
}

/// As the host asks for it.
pub(crate) fn planned(host: &Memory) -> Preview {
    (0..100).find_map(|_| preview(host, &instance(), Direction::Both).unwrap()).expect("it comes to an end")
}

/// The last step.
pub(crate) fn until_done(mut call: impl FnMut() -> Result<Step, Error>) -> Result<Step, Error> {
    for _ in 0..100 {
        let step = call()?;
        if !step.more {
            return Ok(step);
        }
    }
    panic!("it never ends");
}

pub(crate) fn push_all(host: &Memory) -> Result<Step, Error> {
    until_done(|| push(host, &instance(), &options()))
}

pub(crate) fn pull_all(host: &Memory) -> Result<Step, Error> {
    until_done(|| pull(host, &instance(), &options()))
}

/// How many GitLab gets of this.
pub(crate) fn requests(host: &Memory, run: impl FnOnce()) -> usize {
    host.branch.borrow_mut().requests = 0;
    run();
    host.branch.borrow().requests
}
