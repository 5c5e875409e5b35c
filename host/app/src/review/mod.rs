//! What a component can do, as data for a reviewer: this becomes the JSON of `inspect`, and its text.
//!
//! Decided here: what counts as outside the contract. Not decided here: the contract itself (`gitlab_sync_host::contract`), what is in
//! force with a grant (`gitlab_sync_host::permission`) and how it looks (`page`).

pub(crate) mod difference;
mod granted;
mod import;
mod page;
mod wants;
pub(crate) mod words;

pub(crate) use granted::Granted;
pub(crate) use import::Import;
pub(crate) use wants::Wants;

use gitlab_sync_host::about::About;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::load::Outline;
use gitlab_sync_host::permission::Permission;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// More than anyone would read before approving one. Past these the rest is not shown, and the component is outside the contract.
const MOST_PROFILES: usize = 32;
const MOST_ENTRIES: usize = 256;

/// Everything that is known of one component.
#[derive(Debug, Serialize)]
pub(crate) struct Review {
    pub(crate) file: String,
    pub(crate) digest: String,
    pub(crate) bytes: usize,
    /// What it was built for, as its exports say. None: for something else.
    pub(crate) contract: Option<String>,
    /// Why this host does not run it, in sentences. Empty: all of it lies inside the contract.
    pub(crate) outside: Vec<String>,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// What it says of itself. None: it was not asked, because it is outside the contract.
    pub(crate) wants: Option<Wants>,
    /// What it would get. None: no grant was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) granted: Option<Granted>,
}

impl Review {
    /// From what a parser reads, before anything is compiled.
    pub(crate) fn of(file: &str, outline: &Outline) -> Self {
        let imports: Vec<_> = outline.imports.iter().map(Import::of).collect();
        let mut outside: Vec<_> = imports.iter().flat_map(Import::objections).collect();
        if let Some(missing) = outline.missing_export() {
            outside.push(format!("does not export `{missing}`, so it is not a connector"));
        }
        outside.extend(outline.unusual.as_ref().map(ToString::to_string));
        Self {
            file: file.into(),
            digest: outline.digest.clone(),
            bytes: outline.bytes,
            contract: contract(&outline.exports),
            outside,
            imports,
            exports: outline.exports.clone(),
            metadata: outline.metadata.iter().cloned().collect(),
            wants: None,
            granted: None,
        }
    }

    /// Takes down what the component says of itself, and checks that the host could enforce it.
    pub(crate) fn hear(&mut self, about: &About) {
        if about.profiles.len() > MOST_PROFILES {
            self.outside.push(format!("wants {} profiles, more than {MOST_PROFILES}", about.profiles.len()));
        }
        let mut names = BTreeSet::new();
        for profile in about.profiles.iter().take(MOST_PROFILES) {
            if !names.insert(&profile.name) {
                self.outside.push(format!("has two profiles of the name `{}`", profile.name));
            }
            if let Err(error) = Permission::new(profile, &Grant::default()) {
                self.outside.push(format!("wants what cannot be enforced: {error}"));
            }
        }
        self.wants = Some(Wants::of(about));
    }

    /// Whether all of it lies inside the contract.
    pub(crate) fn is_inside(&self) -> bool {
        self.outside.is_empty()
    }
}

/// `gitlab-sync:connector@0.1.0`, of the export `gitlab-sync:connector/sync@0.1.0`.
fn contract(exports: &[String]) -> Option<String> {
    exports.iter().find_map(|export| {
        let (interface, version) = export.split_once('@')?;
        let package = interface.strip_suffix("/sync").or(interface.strip_suffix("/about"))?;
        (package == "gitlab-sync:connector").then(|| format!("{package}@{version}"))
    })
}

#[cfg(test)]
mod tests {
    use super::wants::tests::{about, reader};
    use super::*;
    use gitlab_sync_host::manifest::{Capture, Rule};

    fn heard(about: &About) -> Review {
        let bytes = wat::parse_str("(component)").expect("it is a component");
        let outline = Outline::read(&bytes).expect("it is a component");
        let mut review = Review { outside: vec![], ..Review::of("x.wasm", &outline) };
        review.hear(about);
        review
    }

    #[test]
    fn what_nobody_could_approve_is_outside_and_not_shown_at_length() {
        let named = |number: usize| gitlab_sync_host::manifest::Profile { name: format!("p{number}"), ..reader() };
        assert!(heard(&about((0..MOST_PROFILES).map(named).collect())).is_inside());
        let many = heard(&about((0..10_000).map(named).collect()));
        assert_eq!(many.outside, ["wants 10000 profiles, more than 32"]);
        assert_eq!(many.wants.expect("it was heard").profiles.len(), MOST_PROFILES);
        let twins = heard(&about(vec![reader(), reader()]));
        assert_eq!(twins.outside, ["has two profiles of the name `reader`"]);
        let mut unclear = reader();
        let capture = Capture { field: "token".into(), slot: "token".into(), expires_field: None };
        unclear.rules.push(Rule { captures: vec![capture], ..reader().rules.remove(0) });
        let unclear = heard(&about(vec![unclear]));
        assert_eq!(
            unclear.outside,
            [
                "wants what cannot be enforced: the connector's profile `reader` is not valid: the rules `GET /api/v4/version (read the \
              version)` and `GET /api/v4/version (read the version)` want the same request but do not capture the same secrets of its reply"
            ]
        );
        let mut long = reader();
        long.rules = vec![reader().rules.remove(0); 1_000];
        let long = heard(&about(vec![long]));
        assert!(!long.is_inside());
        assert_eq!(long.wants.expect("it was heard").profiles[0].profile.rules.len(), MOST_ENTRIES);
    }
}
