//! How a connection is doing.

use super::{counted, short, time};
use crate::failure;
use crate::store::connections::Entry;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::files::directory::Kept;
use gitlab_sync_host::sync::{Check, CheckOutcome, Configured, ConflictPolicy, FirstSync, SyncStatus};

/// The longest mark of a check.
const MARK: usize = "not checked".len();

/// What is named of versions that were put aside: there is one for each file that was saved in the moment of a crash.
pub(crate) const MOST_KEPT: usize = 10;

/// What to do about a folder that is away.
pub(crate) const BRING_BACK: &str = "Bring it back, or mount its disk: nothing is synced meanwhile, and nothing counts as deleted. If its files are gone, disconnect and connect with an empty folder: the first sync brings them from GitLab.";

/// Days before a token's end at which it is shown as a warning, and as something to do now; as in what `connect` says.
const SOON_DAYS: u64 = 60;
const NOW_DAYS: u64 = 7;

/// What is known of a connection without asking GitLab.
pub(crate) struct Health<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) status: &'a SyncStatus,
    pub(crate) kept: &'a [Kept],
    /// Why the folder cannot be opened.
    pub(crate) away: Option<&'a str>,
    pub(crate) token_expires_ms: Option<u64>,
    pub(crate) now_ms: u64,
}

impl Health<'_> {
    /// The command that a person would give next.
    pub(crate) fn next(&self) -> &'static str {
        match (&self.status.configured, self.status.synced_ms) {
            _ if self.is_expired() => "gitlab-sync connect",
            (None, _) => "gitlab-sync configure",
            _ if self.away.is_some() => "gitlab-sync diagnose",
            _ if self.status.conflicts > 0 => "gitlab-sync conflicts",
            (Some(_), None) => "gitlab-sync plan",
            (Some(_), Some(_)) => "gitlab-sync sync",
        }
    }

    fn is_expired(&self) -> bool {
        self.token_expires_ms.is_some_and(|end| end <= self.now_ms)
    }

    fn synced(&self) -> (Style, String) {
        match (&self.status.synced_head, self.status.synced_ms) {
            (Some(head), Some(at)) => {
                let when = format!("{}, at {}", time::ago(self.now_ms.saturating_sub(at)), short(head));
                match self.status.left_alone {
                    0 => (Style::Good, when),
                    count => (Style::Warn, format!("{when}, but for {}: see `gitlab-sync plan`", left_alone(count))),
                }
            }
            _ => (Style::Warn, "both sides were never equal yet".into()),
        }
    }

    /// Whose it is and how long it lasts, as far as that is known.
    fn token(&self) -> Option<(Style, String)> {
        let whose = self.entry.account.as_ref().map(|account| match &*account.username {
            "" => account.kind.clone(),
            username => format!("{} of {username}", account.kind),
        });
        match (whose, self.token_end()) {
            (Some(whose), Some((style, end))) => Some((style, format!("{whose}, {end}"))),
            (Some(whose), None) => Some((Style::Plain, whose)),
            (None, end) => end,
        }
    }

    fn token_end(&self) -> Option<(Style, String)> {
        let end = self.token_expires_ms?;
        let days = end.saturating_sub(self.now_ms).div_ceil(time::DAY_MS);
        Some(match days {
            _ if self.is_expired() => (Style::Bad, "expired: make a new one in GitLab".into()),
            ..=1 => (Style::Bad, "expires within a day".into()),
            2..=NOW_DAYS => (Style::Bad, format!("expires in {days} days")),
            _ if days <= SOON_DAYS => (Style::Warn, format!("expires in {days} days")),
            _ => (Style::Plain, format!("expires in {days} days")),
        })
    }
}

