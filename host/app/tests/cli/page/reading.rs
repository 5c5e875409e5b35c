//! Every page there is, as somebody reads it who does not see it, and on every screen.
//!
//! The pages are found by following the links of those that are known, so that a new one is looked at without being listed here.

use super::chromium::Tab;
use super::flows::with_conflicts;
use super::scene::Scene;
use std::collections::{BTreeMap, BTreeSet};

/// What a walk has to come by at least, below a connection's own address.
const KNOWN: [&str; 13] = [
    "",
    "/check",
    "/check?run=yes",
    "/conflicts",
    "/disconnect",
    "/history",
    "/plan",
    "/plan?direction=push",
    "/project",
    "/review",
    "/settings",
    "/token",
    "/webhook",
];

/// Follows every link of this server from here on. Of many that differ in their question or their last part only, a few will do.
fn walk(tab: &Tab, address: &str, mut look: impl FnMut(&Tab, &str)) -> BTreeSet<String> {
    const MOST_ALIKE: usize = 4;
    let (mut seen, mut alike) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    let mut ahead = vec!["/settings/version-control/gitlab".to_owned()];
    while let Some(path) = ahead.pop() {
        let kind = path.split('?').next().unwrap_or_default().to_owned();
        let count = alike.entry(kind).or_default();
        *count += 1;
        if *count > MOST_ALIKE || !seen.insert(path.clone()) {
            continue;
        }
        tab.open(&format!("{address}{path}"));
        look(tab, &path);
        let links = "[...document.querySelectorAll('a[href]')].map((it) => it.href).filter((it) => it.startsWith(location.origin))
            .map((it) => it.slice(location.origin.length).replace(/#.*/, ''))";
        let links = tab.value(links);
        ahead.extend(links.as_array().unwrap().iter().map(|link| link.as_str().unwrap().to_owned()));
    }
    seen
}

/// A control without a name cannot be found; two elements of one id are confused; headings and landmarks are the way through a page.
fn reads_well(tab: &Tab, path: &str) {
    let wrong = tab.value(include_str!("sound.js"));
    assert_eq!(wrong, serde_json::json!([]), "{path}");
    let controls = tab.controls();
    let nameless: Vec<_> = controls.iter().filter(|(_, name)| name.trim().is_empty()).collect();
    assert!(!controls.is_empty() && nameless.is_empty(), "{nameless:?} at {path}");
    let roles = tab.roles();
    for landmark in ["banner", "main"] {
        assert_eq!(roles.iter().filter(|role| *role == landmark).count(), 1, "{landmark} at {path}: {roles:?}");
    }
}

#[test]
fn every_page_reads_well_without_seeing_it() {
    let Some(scene) = Scene::new() else { return };
    let nobody = scene.chromium.tab(800, 600);
    for path in ["/sign-in", "/nowhere"] {
        nobody.open(&format!("{}{path}", scene.address));
        reads_well(&nobody, path);
    }
    let empty = scene.signed_in("other", "ola", "viewer");
    reads_well(&empty, "without a connection");
    let tab = with_conflicts(&scene);
    let base = tab.path();
    let mut titles = BTreeMap::<String, String>::new();
    let seen = walk(&tab, &scene.address, |tab, path| {
        reads_well(tab, path);
        let title = tab.value("document.title").as_str().unwrap().to_owned();
        let place = tab.path();
        let other = titles.insert(title.clone(), place.clone());
        let is_of_many = path.contains("/conflicts/");
        assert!(is_of_many || other.is_none_or(|other| other == place), "`{title}` is the title of two pages");
    });
    let paths: BTreeSet<_> = seen.iter().filter_map(|path| path.strip_prefix(&base)).collect();
    for known in KNOWN {
        let was_there = |path: &&str| *path == known || path.split('?').next() == Some(known);
        assert!(paths.iter().any(was_there), "the walk did not come by `{known}`: {paths:?}");
    }
    assert!(paths.iter().any(|path| path.starts_with("/conflicts/")), "{paths:?}");
    let viewer = scene.signed_in("acme", "vic", "viewer");
    let seen = walk(&viewer, &scene.address, |tab, path| {
        reads_well(tab, path);
        assert!(!tab.text("h1").contains("For admins"), "a viewer is led to {path}");
    });
    assert!(seen.len() > 6, "{seen:?}");
    assert!(tab.complaints().is_empty() && viewer.complaints().is_empty(), "{:?}", tab.complaints());
}

#[test]
fn every_page_is_good_on_a_phone_and_in_the_dark() {
    let Some(scene) = Scene::new() else { return };
    let tab = with_conflicts(&scene);
    scene.write("acme", "guides/a-rather-long-name-of-a-page-that-nobody-shortened.md", "new\n");
    for (look, width) in [("phone", 360), ("tablet", 768), ("dark", 1280), ("dark-phone", 360)] {
        tab.size(width, 800);
        if look.starts_with("dark") {
            tab.dark();
        }
        walk(&tab, &scene.address, |tab, path| {
            let wide = tab.value("document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "{path} is {wide} wide on a screen of {width}");
            let faint = tab.faint();
            assert!(faint.is_empty(), "{path} in {look}: {faint:?}");
            let name = path.trim_start_matches("/settings/version-control/gitlab").replace(['/', '?', '=', '%'], "-");
            tab.picture(&format!("{look}{name}"));
        });
    }
    assert!(tab.complaints().is_empty(), "{:?}", tab.complaints());
}
