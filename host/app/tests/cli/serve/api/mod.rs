//! The JSON API of the real program: each operation is called, and each answer is as the description says.

pub(crate) mod client;
pub(crate) mod office;
mod schema;

use super::server::until;
use client::call;
use gitlab_sim::hooks::hook::Owner;
use gitlab_sim::{Effect, Fault};
use office::Office;
use serde_json::{Value, json};

const NOBODY: &str = "gsync_0000000000000000000000000000000000000000000000000000000000000000";

/// The life of a connection, through every operation there is.
#[test]
fn everything_that_the_page_does_the_api_does_too_and_as_it_is_described() {
    let office = Office::new("");
    people(&office);
    let id = office.connect();
    let at = |rest: &str| format!("/api/v1/connections/{id}{rest}");
    choose(&office, &at);
    move_files(&office, &at);
    resolve(&office, &at);
    let webhook = look_after(&office, &at);
    each_refuses_somebody(&office, &id);
    let left = office.done("DELETE", &at(""), Value::Null);
    assert!(left["hooks"].as_str().unwrap().ends_with("/-/hooks"), "{left}");
    assert_eq!(office.client.refused(&office.admin, "GET", &at(""), None), (404, "not-found".into()));
    assert!(office.here("there.md").is_some(), "files stay");
    assert_eq!(office.client.untried(true), [""; 0], "each was done once");
    assert_eq!(office.client.untried(false), [""; 0], "and refused once");
    no_secret_was_told(office, &webhook);
}

fn people(office: &Office) {
    let me = office.get("/api/v1/me");
    assert_eq!((&me["name"], &me["role"], &me["organisation"]), (&json!("ana"), &json!("admin"), &json!("acme")));
    let added = office.done("POST", "/api/v1/users", json!({ "name": "cem", "role": "viewer" }));
    let token = added["token"].as_str().unwrap();
    assert_eq!(office.client.done(token, "GET", "/api/v1/me", None)["name"], "cem");
    let again = Some(json!({ "name": "cem", "role": "viewer" }));
    assert_eq!(office.client.refused(&office.admin, "POST", "/api/v1/users", again), (409, "user-taken".into()));
    let users = office.get("/api/v1/users");
    let names: Vec<_> = users.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ana", "ben", "cem"], "nobody of another organisation");
    office.done("DELETE", "/api/v1/users/cem", Value::Null);
    assert_eq!(office.client.refused(token, "GET", "/api/v1/me", None).0, 401, "out at once");
    let last = office.client.refused(&office.admin, "DELETE", "/api/v1/users/ana", None);
    assert_eq!(last, (422, "last-admin".into()));
}

fn choose(office: &Office, at: &dyn Fn(&str) -> String) {
    assert_eq!(office.get("/api/v1/connections").as_array().unwrap().len(), 1);
    let wrong = json!({ "name": "other", "url": office.url(), "token": "glpat-00000000000000000000" });
    let refused = office.client.refused(&office.admin, "POST", "/api/v1/connections", Some(wrong));
    assert_eq!(refused, (422, "token-rejected".into()));
    assert_eq!(office.get("/api/v1/connections").as_array().unwrap().len(), 1, "nothing is kept of it");
    let projects = office.get(&at("/projects?search=hand"));
    assert_eq!(projects["projects"][0]["path"], "ana/handbook", "{projects}");
    let branches = office.get(&at(&format!("/branches?project={}", office.scene.project)));
    assert_eq!(branches["branches"][0]["name"], "main", "{branches}");
    let choice =
        json!({ "project": office.scene.project, "branch": "main", "first": "pull", "conflicts": "keep-both" });
    let configured = office.done("PUT", &at("/configuration"), choice);
    assert_eq!(configured["project"]["path"], "ana/handbook", "{configured}");
}

fn move_files(office: &Office, at: &dyn Fn(&str) -> String) {
    let id = at("").rsplit('/').next().unwrap().to_owned();
    let plan = office.get(&at("/plan?direction=pull"));
    assert_eq!(plan["changes"][0]["path"], "there.md", "{plan}");
    office.work(&id, json!({ "job": "pull", "plan": plan["digest"] }));
    assert_eq!(office.here("there.md").as_deref(), Some("from GitLab\n"));
    std::fs::write(office.file("here.md"), "from here\n").unwrap();
    office.work(&id, json!({ "job": "push", "message": "By the API" }));
    assert_eq!(office.scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    let jobs = office.get(&at("/jobs"));
    let jobs: Vec<_> = jobs.as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, ["push", "pull"], "the newest first");
    // Its row says so a moment before.
    until("the job's progress ends", || office.get(&at("/progress"))["running"] == Value::Null);
    let shown = office.get(&at(""));
    assert!(shown["status"]["synced_ms"].is_u64() && shown["state"]["done"]["files"] == 1, "{shown}");
}

