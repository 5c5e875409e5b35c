//! What the pages keep from whom: other roles, organisations and sites, the signed out, and names that are script.

use super::flows::{are_named, is_sound, settled, with_conflicts};
use super::scene::Scene;
use gitlab_sim::{CommitSpec, ProjectSpec, TokenSpec, UserSpec};

/// Names that a browser would obey, if anything made markup of them.
const HOSTILE: &str = "<img src=x onerror=document.title='pwned'>";

#[test]
fn a_viewer_sees_the_state_and_neither_secrets_nor_buttons_that_would_fail() {
    let Some(scene) = Scene::new() else { return };
    let admin = with_conflicts(&scene);
    let base = format!("{}{}", scene.address, admin.path());
    admin.open(&format!("{base}/webhook"));
    let secret = admin.value("document.querySelector('#secret').value").as_str().unwrap().to_owned();
    let hook = admin.value("document.querySelector('#url').value").as_str().unwrap().to_owned();
    assert!(secret.len() > 20 && hook.contains("/hooks/"));
    let tab = scene.signed_in("acme", "vic", "viewer");
    tab.follow("ana/handbook");
    assert!(tab.text(".heading").contains("3 conflicts"));
    tab.picture("24-viewer");
    let buttons = "[...document.querySelectorAll('main button')].length";
    for page in ["", "/conflicts", "/history", "/review"] {
        tab.open(&format!("{base}{page}"));
        assert_eq!(tab.value(buttons), 0, "{page}");
        let source = tab.value("document.documentElement.outerHTML").as_str().unwrap().to_owned();
        assert!(!source.contains(&secret) && !source.contains(&hook) && !source.contains(&scene.token), "{page}");
        are_named(&tab);
    }
    tab.open(&format!("{base}/conflicts"));
    tab.follow("one.md");
    assert!(tab.text("main").contains("An admin of your organisation can resolve it.") && tab.value(buttons) == 0);
    for page in ["/webhook", "/check", "/project", "/settings?project=1", "/plan", "/token", "/disconnect"] {
        tab.open(&format!("{base}{page}"));
        assert!(tab.text("h1").contains("For admins"), "{page}: {}", tab.text("main"));
    }
    // Also not by a form of their own making, with the right proof.
    let proof = tab.open_and_read(&base, "document.querySelector('[name=proof]').value");
    for page in ["/push", "/pull", "/sync", "/auto-sync", "/disconnect", "/token", "/settings"] {
        assert_eq!(tab.post(&format!("{base}{page}"), &[("proof", &proof), ("on", "yes")]), 403, "{page}");
    }
}

#[test]
fn another_organisation_finds_nothing_at_the_same_addresses() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    let base = format!("{}{}", scene.address, tab.path());
    let stranger = scene.signed_in("umbrella", "eve", "admin");
    assert!(stranger.text("main").contains("Nothing is connected yet."));
    let missing = stranger.open_and_read(&format!("{base}x"), "document.querySelector('main').innerText");
    let proof = stranger.open_and_read(
        &format!("{}/settings/version-control/gitlab", scene.address),
        "document.querySelector('[name=proof]').value",
    );
    for page in [
        "",
        "/project",
        "/settings?project=1",
        "/plan",
        "/conflicts",
        "/conflicts/x",
        "/history",
        "/webhook",
        "/check",
        "/review",
        "/token",
        "/disconnect",
        "/live",
    ] {
        let read = stranger.open_and_read(&format!("{base}{page}"), "document.querySelector('main').innerText");
        assert_eq!(read, missing, "{page}");
    }
    for page in ["/push", "/pull", "/sync", "/auto-sync", "/disconnect", "/token", "/settings", "/conflicts/x"] {
        assert_eq!(stranger.post(&format!("{base}{page}"), &[("proof", &proof), ("keep", "ours")]), 404, "{page}");
    }
    // Also what was never there, with all that a page tells a browser.
    for path in ["/nowhere", "/settings", "/settings/version-control/gitlab", "/sign-in", "/assets/none.css"] {
        let answer = scene.answer("GET", path, "", &[], "").to_lowercase();
        let csp = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'";
        for line in [csp, "x-content-type-options: nosniff", "referrer-policy: same-origin", "cache-control: no-store"]
        {
            assert!(answer.contains(line), "{path} without {line}: {answer}");
        }
    }
    // Nobody is signed in.
    let nobody = scene.chromium.tab(800, 600);
    nobody.open(&format!("{base}/webhook"));
    assert_eq!(nobody.path(), "/sign-in");
}

