//! What somebody has approved is done as it was shown, or not at all.

use super::api::office::Office;
use super::server::until;
use gitlab_sim::{Effect, Fault, When};
use serde_json::{Value, json};
use std::fs;

/// Connected, synced once, and edited on both sides.
struct Desk {
    office: Office,
    id: String,
}

impl Desk {
    fn new() -> Self {
        let office = Office::new("poll-seconds = 3600");
        let id = office.connected();
        let desk = Self { office, id };
        desk.edit_here("one");
        desk.edit_there("one");
        desk
    }

    fn edit_here(&self, word: &str) {
        fs::write(self.office.file("here.md"), format!("{word} here\n")).unwrap();
    }

    fn edit_there(&self, word: &str) {
        self.office.scene.edit_in_gitlab(|commit| commit.update("there.md", format!("{word} there\n")));
    }

    fn at(&self, rest: &str) -> String {
        format!("/api/v1/connections/{}{rest}", self.id)
    }

    fn plan(&self, direction: &str) -> Value {
        self.office.get(&self.at(&format!("/plan?direction={direction}")))["digest"].clone()
    }

    fn order(&self, job: &str, plan: &Value) -> u64 {
        let started = self.office.done("POST", &self.at("/jobs"), json!({ "job": job, "plan": plan }));
        started["number"].as_u64().unwrap()
    }

    /// How a job ended: its stage, and the code of its problem.
    fn ended(&self, number: u64) -> (String, String) {
        let job = || self.office.get(&self.at(&format!("/jobs/{number}")));
        until("the job ends", || ["done", "dead"].contains(&job()["stage"].as_str().unwrap()));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&job()["stage"]), text(&job()["problem"]["code"]))
    }

    /// What the folder and the branch have of the other side.
    fn moved(&self) -> (Option<String>, Option<String>) {
        (self.office.here("there.md"), self.office.scene.in_gitlab("here.md"))
    }

    fn requests(&self, part: &str) -> usize {
        let entries = self.office.scene.gitlab.admin().log().entries();
        entries.iter().filter(|entry| entry.path.contains(part)).count()
    }
}

fn outdated() -> (String, String) {
    ("dead".into(), "plan-outdated".into())
}

/// It was once refused by the API, and left out by the page.
#[test]
fn an_approved_sync_does_both_of_its_ways_and_nothing_that_came_later() {
    let desk = Desk::new();
    let plan = desk.plan("both");
    assert_eq!(desk.ended(desk.order("sync", &plan)).0, "done");
    let both = (Some("one there\n".to_owned()), Some("one here\n".to_owned()));
    assert_eq!(desk.moved(), both);
    // What was approved is done, so the same again is another plan.
    desk.edit_here("two");
    desk.edit_there("two");
    assert_eq!(desk.ended(desk.order("sync", &plan)), outdated());
    for edit in [Desk::edit_here, Desk::edit_there] {
        let plan = desk.plan("both");
        edit(&desk, "three");
        assert_eq!(desk.ended(desk.order("sync", &plan)), outdated());
        assert_eq!(desk.moved(), both, "neither half was begun");
    }
}

#[test]
fn what_is_edited_between_the_two_ways_of_an_approved_sync_is_not_pushed_with_it() {
    let desk = Desk::new();
    let plan = desk.plan("both");
    let compares = desk.requests("/repository/compare");
    let slow = Effect::Latency { ms: 3_000, jitter_ms: 0 };
    desk.office.scene.gitlab.admin().fault(Fault::on("GET", "*/repository/compare", slow).when(When::Nth(2)));
    let number = desk.order("sync", &plan);
    until("the second way looks at the branch", || desk.requests("/repository/compare") == compares + 2);
    desk.edit_here("two");
    assert_eq!(desk.ended(number), outdated());
    assert_eq!(desk.moved(), (Some("one there\n".into()), None), "the first way was as approved");
}

/// A delivery that joined an approved pull was once done for with it.
#[test]
fn a_delivery_that_joined_an_approved_pull_is_worked_off_although_the_plan_is_outdated() {
    let desk = Desk::new();
    let plan = desk.plan("pull");
    desk.edit_there("two");
    let slow = Effect::Latency { ms: 3_000, jitter_ms: 0 };
    desk.office.scene.gitlab.admin().fault(Fault::on_any("*/repository/*", slow).when(When::First(1)));
    let shown = desk.office.get(&desk.at("/webhook"));
    let path = format!("/hooks/{}", shown["url"].as_str().unwrap().rsplit('/').next().unwrap());
    let tell = || {
        let headers = [("x-gitlab-token", shown["secret"].as_str().unwrap()), ("x-gitlab-event", "Push Hook")];
        let body = json!({
            "object_kind": "push", "event_name": "push", "ref": "refs/heads/main",
            "project_id": desk.office.scene.project, "project": { "id": desk.office.scene.project },
            "before": "1".repeat(40), "after": "2".repeat(40),
        });
        desk.office.server.post(&path, &headers, body.to_string().as_bytes())
    };
    // Something runs, so that both wait together.
    let push = desk.order("push", &Value::Null);
    until("it runs", || desk.office.get(&desk.at(&format!("/jobs/{push}")))["stage"] == "running");
    assert_eq!(tell().body, "queued\n");
    assert_eq!(desk.ended(desk.order("pull", &plan)), outdated());
    until("it was pulled", || desk.office.here("there.md").as_deref() == Some("two there\n"));
}