fn resolve(office: &Office, at: &dyn Fn(&str) -> String) {
    let id = at("").rsplit('/').next().unwrap().to_owned();
    office.scene.edit_in_gitlab(|commit| commit.update("there.md", "theirs\n"));
    std::fs::write(office.file("there.md"), "ours\n").unwrap();
    office.work(&id, json!({ "job": "pull" }));
    let conflicts = office.client.done(&office.viewer, "GET", &at("/conflicts"), None);
    let one = at(&format!("/conflicts/{}", conflicts[0]["id"].as_str().unwrap()));
    let versions = office.client.done(&office.viewer, "GET", &one, None);
    let of = |side: &str| versions[side]["text"].as_str().unwrap().to_owned();
    assert_eq!((of("base"), of("ours"), of("theirs")), ("from GitLab\n".into(), "ours\n".into(), "theirs\n".into()));
    office.done("POST", &one, json!({ "content": { "text": "agreed\n" } }));
    assert_eq!(office.here("there.md").as_deref(), Some("agreed\n"));
    assert_eq!(office.get(&at("/conflicts")), json!([]));
    office.work(&id, json!({ "job": "push" }));
    assert_eq!(office.scene.in_gitlab("there.md").as_deref(), Some("agreed\n"));
}

fn look_after(office: &Office, at: &dyn Fn(&str) -> String) -> Value {
    let webhook = office.get(&at("/webhook"));
    assert!(webhook["url"].as_str().unwrap().starts_with(&format!("http://{}/hooks/", office.server.address)));
    assert!(webhook["secret"].as_str().unwrap().len() >= 50, "{webhook}");
    let diagnosis = office.get(&at("/diagnosis"));
    let hook = diagnosis.as_array().unwrap().iter().find(|check| check["name"] == "webhook").unwrap();
    assert!(hook["outcome"] == "Unchecked" && hook["finding"].as_str().unwrap().contains("none"), "{hook}");
    rotate(office, at, &webhook);
    office.done("PUT", &at("/auto-sync"), json!({ "on": true }));
    assert_eq!(office.get(&at(""))["state"]["auto_sync"], true);
    office.done("PUT", &at("/auto-sync"), json!({ "on": false }));
    let review = office.client.done(&office.viewer, "GET", &at("/review"), None);
    assert!(review["outside"] == json!([]) && review["granted"].to_string().contains("files-read-write"), "{review}");
    let account = office.done("PUT", &at("/token"), json!({ "token": office.scene.token }));
    assert_eq!(account["username"], "ana");
    let history = office.client.done(&office.viewer, "GET", &at("/history"), None);
    let did: Vec<_> = history.as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!((did[0], did[did.len() - 1]), ("token", "connect"), "{did:?}");
    assert!(did.contains(&"resolve") && did.contains(&"push"), "{did:?}");
    let older = at(&format!("/history?before={}", history[0]["number"]));
    assert_eq!(office.get(&older).as_array().unwrap().len(), did.len() - 1);
    webhook
}

/// By hand the old secret counts until GitLab has used the new one, so there is never a third; by the connector, GitLab is told at once.
fn rotate(office: &Office, at: &dyn Fn(&str) -> String, before: &Value) {
    let secret = |webhook: &Value| webhook["secret"].as_str().unwrap().to_owned();
    let rotated = office.done("POST", &at("/webhook/secret"), Value::Null);
    assert!(rotated["former"] == json!({ "until": "delivery" }) && secret(&rotated) != secret(before), "{rotated}");
    let again = office.client.refused(&office.admin, "POST", &at("/webhook/secret"), None);
    assert_eq!(again, (409, "rotation-waits".into()));
    office.done("DELETE", &at("/webhook/former-secret"), Value::Null);
    let ended = office.get(&at("/webhook"));
    assert_eq!((&ended["former"], &ended["kept"]["previous_until_ms"]), (&Value::Null, &Value::Null));
    let kept = office.done("PUT", &at("/webhook"), json!({ "keeper": "auto" }));
    assert!(kept["kept"]["mode"]["Auto"].is_string() && kept["kept"]["settled"] == true, "{kept}");
    let told = office.done("POST", &at("/webhook/secret"), Value::Null);
    assert!(told["former"]["until"] == "time" && told["kept"]["settled"] == true, "{told}");
    let moved = office.done("POST", &at("/webhook/address"), Value::Null);
    let owner = Owner::Project(office.scene.project);
    let app = office.scene.gitlab.admin().app().clone();
    let hooks: Vec<_> = app.world().hooks.of(owner).map(|hook| hook.url.clone()).collect();
    assert!(moved["url"] != told["url"] && moved["kept"]["settled"] == true, "{moved}");
    assert_eq!(hooks, [moved["url"].as_str().unwrap()], "the one in GitLab has the new address");
    let old = told["url"].as_str().unwrap().split_once("/hooks/").unwrap().1;
    let told_there = office.server.post(&format!("/hooks/{old}"), &[("x-gitlab-token", &secret(&moved))], b"{}");
    assert_eq!(told_there.status, 401, "and the old one is nobody's, also with the right secret");
    let seen = |token: &str| office.client.done(token, "GET", &at(""), None)["status"]["webhook"].to_string();
    assert!(seen(&office.admin).contains("/hooks/") && !seen(&office.viewer).contains("/hooks/"), "for admins alone");
    let kept = office.done("PUT", &at("/webhook"), json!({ "keeper": "manual" }));
    assert_eq!(secret(&kept), secret(&told));
}

