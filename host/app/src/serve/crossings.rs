//! What belongs to one organisation, tried with the sessions and tokens of a hundred others, on every route there is.

use super::listener::Peer;
use super::page::address::{GITLAB, SIGN_IN};
use super::people::{Organisation, Person, Role, Token, UserName};
use super::server::Server;
use super::stand;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use gitlab_sync_host::connection_id::ConnectionId;
use http_body_util::BodyExt;
use serde_json::Value;
use std::sync::Arc;
use tower_service::Service;

const ORGANISATIONS: usize = 100;
/// At once, so that a slow machine has no more to do than it can.
const TASKS: usize = 4;
const HOST: &str = "127.0.0.1:8470";
/// As long as the others' names.
const NOWHERE: &str = "tenant-xx";

/// An organisation with one connection.
struct Tenant {
    id: ConnectionId,
    admin: Caller,
    viewer: Caller,
}

/// Somebody with a token for programs and a session in a browser.
struct Caller {
    token: String,
    cookie: String,
    proof: String,
}

/// One thing that can be asked of a connection.
#[derive(Debug)]
struct Operation {
    method: String,
    /// With `{id}`.
    path: String,
    for_admins: bool,
}

/// Sends requests as one caller.
struct Sender<'a> {
    router: &'a Router,
    caller: &'a Caller,
}

impl Sender<'_> {
    async fn api(&self, operation: &Operation, id: &str) -> (StatusCode, String) {
        let head = self.head(operation, id).header("authorization", format!("Bearer {}", self.caller.token));
        answer(self.router, head.header("content-type", "application/json").body(Body::from("{}")).unwrap()).await
    }

    async fn page(&self, operation: &Operation, id: &str) -> (StatusCode, String) {
        let head = self.head(operation, id).header("cookie", &self.caller.cookie);
        let head = head.header("origin", format!("http://{HOST}"));
        let form = format!("proof={}&on=yes&keep=ours&first=push", self.caller.proof);
        answer(self.router, head.body(Body::from(form)).unwrap()).await
    }

    fn head(&self, operation: &Operation, id: &str) -> axum::http::request::Builder {
        let peer = Peer("127.0.0.1:9".parse().unwrap());
        let request = Request::builder().method(operation.method.as_str()).extension(peer);
        request.uri(operation.path.replace("{id}", id)).header("host", HOST)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_organisations_none_is_reached_with_the_session_or_the_token_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(stand::server(folder.path(), |_| {}).await);
    let (router, _stop) = stand::routes(&server);
    let mut tenants = vec![];
    for number in 0..ORGANISATIONS {
        tenants.push(tenant(&server, &router, number).await);
    }
    let (api, pages) = (api(&router).await, pages());
    assert!(api.len() >= 18 && pages.len() >= 22, "{} {}", api.len(), pages.len());
    owners_are_let_in(&router, &tenants).await;
    whats_not_ones_own_looks_as_if_it_were_not_there(&router, &tenants, &api, &pages).await;
    let everything = Arc::new(Town { router, tenants, api, pages });
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(crossings(everything.clone(), task))).collect();
    let mut refused = 0;
    for task in tasks {
        refused += task.await.unwrap();
    }
    assert_eq!(refused, 2 * ORGANISATIONS * (ORGANISATIONS - 1));
    let left = server.database.read(|store| {
        store.query_row("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM states)", [], |row| {
            row.get::<_, u32>(0)
        })
    });
    assert_eq!(left.await.unwrap(), 0, "and nothing came of it");
    assert_eq!(server.database.entries().await.unwrap().len(), ORGANISATIONS);
}

struct Town {
    router: Router,
    tenants: Vec<Tenant>,
    api: Vec<Operation>,
    pages: Vec<Operation>,
}

/// Each with each, and one route after the other.
async fn crossings(town: Arc<Town>, task: usize) -> usize {
    let Town { router, tenants, api, pages } = &*town;
    let mut refused = 0;
    for (number, own) in tenants.iter().enumerate().skip(task).step_by(TASKS) {
        for (other, stranger) in tenants.iter().enumerate().filter(|(other, _)| *other != number) {
            let sender = Sender { router, caller: &stranger.admin };
            let turn = number * ORGANISATIONS + other;
            let (by_token, by_session) = (&api[turn % api.len()], &pages[turn % pages.len()]);
            let at = format!("{other} at {by_token:?} and {by_session:?} of {number}");
            let (status, body) = sender.api(by_token, own.id.as_str()).await;
            assert!(status == StatusCode::NOT_FOUND && body.contains("not-found"), "{at}: {status} {body}");
            let (status, body) = sender.page(by_session, own.id.as_str()).await;
            assert!(status == StatusCode::NOT_FOUND && !body.contains(own.id.as_str()), "{at}: {status} {body}");
            refused += 2;
        }
        viewers_change_nothing(router, own, api, pages).await;
    }
    refused
}