#[test]
fn a_form_without_the_sessions_proof_or_from_elsewhere_does_nothing() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    let base = format!("{}{}", scene.address, tab.path());
    scene.write("acme", "mine.md", "mine\n");
    let proof = tab.open_and_read(&base, "document.querySelector('[name=proof]').value");
    let other = scene.signed_in("acme", "ben", "admin");
    let foreign = other.open_and_read(&base, "document.querySelector('[name=proof]').value");
    for page in ["/push", "/pull", "/sync", "/auto-sync", "/disconnect", "/token", "/settings"] {
        for wrong in ["", "0", foreign.as_str()] {
            assert_eq!(
                tab.post(&format!("{base}{page}"), &[("proof", wrong), ("on", "yes"), ("first", "push")]),
                403,
                "{page}"
            );
        }
    }
    assert_eq!(tab.post(&format!("{}/sign-out", scene.address), &[]), 403);
    // With the right proof, but from a page of another site.
    let cookie = tab.cookie();
    for headers in
        [&[("origin", "https://evil.example")][..], &[("origin", "null")], &[("sec-fetch-site", "cross-site")], &[]]
    {
        let status = scene.send("POST", &format!("{}/push", tab.path()), &cookie, headers, &format!("proof={proof}"));
        assert_eq!(status, 403, "{headers:?}");
    }
    assert_eq!(scene.in_gitlab("mine.md"), None);
    let own = [("origin", scene.address.as_str())];
    assert_eq!(scene.send("POST", &format!("{}/push", tab.path()), &cookie, &own, &format!("proof={proof}")), 303);
    tab.until("the push", || scene.in_gitlab("mine.md").is_some());
}

#[test]
fn signing_out_and_removal_end_the_session_at_once() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.signed_in("acme", "ana", "admin");
    let cookie = tab.cookie();
    let gitlab = "/settings/version-control/gitlab";
    assert_eq!(scene.send("GET", gitlab, &cookie, &[], ""), 200);
    tab.follow("Sign out");
    assert!(tab.path() == "/sign-in" && tab.text(".notice").contains("signed out"));
    assert_eq!(scene.send("GET", gitlab, &cookie, &[], ""), 303, "the old cookie is good for nothing");
    let tab = scene.signed_in("acme", "ben", "admin");
    let cookie = tab.cookie();
    let said = tab.value("document.cookie");
    assert_eq!(said, "", "scripts do not see it");
    assert_eq!(scene.program.run(&["user", "remove", "ben", "--organisation", "acme"]).status, 0);
    assert_eq!(scene.send("GET", gitlab, &cookie, &[], ""), 303);
    tab.open(&format!("{}{gitlab}", scene.address));
    assert_eq!(tab.path(), "/sign-in");
}

