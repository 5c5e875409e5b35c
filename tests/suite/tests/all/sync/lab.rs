//! A GitLab with one person in it, and what tests ask of it past the connector.

use super::product::{Product, Setup};
use crate::support::canary::Canary;
use gitlab_sim::{
    AccessLevel, Admin, CommitSpec, ProjectSpec, Running, Simulator, SimulatorBuilder, Source, TokenSpec, UserSpec,
};
use std::collections::BTreeMap;
use std::future::Future;

/// What a file is: its bytes, and whether it may be executed.
pub(crate) type File = (Vec<u8>, bool);

/// The branch of every project here, unless a test says otherwise.
pub(crate) const MAIN: &str = "main";

/// The simulator, and the one secret that is looked for everywhere.
pub(crate) struct Lab {
    pub(crate) gitlab: Running,
    pub(crate) canary: Canary,
    /// Maintains every project. Her token is the canary.
    pub(crate) alice: u64,
    pub(crate) token: u64,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::of(Simulator::builder()).await
    }

    /// With this instance. The canary does not look like a token, so that nothing hides it but being known as a secret.
    pub(crate) async fn of(builder: SimulatorBuilder) -> Self {
        let gitlab = builder.start().await.unwrap();
        let canary = Canary::new("canary");
        let alice = gitlab.admin().create_user(UserSpec { name: "Alice Adams".into(), ..UserSpec::person("alice") }).id;
        let spec = TokenSpec { secret: Some(canary.secret().into()), ..TokenSpec::personal(alice, &["api"]) };
        let token = gitlab.admin().create_token(spec).id;
        Self { gitlab, canary, alice, token }
    }

    pub(crate) fn admin(&self) -> Admin {
        self.gitlab.admin()
    }

    /// A private project without a commit.
    pub(crate) fn project(&self, path: &str) -> u64 {
        let spec = ProjectSpec { creator_id: Some(self.alice), ..ProjectSpec::at(path) };
        let project = self.admin().create_project(&spec).unwrap().id;
        self.admin().add_member(Source::Project(project), self.alice, AccessLevel::Maintainer);
        project
    }

    /// A private project with these files in one commit.
    pub(crate) fn project_with(&self, path: &str, files: &[(&str, &str)]) -> u64 {
        let project = self.project(path);
        let spec = files.iter().fold(self.edit("Begin\n"), |spec, (path, content)| spec.create(path, *content));
        self.commit(project, spec);
        project
    }

    /// Somebody's commit to be, on the branch.
    pub(crate) fn edit(&self, message: &str) -> CommitSpec {
        CommitSpec::on(MAIN, message).by(self.alice)
    }

    pub(crate) fn commit(&self, project: u64, spec: CommitSpec) -> String {
        self.admin().commit(project, spec).unwrap()
    }

    /// A host with the canary as its token.
    pub(crate) async fn product(&self) -> Product {
        Product::new(self, Setup::default()).await
    }

    /// The same, syncing this project.
    pub(crate) async fn syncing(&self, project: u64) -> Product {
        let product = self.product().await;
        product.configure(project).await;
        product
    }

    /// Every file of the branch, read from the repository itself.
    pub(crate) fn files(&self, project: u64) -> BTreeMap<String, File> {
        self.files_of(project, MAIN)
    }

    pub(crate) fn files_of(&self, project: u64, branch: &str) -> BTreeMap<String, File> {
        let read = |repository: &git2::Repository| -> Result<_, git2::Error> {
            let mut files = BTreeMap::new();
            let Ok(tip) = repository.revparse_single(&format!("refs/heads/{branch}")) else { return Ok(files) };
            tip.peel_to_tree()?.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
                if entry.kind() == Some(git2::ObjectType::Blob) {
                    let blob = repository.find_blob(entry.id()).unwrap();
                    let path = format!("{folder}{}", entry.name().unwrap());
                    files.insert(path, (blob.content().to_vec(), entry.filemode() == 0o100_755));
                }
                git2::TreeWalkResult::Ok
            })?;
            Ok(files)
        };
        self.admin().app().repositories.with(project, read).unwrap()
    }

    /// Every content in the history of a branch; what no branch reaches is lost to whoever looks for it.
    pub(crate) fn every_content(&self, project: u64) -> Vec<Vec<u8>> {
        let read = |repository: &git2::Repository| -> Result<_, git2::Error> {
            let (mut walk, mut all) = (repository.revwalk()?, BTreeMap::new());
            walk.push_glob("refs/heads/*")?;
            for commit in walk {
                repository.find_commit(commit?)?.tree()?.walk(git2::TreeWalkMode::PreOrder, |_, entry| {
                    if let Ok(blob) = repository.find_blob(entry.id()) {
                        all.insert(entry.id(), blob.content().to_vec());
                    }
                    git2::TreeWalkResult::Ok
                })?;
            }
            Ok(all.into_values().collect())
        };
        self.admin().app().repositories.with(project, read).unwrap()
    }

    /// One file's text on the branch.
    pub(crate) fn text(&self, project: u64, path: &str) -> Option<String> {
        self.files(project).remove(path).map(|(bytes, _)| String::from_utf8(bytes).unwrap())
    }

    /// Messages of the branch's commits, newest first.
    pub(crate) fn history(&self, project: u64) -> Vec<String> {
        let read = |repository: &git2::Repository| -> Result<Vec<String>, git2::Error> {
            let mut walk = repository.revwalk()?;
            if walk.push_ref(&format!("refs/heads/{MAIN}")).is_err() {
                return Ok(Vec::new());
            }
            walk.set_sorting(git2::Sort::TOPOLOGICAL)?;
            let message = |id: Result<git2::Oid, git2::Error>| {
                Ok(String::from_utf8_lossy(repository.find_commit(id?)?.message_bytes()).into_owned())
            };
            walk.map(message).collect()
        };
        self.admin().app().repositories.with(project, read).unwrap()
    }

    /// The branch's head.
    pub(crate) fn head(&self, project: u64) -> String {
        let read = |repository: &git2::Repository| -> Result<_, git2::Error> {
            Ok(repository.revparse_single(&format!("refs/heads/{MAIN}"))?.id().to_string())
        };
        self.admin().app().repositories.with(project, read).unwrap()
    }

    /// Moves the branch back or elsewhere, as a force-push does.
    pub(crate) fn force(&self, project: u64, commit: &str) {
        let write = |repository: &git2::Repository| -> Result<(), git2::Error> {
            repository.reference(&format!("refs/heads/{MAIN}"), commit.parse()?, true, "forced").map(drop)
        };
        self.admin().app().repositories.with(project, write).unwrap();
    }

    /// The requests that something takes, as `GET /api/v4/user`.
    pub(crate) async fn requests<T>(&self, run: impl Future<Output = T>) -> (T, Vec<String>) {
        self.admin().log().clear();
        let outcome = run.await;
        let line = |entry: &gitlab_sim::server::log::Entry| format!("{} {}", entry.method, entry.path);
        (outcome, self.admin().log().entries().iter().map(line).collect())
    }

    /// The secret went out in one header and nowhere else.
    fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        for entry in self.admin().log().entries() {
            let target = format!("{} {}?{}", entry.method, entry.path, entry.query);
            leaks.extend(self.canary.found_in(target.as_bytes()).into_iter().map(|form| format!("{target}: {form}")));
            for (name, value) in entry.headers.iter().filter(|(name, _)| name != "authorization") {
                leaks.extend(self.canary.found_in(value).into_iter().map(|form| format!("header {name}: {form}")));
            }
        }
        leaks
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.leaks(), Vec::<String>::new(), "the token is where it must not be");
        }
    }
}
