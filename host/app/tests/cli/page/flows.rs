//! What people do, from sign-in to disconnect.

use super::chromium::Tab;
use super::scene::Scene;

/// The browser has complained of nothing on the way, and every control has a name.
fn is_sound(tab: &Tab) {
    assert_eq!(tab.complaints(), [String::new(); 0]);
    are_named(tab);
}

fn are_named(tab: &Tab) {
    let controls = tab.controls();
    assert!(!controls.is_empty());
    let nameless: Vec<_> = controls.iter().filter(|(_, name)| name.trim().is_empty()).collect();
    assert!(nameless.is_empty(), "{nameless:?} at {}", tab.path());
}

#[test]
fn a_new_user_signs_in_connects_looks_at_the_plan_and_syncs() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.chromium.tab(1280, 900);
    tab.open(&format!("{}/", scene.address));
    assert_eq!(tab.path(), "/sign-in");
    tab.picture("01-sign-in");
    are_named(&tab);
    tab.fill("#token", "gsync_wrong");
    tab.follow("Sign in");
    assert!(tab.text("[role=alert]").contains("no sign-in token of this server"));
    tab.fill("#token", &scene.person("acme", "ana", "admin"));
    tab.follow("Sign in");
    assert!(tab.text("main").contains("Nothing is connected yet."));
    tab.picture("02-empty");
    tab.follow("Connect with GitLab");
    are_named(&tab);
    tab.fill("#token", "glpat-this-is-no-token");
    tab.click("Using self-hosted GitLab?");
    tab.fill("#url", scene.gitlab.url());
    tab.picture("03-connect");
    tab.follow("Connect with GitLab");
    assert!(tab.text("[role=alert]").contains("rejected the token"), "{}", tab.text("main"));
    assert_eq!(tab.value("document.querySelector('#token').value"), "", "a token is never shown again");
    assert_eq!(tab.value("document.querySelector('#url').value"), scene.gitlab.url());
    tab.picture("04-refused");
    tab.fill("#token", &scene.token);
    tab.follow("Connect with GitLab");
    assert!(tab.text(".notice").starts_with("Connected."), "{}", tab.text("main"));
    tab.picture("05-project");
    are_named(&tab);
    tab.fill("#search", "no-such");
    tab.follow("Search");
    assert!(tab.text("main").contains("has “no-such” in its name"));
    tab.follow("All");
    tab.follow("ana/handbook");
    tab.picture("06-settings");
    are_named(&tab);
    scene.write("acme", "here.md", "from here\n");
    tab.follow("Save, and show");
    assert!(tab.text("h1").contains("The first sync"), "{}", tab.text("main"));
    assert!(tab.text("table").contains("there.md") && tab.text("table").contains("here.md"));
    assert_eq!((scene.in_gitlab("here.md"), scene.here("acme", "there.md")), (None, None), "nothing has been done yet");
    tab.picture("07-plan");
    tab.follow("Start: sync both ways");
    tab.until_text(".heading", "in step");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.here("acme", "there.md").as_deref(), Some("from GitLab\n"));
    tab.open(&format!("{}/", scene.address));
    tab.picture("08-connections");
    tab.follow("ana/handbook");
    tab.picture("09-overview");
    is_sound(&tab);
    for (words, picture) in [("History", "10-history"), ("Webhook", "11-webhook"), ("What it may do", "12-review")] {
        tab.follow(words);
        tab.picture(picture);
        are_named(&tab);
    }
    tab.follow("Check");
    tab.follow("Run the checks");
    tab.picture("13-check");
    is_sound(&tab);
}
