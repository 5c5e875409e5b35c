//! GraphQL: what queries answer, what they cost, and how they are refused.

use gitlab_sim::{AccessLevel, CommitSpec, ProjectSpec, Source, TokenSpec, UserSpec, Visibility, seed};
use serde_json::{Value, json};

use crate::support::{Lab, Seen};

impl Lab {
    async fn ask_as(&self, token: &str, body: Value) -> Seen {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", &bearer));
        }
        self.send("POST", "/api/graphql", &headers, body.to_string()).await.unwrap()
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        let seen = self.ask_as(&self.token, json!({ "query": query, "variables": variables })).await;
        assert_eq!(seen.status, 200, "{}", seen.text());
        seen.json()
    }
}

const BLOBS: &str = "query($paths: [String!]!, $ref: String, $type: RefType, $first: Int, $after: String) {
  project(fullPath: \"demo/handbook\") { repository {
    blobs(paths: $paths, ref: $ref, refType: $type, first: $first, after: $after) {
      nodes { path mode oid size rawTextBlob base64EncodedBlob } pageInfo { hasNextPage endCursor }
    } } } }";

fn nodes(answer: &Value) -> &Vec<Value> {
    answer["data"]["project"]["repository"]["blobs"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn blobs_come_by_path_and_what_is_no_file_is_left_out() {
    let lab = Lab::new().await;
    assert_eq!(nodes(&lab.ask(BLOBS, json!({ "paths": ["a.md"] })).await).len(), 0, "empty repository");
    let spec = CommitSpec::on("main", "x").create("a.md", "a\n").create("d/b.bin", [0, 159, 146]);
    lab.admin().commit(lab.project, spec).unwrap();
    let answer =
        lab.ask(BLOBS, json!({ "paths": ["a.md", "none", "d", "d/b.bin"], "ref": "main", "type": "HEADS" })).await;
    let expected = json!([
        { "path": "a.md", "mode": "100644", "oid": "78981922613b2afb6025042ff6bd878ac1994e85", "size": "2",
          "rawTextBlob": "a\n", "base64EncodedBlob": "YQo=" },
        { "path": "d/b.bin", "mode": "100644", "oid": nodes(&answer)[1]["oid"], "size": "3",
          "rawTextBlob": null, "base64EncodedBlob": "AJ+S" },
    ]);
    assert_eq!(json!(nodes(&answer)), expected);
    assert_eq!(nodes(&lab.ask(BLOBS, json!({ "paths": ["a.md"], "ref": "gone" })).await).len(), 0);
    let refused = lab.ask(BLOBS, json!({ "paths": ["a.md"], "ref": "-x" })).await;
    assert_eq!(refused["errors"][0]["message"], "Ref is not valid");
    assert_eq!(refused["data"]["project"]["repository"]["blobs"], json!(null));
}

#[tokio::test]
async fn a_page_of_blobs_has_a_hundred_at_most_and_its_cursor_leads_on() {
    let lab = Lab::new().await;
    let paths: Vec<String> = (0..110).map(|n| format!("{n}.md")).collect();
    let spec = paths.iter().fold(CommitSpec::on("main", "x"), |spec, path| spec.create(path, "x"));
    lab.admin().commit(lab.project, spec).unwrap();
    let first = lab.ask(BLOBS, json!({ "paths": paths })).await;
    let page = &first["data"]["project"]["repository"]["blobs"]["pageInfo"];
    assert_eq!((nodes(&first).len(), &page["hasNextPage"]), (100, &json!(true)));
    let rest = lab.ask(BLOBS, json!({ "paths": paths, "after": page["endCursor"] })).await;
    assert_eq!(nodes(&rest).iter().map(|node| node["path"].clone()).collect::<Vec<_>>(), paths[100..]);
}

#[tokio::test]
async fn more_than_twenty_megabytes_of_several_files_are_refused() {
    let lab = Lab::new().await;
    let big = vec![b'x'; 11 * 1024 * 1024];
    let spec = CommitSpec::on("main", "x").create("a", big.clone()).create("b", big);
    lab.admin().commit(lab.project, spec).unwrap();
    let both = lab.ask(BLOBS, json!({ "paths": ["a", "b"] })).await;
    assert_eq!(both["errors"][0]["message"], "Max blobs size limit exceeded (22 MiB / 20 MiB).");
    assert_eq!(nodes(&lab.ask(BLOBS, json!({ "paths": ["a"] })).await).len(), 1);
    let sizes =
        "{ project(fullPath: \"demo/handbook\") { repository { blobs(paths: [\"a\", \"b\"]) { nodes { size } } } } }";
    assert_eq!(nodes(&lab.ask(sizes, json!({})).await).len(), 2, "sizes are no data");
}

#[tokio::test]
async fn a_tree_comes_in_three_lists() {
    let lab = Lab::new().await;
    let spec = CommitSpec::on("main", "x").create("a.md", "a").create("d/e/b.md", "b");
    lab.admin().commit(lab.project, spec).unwrap();
    let query = "query($path: String, $all: Boolean) { project(fullPath: \"Demo/Handbook\") { repository { rootRef
      tree(path: $path, recursive: $all) { trees { nodes { path type } } blobs { nodes { path mode } } } } } }";
    for (variables, trees, blobs) in [
        (json!({}), json!(["d"]), json!(["a.md"])),
        (json!({ "all": true }), json!(["d", "d/e"]), json!(["a.md", "d/e/b.md"])),
        (json!({ "path": "d" }), json!(["d/e"]), json!([])),
    ] {
        let answer = lab.ask(query, variables.clone()).await;
        let tree = &answer["data"]["project"]["repository"]["tree"];
        let paths = |list: &Value| -> Value {
            list["nodes"].as_array().unwrap().iter().map(|node| node["path"].clone()).collect::<Vec<_>>().into()
        };
        assert_eq!((paths(&tree["trees"]), paths(&tree["blobs"])), (trees, blobs), "{variables}");
    }
    let answer = lab.ask(query, json!({ "path": "none" })).await;
    assert_eq!(answer["data"]["project"]["repository"]["tree"], json!(null));
}

