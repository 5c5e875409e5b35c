//! What people do, from sign-in to disconnect.

use super::chromium::Tab;
use super::scene::Scene;
use gitlab_sim::{Effect, Fault, TokenSpec};

/// The browser has complained of nothing on the way, and every control has a name.
pub(super) fn is_sound(tab: &Tab) {
    let complaints = tab.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
    are_named(tab);
}

/// A job has ended, and the page tells so by itself.
pub(super) fn settled(tab: &Tab, words: &str) {
    tab.until_text(".live", words);
    tab.until("the end", || tab.has("[data-running=false]"));
}

pub(super) fn are_named(tab: &Tab) {
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
    tab.until("the notice is read", || tab.value("document.activeElement.className") == "notice");
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
    settled(&tab, "The last sync changed 2 files.");
    tab.until_text(".heading", "in step");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.here("acme", "there.md").as_deref(), Some("from GitLab\n"));
    tab.open(&format!("{}/", scene.address));
    tab.picture("08-connections");
    tab.follow("ana/handbook");
    tab.picture("09-overview");
    is_sound(&tab);
    tab.follow("Webhook");
    tab.may_copy();
    for field in ["url", "secret"] {
        let click = format!("document.querySelector('[data-copy={field}]').click() ?? true");
        assert_eq!(tab.value(&click), true);
        tab.until("the copy", || tab.text(&format!("[data-copy={field}]")).starts_with("Copied"));
        let value = tab.value(&format!("document.querySelector('#{field}').value"));
        assert_eq!(tab.value("navigator.clipboard.readText()"), value);
    }
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

/// A job may end just then, and the page make itself anew under the click.
fn turn(tab: &Tab, checked: &str) {
    let script = format!(
        "(() => {{ const it = document.querySelector('[role=switch]'); if (!it) return false;
            if (it.getAttribute('aria-checked') === '{checked}') return true; it.click(); return false; }})()"
    );
    tab.until("the switch", || tab.value(&script) == true);
}

#[test]
fn both_buttons_move_files_and_the_switch_lets_edits_push_themselves() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    scene.edit_in_gitlab(|commit| commit.create("news.md", "news\n"));
    tab.follow("Pull from GitLab");
    settled(&tab, "The last pull changed 1 file.");
    assert_eq!(scene.here("acme", "news.md").as_deref(), Some("news\n"));
    scene.write("acme", "mine.md", "mine\n");
    tab.follow("What would happen?");
    assert!(tab.text("table").contains("mine.md"), "{}", tab.text("main"));
    tab.follow("Push only");
    tab.follow("Push to GitLab");
    settled(&tab, "The last push changed 1 file.");
    assert_eq!(scene.in_gitlab("mine.md").as_deref(), Some("mine\n"));
    let switch = "document.querySelector('[role=switch]').getAttribute('aria-checked')";
    assert_eq!(tab.value(switch), "false");
    turn(&tab, "true");
    assert!(tab.text(".notice").starts_with("Auto-sync is on"));
    let mark = || tab.value("document.querySelector('.live')?.dataset.mark");
    let before = mark();
    scene.write("acme", "by-itself.md", "by itself\n");
    tab.until("the edit", || scene.in_gitlab("by-itself.md").is_some());
    tab.until("a page that knows of it", || mark().is_string() && mark() != before && tab.has("[data-running=false]"));
    turn(&tab, "false");
    tab.follow("History");
    let history = tab.text("table");
    for word in ["sign-in", "auto-sync on", "auto-sync off", "push", "pull", "connect", "configure"] {
        assert!(history.contains(word) || word == "sign-in", "{word}: {history}");
    }
    tab.picture("20-history");
    is_sound(&tab);
}

#[test]
fn how_far_a_job_is_shows_while_it_runs_and_a_second_one_cannot_be_begun() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    scene.write("acme", "mine.md", "mine\n");
    // Long enough for a person to look, and for this to see it.
    let slow = Effect::Latency { ms: 2_000, jitter_ms: 0 };
    scene.gitlab.admin().fault(Fault::on("POST", "*/repository/commits", slow));
    tab.follow("Push to GitLab");
    tab.until_text(".progress", "Pushing to GitLab");
    assert!(tab.has(".progress:not([hidden]) [aria-live=polite]") && tab.has("progress[aria-labelledby]"));
    let working = "[...document.querySelectorAll('.live button')].every((it) => it.disabled)";
    assert!(tab.value(working) == true && tab.text(".heading").contains("working"), "{}", tab.text("main"));
    tab.picture("29-working");
    let here = "document.activeElement.innerText.trim()";
    assert!(tab.walk_to("What would happen?"), "{}", tab.value(here));
    scene.gitlab.admin().clear_faults();
    settled(&tab, "The last push changed 1 file.");
    tab.until_text(".heading", "in step");
    assert_eq!(tab.value(here), "What would happen?", "the focus stays where it was");
    tab.until_text("#said", "in step");
    is_sound(&tab);
}

