//! The jobs that trouble is made for: each with a beginning, what it must come to, and what must hold on the way.

use super::lab::{File, Lab};
use super::product::{Product, settings};
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::sync::{Settings, Target};
use std::collections::BTreeMap;

/// One job from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Connect,
    ConfigureExisting,
    ConfigureNew,
    /// Of a workspace with files to a project without a commit.
    FirstPush,
    /// Of every kind of change, onto a branch that has not moved.
    Push,
    /// The same, where somebody else has committed meanwhile.
    PushOntoOthers,
    /// Of every kind of change.
    Pull,
    /// Into an empty workspace, file by file.
    ColdPull,
    /// Into an empty workspace, so many that an archive is asked for.
    ColdPullOfMany,
}

/// A job that can be run, again and again.
pub(crate) struct Case {
    job: Job,
    pub(crate) project: u64,
    pub(crate) product: Product,
    before: Sides,
    /// What both sides hold in the end; none for jobs that move no file.
    after: Option<BTreeMap<String, File>>,
    /// Commits of the branch in the end.
    commits: usize,
    /// Of the branch, before.
    history: Vec<String>,
}

struct Sides {
    workspace: BTreeMap<String, File>,
    branch: BTreeMap<String, File>,
}

const POEM: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";
/// Of a new file of the branch: a pull of it costs more fuel than opening a connection, so that it can run out on the way.
const LINES: usize = 5_000;

fn base() -> Vec<(String, String)> {
    let mut files: Vec<_> = (0..12).map(|number| (format!("docs/{number}.md"), format!("page {number}\n"))).collect();
    files.push(("poem.md".into(), POEM.into()));
    files
}

fn many() -> Vec<(String, String)> {
    (0..80).map(|number| (format!("many/{number}.md"), format!("page {number} of many\n"))).collect()
}

fn map(files: &[(String, String)]) -> BTreeMap<String, File> {
    files.iter().map(|(path, text)| (path.clone(), (text.clone().into_bytes(), false))).collect()
}

impl Case {
    /// `number` keeps the projects of one lab apart.
    pub(crate) async fn begin(lab: &Lab, job: Job, number: usize) -> Self {
        let project = lab.project(&format!("acme/p{number}"));
        let files = match job {
            Job::ColdPull => base().split_off(10),
            Job::ColdPullOfMany => many(),
            _ => base(),
        };
        if !matches!(job, Job::FirstPush) {
            let spec = files.iter().fold(lab.edit("Begin\n"), |spec, (path, text)| spec.create(path, text.as_str()));
            lab.commit(project, spec);
        }
        let product = lab.product().await;
        let (after, commits) = prepare(lab, job, project, &product, map(&files)).await;
        let before = Sides { workspace: product.files(), branch: lab.files(project) };
        let history = lab.history(project);
        Self { job, project, product, before, after, commits, history }
    }

    pub(crate) fn is_push(&self) -> bool {
        matches!(self.job, Job::FirstPush | Job::Push | Job::PushOntoOthers)
    }

    /// One call of the job, whatever becomes of it.
    pub(crate) async fn call(&self, connection: &Connection) -> Result<bool, ConnectionError> {
        let create = || Settings { target: Target::Create(format!("New {}", self.project)), ..settings(0) };
        match self.job {
            Job::Connect => connection.connect().await.map(|_| false),
            Job::ConfigureExisting => connection.configure(settings(self.project)).await.map(|_| false),
            Job::ConfigureNew => connection.configure(create()).await.map(|_| false),
            Job::FirstPush | Job::Push | Job::PushOntoOthers => {
                connection.push(super::product::options()).await.map(|step| step.more)
            }
            Job::Pull | Job::ColdPull | Job::ColdPullOfMany => {
                connection.pull(super::product::options()).await.map(|step| step.more)
            }
        }
    }

    /// Whatever has happened so far: no version is lost, nothing that both sides keep is gone, and no commit was made twice.
    pub(crate) async fn assert_nothing_is_lost(&self, lab: &Lab, when: &str) {
        let (workspace, branch) = (self.product.files(), lab.files(self.project));
        let history = lab.history(self.project);
        assert!(history.ends_with(&self.history), "{when}: history was rewritten: {history:?}");
        assert!(history.len() <= self.commits, "{when}: a commit too many: {history:?}");
        for (path, file) in &self.before.workspace {
            let kept = [&workspace, &branch].iter().any(|side| side.values().any(|other| other.0 == file.0));
            let merged = self.after.as_ref().is_some_and(|after| workspace.get(path) == after.get(path));
            assert!(kept || merged, "{when}: what the workspace had at {path} is nowhere");
        }
        for (side, before, now) in
            [("workspace", &self.before.workspace, &workspace), ("branch", &self.before.branch, &branch)]
        {
            let stays = |path: &&String| self.after.as_ref().is_none_or(|after| after.contains_key(*path));
            for path in before.keys().filter(stays) {
                assert!(now.contains_key(path), "{when}: {path} is gone from the {side}");
            }
        }
        let conflicts = self.product.connection.conflicts().await.unwrap();
        assert!(conflicts.is_empty(), "{when}: nobody disagreed: {conflicts:?}");
    }