#[tokio::test]
async fn what_somebody_may_not_see_is_null_without_an_error() {
    let lab = Lab::new().await;
    lab.commit("a.md", "a");
    let admin = lab.admin();
    let user = |name: &str| admin.create_user(UserSpec::person(name)).id;
    let (stranger, guest) = (user("stranger"), user("guest"));
    admin.add_member(Source::Project(lab.project), guest, AccessLevel::Guest);
    let token = |user| admin.create_token(TokenSpec::personal(user, &["read_api"])).secret;
    let granular = admin.create_token(TokenSpec::granular(lab.alice, &["Project: Read"])).secret;
    let query = "{ currentUser { username } project(fullPath: \"demo/handbook\") { name repository { exists }
      mergeRequests { nodes { iid } } } }";
    let none = json!({ "currentUser": null, "project": null });
    let seen = |name: &str, project: Value| json!({ "currentUser": { "username": name }, "project": project });
    for (token, expected) in [
        (String::new(), none.clone()),
        (granular, none),
        (token(stranger), seen("stranger", json!(null))),
        (token(guest), seen("guest", json!({ "name": "handbook", "repository": null, "mergeRequests": null }))),
        (
            token(lab.alice),
            seen(
                "alice",
                json!({ "name": "handbook", "repository": { "exists": true }, "mergeRequests": { "nodes": [] } }),
            ),
        ),
    ] {
        let answer = lab.ask_as(&token, json!({ "query": query })).await;
        assert_eq!(answer.json(), json!({ "data": expected }));
    }
}

#[tokio::test]
async fn refusals_before_the_query_have_a_status_of_their_own() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let narrow = admin.create_token(TokenSpec::personal(lab.alice, &["read_repository"])).secret;
    let blocked = admin.create_user(UserSpec::person("blocked")).id;
    let theirs = admin.create_token(TokenSpec::personal(blocked, &["api"])).secret;
    admin.change_user(blocked, |user| user.state = gitlab_sim::world::users::UserState::Blocked).unwrap();
    let small = json!({ "query": "{ currentUser { id } }" });
    let large = json!({ "query": format!("{{ currentUser {{ id }} }} #{}", "x".repeat(10_000)) });
    let invalid = json!({ "query": "{ currentUser { id } }", "variables": "{" });
    for (token, body, status, text) in [
        ("glpat-nonsense", &small, 401, "Invalid token"),
        (narrow.as_str(), &small, 401, "Invalid token"),
        (theirs.as_str(), &small, 403, "API not accessible for user"),
        (lab.token.as_str(), &large, 422, "Query too large"),
        (lab.token.as_str(), &invalid, 422, "Invalid variables"),
    ] {
        let refused = lab.ask_as(token, body.clone()).await;
        refused.is(status, &json!({ "errors": [{ "message": text }] }));
    }
}

