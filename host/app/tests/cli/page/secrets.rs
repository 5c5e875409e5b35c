//! Secrets that change: the webhook's, a token of GitLab's, and who is signed in.

use super::chromium::Tab;
use super::flows::{is_sound, settled};
use super::scene::Scene;
use gitlab_sim::TokenSpec;

fn shown(tab: &Tab, field: &str) -> String {
    tab.value(&format!("document.querySelector('#{field}').value")).as_str().unwrap().to_owned()
}

/// GitLab tells of a push, and the server pulls it.
fn is_told(scene: &Scene, tab: &Tab, path: &str) {
    scene.edit_in_gitlab(|commit| commit.create(path, "told by GitLab\n"));
    tab.until(path, || scene.here("acme", path).is_some());
}

#[test]
fn a_new_webhook_secret_is_pasted_while_the_old_one_still_works() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    tab.follow("Webhook");
    let (url, first) = (shown(&tab, "url"), shown(&tab, "secret"));
    scene.paste_into_gitlab(&url, &first);
    is_told(&scene, &tab, "one.md");
    tab.follow("Webhook");
    tab.follow("Make a new secret");
    assert!(tab.text(".notice").contains("There is a new secret"), "{}", tab.text("main"));
    assert!(tab.text("main").contains("Paste the new secret into GitLab"), "{}", tab.text("main"));
    assert!(tab.text("main").contains("still works until GitLab has used the new one"), "{}", tab.text("main"));
    let second = shown(&tab, "secret");
    assert!(second != first && shown(&tab, "url") == url);
    tab.picture("15-new-secret");
    // A third would end the one that GitLab has.
    assert!(!tab.text("main").contains("Make a new secret"));
    let proof = tab.value("document.querySelector('[name=proof]').value").as_str().unwrap().to_owned();
    let again = format!("{}{}/secret", scene.address, tab.path());
    assert_eq!(tab.post(&again, &[("proof", &proof), ("secret", "new")]), 422);
    tab.open(&again);
    assert_eq!(shown(&tab, "secret"), second, "the form's own address leads back to the page");
    is_told(&scene, &tab, "two.md");
    scene.paste_into_gitlab(&url, &second);
    is_told(&scene, &tab, "three.md");
    tab.follow("Webhook");
    assert!(tab.text("main").contains("The old secret still works for 1 minute"), "{}", tab.text("main"));
    tab.follow("End the old one now");
    assert!(tab.text(".notice").contains("does not work any more") && !tab.text("main").contains("End the old one"));
    is_told(&scene, &tab, "four.md");
    tab.follow("History");
    assert!(tab.text("table").contains("new webhook secret") && !tab.text("main").contains(&second));
    is_sound(&tab);
}

#[test]
fn a_connection_of_the_command_line_gets_its_address_when_somebody_asks() {
    let Some(scene) = Scene::new() else { return };
    std::fs::create_dir(scene.program.path("files")).unwrap();
    let url = scene.gitlab.url();
    let connect =
        ["connect", "--url", url, "--workspace", "files", "--plain-text", "--private-address", "127.0.0.1/32"];
    scene.program.run_typing(&connect, &[], &scene.token).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    let tab = scene.signed_in("default", "ana", "admin");
    tab.follow("ana/handbook");
    tab.follow("Webhook");
    assert!(tab.text("main").contains("no address yet") && !tab.has("#url"), "{}", tab.text("main"));
    tab.picture("28-no-address");
    tab.follow("Make an address");
    assert!(tab.text(".notice").contains("There is a new address"), "{}", tab.text("main"));
    assert!(shown(&tab, "url").contains("/hooks/") && shown(&tab, "secret").len() > 20);
    is_sound(&tab);
}