    /// Runs the job until it ends, without trouble.
    pub(crate) async fn finish(&self, when: &str) {
        for call in 0.. {
            assert!(call < 10, "{when}: it does not end");
            match self.product.told(self.call(&self.product.connection).await) {
                Ok(true) => {}
                Ok(false) => break,
                // The project was made although the answer was lost: the person selects it.
                Err(refusal) if self.job == Job::ConfigureNew && refusal.code == "name-taken" => break,
                Err(refusal) => panic!("{when}: {refusal:?}\n{}", self.product.log()),
            }
        }
    }

    /// Runs the job to its end and looks at what both sides hold.
    pub(crate) async fn assert_it_converges(&self, lab: &Lab, when: &str) {
        self.finish(when).await;
        let Some(after) = &self.after else { return };
        self.product.push().await.unwrap_or_else(|refusal| panic!("{when}: {refusal:?}"));
        self.product.pull().await.unwrap_or_else(|refusal| panic!("{when}: {refusal:?}"));
        assert_eq!(&self.product.files(), after, "{when}: the workspace");
        assert_eq!(&lab.files(self.project), after, "{when}: the branch");
        assert_eq!(lab.history(self.project).len(), self.commits, "{when}: {:?}", lab.history(self.project));
        self.assert_nothing_is_lost(lab, when).await;
    }
}

/// Brings a product to the beginning of the job; gives what both sides hold at its end, and how many commits there are then.
async fn prepare(
    lab: &Lab,
    job: Job,
    project: u64,
    product: &Product,
    files: BTreeMap<String, File>,
) -> (Option<BTreeMap<String, File>>, usize) {
    match job {
        Job::Connect | Job::ConfigureExisting | Job::ConfigureNew => (None, 1),
        Job::FirstPush => {
            product.configure(project).await;
            files.iter().for_each(|(path, file)| product.write(path, &file.0));
            (Some(files), 1)
        }
        Job::ColdPull | Job::ColdPullOfMany => {
            product.configure(project).await;
            (Some(files), 1)
        }
        Job::Push => {
            begin_in_step(project, product).await;
            edit_workspace(product);
            (Some(edited(files, Edits::Workspace)), 2)
        }
        Job::Pull => {
            begin_in_step(project, product).await;
            edit_branch(lab, project);
            (Some(edited(files, Edits::Branch)), 2)
        }
        Job::PushOntoOthers => {
            begin_in_step(project, product).await;
            edit_workspace(product);
            edit_branch(lab, project);
            (Some(edited(edited(files, Edits::Branch), Edits::Workspace)), 3)
        }
    }
}

async fn begin_in_step(project: u64, product: &Product) {
    product.configure(project).await;
    product.pull().await.unwrap();
}

#[derive(Clone, Copy)]
enum Edits {
    Workspace,
    Branch,
}

fn edit_workspace(product: &Product) {
    product.write("docs/0.md", "page 0 of ours\n");
    product.write("ours.md", "ours\n");
    product.remove("docs/1.md");
    product.rename("docs/2.md", "docs/two.md");
    product.write("poem.md", POEM.replace("one", "1"));
}

fn edit_branch(lab: &Lab, project: u64) {
    let spec = lab.edit("Theirs\n").update("docs/6.md", "page 6 of theirs\n");
    let spec = spec.create("theirs.md", "theirs\n".repeat(LINES));
    let spec = spec.delete("docs/7.md").rename("docs/8.md", "docs/eight.md");
    lab.commit(project, spec.update("poem.md", POEM.replace("six", "6")));
}

/// The same edits on what the other side may have edited too.
fn edited(mut files: BTreeMap<String, File>, edits: Edits) -> BTreeMap<String, File> {
    let poem = String::from_utf8(files["poem.md"].0.clone()).unwrap();
    let (word, digit, name, lines, changed, gone, from, to) = match edits {
        Edits::Workspace => ("one", "1", "ours", 1, "0", "1", "2", "two"),
        Edits::Branch => ("six", "6", "theirs", LINES, "6", "7", "8", "eight"),
    };
    let path = |name: &str| format!("docs/{name}.md");
    let mut put = |path: String, text: String| files.insert(path, (text.into_bytes(), false));
    put(path(changed), format!("page {changed} of {name}\n"));
    put(format!("{name}.md"), format!("{name}\n").repeat(lines));
    put("poem.md".into(), poem.replace(word, digit));
    files.remove(&path(gone));
    let moved = files.remove(&path(from)).unwrap();
    files.insert(path(to), moved);
    files
}
