//! Who may sign in to the server.

use super::time::ago;
use crate::serve::people::Listed;
use crate::text::{Page, Style, Text};

pub(crate) fn list(users: &[Listed], now_ms: u64) -> Page {
    let mut page = Page::new();
    if users.is_empty() {
        page.line(Text::new().dim("nobody yet: gitlab-sync user add NAME --role admin"));
    }
    let width = |of: fn(&Listed) -> &str| users.iter().map(|user| of(user).len()).max().unwrap_or_default();
    let organisations = width(|user| user.person.organisation.as_str());
    let names = width(|user| user.person.name.as_str());
    for Listed { person, since_ms } in users {
        let line = Text::new().column(Style::Dim, person.organisation.as_str(), organisations);
        let line = line.column(Style::Bold, person.name.as_str(), names);
        page.line(
            line.column(Style::Plain, person.role.as_str(), 6)
                .dim(format!("added {}", ago(now_ms.saturating_sub(*since_ms)))),
        );
    }
    page
}
