//! Diagnose: what the connector found, as this connection needs it.
//!
//! Decided here: that a connection which was never granted to write needs neither scope, role nor branch for it. The connector does not
//! know what was granted, and asks for everything that a sync in both directions takes.

use super::configure::may_write;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::sync::{Check, CheckOutcome};

/// Checks that may fail for nothing but writing: their name, their code then, and what is said instead. Whether reading works is seen by
/// the checks of project and branch, which read.
const OF_WRITERS: [(&str, &str, &str); 3] = [
    ("token", "token-scope", "it cannot write files, which this connection never does"),
    ("role", "role-too-low", "it cannot write, which this connection never does"),
    ("branch", "branch-protected", "it can be read; this connection never pushes"),
];

/// Probes everything that the connection needs.
pub(crate) async fn diagnose(entry: &Entry, connection: &Connection) -> Result<Vec<Check>, ConnectionError> {
    let mut checks = connection.diagnose().await?;
    if !may_write(entry) {
        checks.iter_mut().for_each(excuse);
    }
    Ok(checks)
}

fn excuse(check: &mut Check) {
    let code = check.code.as_deref().unwrap_or_default();
    let Some((_, _, finding)) = OF_WRITERS.iter().find(|(name, known, _)| *name == check.name && *known == code) else {
        return;
    };
    (check.outcome, check.code, check.remedy) = (CheckOutcome::Passed, None, None);
    check.finding = (*finding).to_owned();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_writing_is_excused() {
        for (name, code, excused) in [
            ("token", "token-scope", true),
            ("token", "token-expired", false),
            ("role", "role-too-low", true),
            ("branch", "branch-protected", true),
            ("branch", "branch-missing", false),
            ("project", "role-too-low", false),
        ] {
            let mut check = Check {
                name: name.into(),
                outcome: CheckOutcome::Failed,
                code: Some(code.into()),
                finding: "as it was".into(),
                remedy: Some("Do it.".into()),
            };
            excuse(&mut check);
            assert_eq!(check.outcome == CheckOutcome::Passed, excused, "{name} {code}");
            assert_eq!((check.code.is_none(), check.remedy.is_none()), (excused, excused), "{name} {code}");
            assert_eq!(check.finding != "as it was", excused, "{name} {code}");
        }
    }
}