#[tokio::test]
async fn complexity_and_depth_are_judged_before_anything_runs() {
    let lab = Lab::new().await;
    lab.commit("a.md", "a");
    let admin = lab.admin();
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let roots = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    let query = "query($paths: [String!]!) { queryComplexity { score limit } project(fullPath: \"demo/handbook\") {
      repository { blobs(paths: $paths) { nodes { path rawTextBlob } } } } }";
    let paths = |count: usize| (0..count).map(|n| format!("{n}.md")).collect::<Vec<_>>();
    let cost = |count: usize| 3 + (3 + 2 + count) * 2 + 2;
    for (token, limit) in [("", 200), (lab.token.as_str(), 250), (roots.as_str(), 300)] {
        for count in [10, 150] {
            let answer =
                lab.ask_as(token, json!({ "query": query, "variables": { "paths": paths(count) } })).await.json();
            if cost(count) <= limit {
                let told = &answer["data"]["queryComplexity"];
                assert_eq!(told, &json!({ "score": cost(count), "limit": limit }), "{count} paths");
            } else {
                let text = format!("Query has complexity of {}, which exceeds max complexity of {limit}", cost(count));
                assert_eq!(answer, json!({ "errors": [{ "message": text }] }), "{count} paths");
            }
        }
    }
    // Fewer entries per page cost less, numbers of merge requests cost nothing.
    let iids: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let query = "query($iids: [String!]) { queryComplexity { score } project(fullPath: \"demo/handbook\") {
      mergeRequests(iids: $iids, first: 50) { nodes { iid diffStatsSummary { additions deletions } } } } }";
    let score =
        async |iids: Value| lab.ask(query, json!({ "iids": iids })).await["data"]["queryComplexity"]["score"].clone();
    assert_eq!(score(json!(iids)).await, 2 + 1 + (1 + 1 + 1 + 2 + 2));
    assert_eq!(score(json!(null)).await, 2 + 1 + (1 + 1 + 1 + 2 + 2) * 3 / 2);
}

#[tokio::test]
async fn merge_requests_come_by_number_state_and_time_with_their_statistics() {
    let lab = Lab::new().await;
    let made = seed::records(&lab.admin(), 2, 120).unwrap();
    let query = "query($iids: [String!], $state: MergeRequestState, $after: Time, $cursor: String) {
      project(fullPath: \"acme/service-001\") { mergeRequests(iids: $iids, state: $state, updatedAfter: $after, first: 25,
        after: $cursor, sort: UPDATED_ASC) {
        count nodes { iid state updatedAt diffStatsSummary { additions deletions changes fileCount } author { username } }
        pageInfo { hasNextPage endCursor } } } }";
    let ask = async |variables: Value| {
        let body = json!({ "query": query, "variables": variables });
        lab.ask_as(&made.token.secret, body).await.json()["data"]["project"]["mergeRequests"].clone()
    };
    let three = ask(json!({ "iids": ["3", "1", "3", "999"] })).await;
    assert_eq!(three["count"], 2);
    let summary = &three["nodes"][0]["diffStatsSummary"];
    assert_eq!(
        summary["changes"].as_i64(),
        Some(summary["additions"].as_i64().unwrap() + summary["deletions"].as_i64().unwrap())
    );
    let merged = ask(json!({ "state": "merged" })).await;
    assert!(merged["nodes"].as_array().unwrap().iter().all(|node| node["state"] == "merged"));
    let (mut cursor, mut seen) = (json!(null), Vec::new());
    loop {
        let page = ask(json!({ "cursor": cursor })).await;
        seen.extend(
            page["nodes"].as_array().unwrap().iter().map(|node| node["updatedAt"].as_str().unwrap().to_owned()),
        );
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        cursor = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen.len(), 60);
    assert!(seen.is_sorted());
    let late = ask(json!({ "after": seen[50] })).await;
    assert!((10..60).contains(&late["count"].as_i64().unwrap()), "{}", late["count"]);
}

const MEMBERSHIPS: &str =
    "projectMemberships(first: 2) { nodes { accessLevel { integerValue stringValue } project { fullPath } }
      pageInfo { hasNextPage } }
    groupMemberships(first: 2) { nodes { accessLevel { integerValue stringValue } group { fullPath } }
      pageInfo { hasNextPage } }";