pub(crate) fn status(health: &Health<'_>) -> Page {
    let Health { entry, status, kept, .. } = health;
    let mut page = Page::new();
    page.line(Text::new().bold(entry.id.as_str()).plain("  ").plain(entry.server()));
    let mut fact =
        |name: &str, style, value: &str| page.line(Text::from("  ").column(Style::Dim, name, 9).with(style, value));
    let folder = entry.workspace.display().to_string();
    match health.away {
        None => fact("folder", Style::Plain, &folder),
        Some(why) => fact("folder", Style::Bad, &format!("{folder}: {why}")),
    }
    fact("profile", Style::Plain, entry.grant.profile.as_deref().unwrap_or("none"));
    if let Some((style, words)) = health.token() {
        fact("token", style, &words);
    }
    match &status.configured {
        None => fact("project", Style::Warn, "none yet"),
        Some(configured) => {
            fact("project", Style::Plain, &format!("{} (project {})", configured.project.path, configured.project.id));
            fact("branch", Style::Plain, &configured.branch);
            for (name, value) in choices(configured) {
                fact(name, Style::Plain, &value);
            }
            let (style, words) = health.synced();
            fact("synced", style, &words);
            if let Some(first) = first(configured.first) {
                fact("first", Style::Plain, first);
            }
            match status.conflicts {
                0 => fact("conflicts", Style::Plain, "none"),
                count => fact("conflicts", Style::Warn, &format!("{} to resolve", counted(count as usize, "conflict"))),
            }
        }
    }
    for one in kept.iter().take(MOST_KEPT) {
        fact("kept", Style::Warn, &set_aside(one));
    }
    page.line(Text::new().dim("next: ").own(Style::Accent, health.next()));
    page
}

/// Files that are not equal on both sides and stay so until a person has done something.
pub(crate) fn left_alone(count: u32) -> String {
    format!("{} left alone", counted(count as usize, "file"))
}

/// What somebody chose; what is as usual is not told.
fn choices(configured: &Configured) -> impl Iterator<Item = (&'static str, String)> {
    let list = |texts: &[String]| Some(texts.join(", ")).filter(|text| !text.is_empty());
    let policy = match configured.conflicts {
        ConflictPolicy::KeepBoth => None,
        ConflictPolicy::LastWriteWins => Some("the last write wins in a conflict, the other is kept".to_owned()),
        ConflictPolicy::Fail => Some("nothing is synced while there is a conflict".to_owned()),
    };
    let message = configured.message_template.as_ref().map(|template| template.replace('\n', "\\n"));
    let author = configured.author.as_ref().map(|author| format!("{} <{}>", author.name, author.email));
    let all = [
        ("below", list(&configured.directories)),
        ("files", list(&configured.patterns)),
        ("policy", policy),
        ("message", message),
        ("author", author),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// What became of a version that had to make way for something newer.
pub(crate) fn set_aside(kept: &Kept) -> String {
    format!("an older version of {} lies in {}: look at it and remove it", kept.path, kept.file)
}

fn first(first: FirstSync) -> Option<&'static str> {
    match first {
        FirstSync::Push => Some("the next sync pushes only"),
        FirstSync::Pull => Some("the next sync pulls only"),
        FirstSync::Merge => None,
    }
}

/// Whether its remedy speaks of the secret that has to be pasted.
fn needs_secret(check: &Check) -> bool {
    let by_code = matches!(check.code.as_deref(), Some("hook-missing" | "hook-secret"));
    let by_name = matches!(check.name.as_str(), "webhook" | "webhook Secret token");
    by_code || by_name && check.outcome != CheckOutcome::Passed
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
        let own = check.code.as_deref().and_then(failure::remedy);
        if let Some(remedy) = own.or(check.remedy.as_deref()) {
            page.line(
                Text::new().column(Style::Plain, "", MARK).with(Style::Accent, "hint: ").own(Style::Plain, remedy),
            );
        }
        if needs_secret(check) {
            let command = "this prints it: `gitlab-sync webhook secret`";
            page.line(
                Text::new().column(Style::Plain, "", MARK).with(Style::Accent, "hint: ").own(Style::Plain, command),
            );
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
