//! How a connection is doing.

use super::{counted, short};
use crate::store::connections::Entry;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Check, CheckOutcome, SyncStatus};

/// The longest mark of a check.
const MARK: usize = "not checked".len();

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
        let (style, mark) = match check.outcome {
            CheckOutcome::Passed => (Style::Good, "ok"),
            CheckOutcome::Failed => (Style::Bad, "failed"),
            CheckOutcome::Unchecked => (Style::Warn, "not checked"),
        };
        page.line(Text::new().column(style, mark, MARK).bold(&check.name).plain(format!(": {}", check.finding)));
        if let Some(remedy) = &check.remedy {
            page.line(Text::new().column(Style::Plain, "", MARK).with(Style::Accent, "hint: ").plain(remedy));
        }
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let (failed, unchecked) = (count(CheckOutcome::Failed), count(CheckOutcome::Unchecked));
    page.line(match (failed, unchecked) {
        (0, 0) => Text::new().with(Style::Good, "Everything a sync needs is there."),
        (0, _) => Text::new().with(Style::Good, "Nothing failed").plain(format!("; {unchecked} to look at by hand.")),
        _ => Text::new().with(Style::Bad, counted(failed, "check")).plain(" failed."),
    });
    page
}