#[tokio::test]
async fn memberships_are_direct_ones_the_newest_first() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let (ana, acme) = (admin.create_user(UserSpec::person("ana")).id, admin.create_group("acme", Visibility::Private));
    let project = |path| admin.create_project(&ProjectSpec::at(path)).unwrap().id;
    project("acme/below");
    let token = admin.create_token(TokenSpec::personal(ana, &["read_api"])).secret;
    let asked = json!({ "query": format!("{{ currentUser {{ {MEMBERSHIPS} }} }}") });
    let ask = async || lab.ask_as(&token, asked.clone()).await.json()["data"]["currentUser"].clone();
    let page = |nodes: Value, more: bool| json!({ "nodes": nodes, "pageInfo": { "hasNextPage": more } });
    let level = |number: u8, word: &str| json!({ "integerValue": number, "stringValue": word });
    let none = page(json!([]), false);
    assert_eq!(ask().await, json!({ "projectMemberships": none, "groupMemberships": none }));

    admin.add_member(Source::Group(acme), ana, AccessLevel::Owner);
    admin.add_member(Source::Group(admin.create_group("top", Visibility::Private)), ana, AccessLevel::Minimal);
    admin.add_member(Source::Project(lab.project), ana, AccessLevel::Reporter);
    let owner = json!({ "accessLevel": level(50, "OWNER"), "group": { "fullPath": "acme" } });
    let reporter = json!({ "accessLevel": level(20, "REPORTER"), "project": { "fullPath": "demo/handbook" } });
    let groups = page(json!([owner]), false);
    let one = json!({ "projectMemberships": page(json!([reporter]), false), "groupMemberships": groups });
    assert_eq!(ask().await, one, "what is below the group is not told, and a minimal role is none");

    let own = project("ana/notes");
    admin.add_member(Source::Project(project("tools/site")), ana, AccessLevel::SecurityManager);
    let manager = json!({ "accessLevel": level(25, "SECURITY_MANAGER"), "project": { "fullPath": "tools/site" } });
    let owned = json!({ "accessLevel": level(50, "OWNER"), "project": { "fullPath": "ana/notes" } });
    let first = page(json!([manager, owned]), true);
    assert_eq!(ask().await, json!({ "projectMemberships": first, "groupMemberships": groups }));
    admin.remove_member(Source::Project(own), ana);
    let rest = page(json!([manager, reporter]), false);
    assert_eq!(ask().await, json!({ "projectMemberships": rest, "groupMemberships": groups }));
}

#[tokio::test]
async fn memberships_of_somebody_else_are_those_that_may_be_seen() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    lab.commit("a.md", "a");
    let branches = format!("/api/v4/projects/{}/repository/branches?branch=topic&ref=main", lab.project);
    let made = lab.send("POST", &branches, &[("private-token", lab.token.as_str())], "").await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let body = json!({ "source_branch": "topic", "target_branch": "main", "title": "x" });
    let headers = [("private-token", lab.token.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v4/projects/{}/merge_requests", lab.project);
    assert_eq!(lab.send("POST", &path, &headers, body.to_string()).await.unwrap().status, 201);
    for (group, visibility) in [("open", Visibility::Public), ("secret", Visibility::Private)] {
        admin.add_member(Source::Group(admin.create_group(group, visibility)), lab.alice, AccessLevel::Guest);
    }
    let bob = admin.create_user(UserSpec::person("bob")).id;
    admin.add_member(Source::Project(lab.project), bob, AccessLevel::Developer);
    let bob = admin.create_token(TokenSpec::personal(bob, &["read_api"])).secret;
    let query = "{ project(fullPath: \"demo/handbook\") { mergeRequests { nodes { author {
      groupMemberships { nodes { group { path } } } } } } } }";
    for (token, expected) in [(&lab.token, &["secret", "open"][..]), (&bob, &["open"])] {
        let answer = lab.ask_as(token, json!({ "query": query })).await.json();
        let author = &answer["data"]["project"]["mergeRequests"]["nodes"][0]["author"];
        let nodes = author["groupMemberships"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(nodes.iter().map(|node| node["group"]["path"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn several_queries_may_come_at_once_and_by_get() {
    let lab = Lab::new().await;
    let one = json!({ "query": "{ currentUser { username } }" });
    let both = lab.ask_as(&lab.token, json!([one, one])).await.json();
    let answer = json!({ "data": { "currentUser": { "username": "alice" } } });
    assert_eq!(both, json!([answer, answer]));
    let headers = [("private-token", lab.token.as_str())];
    let seen = lab.send("GET", "/api/graphql?query=%7BcurrentUser%7Busername%7D%7D", &headers, "").await.unwrap();
    seen.is(200, &answer);
    let unknown = lab.ask("{ currentUser { nope } }", json!({})).await;
    assert_eq!(unknown["errors"][0]["message"], "Field 'nope' doesn't exist on type 'UserCore'");
    assert!(unknown.get("data").is_none());
    let parse = lab.ask("{ currentUser", json!({})).await;
    assert!(parse["errors"][0]["message"].is_string() && parse.get("data").is_none());
}

#[tokio::test]
async fn queries_count_toward_the_throttle() {
    let lab = Lab::new().await;
    lab.admin().settings(|settings| settings.throttle.authenticated = Some(1));
    let query = json!({ "query": "{ currentUser { username } }" });
    assert_eq!(lab.ask_as(&lab.token, query.clone()).await.status, 200);
    assert_eq!(lab.ask_as(&lab.token, query).await.status, 429);
}
