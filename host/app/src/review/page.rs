//! A review as a page for people.

use super::import::Import;
use super::wants::Wanted;
use super::{Granted, Review, Wants, words};
use crate::text::{Page, Style, Text, wrapped};
use gitlab_sync_host::manifest::{Rule, Slot};

/// Letters in a line of prose, where the page decides.
const WIDTH: usize = 100;
/// Paths longer than this push their purpose to the right.
const WIDEST_PATH: usize = 64;

impl Review {
    pub(crate) fn page(&self) -> Page {
        let mut page = Page::new();
        self.identity(&mut page);
        page.heading("Imports: everything it can do");
        let width = self.imports.iter().map(|import| import.interface.chars().count()).max().unwrap_or(0);
        self.imports.iter().for_each(|import| import_lines(import, width, &mut page));
        if self.imports.is_empty() {
            page.line("  none: it can only compute");
        }
        page.heading("Exports");
        self.exports.iter().for_each(|export| page.line(format!("  {export}")));
        if self.exports.is_empty() {
            page.line("  none: nobody can call it");
        }
        if let Some(wants) = &self.wants {
            wants_lines(wants, &mut page);
        }
        if let Some(granted) = &self.granted {
            granted_lines(granted, &mut page);
        }
        self.verdict(&mut page);
        page
    }

    fn identity(&self, page: &mut Page) {
        page.line(Text::new().bold(&self.file));
        let mut fact = |name: &str, value: &str| page.line(Text::from("  ").column(Style::Dim, name, 9).plain(value));
        fact("digest", &self.digest);
        fact("size", &format!("{} bytes", words::grouped(self.bytes as u64)));
        fact("contract", self.contract.as_deref().unwrap_or("none: it exports nothing of gitlab-sync:connector"));
        self.metadata.iter().for_each(|(name, value)| fact(name, value));
    }

    /// The last lines, which are read first.
    fn verdict(&self, page: &mut Page) {
        if self.is_inside() {
            page.line("");
            page.line(Text::new().with(Style::Good, "Everything lies inside the contract."));
            return;
        }
        page.heading("Outside the contract, so this host does not run it");
        for reason in &self.outside {
            page.line(Text::from("  ").with(Style::Bad, "it ").with(Style::Bad, reason));
        }
    }
}

fn import_lines(import: &Import, width: usize, page: &mut Page) {
    let style = if import.inside { Style::Plain } else { Style::Bad };
    let line = Text::from("  ").column(style, &import.interface, width);
    page.line(match import.inside {
        true => line.plain(&import.meaning),
        false => line.with(Style::Bad, "OUTSIDE: ").plain(&import.meaning),
    });
    for function in import.functions.iter().filter(|function| import.inside && !function.inside) {
        page.line(Text::from("    ").with(Style::Bad, "OUTSIDE: ").plain(&function.name));
    }
}

fn wants_lines(wants: &Wants, page: &mut Page) {
    page.heading("Wants: an operator approves one of these profiles by its digest");
    for wanted in &wants.profiles {
        profile_lines(wanted, page);
    }
}

fn profile_lines(wanted: &Wanted, page: &mut Page) {
    let profile = &wanted.profile;
    page.line("");
    page.line(Text::from("  ").with(Style::Accent, &profile.name).plain("  ").dim(&wanted.digest));
    wrapped(&profile.summary, WIDTH).iter().for_each(|line| page.line(format!("    {line}")));
    let mut fact = |name: &str, value: &str| page.line(Text::from("    ").column(Style::Dim, name, 10).plain(value));
    fact("workspace", words::workspace(profile.workspace));
    let credential = &profile.credential;
    let value = format!("`{}: {}…` from the slot `{}`", credential.header, credential.prefix, credential.slot);
    fact("credential", &value);
    rule_lines(&profile.rules, "", page);
    slot_lines(&profile.slots, page);
}

fn granted_lines(granted: &Granted, page: &mut Page) {
    page.heading("With this grant it gets");
    let allowed = match granted {
        Granted::Allowed(allowed) => allowed,
        Granted::Nothing { hint } => {
            page.line("  nothing");
            page.line(Text::from("  ").with(Style::Accent, "hint: ").plain(hint));
            return;
        }
        Granted::Refused { reason, hint } => {
            page.line(Text::from("  ").with(Style::Bad, "nothing, the grant is refused: ").plain(reason));
            page.line(Text::from("  ").with(Style::Accent, "hint: ").plain(hint));
            return;
        }
    };
    let mut fact = |name: &str, value: &str| page.line(Text::from("    ").column(Style::Dim, name, 10).plain(value));
    fact("profile", &allowed.profile);
    fact("server", &allowed.server);
    allowed.network.iter().for_each(|words| fact("network", words));
    fact("workspace", words::workspace(allowed.workspace));
    fact("credential", &allowed.credential);
    let limits = &allowed.limits;
    let sizes = format!("{} up, {} down", words::size(limits.bytes_up), words::size(limits.bytes_down));
    fact("each call", &format!("{} requests, {} at once, {sizes}", limits.requests, limits.in_flight));
    rule_lines(&allowed.rules, &allowed.server, page);
    slot_lines(&allowed.slots, page);
}

/// The requests of a profile; `base` is put before each path.
fn rule_lines(rules: &[Rule], base: &str, page: &mut Page) {
    page.line(Text::from("    ").dim(if rules.is_empty() { "no requests" } else { "requests" }));
    let width = |rule: &Rule| base.chars().count() + rule.path.chars().count();
    let widest = rules.iter().map(width).max().unwrap_or(0).min(WIDEST_PATH + base.chars().count());
    for rule in rules {
        let path = format!("{base}{}", rule.path);
        page.line(
            Text::from("      ")
                .column(Style::Bold, &rule.method, 6)
                .column(Style::Plain, path, widest)
                .plain(&rule.purpose),
        );
        for line in wrapped(&words::terms(rule), WIDTH) {
            page.line(Text::from("              ").dim(line));
        }
    }
}

fn slot_lines(slots: &[Slot], page: &mut Page) {
    page.line(Text::from("    ").dim(if slots.is_empty() { "no secrets" } else { "secrets" }));
    let widest = slots.iter().map(|slot| slot.name.chars().count()).max().unwrap_or(0);
    for slot in slots {
        let uses: Vec<_> = slot.uses.iter().map(|slot_use| words::slot_use(*slot_use)).collect();
        let uses = if uses.is_empty() { "only within requests".into() } else { uses.join(", ") };
        page.line(
            Text::from("      ")
                .column(Style::Bold, &slot.name, widest)
                .plain(&slot.purpose)
                .dim(format!("  ({uses})")),
        );
    }
}
