//! A server that runs, a GitLab beside it, and people who may sign in.

use super::chromium::{Chromium, Tab};
use crate::program::Program;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::{CommitSpec, ProjectSpec, Running, Simulator, TokenSpec, UserSpec};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;

/// The server's, in the program's folder.
const SETTINGS: &str = "serve.toml";

/// Everything for one test.
pub(super) struct Scene {
    pub(super) program: Program,
    pub(super) gitlab: Running,
    pub(super) chromium: Chromium,
    /// A personal access token of Ana's.
    pub(super) token: String,
    pub(super) project: u64,
    pub(super) user: u64,
    pub(super) address: String,
    server: Child,
}

impl Scene {
    /// None: there is no browser.
    pub(super) fn new() -> Option<Self> {
        Self::with_settings(
            "listen = '127.0.0.1:0'\n[network]\nprivate-addresses = ['127.0.0.1/32']\nplain-text = true\n",
        )
    }

    /// The same with other settings of the server.
    pub(super) fn with_settings(settings: &str) -> Option<Self> {
        let chromium = Chromium::start()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let gitlab = runtime.block_on(Simulator::builder().base_path("/gitlab").start()).unwrap();
        let admin = gitlab.admin();
        let user = admin.create_user(UserSpec { name: "Ana Lima".into(), ..UserSpec::person("ana") }).id;
        let spec = ProjectSpec { creator_id: Some(user), ..ProjectSpec::at("ana/handbook") };
        let project = admin.create_project(&spec).unwrap().id;
        admin.commit(project, CommitSpec::on("main", "Begin\n").by(user).create("there.md", "from GitLab\n")).unwrap();
        let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
        let program = Program::new();
        program.write(SETTINGS, settings);
        let (server, address) = serve(&program);
        Some(Self { program, gitlab, chromium, token, project, user, address, server })
    }

    /// Ends the server, as an update does, and starts it again; it listens elsewhere then.
    pub(super) fn restart(&mut self) {
        let _ = self.server.kill();
        self.server.wait().unwrap();
        (self.server, self.address) = serve(&self.program);
    }

    /// The server's token for somebody new.
    pub(super) fn person(&self, organisation: &str, name: &str, role: &str) -> String {
        let added = self.program.run(&["user", "add", name, "--organisation", organisation, "--role", role, "--json"]);
        assert_eq!(added.status, 0, "{}", added.stderr);
        let added: Value = serde_json::from_str(&added.stdout).unwrap();
        added["token"].as_str().unwrap().to_owned()
    }

    /// A tab in which somebody is signed in.
    pub(super) fn signed_in(&self, organisation: &str, name: &str, role: &str) -> Tab {
        let tab = self.chromium.tab(1280, 900);
        let token = self.person(organisation, name, role);
        tab.open(&format!("{}/", self.address));
        tab.fill("#token", &token);
        tab.follow("Sign in");
        tab
    }

    /// Connected with this GitLab, up to where a project is chosen.
    pub(super) fn connected(&self, organisation: &str) -> Tab {
        let tab = self.signed_in(organisation, "ana", "admin");
        tab.follow("Connect with GitLab");
        tab.fill("#token", &self.token);
        tab.click("Using self-hosted GitLab?");
        tab.fill("#url", &format!("{}/ana/handbook", self.gitlab.url()));
        tab.follow("Connect with GitLab");
        tab
    }

    /// With the handbook chosen and the first sync done.
    pub(super) fn ready(&self, organisation: &str) -> Tab {
        let tab = self.connected(organisation);
        tab.follow("ana/handbook");
        tab.follow("Save, and show");
        tab.follow("Start: sync both ways");
        tab.until_text(".heading", "in step");
        tab
    }

    /// The status of a request that no browser would send.
    pub(super) fn send(&self, method: &str, path: &str, cookie: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        self.answer(method, path, cookie, headers, body).split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The whole answer.
    pub(super) fn answer(
        &self,
        method: &str,
        path: &str,
        cookie: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> String {
        let host = self.address.trim_start_matches("http://");
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n");
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        request.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A file in the folder of an organisation's first connection.
    pub(super) fn file(&self, organisation: &str, path: &str) -> PathBuf {
        self.program.path("home").join("workspaces").join(organisation).join("gitlab").join(path)
    }

    pub(super) fn here(&self, organisation: &str, path: &str) -> Option<String> {
        std::fs::read_to_string(self.file(organisation, path)).ok()
    }

    pub(super) fn write(&self, organisation: &str, path: &str, content: &str) {
        let file = self.file(organisation, path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    pub(super) fn edit_in_gitlab(&self, change: impl FnOnce(CommitSpec) -> CommitSpec) {
        let commit = change(CommitSpec::on("main", "Edit\n").by(self.user));
        self.gitlab.admin().commit(self.project, commit).unwrap();
    }

    /// The project's webhooks in GitLab.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        self.gitlab.admin().app().world().hooks.of(Owner::Project(self.project)).cloned().collect()
    }

    /// What a person does in GitLab under Settings → Webhooks: a new one, or another secret for the one that is there.
    pub(super) fn paste_into_gitlab(&self, url: &str, secret: &str) {
        let app = self.gitlab.admin().app().clone();
        let (now, since, known) = (app.now(), app.events.told(), self.hooks().pop());
        let mut world = app.world_mut();
        let id = match known {
            Some(hook) => hook.id,
            None => world.hooks.add(|id| Hook { since, ..Hook::new(id, Owner::Project(self.project), now) }).id,
        };
        let hook = world.hooks.get_mut(id).unwrap();
        (hook.url, hook.token) = (url.to_owned(), Some(secret.to_owned()));
    }

    /// A file of the branch.
    pub(super) fn in_gitlab(&self, path: &str) -> Option<String> {
        let object = format!("main:{path}");
        let admin = self.gitlab.admin();
        let blob = admin.app().repositories.with(self.project, |repository| -> Result<_, Box<dyn std::error::Error>> {
            Ok(repository.revparse_single(&object)?.peel_to_blob()?.content().to_vec())
        });
        blob.ok().map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program as a server, and where it listens.
fn serve(program: &Program) -> (Child, String) {
    let mut child = program.start(&["serve", "--config", SETTINGS], &[]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let address = loop {
        let Some(Ok(line)) = lines.next() else { panic!("the server did not begin: {said:?}") };
        let value: Value = serde_json::from_str(&line).unwrap_or_default();
        match value["fields"]["address"].as_str().or(value["address"].as_str()) {
            Some(address) => break address.to_owned(),
            None => said.push(line),
        }
    };
    // A pipe that nobody reads would stop it one day.
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}
