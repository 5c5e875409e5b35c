//! `kill -9` at the moments of a push that somebody's edit led to.

use super::api::client::Client;
use super::api::office::Office;
use super::server::{PATIENCE, Server, until};
use crate::gitlab::Scene;
use gitlab_sim::{Canned, Effect, Fault, When};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::fs;

/// Quiet comes soon here.
const SETTINGS: &str = "debounce-milliseconds = 50";
/// Where commits are made.
const COMMITS: &str = "*/repository/commits";

/// When the server dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The push is in the queue.
    Queued,
    /// The commit is on its way to GitLab, which has not taken it yet.
    OnItsWay,
    /// GitLab has it and begins to answer, without end.
    Taken,
    /// GitLab has it, the answer was lost on the way, and the connector asks whether it is there.
    Asked,
    /// As soon as the branch has it, however far the answer is.
    Landed,
    /// The job is done.
    Done,
}

impl Moment {
    const ALL: [Self; 6] = [Self::Queued, Self::OnItsWay, Self::Taken, Self::Asked, Self::Landed, Self::Done];

    fn faults(self) -> Vec<Fault> {
        let never = Effect::Latency { ms: 600_000, jitter_ms: 0 };
        match self {
            Self::OnItsWay => vec![Fault::on("POST", COMMITS, never).when(When::First(1))],
            Self::Taken => {
                vec![Fault::on("POST", COMMITS, Effect::Drip { bytes: 1, every_ms: 600_000 }).when(When::First(1))]
            }
            Self::Asked => {
                let lost = Effect::AnswerAfter(Canned::html(502));
                vec![Fault::on("POST", COMMITS, lost).when(When::First(1)), Fault::on("GET", "*/repository/*", never)]
            }
            Self::Queued | Self::Landed | Self::Done => vec![],
        }
    }
}

/// A folder with auto-sync, and what is known of it while no server runs too.
struct Desk {
    scene: Scene,
    admin: String,
    id: String,
}

impl Desk {
    fn new() -> (Self, Server) {
        let office = Office::new(SETTINGS);
        let id = office.connected();
        office.done("PUT", &format!("/api/v1/connections/{id}/auto-sync"), json!({ "on": true }));
        let Office { scene, server, admin, .. } = office;
        let desk = Self { scene, admin, id };
        until("what was edited before is pushed", || desk.pushes("done") > 0 && desk.is_idle());
        (desk, server)
    }

    fn serve(&self) -> Server {
        Server::start(&self.scene.program, &["--config", "serve.toml"])
    }

    /// As editors save: beside it, and then in its place.
    fn save(&self, name: &str, text: &str) {
        let file = |name: &str| self.scene.program.path("home/workspaces/acme/handbook").join(name);
        fs::write(file(&format!(".{name}.swp")), text).unwrap();
        fs::rename(file(&format!(".{name}.swp")), file(name)).unwrap();
    }

    fn count(&self, sql: &str) -> u32 {
        let path = self.scene.program.path("home/store.sqlite");
        let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        store.busy_timeout(PATIENCE).unwrap();
        store.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn pushes(&self, stage: &str) -> u32 {
        self.count(&format!("SELECT count(*) FROM jobs WHERE job = 'push' AND stage = '{stage}'"))
    }

    fn is_idle(&self) -> bool {
        self.count("SELECT count(*) FROM jobs WHERE stage IN ('waiting', 'running')") == 0
    }

    fn wait_for(&self, moment: Moment, commits: usize, done: u32) {
        let log = || self.scene.gitlab.admin().log().entries();
        let posts = |answered: bool| {
            let is_post = |entry: &gitlab_sim::server::log::Entry| {
                entry.method == "POST" && entry.path.ends_with("/repository/commits") && (entry.status != 0) == answered
            };
            log().iter().any(is_post)
        };
        let asks = || log().iter().any(|entry| entry.method == "GET" && entry.path.contains("/repository/"));
        until(&format!("{moment:?}"), || match moment {
            // On a busy machine it may be done before anyone has looked.
            Moment::Queued => !self.is_idle() || self.pushes("done") > done,
            Moment::OnItsWay => posts(false),
            Moment::Taken => posts(true),
            Moment::Asked => posts(true) && asks(),
            Moment::Landed => self.scene.commits() > commits,
            Moment::Done => self.pushes("done") > done,
        });
    }
}

#[test]
fn an_edit_reaches_the_branch_once_whenever_the_server_is_killed() {
    let (desk, mut server) = Desk::new();
    let before = desk.scene.commits();
    for (round, moment) in Moment::ALL.into_iter().chain(Moment::ALL).enumerate() {
        let (commits, done) = (desk.scene.commits(), desk.pushes("done"));
        desk.scene.gitlab.admin().log().clear();
        moment.faults().into_iter().for_each(|fault| desk.scene.gitlab.admin().fault(fault));
        // A new file in the first six rounds, and the same one again in the others.
        let (name, text) = (format!("{}.md", round % 6), format!("edited in round {round}\n"));
        desk.save(&name, &text);
        desk.wait_for(moment, commits, done);
        server.kill();
        desk.scene.gitlab.admin().clear_faults();
        server = desk.serve();
        until("the edit is in GitLab", || desk.scene.in_gitlab(&name).as_deref() == Some(text.as_str()));
        until("the start's own push is done", || desk.is_idle() && desk.pushes("done") > done);
        assert_eq!(desk.scene.commits(), commits + 1, "{moment:?}: one commit for one edit");
    }
    let client = Client::of(&server);
    let at = |rest: &str| format!("/api/v1/connections/{}{rest}", desk.id);
    let plan = client.done(&desk.admin, "GET", &at("/plan"), None);
    assert_eq!(plan["changes"], json!([]), "nothing is left to do");
    let shown = client.done(&desk.admin, "GET", &at(""), None);
    assert!(shown["state"]["problem"].is_null() && shown["state"]["conflicts"] == 0, "{shown}");
    assert_eq!((desk.pushes("dead"), desk.scene.commits()), (0, before + 2 * Moment::ALL.len()));
}
