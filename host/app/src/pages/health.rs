//! How a connection is doing.

use super::{counted, short};
use crate::store::connections::Entry;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::files::directory::Kept;
use gitlab_sync_host::sync::{Check, SyncStatus};

/// What is named of versions that were put aside: there is one for each file that was saved in the moment of a crash.
pub(crate) const MOST_KEPT: usize = 10;

pub(crate) fn status(entry: &Entry, status: &SyncStatus, kept: &[Kept]) -> Page {
    let mut page = Page::new();
    page.line(Text::new().bold(&entry.id).plain("  ").plain(entry.server()));
    let mut fact = |name: &str, value: &str| page.line(Text::from("  ").column(Style::Dim, name, 9).plain(value));
    fact("profile", entry.grant.profile.as_deref().unwrap_or("none"));
    fact("folder", &entry.workspace.display().to_string());
    match &status.configured {
        Some(configured) => {
            fact("project", &format!("{} (project {})", configured.project.path, configured.project.id));
            fact("branch", &configured.branch);
        }
        None => fact("project", "none yet: gitlab-sync configure"),
    }
    fact("synced", &status.synced_head.as_deref().map_or("not yet".into(), |head| format!("at {}", short(head))));
    fact("conflicts", &counted(status.conflicts as usize, "conflict"));
    for one in kept.iter().take(MOST_KEPT) {
        fact("kept", &set_aside(one));
    }
    page
}

/// What became of a version that had to make way for something newer.
pub(crate) fn set_aside(kept: &Kept) -> String {
    format!("an older version of {} lies in {}: look at it and remove it", kept.path, kept.file)
}

pub(crate) fn checks(checks: &[Check]) -> Page {
    let mut page = Page::new();
    for check in checks {
        let mark = if check.passed { (Style::Good, "ok    ") } else { (Style::Bad, "failed") };
        page.line(Text::new().with(mark.0, mark.1).plain("  ").bold(&check.name).plain(format!(": {}", check.finding)));
    }
    page
}
