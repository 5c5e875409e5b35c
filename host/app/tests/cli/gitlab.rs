//! A GitLab for one test, and a program that is connected to it.

use crate::program::{Program, Run};
use gitlab_sim::{CommitSpec, ProjectSpec, Running, Simulator, SimulatorBuilder, TokenSpec, UserSpec};

/// A simulator below a sub-path, with a project that has one commit, and a program with a folder of files.
pub(crate) struct Scene {
    pub(crate) program: Program,
    pub(crate) gitlab: Running,
    pub(crate) token: String,
    pub(crate) project: u64,
    pub(crate) user: u64,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::at("/gitlab")
    }

    /// Below this path.
    pub(crate) fn at(base: &str) -> Self {
        Self::of(Simulator::builder().base_path(base))
    }

    pub(crate) fn of(builder: SimulatorBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let gitlab = runtime.block_on(builder.start()).unwrap();
        let admin = gitlab.admin();
        let user = admin.create_user(UserSpec::person("ana")).id;
        let spec = ProjectSpec { creator_id: Some(user), ..ProjectSpec::at("ana/handbook") };
        let project = admin.create_project(&spec).unwrap().id;
        admin.commit(project, CommitSpec::on("main", "Begin\n").by(user).create("there.md", "from GitLab\n")).unwrap();
        let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
        let program = Program::new();
        std::fs::create_dir(program.path("files")).unwrap();
        program.write("files/here.md", "from here\n");
        Self { program, gitlab, token, project, user }
    }

    /// With everything granted that a simulator on this machine needs.
    pub(crate) fn connect(&self, token: &str, more: &[&str]) -> Run {
        self.connect_as(token, "files", more)
    }

    /// The same with another folder.
    pub(crate) fn connect_to(&self, folder: &str, more: &[&str]) -> Run {
        self.connect_as(&self.token, folder, more)
    }

    fn connect_as(&self, token: &str, folder: &str, more: &[&str]) -> Run {
        let url = format!("{}/ana/handbook", self.gitlab.url());
        let mut arguments = vec!["connect", "--url", &url, "--workspace", folder, "--plain-text"];
        arguments.extend(["--private-address", "127.0.0.1/32"]);
        arguments.extend(more);
        self.program.run_typing(&arguments, &[], &format!("{token}\n"))
    }

    /// Connected and configured.
    pub(crate) fn ready() -> Self {
        let scene = Self::new();
        scene.connect(&scene.token, &[]).quietly(0);
        let configured = scene.program.run(&["configure", "--project", "ana/handbook"]);
        assert_eq!(configured.status, 0, "{}", configured.stderr);
        scene
    }

    /// Both sides were equal, and then `here.md` was edited on both: the conflict that a sync has found, as the program lists it.
    pub(crate) fn in_conflict(there: &str, here: &str) -> (Self, serde_json::Value) {
        let scene = Self::ready();
        scene.program.run(&["sync"]).quietly(0);
        scene.edit_in_gitlab(|commit| commit.update("here.md", there));
        scene.program.write("files/here.md", here);
        scene.program.run(&["sync"]).quietly(0);
        let conflicts = scene.program.run(&["conflicts", "--json"]).json(0);
        assert_eq!(conflicts.as_array().map(Vec::len), Some(1), "{conflicts}");
        (scene, conflicts)
    }

    pub(crate) fn edit_in_gitlab(&self, change: impl FnOnce(CommitSpec) -> CommitSpec) {
        let commit = change(CommitSpec::on("main", "Edit\n").by(self.user));
        self.gitlab.admin().commit(self.project, commit).unwrap();
    }

    /// A file of the branch.
    pub(crate) fn in_gitlab(&self, path: &str) -> Option<String> {
        let object = format!("main:{path}");
        let admin = self.gitlab.admin();
        let blob = admin.app().repositories.with(self.project, |repository| -> Result<_, Box<dyn std::error::Error>> {
            Ok(repository.revparse_single(&object)?.peel_to_blob()?.content().to_vec())
        });
        blob.ok().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// From the branch's beginning to its head.
    pub(crate) fn commits(&self) -> usize {
        let admin = self.gitlab.admin();
        let count =
            admin.app().repositories.with(self.project, |repository| -> Result<_, Box<dyn std::error::Error>> {
                let mut walk = repository.revwalk()?;
                walk.push_ref("refs/heads/main")?;
                Ok(walk.count())
            });
        count.unwrap()
    }

    /// Of the branch's head.
    pub(crate) fn newest_author(&self) -> String {
        let admin = self.gitlab.admin();
        let author =
            admin.app().repositories.with(self.project, |repository| -> Result<_, Box<dyn std::error::Error>> {
                Ok(repository.revparse_single("main")?.peel_to_commit()?.author().to_string())
            });
        author.unwrap()
    }

    /// Of the branch's head.
    pub(crate) fn newest_message(&self) -> String {
        let admin = self.gitlab.admin();
        let message =
            admin.app().repositories.with(self.project, |repository| -> Result<_, Box<dyn std::error::Error>> {
                Ok(repository.revparse_single("main")?.peel_to_commit()?.message().unwrap_or_default().to_owned())
            });
        message.unwrap()
    }

    pub(crate) fn here(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.program.path("files").join(path)).ok()
    }

    pub(crate) fn requests(&self) -> usize {
        self.gitlab.admin().log().totals().requests
    }
}