/// Nobody, a viewer where only admins may, and somebody of another organisation, who learns nothing.
fn each_refuses_somebody(office: &Office, id: &str) {
    for (method, path, operation) in office.client.operations() {
        let own = path.replace("{id}", id).replace("{name}", "ben").replace("{conflict}", "x").replace("{number}", "1");
        let refused = |token: &str, path: &str| call(office.server.address, &method, path, token, Some("{}"));
        let unsigned = office.client.refused("", &method, &own, None);
        assert_eq!(unsigned, (401, "not-signed-in".into()), "{method} {own}");
        if operation["description"].as_str().unwrap().contains("admins") {
            let (status, code) = office.client.refused(&office.viewer, &method, &own, None);
            assert_eq!((status, code.as_str()), (403, "not-admin"), "{method} {own}");
        }
        if path.contains("{id}") {
            let (theirs, nowhere) = (refused(&office.stranger, &own), own.replace(id, "handbook-0000000000"));
            assert_eq!((theirs.status, theirs.body.contains("not-found")), (404, true), "{method} {own}");
            assert_eq!(theirs.body, refused(&office.stranger, &nowhere).body, "{method} {own}");
        }
    }
    assert_eq!(office.client.done(&office.stranger, "GET", "/api/v1/connections", None), json!([]));
    for token in [NOBODY, &format!("{}0", office.admin), "canary"] {
        assert_eq!(office.client.refused(token, "GET", "/api/v1/me", None).0, 401);
    }
}

/// Neither a token, nor the webhook's secret, nor its path.
fn no_secret_was_told(office: Office, webhook: &Value) {
    let Office { scene, server, admin, viewer, stranger, .. } = office;
    let (status, lines) = server.end();
    assert_eq!(status, Some(0));
    assert!(lines.iter().any(|line| line.contains("\"route\":\"/api/v1/connections/{id}/webhook\"")), "{lines:?}");
    let said = lines.join("\n");
    for secret in [&scene.token, &admin, &viewer, &stranger] {
        assert!(!said.contains(&secret[6..]), "a token was told");
    }
    let path = webhook["url"].as_str().unwrap().rsplit('/').next().unwrap();
    assert!(path.len() == 43 && !said.contains(path) && !said.contains(webhook["secret"].as_str().unwrap()));
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(line["time_ms"].is_u64() && line["level"].is_string() && line["message"].is_string(), "{line}");
        assert!(line["message"] != "answered" || line["request"].is_string(), "{line}");
    }
}

#[test]
fn what_is_sent_wrong_gets_one_shape_of_answer_and_is_not_repeated() {
    let office = Office::new("");
    let post = |path: &str, body: &str| {
        let answer = call(office.server.address, "POST", path, &office.admin, Some(body));
        let value: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body));
        assert!(!answer.body.contains("canary"), "{}", answer.body);
        (answer.status, value["code"].as_str().unwrap().to_owned())
    };
    let bad = || (400, "bad-request".to_owned());
    assert_eq!(post("/api/v1/users", "canary"), bad());
    assert_eq!(post("/api/v1/users", "{\"name\":\"canary\"}"), bad());
    assert_eq!(post("/api/v1/users", "{\"name\":\"x\",\"role\":\"viewer\",\"canary\":1}"), bad());
    assert_eq!(post("/api/v1/users", "{\"name\":\"x\",\"role\":\"canary\"}"), bad());
    assert_eq!(post("/api/v1/connections", "{\"name\":\"../x\",\"token\":\"canary-canary\"}"), bad());
    let (status, code) = post("/api/v1/connections", "{\"name\":\"x\",\"token\":\"canary canary\"}");
    assert_eq!((status, code.as_str()), (422, "token-malformed"));
    assert_eq!(post("/api/v1/nothing", "{}").0, 404);
    assert_eq!(post("/api/v1/me", "{}"), (405, "method-not-allowed".into()));
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(13 << 20));
    assert_eq!(post("/api/v1/users", &large), (413, "too-large".into()));
    let asked = call(office.server.address, "GET", "/api/v1/connections?canary=1", &office.admin, None);
    assert_eq!(asked.status, 200, "what nobody reads does no harm");
}