/// Both sides change the same line of three files.
pub(super) fn with_conflicts(scene: &Scene) -> Tab {
    let tab = scene.ready("acme");
    let files = ["one.md", "two.md", "three.md"];
    scene.edit_in_gitlab(|commit| {
        files.into_iter().fold(commit, |commit, path| commit.create(path, "first\nsecond\nthird\n"))
    });
    tab.follow("Pull from GitLab");
    settled(&tab, "The last pull changed 3 files.");
    scene.edit_in_gitlab(|commit| {
        files.into_iter().fold(commit, |commit, path| commit.update(path, "first\nGITLAB <b>&amp;\nthird\n"))
    });
    files.iter().for_each(|path| scene.write("acme", path, "first\nFOLDER <script>alert(1)</script>\nthird\n"));
    tab.follow("Pull from GitLab");
    tab.until_text(".heading", "3 conflicts");
    tab
}

#[test]
fn a_conflict_is_resolved_with_ours_with_theirs_or_by_hand() {
    let Some(scene) = Scene::new() else { return };
    let tab = with_conflicts(&scene);
    tab.picture("21-conflicts-waiting");
    are_named(&tab);
    tab.follow("Conflicts");
    tab.picture("22-conflicts");
    for (path, resolve) in
        [("one.md", "Keep the folder’s version"), ("two.md", "Keep GitLab’s version"), ("three.md", "Keep this text")]
    {
        tab.follow("Conflicts");
        tab.follow(path);
        let shown = tab.text("table.difference");
        assert!(shown.contains("GITLAB <b>&amp;") && shown.contains("FOLDER <script>alert(1)</script>"), "{shown}");
        assert!(!tab.has("table.difference b") && !tab.has("table.difference script"));
        are_named(&tab);
        if path == "three.md" {
            tab.picture("23-conflict");
            let draft = tab.value("document.querySelector('#text').value");
            assert_eq!(draft, "first\nFOLDER <script>alert(1)</script>\nGITLAB <b>&amp;\nthird\n");
            tab.fill("#text", "\nagreed\nto the end");
        }
        tab.follow(resolve);
        assert!(tab.text(".notice").starts_with("Resolved."), "{}", tab.text("main"));
    }
    assert!(!tab.text("main").contains("to resolve"));
    assert_eq!(scene.here("acme", "one.md").as_deref(), Some("first\nFOLDER <script>alert(1)</script>\nthird\n"));
    assert_eq!(scene.here("acme", "two.md").as_deref(), Some("first\nGITLAB <b>&amp;\nthird\n"));
    assert_eq!(scene.here("acme", "three.md").as_deref(), Some("\nagreed\nto the end"), "byte for byte as typed");
    tab.follow("Push to GitLab");
    settled(&tab, "The last push changed 2 files.");
    assert_eq!(scene.in_gitlab("three.md").as_deref(), Some("\nagreed\nto the end"));
    is_sound(&tab);
}

#[test]
fn the_connector_makes_the_webhook_on_a_click_and_leaves_it_to_people_on_another() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    tab.follow("Webhook");
    assert!(tab.text("main").contains("Add it in GitLab"));
    tab.follow("Let the connector make it");
    assert!(tab.text("main").contains("The connector made it in GitLab"), "{}", tab.text("main"));
    assert!(!tab.text("main").contains("Add it in GitLab"));
    tab.picture("14-webhook-by-itself");
    scene.edit_in_gitlab(|commit| commit.create("told.md", "told by GitLab\n"));
    tab.until("GitLab told of it", || scene.here("acme", "told.md").as_deref() == Some("told by GitLab\n"));
    tab.follow("Check");
    tab.follow("Run the checks");
    // Its address was once struck out of GitLab's answers as if it were a secret, and the webhook put right again and again.
    assert!(tab.text(".checks").contains("GitLab calls") && !tab.has(".checks .bad"), "{}", tab.text("main"));
    tab.follow("Webhook");
    tab.follow("Look after it by hand");
    assert!(tab.text("main").contains("Add it in GitLab"));
    is_sound(&tab);
}