#[test]
fn what_comes_from_gitlab_is_text_wherever_it_is_shown() {
    let Some(scene) = Scene::new() else { return };
    let admin = scene.gitlab.admin();
    let eve = admin.create_user(UserSpec { name: format!("Eve {HOSTILE}"), ..UserSpec::person("eve") }).id;
    let spec = ProjectSpec { creator_id: Some(eve), ..ProjectSpec::at("eve/pages") };
    let project = admin.create_project(&spec).unwrap().id;
    let branch = "b<svg/onload=document.title='pwned'>";
    // One that no folder can hold, so that it is left alone, and one that it can.
    let left = format!("docs/{}.md", HOSTILE.replace('/', ""));
    let path = "docs/&lt;img src=x onerror=document.title='pwned'&gt;.md";
    let files = |commit: CommitSpec| commit.create(left.as_str(), "line\n").create(path, "line\n");
    admin.commit(project, files(CommitSpec::on("main", HOSTILE).by(eve))).unwrap();
    admin.commit(project, CommitSpec::on(branch, HOSTILE).by(eve).update(path, "another\n")).unwrap();
    let token = admin.create_token(TokenSpec::personal(eve, &["api"])).secret;
    let tab = scene.signed_in("acme", "ana", "admin");
    tab.follow("Connect with GitLab");
    tab.fill("#token", &token);
    tab.click("Using self-hosted GitLab?");
    tab.fill("#url", scene.gitlab.url());
    tab.follow("Connect with GitLab");
    assert!(tab.text("main").contains(&format!("Eve {HOSTILE}")), "{}", tab.text("main"));
    let base = format!("{}{}", scene.address, tab.path().trim_end_matches("/project"));
    tab.open(&format!("{base}/project?search={}", "%3Cb%20onmouseover%3Dx%3E%22%27"));
    assert!(tab.text("main").contains("“<b onmouseover=x>\"'”"));
    tab.open(&format!("{base}/project"));
    tab.follow("eve/pages");
    assert!(tab.text("#branch").contains(branch), "{}", tab.text("#branch"));
    assert_eq!(tab.value(&format!("(document.querySelector('#branch').value = {branch:?}) && true")), true);
    tab.follow("Save, and show");
    assert!(tab.text("table").contains(path), "{}", tab.text("main"));
    tab.click("1 file left alone");
    assert!(tab.text("details table").contains(&left), "{}", tab.text("main"));
    tab.follow("Start: sync both ways");
    settled(&tab, "The last sync changed 1 file.");
    let change = |text: String| CommitSpec::on(branch, HOSTILE).by(eve).update(path, text);
    admin.commit(project, change(format!("{HOSTILE}\n"))).unwrap();
    scene.write("acme", path, &format!("</textarea></table>{HOSTILE}\n"));
    tab.follow("Pull from GitLab");
    tab.until_text(".heading", "1 conflict");
    for page in
        ["", "/conflicts", "/history", "/webhook", "/check?run=yes", "/review", "/plan", "/disconnect", "/token"]
    {
        tab.open(&format!("{base}{page}"));
        assert!(!tab.has("main img") && !tab.has("svg") && !tab.text("h1").is_empty(), "{page}");
    }
    tab.open(&format!("{base}/conflicts"));
    tab.follow(path);
    assert!(tab.text("table").contains("</textarea></table>") && !tab.has("main img"));
    tab.open(&format!("{}/settings/version-control/gitlab?done=%3Cscript%3Ealert(1)%3C/script%3E", scene.address));
    assert!(!tab.has(".notice") && !tab.has("main img"));
    assert_ne!(tab.value("document.title"), "pwned");
    is_sound(&tab);
}

/// Behind a proxy everybody has one address: whoever guessed there once locked all others out.
#[test]
fn who_fails_to_sign_in_too_often_is_told_to_wait_and_whoever_has_the_right_token_is_not() {
    let Some(scene) = Scene::new() else { return };
    let right = scene.person("acme", "ana", "admin");
    let own = [("origin", scene.address.as_str())];
    let wrong = format!("token=gsync_{}", "0".repeat(64));
    for _ in 0..20 {
        assert_eq!(scene.send("POST", "/sign-in", "", &own, &wrong), 422);
    }
    let answer = scene.answer("POST", "/sign-in", "", &own, &wrong).to_lowercase();
    assert!(answer.starts_with("http/1.1 429 ") && answer.contains("retry-after: "), "{answer}");
    let answer = scene.answer("POST", "/sign-in", "", &own, &format!("token={right}")).to_lowercase();
    assert!(answer.starts_with("http/1.1 303 ") && answer.contains("set-cookie"), "{answer}");
}

/// Under load, the overview made itself anew in the moment of a click: the test found no such link, or waited for another page.
#[test]
fn a_click_on_a_page_that_makes_itself_anew_arrives_all_the_same() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.ready("acme");
    for wait in (0..12).step_by(3) {
        for (words, end) in [("History", "/history"), ("Overview", "")] {
            let before = tab.path();
            tab.value(&format!("setTimeout(() => location.replace(location.pathname), {wait})"));
            tab.follow(words);
            assert!(tab.path() != before && tab.path().ends_with(end), "{before}: {}", tab.path());
        }
    }
}
