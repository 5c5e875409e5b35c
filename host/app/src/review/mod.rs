//! What a component can do, as data for a reviewer: this becomes the JSON of `inspect`, and its text.
//!
//! Decided here: what counts as outside the contract. Not decided here: the contract itself (`gitlab_sync_host::contract`), what is in
//! force with a grant (`gitlab_sync_host::permission`) and how it looks (`page`).

pub(crate) mod difference;
mod granted;
mod import;
mod page;
mod wants;

pub(crate) use granted::Granted;
pub(crate) use import::Import;
pub(crate) use wants::Wants;

use gitlab_sync_host::about::About;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::load::Outline;
use gitlab_sync_host::permission::Permission;
use serde::Serialize;
use std::collections::BTreeMap;

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
        for profile in &about.profiles {
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