#[test]
fn the_connector_gives_a_new_secret_to_gitlab_by_itself() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    tab.follow("Webhook");
    tab.follow("Let the connector make it");
    let before = scene.hooks()[0].token.clone();
    tab.follow("Make a new secret");
    assert!(tab.text("main").contains("The old secret still works for 60 minutes"), "{}", tab.text("main"));
    let after = scene.hooks()[0].token.clone();
    assert!(after.is_some() && after != before);
    assert!(!tab.has("#secret"), "nobody has to know it");
    tab.picture("16-new-secret-by-itself");
    let old = scene.hooks()[0].url.clone();
    tab.follow("Make a new address");
    assert!(tab.text(".notice").contains("There is a new address"), "{}", tab.text("main"));
    assert!(scene.hooks().len() == 1 && scene.hooks()[0].url != old);
    is_told(&scene, &tab, "told.md");
    tab.follow("Overview");
    tab.follow("Disconnect");
    assert!(tab.text("main").contains("The webhook that the connector made in GitLab is removed."));
    // By a token that has ended meanwhile it cannot be.
    scene.gitlab.admin().revoke_token(1);
    tab.follow("Disconnect");
    assert!(tab.text(".notice").starts_with("Disconnected."), "{}", tab.text("main"));
    assert!(tab.text("main").contains("Left in GitLab"), "{}", tab.text("main"));
    assert!(tab.text("main").contains("webhook 1 of project"), "{}", tab.text("main"));
    tab.picture("17-left");
    tab.follow("To the connections");
    assert!(tab.text("main").contains("Nothing is connected yet."));
    is_sound(&tab);
}

#[test]
fn a_token_that_was_revoked_is_replaced_and_the_work_goes_on() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    let fresh = scene.gitlab.admin().create_token(TokenSpec::personal(scene.user, &["api"])).secret;
    scene.gitlab.admin().revoke_token(1);
    scene.edit_in_gitlab(|commit| commit.create("news.md", "news\n"));
    tab.follow("Pull from GitLab");
    tab.until_text(".heading", "needs attention");
    assert!(tab.text("[role=alert]").contains("rejected the token"), "{}", tab.text("main"));
    tab.picture("27-revoked");
    tab.follow("Paste a new token");
    tab.fill("#token", &scene.token);
    tab.follow("Use this token");
    assert!(tab.text("[role=alert]").contains("rejected the token"), "{}", tab.text("main"));
    tab.fill("#token", &fresh);
    tab.follow("Use this token");
    assert!(tab.text(".notice").contains("new token is in use") && !tab.has("[role=alert]"), "{}", tab.text("main"));
    tab.follow("Pull from GitLab");
    settled(&tab, "The last pull changed 1 file.");
    tab.until_text(".heading", "in step");
    assert_eq!(scene.here("acme", "news.md").as_deref(), Some("news\n"));
    is_sound(&tab);
}

#[test]
fn who_is_signed_in_stays_so_when_the_server_starts_again() {
    let Some(mut scene) = Scene::new() else { return };
    let (ana, ben) = (scene.signed_in("acme", "ana", "admin"), scene.signed_in("acme", "ben", "viewer"));
    let gone = scene.signed_in("acme", "cem", "admin");
    let signed_out = gone.cookie();
    gone.follow("Sign out");
    scene.restart();
    let gitlab = "/settings/version-control/gitlab";
    for tab in [&ana, &ben] {
        tab.open(&format!("{}{gitlab}", scene.address));
        assert_eq!(tab.path(), gitlab);
    }
    // A form of before is good, too: its proof follows from what the browser holds.
    ana.follow("Connect with GitLab");
    ana.fill("#token", "glpat-this-is-no-token");
    ana.follow("Connect with GitLab");
    assert!(ana.has("[role=alert]") && ana.text("h1") == "Connect with GitLab", "{}", ana.text("main"));
    assert_eq!(scene.send("GET", gitlab, &signed_out, &[], ""), 303, "who has signed out stays so, too");
    assert_eq!(scene.program.run(&["user", "remove", "ben", "--organisation", "acme"]).status, 0);
    assert_eq!(scene.send("GET", gitlab, &ben.cookie(), &[], ""), 303, "at once");
    scene.restart();
    assert_eq!(scene.send("GET", gitlab, &ben.cookie(), &[], ""), 303);
    assert_eq!(scene.send("GET", gitlab, &ana.cookie(), &[], ""), 200);
}
