//! What every [`Trail`] must do, as checks that any store of one is put through.

use super::{Actor, Entry, MOST_ON_A_PAGE, Outcome, Page, Trail};
use crate::serve::people::Organisation;
use gitlab_sync_host::connection_id::ConnectionId;

/// Runs every check, each on a new and empty store.
pub(crate) async fn check<T: Trail>(mut make: impl FnMut() -> T) {
    an_organisation_reads_its_own_entries_newest_first(&make()).await;
    a_page_goes_on_where_the_last_one_ended(&make()).await;
    only_old_entries_are_pruned(&make()).await;
}

async fn an_organisation_reads_its_own_entries_newest_first(trail: &impl Trail) {
    let entries = [entry("acme", Some("one"), 1), entry("acme", Some("two"), 2), entry("acme", None, 3)];
    for each in entries.iter().chain([&entry("globex", Some("three"), 4)]) {
        trail.add(each.clone()).await.expect("added");
    }
    let [one, two, none] = entries;
    assert_eq!(read(trail, page("acme", None)).await, [none, two, one.clone()], "all of it, as it was written");
    assert_eq!(read(trail, page("acme", Some("one"))).await, [one], "of one connection");
    assert_eq!(read(trail, page("acme", Some("three"))).await, [], "and never of another organisation's");
}

async fn a_page_goes_on_where_the_last_one_ended(trail: &impl Trail) {
    for at_ms in 1..=5 {
        trail.add(entry("acme", None, at_ms)).await.expect("added");
    }
    let (mut before, mut seen) = (None, vec![]);
    loop {
        let entries = trail.page(Page { before, most: 2, ..page("acme", None) }).await.expect("a page");
        let Some(last) = entries.last() else { break };
        before = Some(last.number);
        seen.extend(entries.iter().map(|numbered| numbered.entry.at_ms));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

async fn only_old_entries_are_pruned(trail: &impl Trail) {
    for at_ms in 1..=3 {
        trail.add(entry("acme", None, at_ms)).await.expect("added");
    }
    assert_eq!(trail.prune(3).await.expect("pruned"), 2);
    assert_eq!(read(trail, page("acme", None)).await, [entry("acme", None, 3)]);
}

fn entry(organisation: &str, connection: Option<&str>, at_ms: u64) -> Entry {
    Entry {
        at_ms,
        organisation: Organisation::parse(organisation).expect("an organisation"),
        connection: connection.map(|text| ConnectionId::parse(text).expect("a connection")),
        actor: Actor::Person { name: "ana".into() },
        action: "pull".into(),
        outcome: Outcome::Failed { code: "rate-limited".into() },
        detail: "why".into(),
    }
}

fn page(organisation: &str, connection: Option<&str>) -> Page {
    Page {
        organisation: Organisation::parse(organisation).expect("an organisation"),
        connection: connection.map(|text| ConnectionId::parse(text).expect("a connection")),
        before: None,
        most: MOST_ON_A_PAGE,
    }
}

async fn read(trail: &impl Trail, page: Page) -> Vec<Entry> {
    trail.page(page).await.expect("a page").into_iter().map(|numbered| numbered.entry).collect()
}
