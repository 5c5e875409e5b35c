//! Where the demo plays: a GitLab in this process, a folder with files, and what people change in both.

use crate::cli::Connect;
use crate::failure::Failure;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::{Admin, CommitSpec, Running, Simulator, TokenSpec, UserSpec};
use gitlab_sync_host::sync::Delivery;
use std::error::Error;
use std::path::{Path, PathBuf};

/// The files that are there before anything is connected. The last one is not Markdown or YAML, so it stays where it is.
const FILES: [(&str, &str); 6] = [
    ("README.md", "# Handbook\n\nHow we work. Start with [your first day](guides/first-day.md).\n"),
    ("guides/first-day.md", FIRST_DAY),
    ("guides/größe ändern.md", "# Größe ändern\n\nErst die Warteschlange leeren, dann die Platte vergrößern.\n"),
    ("config/on-call.yaml", "primary: ana\nsecondary: ben\nhours: 24\n"),
    ("config/teams.yml", "platform: [ana, ben]\nsupport: [cem]\n"),
    ("notes.txt", "private scribbles\n"),
];

const FIRST_DAY: &str =
    "# First day\n\nGet a laptop.\n\nSay hello to your team.\n\nRead the values.\n\nGo home before six.\n";

pub(super) const BRANCH: &str = "main";
/// Changed on both sides, in different lines.
pub(super) const MERGES: &str = "guides/first-day.md";
/// Changed on both sides, in the same line.
pub(super) const CLASHES: &str = "config/on-call.yaml";
/// New in GitLab.
pub(super) const ARRIVES: &str = "guides/holidays.md";
/// What the two of them agree on in the end.
pub(super) const AGREED: &str = "primary: dora and eli\nsecondary: ben\nhours: 24\n";

/// Where the product would listen.
const RECEIVER: &str = "https://product.example.com/webhooks/gitlab";

/// Everything is below one folder, which stays when the demo is over.
pub(super) struct Scene {
    pub(super) folder: PathBuf,
    pub(super) gitlab: Running,
    pub(super) token: String,
    user: u64,
}

impl Scene {
    pub(super) async fn set(folder: Option<&Path>) -> Result<Self, Failure> {
        let folder = new_folder(folder).map_err(|error| {
            Failure::new(format!("the demo's folder cannot be made: {error}"))
                .hint("name a new one with `--folder DIR`")
        })?;
        let repositories = folder.join("gitlab");
        std::fs::create_dir(&repositories).map_err(|error| Failure::of(&error))?;
        let builder = Simulator::builder().base_path("/gitlab").repositories(repositories);
        let gitlab = builder.start().await.map_err(|error| Failure::of(&error))?;
        let user = gitlab.admin().create_user(UserSpec { name: "Ana Lima".into(), ..UserSpec::person("ana") });
        let token = gitlab.admin().create_token(TokenSpec::personal(user.id, &["api"]));
        let scene = Self { folder, gitlab, token: token.secret, user: user.id };
        for (path, content) in FILES {
            scene.write(path, content)?;
        }
        Ok(scene)
    }

    pub(super) fn admin(&self) -> Admin {
        self.gitlab.admin()
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// What a person would type after `gitlab-sync connect`. The simulator is on this machine and speaks plain text, so both have
    /// to be granted.
    pub(super) fn connect(&self) -> Connect {
        Connect {
            url: Some(self.gitlab.url().into()),
            workspace: Some(self.workspace()),
            profile: None,
            private_addresses: vec!["127.0.0.1/32".into()],
            ca_file: None,
            proxy: None,
            plain_text: true,
        }
    }

    /// Someone edits in GitLab: one commit with a change to each of two files, and a new one.
    pub(super) fn edit_in_gitlab(&self, project: u64) -> Result<(), Failure> {
        let commit = CommitSpec::on(BRANCH, "Dora takes over\n")
            .by(self.user)
            .update(MERGES, FIRST_DAY.replace("Get a laptop.", "Get a laptop and a badge."))
            .update(CLASHES, "primary: dora\nsecondary: ben\nhours: 24\n")
            .create(ARRIVES, "# Holidays\n\nTake them.\n");
        self.commit(project, commit)
    }

    /// Someone edits the folder meanwhile.
    pub(super) fn edit_here(&self) -> Result<(), Failure> {
        self.write(MERGES, &FIRST_DAY.replace("before six", "before five"))?;
        self.write(CLASHES, "primary: eli\nsecondary: ben\nhours: 24\n")
    }

    /// What an owner does in GitLab under Settings → Webhooks, with the secret that the product shows.
    pub(super) fn add_webhook(&self, project: u64, secret: &str) {
        let app = self.admin().app().clone();
        let (now, since) = (app.now(), app.events.told());
        app.world_mut().hooks.add(|id| {
            let mut hook = Hook::new(id, Owner::Project(project), now);
            RECEIVER.clone_into(&mut hook.url);
            (hook.token, hook.since) = (Some(secret.to_owned()), since);
            hook
        });
    }

    /// The last delivery that GitLab made, byte for byte. There is no receiver in the demo: the simulator keeps what it would get.
    pub(super) async fn delivery(&self) -> Option<Delivery> {
        let delivery = self.gitlab.deliveries().await.pop()?;
        Some(Delivery { headers: delivery.headers, body: delivery.body.to_vec() })
    }

    /// One more commit, for the webhook to tell of.
    pub(super) fn edit_once_more(&self, project: u64) -> Result<(), Failure> {
        let commit = CommitSpec::on(BRANCH, "Shorter holidays\n").by(self.user);
        self.commit(project, commit.update(ARRIVES, "# Holidays\n\nTake all of them.\n"))
    }

    pub(super) fn here(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.workspace().join(path)).ok()
    }

    /// A file of the branch, read from the repository itself and not through the connector.
    pub(super) fn in_gitlab(&self, project: u64, path: &str) -> Option<Vec<u8>> {
        let object = format!("{BRANCH}:{path}");
        let blob = self.admin().app().repositories.with(project, |repository| -> Result<_, Box<dyn Error>> {
            Ok(repository.revparse_single(&object)?.peel_to_blob()?.content().to_vec())
        });
        blob.ok()
    }

    pub(super) fn commits(&self, project: u64) -> usize {
        let count = self.admin().app().repositories.with(project, |repository| -> Result<_, Box<dyn Error>> {
            let mut walk = repository.revwalk()?;
            walk.push_ref(&format!("refs/heads/{BRANCH}"))?;
            Ok(walk.count())
        });
        count.unwrap_or_default()
    }

    fn commit(&self, project: u64, commit: CommitSpec) -> Result<(), Failure> {
        self.admin().commit(project, commit).map(drop).map_err(|error| Failure::of(&error))
    }

    fn write(&self, path: &str, content: &str) -> Result<(), Failure> {
        let path = self.workspace().join(path);
        let folder = path.parent().expect("a file of the demo is in a folder");
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
        written.map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))
    }
}

/// The one that was named, which must not be there yet, or one among the temporary ones.
fn new_folder(named: Option<&Path>) -> std::io::Result<PathBuf> {
    let folder = match named {
        Some(folder) => {
            std::fs::create_dir(folder)?;
            folder.to_path_buf()
        }
        None => tempfile::Builder::new().prefix("gitlab-sync-demo-").tempdir()?.keep(),
    };
    folder.canonicalize()
}