#[test]
fn everything_can_be_done_with_the_keyboard_alone() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.chromium.tab(1280, 900);
    tab.open(&format!("{}/", scene.address));
    // The cursor is in the first field already.
    tab.until("the cursor", || tab.value("document.activeElement.id") == "token");
    scene.write("acme", "here.md", "from here\n");
    tab.call("Input.insertText", &serde_json::json!({ "text": scene.person("acme", "ana", "admin") }));
    tab.arrive(|| tab.press("Enter"));
    assert!(tab.walk_to("Skip to the content") && tab.focused_is_visible());
    assert!(tab.walk_to("Connect with GitLab") && tab.focused_is_visible());
    tab.arrive(|| tab.press("Enter"));
    tab.until("the cursor", || tab.value("document.activeElement.id") == "token");
    tab.call("Input.insertText", &serde_json::json!({ "text": scene.token }));
    assert!(tab.walk_to("Using self-hosted GitLab?") && tab.focused_is_visible());
    tab.press("Enter");
    tab.press("Tab");
    tab.call("Input.insertText", &serde_json::json!({ "text": scene.gitlab.url() }));
    assert!(tab.walk_to("Connect with GitLab"));
    tab.arrive(|| tab.press("Enter"));
    assert!(tab.walk_to("ana/handbook"));
    tab.arrive(|| tab.press("Enter"));
    assert!(tab.walk_to("#[name=first]"));
    tab.press("ArrowDown");
    assert_eq!(tab.value("document.querySelector('[name=first]:checked').value"), "push");
    assert!(tab.walk_to("Save, and show what would happen"));
    tab.arrive(|| tab.press("Enter"));
    assert!(tab.walk_to("Start: push to GitLab") && tab.focused_is_visible());
    tab.arrive(|| tab.press("Enter"));
    settled(&tab, "The last push changed 1 file.");
    assert!(tab.text(".heading").contains("one way so far"), "{}", tab.text(".heading"));
    assert!(tab.walk_to("#[role=switch]") && tab.focused_is_visible());
    tab.arrive(|| tab.press(" "));
    assert_eq!(tab.value("document.querySelector('[role=switch]').getAttribute('aria-checked')"), "true");
    is_sound(&tab);
}

#[test]
fn without_script_everything_but_copy_and_live_progress_works() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.connected("acme");
    tab.without_script();
    tab.fill("#new", "Team Notes");
    tab.follow("Continue");
    assert!(tab.text(".lead").contains("new private project Team Notes"), "{}", tab.text("main"));
    scene.write("acme", "mine.md", "mine\n");
    tab.follow("Save, and show");
    assert!(
        tab.text("table").contains("mine.md") && tab.text("main").contains("ana/team-notes")
            || tab.text("header").contains("ana/team-notes")
    );
    tab.follow("Start: push to GitLab");
    // The page looks again by itself.
    tab.until_text(".heading", "in step");
    assert!(tab.text(".live").contains("The last push changed 1 file."), "{}", tab.text(".live"));
    tab.follow("Webhook");
    assert!(!tab.has("button[data-copy]:not([hidden])") && tab.text("main").contains("Secret token"));
    are_named(&tab);
    tab.follow("Overview");
    tab.follow("Disconnect");
    tab.follow("Disconnect");
    assert!(tab.text(".notice").starts_with("Disconnected."), "{}", tab.text("main"));
    assert_eq!(scene.here("acme", "mine.md").as_deref(), Some("mine\n"), "files stay");
}

#[test]
fn a_bot_token_cannot_create_and_the_page_says_why() {
    let Some(scene) = Scene::new() else { return };
    let token = scene.gitlab.admin().create_token(TokenSpec::project(scene.project, &["api"])).secret;
    let tab = scene.signed_in("acme", "ana", "admin");
    tab.follow("Connect with GitLab");
    tab.fill("#token", &token);
    tab.click("Using self-hosted GitLab?");
    tab.fill("#url", scene.gitlab.url());
    tab.follow("Connect with GitLab");
    assert!(tab.text("main").contains("This token can't create projects.") && !tab.has("#new"), "{}", tab.text("main"));
    assert!(tab.text("main").contains("ana/handbook") && tab.text("main").contains("project access token"));
    tab.picture("25-bot");
    is_sound(&tab);
}

#[test]
fn an_address_that_is_not_allowed_names_the_line_to_add_to_the_settings() {
    let Some(scene) = Scene::with_settings("listen = '127.0.0.1:0'\n") else { return };
    let tab = scene.signed_in("acme", "ana", "admin");
    tab.follow("Connect with GitLab");
    tab.fill("#token", &scene.token);
    tab.click("Using self-hosted GitLab?");
    for (address, line) in
        [("http://127.0.0.1:9", "plain-text = true"), ("https://127.0.0.1:9", "private-addresses = [")]
    {
        tab.fill("#token", &scene.token);
        tab.fill("#url", address);
        tab.follow("Connect with GitLab");
        let told = tab.text("[role=alert]");
        assert!(told.contains(line) && told.contains("[network]") && !told.contains("gitlab-sync connect"), "{told}");
    }
    tab.picture("26-not-allowed");
    is_sound(&tab);
}

