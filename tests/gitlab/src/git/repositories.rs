//! The bare repositories on disk, one folder per project id, and a pool of open handles.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use git2::{Repository, RepositoryInitOptions};

/// Open handles kept per repository. More are opened when more are needed at once, and closed afterwards.
const POOLED: usize = 8;

/// All repositories.
pub struct Repositories {
    root: PathBuf,
    // Opening a repository reads its configuration, about 100 µs: most of the cost of a small read.
    pool: Mutex<HashMap<u64, Vec<Repository>>>,
}

impl std::fmt::Debug for Repositories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repositories").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Repositories {
    /// Repositories under `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, pool: Mutex::default() }
    }

    /// Where the repository of a project is.
    pub fn path(&self, project_id: u64) -> PathBuf {
        self.root.join(format!("{project_id}.git"))
    }

    /// Makes an empty bare repository whose `HEAD` points at `default_branch`.
    pub fn init(&self, project_id: u64, default_branch: &str) -> Result<(), git2::Error> {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).mkpath(true).external_template(false).initial_head(default_branch);
        let repository = Repository::init_opts(self.path(project_id), &options)?;
        let mut config = repository.config()?;
        // What GitLab's git service allows: partial clone, any reachable object, and no surprise repacks under a test.
        for (key, value) in [
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("receive.autogc", "false"),
            ("gc.auto", "0"),
            ("core.logAllRefUpdates", "false"),
            ("receive.advertisePushOptions", "true"),
        ] {
            config.set_str(key, value)?;
        }
        Ok(())
    }

    /// Whether there is a repository for this project.
    pub fn exists(&self, project_id: u64) -> bool {
        self.path(project_id).join("HEAD").exists()
    }

    /// Deletes a repository.
    pub fn remove(&self, project_id: u64) -> std::io::Result<()> {
        self.lock().remove(&project_id);
        std::fs::remove_dir_all(self.path(project_id))
    }

    /// Runs something with an open handle. Blocks.
    pub fn with<T, E: From<git2::Error>>(
        &self,
        project_id: u64,
        run: impl FnOnce(&Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        let pooled = self.lock().get_mut(&project_id).and_then(Vec::pop);
        let repository = match pooled {
            Some(repository) => repository,
            None => Repository::open_bare(self.path(project_id))?,
        };
        let result = run(&repository);
        let mut pool = self.lock();
        let idle = pool.entry(project_id).or_default();
        if idle.len() < POOLED {
            idle.push(repository);
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Vec<Repository>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
