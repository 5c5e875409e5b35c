//! What a version or a tier changes: the same request, asked on both sides of the release that made the difference.

use gitlab_sim::{Settings, Tier};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{Lab, Seen};

/// One request, and what of its answer tells the two sides apart.
struct Difference {
    what: &'static str,
    /// The last side without it, and the first with it.
    versions: [&'static str; 2],
    method: &'static str,
    path: &'static str,
    body: fn(&Lab) -> Value,
    /// Says `old` or `new` of an answer.
    tell: fn(&Seen) -> Value,
    /// What the old side says, and what the new side says.
    expected: fn() -> [Value; 2],
}

fn nothing(_: &Lab) -> Value {
    Value::Null
}

fn status(seen: &Seen) -> Value {
    seen.status.as_u16().into()
}

/// The table. Paths are below alice's project unless they begin with `/`.
#[rustfmt::skip]
fn table() -> Vec<Difference> {
    vec![
        Difference { what: "a token can look at itself", versions: ["15.4.0", "15.5.0"], method: "GET", path: "/personal_access_tokens/self",
            body: nothing, tell: status, expected: || [404.into(), 200.into()] },
        Difference { what: "custom headers of hooks", versions: ["16.10.0", "16.11.0"], method: "PUT", path: "hooks/1/custom_headers/X-A",
            body: |_| json!({ "value": "v" }), tell: status, expected: || [404.into(), 204.into()] },
        Difference { what: "old paths redirect", versions: ["16.6.0", "16.7.0"], method: "GET", path: "/projects/demo%2Fold",
            body: nothing, tell: status, expected: || [200.into(), 301.into()] },
        Difference { what: "the log of hooks", versions: ["17.2.0", "17.3.0"], method: "GET", path: "hooks/1/events",
            body: nothing, tell: status, expected: || [404.into(), 200.into()] },
        Difference { what: "a missing folder is an error", versions: ["17.6.0", "17.7.0"], method: "GET", path: "repository/tree?path=nothing",
            body: nothing, tell: status, expected: || [200.into(), 404.into()] },
        Difference { what: "hooks of milestones", versions: ["18.1.0", "18.2.0"], method: "GET", path: "hooks/1",
            body: nothing, tell: |seen| seen.json().get("milestone_events").is_some().into(), expected: || [false.into(), true.into()] },
        Difference { what: "differences say that they are cut", versions: ["18.3.0", "18.4.0"], method: "GET", path: "repository/compare?from=main~1&to=main",
            body: nothing, tell: |seen| seen.json()["diffs"][0].get("too_large").is_some().into(), expected: || [false.into(), true.into()] },
        Difference { what: "a limit on all members", versions: ["18.5.0", "18.6.0"], method: "GET", path: "members/all",
            body: nothing, tell: status, expected: || [200.into(), 429.into()] },
        Difference { what: "parameters of commits are judged by hand", versions: ["18.6.0", "18.7.0"], method: "POST", path: "repository/commits",
            body: |_| json!({ "branch": "main", "actions": [] }), tell: Seen::json,
            expected: || [json!({ "error": "commit_message is missing" }), json!({ "message": "400 Bad request - commit_message is required" })] },
        Difference { what: "empty commits", versions: ["18.7.0", "18.8.0"], method: "POST", path: "repository/commits",
            body: |_| json!({ "branch": "main", "commit_message": "m", "allow_empty": true, "actions": [] }), tell: status, expected: || [400.into(), 201.into()] },
        Difference { what: "hooks say that they have secrets", versions: ["18.11.0", "19.0.0"], method: "GET", path: "hooks/1",
            body: nothing, tell: |seen| seen.json().get("signing_token_present").is_some().into(), expected: || [false.into(), true.into()] },
        Difference { what: "a name for the limit's end", versions: ["17.11.0", "18.0.0"], method: "GET", path: "/user",
            body: nothing, tell: |seen| seen.header("ratelimit-resettime").is_some().into(), expected: || [true.into(), false.into()] },
        Difference { what: "attachments of notes", versions: ["16.11.0", "17.0.0"], method: "POST", path: "merge_requests/1/notes",
            body: |_| json!({ "body": "b" }), tell: |seen| seen.json().get("attachment").is_some().into(), expected: || [true.into(), false.into()] },
    ]
}

async fn lab(settings: Settings) -> (Lab, Receiver) {
    let lab = Lab::with(settings, "").await;
    let receiver = Receiver::new().await;
    lab.commit("a.md", "one");
    lab.commit("b.md", "two");
    lab.call("POST", &lab.at("/repository/branches"), json!({ "branch": "topic", "ref": "main" })).await;
    let request = json!({ "title": "t", "source_branch": "topic", "target_branch": "main" });
    lab.call("POST", &lab.at("/merge_requests"), request).await;
    lab.call("POST", &lab.at("/hooks"), json!({ "url": receiver.url })).await;
    let old = lab.public_project("demo/old");
    lab.admin().move_project(old, "demo/new").unwrap();
    lab.admin().settings(|settings| {
        settings.limits.members_all = 1;
        settings.throttle.authenticated = Some(100_000);
    });
    lab.get(&lab.at("/members/all")).await;
    (lab, receiver)
}

async fn ask(lab: &Lab, method: &str, path: &str, body: Value) -> Seen {
    let path = if path.starts_with('/') { path.to_owned() } else { lab.at(&format!("/{path}")) };
    lab.call(method, &path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_release_makes_its_difference() {
    let mut wrong = Vec::new();
    for row in table() {
        for (version, expected) in row.versions.into_iter().zip((row.expected)()) {
            let settings = Settings { version: version.parse().unwrap(), ..Settings::default() };
            let (lab, _receiver) = lab(settings).await;
            let seen = ask(&lab, row.method, row.path, (row.body)(&lab)).await;
            if (row.tell)(&seen) != expected {
                wrong.push(format!("{} in {version}: {} {}", row.what, seen.status, seen.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the free tier has not: request, status on Free and with a licence.
#[tokio::test(flavor = "multi_thread")]
async fn each_tier_has_its_own() {
    for (method, path, free, licensed) in [
        ("GET", "merge_requests/1/approval_state", 404, 200),
        ("GET", "/groups/demo/hooks", 403, 200),
        ("GET", "merge_requests/1/approvals", 200, 200),
        ("GET", "/groups/demo/service_accounts", 403, 200),
    ] {
        for (tier, expected) in [(Tier::Free, free), (Tier::Premium, licensed)] {
            let (lab, _receiver) = lab(Settings { tier, ..Settings::default() }).await;
            let group = lab.admin().app().world().namespace_by_path("demo").unwrap();
            lab.admin().add_member(gitlab_sim::Source::Group(group), lab.alice, gitlab_sim::AccessLevel::Owner);
            let seen = ask(&lab, method, path, Value::Null).await;
            assert_eq!(seen.status, expected, "{path} on {tier:?}: {}", seen.text());
        }
    }
    let keys = |seen: &Seen| seen.json().as_object().map_or(0, serde_json::Map::len);
    let mut sizes = Vec::new();
    for tier in [Tier::Free, Tier::Premium] {
        let (lab, _receiver) = lab(Settings { tier, ..Settings::default() }).await;
        let (project, approvals) = (lab.get(&lab.at("")).await, lab.get(&lab.at("/merge_requests/1/approvals")).await);
        assert_eq!(project.json().get("mirror").is_some(), tier == Tier::Premium);
        sizes.push(keys(&approvals));
    }
    assert_eq!(sizes[0], 4, "Free says who approved, and nothing else");
    assert!(sizes[1] > 20);
}
