//! The bare repositories on disk, one folder per project id, and a pool of open handles.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use git2::{Repository, RepositoryInitOptions};

/// Open handles kept per repository. More are opened when more are needed at once, and closed afterwards.
const POOLED: usize = 8;

/// Refuses what `git_http` says must be refused, in the words it was given; pointers to LFS contents that are not there; and
/// forced pushes where they are not allowed.
const PRE_RECEIVE: &str = r#"#!/bin/sh
if [ -n "$GITLAB_SIM_REFUSAL" ]; then
  printf 'GitLab: %s\n' "$GITLAB_SIM_REFUSAL" >&2
  exit 1
fi
zero=0000000000000000000000000000000000000000
while read -r old new ref; do
  if [ -n "$GITLAB_SIM_LFS" ] && [ "$new" != $zero ]; then
    # Only a blob of about this size can be a pointer.
    for blob in $(git rev-list --objects --no-object-names "$new" --not --all \
      | git cat-file --batch-check='%(objecttype) %(objectsize) %(objectname)' \
      | awk '$1 == "blob" && $2 > 100 && $2 < 200 { print $3 }'); do
      oid=$(git cat-file blob "$blob" | sed -n 's/^oid sha256:\([0-9a-f]\{64\}\)$/\1/p')
      if [ -n "$oid" ] && ! [ -f "$GITLAB_SIM_LFS/$oid" ]; then
        printf 'GitLab: LFS objects are missing. Ensure LFS is properly set up or try a manual "git lfs push --all".\n' >&2
        exit 1
      fi
    done
  fi
  case "$GITLAB_SIM_UNFORCED" in
  *" $ref "*)
    if [ "$old" != $zero ] && [ "$new" != $zero ] && ! git merge-base --is-ancestor "$old" "$new"; then
      printf 'GitLab: You are not allowed to force push code to a protected branch on this project.\n' >&2
      exit 1
    fi
    ;;
  esac
done
exit 0
"#;

/// Turns LFS pointers into their contents, for archives.
const SMUDGE: &str = r#"blob=$(mktemp)
cat > "$blob"
oid=$(head -c 1024 "$blob" | sed -n 's/^oid sha256:\([0-9a-f]\{64\}\)$/\1/p' | head -n 1)
if [ -n "$oid" ] && [ -f "$objects/$oid" ]; then cat "$objects/$oid"; else cat "$blob"; fi
rm -f "$blob"
"#;

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
        self.add_scripts(project_id).map_err(|error| git2::Error::from_str(&error.to_string()))
    }

    fn add_scripts(&self, project_id: u64) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.path(project_id);
        let objects = folder.join("lfs-objects");
        std::fs::create_dir_all(folder.join("hooks"))?;
        let hook = folder.join("hooks/pre-receive");
        std::fs::write(&hook, PRE_RECEIVE)?;
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))?;
        std::fs::write(folder.join("lfs-smudge"), format!("objects='{}'\n{SMUDGE}", objects.display()))
    }

    /// Makes a repository with the branches, tags and LFS contents of another one.
    pub fn copy(&self, from: u64, to: u64, default_branch: &str) -> Result<(), git2::Error> {
        self.init(to, default_branch)?;
        let source = self.path(from).display().to_string();
        self.with(to, |repository| {
            let every = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
            repository.remote_anonymous(&source)?.fetch(&every, None, None)
        })?;
        let lost = |error: std::io::Error| git2::Error::from_str(&error.to_string());
        let Ok(contents) = std::fs::read_dir(self.lfs_path(from)) else { return Ok(()) };
        std::fs::create_dir_all(self.lfs_path(to)).map_err(lost)?;
        for content in contents.flatten() {
            std::fs::copy(content.path(), self.lfs_path(to).join(content.file_name())).map_err(lost)?;
        }
        Ok(())
    }

    /// Where the LFS contents of a project are.
    pub fn lfs_path(&self, project_id: u64) -> PathBuf {
        self.path(project_id).join("lfs-objects")
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