async fn viewers_change_nothing(router: &Router, own: &Tenant, api: &[Operation], pages: &[Operation]) {
    let sender = Sender { router, caller: &own.viewer };
    for operation in api.iter().filter(|operation| operation.for_admins) {
        let (status, body) = sender.api(operation, own.id.as_str()).await;
        assert!(status == StatusCode::FORBIDDEN && body.contains("not-admin"), "{operation:?}: {status} {body}");
    }
    for operation in pages.iter().filter(|operation| operation.for_admins) {
        let (status, _) = sender.page(operation, own.id.as_str()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{operation:?}");
    }
}

async fn owners_are_let_in(router: &Router, tenants: &[Tenant]) {
    let operation = |path: &str| Operation { method: "GET".into(), path: path.into(), for_admins: false };
    for tenant in tenants {
        for caller in [&tenant.admin, &tenant.viewer] {
            let sender = Sender { router, caller };
            let (status, body) = sender.api(&operation("/api/v1/connections/{id}"), tenant.id.as_str()).await;
            assert!(status == StatusCode::OK && body.contains(tenant.id.as_str()), "{status} {body}");
            let (status, list) = sender.page(&operation(GITLAB), "").await;
            let links = list.matches("/on/tenant-").count();
            let own = list.matches(&format!("/on/{}", tenant.id)).count();
            assert!(status == StatusCode::OK && own > 0 && own == links, "nobody else's: {status} {list}");
        }
    }
}

/// Nor is there a way to learn which names there are.
async fn whats_not_ones_own_looks_as_if_it_were_not_there(
    router: &Router,
    tenants: &[Tenant],
    api: &[Operation],
    pages: &[Operation],
) {
    let [own, stranger] = [&tenants[10], &tenants[11]];
    assert_eq!(own.id.as_str().len(), NOWHERE.len());
    let sender = Sender { router, caller: &stranger.admin };
    for operation in api {
        assert_eq!(sender.api(operation, own.id.as_str()).await, sender.api(operation, NOWHERE).await, "{operation:?}");
    }
    for operation in pages {
        assert_eq!(
            sender.page(operation, own.id.as_str()).await,
            sender.page(operation, NOWHERE).await,
            "{operation:?}"
        );
    }
}

async fn tenant(server: &Server, router: &Router, number: usize) -> Tenant {
    let organisation = Organisation::parse(&format!("org-{number}")).unwrap();
    let id = stand::tenant(server, number).await.id;
    server.database.give_to(&id, &organisation).await.unwrap();
    let [admin, viewer] = [("ana", Role::Admin), ("vic", Role::Viewer)];
    let (admin, viewer) =
        (caller(server, router, &organisation, admin).await, caller(server, router, &organisation, viewer).await);
    Tenant { id, admin, viewer }
}

async fn caller(server: &Server, router: &Router, organisation: &Organisation, (name, role): (&str, Role)) -> Caller {
    let token = Token::generate().unwrap();
    let person = Person { organisation: organisation.clone(), name: UserName::parse(name).unwrap(), role };
    server.people.add(&person, &token.digest(), 1).await.unwrap();
    let token = token.expose().to_owned();
    let request = Request::post(SIGN_IN).header("host", HOST).header("origin", format!("http://{HOST}"));
    let request = request.body(Body::from(format!("token={token}"))).unwrap();
    let signed_in = router.clone().call(request).await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let list = Request::get(GITLAB).header("host", HOST).header("cookie", &cookie).body(Body::empty()).unwrap();
    let (_, list) = answer(router, list).await;
    let proof = list.split("name=\"proof\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    Caller { token, cookie, proof: proof.unwrap_or_else(|| panic!("{list}")).to_owned() }
}

async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = router.clone().call(request).await.unwrap();
    let status = answer.status();
    // What comes without end is only for those who are let in.
    let endless = answer.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let body = match endless {
        true => "an event stream".into(),
        false => answer.into_body().collect().await.unwrap().to_bytes(),
    };
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Those of the description that are about one connection.
async fn api(router: &Router) -> Vec<Operation> {
    let (_, text) = answer(router, Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains("{id}"));
    let all = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(|(method, described)| Operation {
            method: method.to_uppercase(),
            path: path.replace("{conflict}", "x").replace("{number}", "1"),
            for_admins: described["description"].as_str().unwrap().contains("admins"),
        })
    });
    all.collect()
}

/// As the routes' own source has them, so that a new one cannot be forgotten here.
fn pages() -> Vec<Operation> {
    let (routes, places) = (include_str!("web/routes/mod.rs"), include_str!("page/address.rs"));
    let mut all = vec![];
    for route in routes.split(".route(").skip(1).map(|rest| rest.split('\n').next().unwrap_or_default()) {
        let place = match route.split_once("at(Place::").and_then(|(_, rest)| rest.split_once(')')) {
            Some((place, _)) => format!("Self::{place} => \""),
            None if route.contains("one_conflict") => "Self::Conflicts => \"".into(),
            None => continue,
        };
        let (_, path) = places.split_once(&place).unwrap_or_else(|| panic!("{route}"));
        let (path, _) = path.split_once('"').unwrap();
        let conflict = if route.contains("one_conflict") { "/x" } else { "" };
        for (method, word) in [("GET", "get("), ("POST", "post(")] {
            if route.contains(word) {
                let path = format!("{GITLAB}/on/{{id}}{path}{conflict}");
                all.push(Operation { method: method.into(), path, for_admins: method == "POST" });
            }
        }
    }
    all
}