/// It was missing in the list without a word, and whoever guessed its name was told that it is there.
#[test]
fn a_connection_that_cannot_be_read_is_listed_with_what_to_do_for_those_whose_it_is() {
    let office = Office::new("");
    let id = office.connect();
    let whole = json!({ "name": "notes", "url": office.url(), "token": office.scene.token });
    let whole = office.done("POST", "/api/v1/connections", whole)["id"].clone();
    let store = rusqlite::Connection::open(office.scene.program.path("home/store.sqlite")).unwrap();
    let spoil = "UPDATE connections SET entry = substr(entry, 1, 40) WHERE id = ?1";
    assert_eq!(store.execute(spoil, [&id]).unwrap(), 1);
    let listed = office.client.done(&office.viewer, "GET", "/api/v1/connections", None);
    let problem =
        |id: &Value| listed.as_array().unwrap().iter().find(|one| one["id"] == *id).unwrap()["problem"].clone();
    assert_eq!(problem(&whole), Value::Null);
    let problem = problem(&json!(id));
    assert_eq!(problem["code"], "connection-damaged");
    assert_eq!(problem["message"], format!("what is kept of the connection `{id}` cannot be read"));
    let command = format!("`gitlab-sync disconnect --connection {id}`");
    assert!(problem["remedy"].as_str().unwrap().contains(&command), "{problem}");
    let path = format!("/api/v1/connections/{id}");
    assert_eq!(office.client.refused(&office.admin, "GET", &path, None), (500, "connection-damaged".into()));
    assert_eq!(office.client.refused(&office.stranger, "GET", &path, None), (404, "not-found".into()));
    let gone = office.scene.program.run(&["disconnect", "--connection", &id]);
    assert_eq!(gone.status, 0, "{}", gone.stderr);
    let listed = office.get("/api/v1/connections");
    assert_eq!(listed.as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&whole]);
}

/// Both looked before either had claimed it, and then pushed over each other.
#[test]
fn of_two_who_want_one_branch_at_once_one_gets_it_and_the_other_is_not_configured() {
    let office = Office::new("");
    // GitLab is asked between the look and the claim.
    office.scene.gitlab.admin().fault(Fault::on_any("/api/v4/*", Effect::Latency { ms: 100, jitter_ms: 0 }));
    let connect = |name: &str| {
        let new = json!({ "name": name, "url": office.url(), "token": office.scene.token });
        office.done("POST", "/api/v1/connections", new)["id"].as_str().unwrap().to_owned()
    };
    let ids = ["one", "two"].map(connect);
    let (address, admin) = (office.server.address, office.admin.as_str());
    // One names the branch, for the other it is GitLab's default.
    let choices = ["main", ""].map(|branch| json!({ "project": office.scene.project, "branch": branch }).to_string());
    let answers = std::thread::scope(|scope| {
        let configure = |(id, choice): (&String, &String)| {
            let (path, choice) = (format!("/api/v1/connections/{id}/configuration"), choice.clone());
            scope.spawn(move || call(address, "PUT", &path, admin, Some(&choice)))
        };
        let both: Vec<_> = ids.iter().zip(&choices).map(configure).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let clashed = answers.iter().position(|answer| answer.body.contains("ownership-clash"));
    let clashed = clashed.unwrap_or_else(|| panic!("{answers:?}"));
    assert_eq!(answers[1 - clashed].status, 200, "{}", answers[1 - clashed].body);
    let is_configured =
        ids.map(|id| office.get(&format!("/api/v1/connections/{id}"))["status"]["configured"].is_object());
    assert_eq!((is_configured[clashed], is_configured[1 - clashed]), (false, true));
}

/// Everybody comes from one address here, as behind a proxy.
#[test]
fn who_guesses_tokens_is_told_to_wait_and_whoever_has_a_right_one_is_not() {
    let office = Office::new("");
    let guess = || office.client.refused(NOBODY, "GET", "/api/v1/me", None);
    let answers: Vec<_> = (0..40).map(|_| guess()).collect();
    assert_eq!(answers[0], (401, "not-signed-in".into()));
    assert_eq!(answers[39], (429, "too-often".into()));
    assert_eq!(office.get("/api/v1/me")["name"], "ana");
    until("the server goes on", || office.server.get("/healthz").status == 200);
}