#[test]
fn many_deletions_wait_until_somebody_has_seen_and_approved_them() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    let names: Vec<_> = (0..60).map(|number| format!("page-{number:02}.md")).collect();
    scene.edit_in_gitlab(|commit| names.iter().fold(commit, |commit, name| commit.create(name.as_str(), "x\n")));
    tab.follow("Pull from GitLab");
    settled(&tab, "The last pull changed 60 files.");
    names.iter().for_each(|name| std::fs::remove_file(scene.file("acme", name)).unwrap());
    tab.follow("Push to GitLab");
    tab.until_text(".heading", "needs attention");
    tab.picture("28-brake");
    assert!(scene.in_gitlab("page-00.md").is_some());
    tab.follow("Look at the plan");
    assert!(tab.text("main").contains("60 to delete"), "{}", tab.text("main"));
    tab.click("Go on even if many files would be deleted");
    tab.follow("Sync both ways");
    settled(&tab, "The last sync changed 60 files.");
    assert_eq!(scene.in_gitlab("page-00.md"), None);
    is_sound(&tab);
}

#[test]
fn the_author_of_the_commits_is_chosen_shown_and_given_up() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    let settings = format!("{}{}/settings?project={}", scene.address, tab.path(), scene.project);
    let save = |name: &str, email: &str| {
        tab.open(&settings);
        if !tab.has("details[open]") {
            tab.click("More");
        }
        tab.fill("#author_name", name);
        tab.fill("#author_email", email);
        tab.follow("Save, and show");
    };
    save("Docs <bot>", "docs@example.com");
    assert!(tab.text("[role=alert]").contains("cannot be the author of a commit"), "{}", tab.text("main"));
    save("Docs bot", "docs@example.com");
    assert!(tab.text(".notice").contains("Saved"), "{}", tab.text("main"));
    tab.open(&settings);
    assert!(tab.has("details[open]"), "what was chosen is in sight");
    assert_eq!(tab.value("document.querySelector('#author_name').value"), "Docs bot");
    tab.picture("29-author");
    is_sound(&tab);
    let configured = |person: &str| {
        let id = tab.path().split('/').nth_back(1).unwrap().to_owned();
        let status = scene.program.run(&["status", "--json", "-c", &id]).json(0);
        assert_eq!(status["status"]["configured"]["author"]["name"].as_str().unwrap_or_default(), person);
    };
    configured("Docs bot");
    save("", "");
    tab.open(&settings);
    configured("");
}

/// It was missing in the list without a word.
#[test]
fn a_connection_that_cannot_be_read_is_listed_with_what_to_do() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    let (list, own) = (format!("{}/settings/version-control/gitlab", scene.address), tab.path());
    let id = own.rsplit('/').next().unwrap();
    let store = rusqlite::Connection::open(scene.program.path("home/store.sqlite")).unwrap();
    let spoil = "UPDATE connections SET entry = substr(entry, 1, 40) WHERE id = ?1";
    assert_eq!(store.execute(spoil, [id]).unwrap(), 1);
    for tab in [&tab, &scene.signed_in("acme", "vic", "viewer")] {
        tab.open(&list);
        let text = tab.text("main");
        assert!(text.contains(&format!("What is kept of the connection {id} cannot be read.")), "{text}");
        assert!(text.contains(&format!("gitlab-sync disconnect --connection {id}")), "{text}");
    }
    tab.picture("30-unreadable");
    are_named(&tab);
    tab.open(&format!("{}{own}", scene.address));
    assert!(tab.text("[role=alert]").contains("cannot be read"), "{}", tab.text("main"));
    let stranger = scene.signed_in("umbrella", "eve", "admin");
    assert!(stranger.text("main").contains("Nothing is connected yet."));
    stranger.open(&format!("{}{own}", scene.address));
    assert!(stranger.text("main").contains("There is nothing here."), "{}", stranger.text("main"));
    let gone = scene.program.run(&["disconnect", "--connection", id]);
    assert_eq!(gone.status, 0, "{}", gone.stderr);
    tab.open(&list);
    assert!(tab.text("main").contains("Nothing is connected yet."), "{}", tab.text("main"));
}
