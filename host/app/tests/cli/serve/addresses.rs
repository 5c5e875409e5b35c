//! Where GitLab calls a connection of the server, and that looking makes no such address.

use super::api::client::Client;
use super::api::office::Office;
use super::server::Server;
use crate::gitlab::Scene;
use serde_json::{Value, json};

/// A link that somebody only followed once made an address, which GitLab was then told of by nobody.
#[test]
fn looking_at_a_webhook_makes_no_address_and_asking_for_one_does() {
    let scene = Scene::ready();
    let admin = scene.program.run(&["user", "add", "ana", "--role", "admin"]).stdout.trim().to_owned();
    let server = Server::start(&scene.program, &[]);
    let client = Client::of(&server);
    let webhook = "/api/v1/connections/default/webhook";
    let look = || client.done(&admin, "GET", webhook, None);
    for _ in 0..2 {
        assert_eq!(look()["url"], Value::Null);
    }
    let made = client.done(&admin, "POST", &format!("{webhook}/address"), None)["url"].clone();
    let path = made.as_str().and_then(|url| url.split_once("/hooks/")).unwrap().1;
    assert_eq!((path.len(), look()["url"] == made), (43, true));
    let secret = look()["secret"].as_str().unwrap().to_owned();
    let headers = [("x-gitlab-token", secret.as_str()), ("x-gitlab-event", "Push Hook")];
    assert_eq!(server.post(&format!("/hooks/{path}"), &headers, b"{}").status, 200, "it leads to the connection");
}

#[test]
fn a_connection_of_the_server_has_its_address_from_the_beginning() {
    let office = Office::new("");
    let id = office.connect();
    let webhook = office.get(&format!("/api/v1/connections/{id}/webhook"));
    assert!(webhook["url"].as_str().is_some_and(|url| url.contains("/hooks/")), "{webhook}");
    let chosen = office.done("PUT", &format!("/api/v1/connections/{id}/webhook"), json!({ "keeper": "manual" }));
    assert_eq!(chosen["url"], webhook["url"]);
}
