//! Auto-sync: edits of a folder reach GitLab by themselves, and what comes of that changes nothing more.

use super::api::office::Office;
use super::server::{Server, until};
use gitlab_sim::hooks::hook::{Hook, Owner};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// Quiet comes soon here.
const SETTINGS: &str = "debounce-milliseconds = 50";

/// With auto-sync on, and what was edited before pushed.
struct Desk {
    office: Office,
    id: String,
}

impl Desk {
    fn new() -> Self {
        let office = Office::new(SETTINGS);
        let id = office.connected();
        let desk = Self { office, id };
        desk.switch_on();
        desk
    }

    fn switch_on(&self) {
        let before = self.jobs("edit");
        self.office.done("PUT", &self.at("/auto-sync"), json!({ "on": true }));
        until("what was edited before is pushed", || self.jobs("edit") > before && self.is_idle());
    }

    fn at(&self, rest: &str) -> String {
        format!("/api/v1/connections/{}{rest}", self.id)
    }

    fn all_jobs(&self) -> Vec<Value> {
        self.office.get(&self.at("/jobs")).as_array().unwrap().clone()
    }

    fn is_idle(&self) -> bool {
        self.all_jobs().iter().all(|job| job["stage"] != "waiting" && job["stage"] != "running")
    }

    /// That were done for this cause.
    fn jobs(&self, cause: &str) -> usize {
        self.all_jobs().iter().filter(|job| job["cause"]["by"] == cause && job["stage"] == "done").count()
    }

    /// What an admin does in GitLab with what the page shows.
    fn add_webhook(&self) {
        let shown = self.office.get(&self.at("/webhook"));
        let app = self.office.scene.gitlab.admin().app().clone();
        let (now, since) = (app.now(), app.events.told());
        let project = self.office.scene.project;
        app.world_mut().hooks.add(|id| {
            let mut hook = Hook::new(id, Owner::Project(project), now);
            hook.url = shown["url"].as_str().unwrap().to_owned();
            (hook.token, hook.since) = (shown["secret"].as_str().map(String::from), since);
            hook
        });
    }

    fn commits(&self) -> usize {
        self.office.scene.commits()
    }

    fn in_gitlab(&self, name: &str) -> Option<String> {
        self.office.scene.in_gitlab(name)
    }
}

#[test]
fn an_edit_is_pushed_by_itself_and_coming_back_as_a_webhook_it_does_nothing() {
    let desk = Desk::new();
    desk.add_webhook();
    let (before, told) = (desk.commits(), desk.jobs("delivery"));
    // As editors save: beside it, and then in its place.
    fs::write(desk.office.file(".there.md.swp"), "edited here\n").unwrap();
    fs::rename(desk.office.file(".there.md.swp"), desk.office.file("there.md")).unwrap();
    until("the edit is in GitLab", || desk.in_gitlab("there.md").as_deref() == Some("edited here\n"));
    until("GitLab has told of it", || desk.jobs("delivery") > told && desk.is_idle());
    assert_eq!(desk.commits(), before + 1);
    let shown = desk.office.get(&desk.at(""));
    assert_eq!(
        (&shown["state"]["done"]["job"], &shown["state"]["done"]["files"]),
        (&json!("pull"), &json!(0)),
        "{shown}"
    );
    // And the other way: what our own pull writes is an edit too, of which nothing comes.
    let (told, edits) = (desk.jobs("delivery"), desk.jobs("edit"));
    desk.office.scene.edit_in_gitlab(|commit| commit.update("there.md", "edited there\n"));
    until("it is here", || desk.office.here("there.md").as_deref() == Some("edited there\n"));
    until("it was noticed here", || desk.jobs("delivery") > told && desk.jobs("edit") > edits && desk.is_idle());
    assert_eq!(desk.commits(), before + 2);
    let history = desk.office.get(&desk.at("/history"));
    assert!(!history.to_string().contains("given-up"), "{history}");
}

/// Nobody pastes anything: the connector makes the webhook at this server's address, and deliveries by it are proved.
#[test]
fn a_webhook_that_the_connector_looks_after_brings_what_is_pushed_in_gitlab() {
    let desk = Desk::new();
    let settings = json!({ "project": desk.office.scene.project, "webhook": "auto" });
    let configured = desk.office.done("PUT", &desk.at("/configuration"), settings);
    assert_eq!(configured["webhook"]["deed"], "Created", "{configured}");
    let shown = desk.office.get(&desk.at("/webhook"));
    assert_eq!(configured["webhook"]["webhook"]["mode"]["Auto"], shown["url"]);
    desk.office.scene.edit_in_gitlab(|commit| commit.update("there.md", "edited there\n"));
    until("it is here", || desk.office.here("there.md").as_deref() == Some("edited there\n"));
    until("GitLab has told of it", || desk.jobs("delivery") > 0 && desk.is_idle());
}

#[test]
fn what_was_edited_while_the_server_was_down_is_pushed_when_it_is_up_again() {
    let desk = Desk::new();
    let Office { scene, server, .. } = desk.office;
    assert_eq!(server.end().0, Some(0));
    let file = scene.program.path("home/workspaces/acme/handbook/new.md");
    fs::write(file, "written meanwhile\n").unwrap();
    let _server = Server::start(&scene.program, &["--config", "serve.toml"]);
    until("it is in GitLab", || scene.in_gitlab("new.md").as_deref() == Some("written meanwhile\n"));
}

#[test]
fn a_folder_that_was_deleted_and_made_again_takes_nothing_away_in_gitlab() {
    let desk = Desk::new();
    let (root, before) = (desk.office.file(""), desk.commits());
    fs::remove_dir_all(&root).unwrap();
    fs::create_dir(&root).unwrap();
    let held = || desk.all_jobs().iter().any(|job| job["problem"]["code"] == "mass-delete-brake");
    until("the brake holds", held);
    assert_eq!((desk.commits(), desk.in_gitlab("there.md").as_deref()), (before, Some("from GitLab\n")));
    fs::write(desk.office.file("there.md"), "from GitLab\n").unwrap();
    fs::write(desk.office.file("new.md"), "listened to again\n").unwrap();
    until("it is in GitLab", || desk.in_gitlab("new.md").as_deref() == Some("listened to again\n"));
}

/// In a namespace of its own, in which this user may have one watch.
#[test]
fn where_the_limit_of_watches_is_reached_folders_are_looked_at_and_it_is_said() {
    let limit = "echo 1 > /proc/sys/user/max_inotify_watches";
    let possible = Command::new("unshare").args(["-Ur", "sh", "-c", limit]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no namespace of one's own can be made here, so the limit of watches is not tried");
        return;
    }
    let desk = Desk::new();
    fs::create_dir_all(desk.office.file("deep/er")).unwrap();
    let Office { scene, server, .. } = desk.office;
    assert_eq!(server.end().0, Some(0));
    let run = format!("{limit}; exec \"$0\" serve --listen 127.0.0.1:0 --config serve.toml");
    let server = Server::start_under(&scene.program, &["unshare", "-Ur", "sh", "-c", &run]);
    let line = server.says("limit of watches is reached");
    assert!(line.contains("fs.inotify.max_user_watches") && line.contains("\"level\":\"warn\""), "{line}");
    fs::write(scene.program.path("home/workspaces/acme/handbook/deep/er/new.md"), "looked at\n").unwrap();
    until("it is in GitLab", || scene.in_gitlab("deep/er/new.md").as_deref() == Some("looked at\n"));
}
