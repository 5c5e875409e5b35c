//! How a connection is doing.

use super::{counted, short};
use crate::store::connections::Entry;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Check, SyncStatus};

pub(crate) fn status(entry: &Entry, status: &SyncStatus) -> Page {
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
    page
}

pub(crate) fn checks(checks: &[Check]) -> Page {
    let mut page = Page::new();
    for check in checks {
        let mark = if check.passed { (Style::Good, "ok    ") } else { (Style::Bad, "failed") };
        page.line(Text::new().with(mark.0, mark.1).plain("  ").bold(&check.name).plain(format!(": {}", check.finding)));
    }
    page
}
