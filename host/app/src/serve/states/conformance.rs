//! What every [`States`] must do, as checks that any store of them is put through.

use super::{Change, State, States};
use gitlab_sync_host::connection_id::ConnectionId;

/// Runs every check, each on a new and empty store.
pub(crate) async fn check<S: States>(mut make: impl FnMut() -> S) {
    a_state_is_kept_apart_from_others_until_it_is_forgotten(&make()).await;
    changes_at_the_same_time_are_all_made(&make()).await;
}

async fn a_state_is_kept_apart_from_others_until_it_is_forgotten(store: &impl States) {
    let [one, two] = ["one", "two"].map(id);
    assert_eq!(store.get(&one).await.expect("a state"), State::default(), "nothing is known at first");
    let changed = store.change(&one, vec![Change::AutoSync(true), Change::Conflicts(3)]).await.expect("a change");
    assert_eq!((changed.auto_sync, changed.conflicts), (true, 3), "all changes are made");
    assert_eq!(store.get(&one).await.expect("a state"), changed, "and kept");
    assert_eq!(store.get(&two).await.expect("a state"), State::default(), "for that connection alone");
    assert_eq!(store.all().await.expect("all"), [(one.clone(), changed)]);
    store.forget(&one).await.expect("forgotten");
    assert_eq!(store.get(&one).await.expect("a state"), State::default(), "as if it had never been there");
    assert_eq!(store.all().await.expect("all"), []);
}

async fn changes_at_the_same_time_are_all_made(store: &impl States) {
    let one = id("one");
    let day = || Some("2027-01-31".to_owned());
    let (first, second, third) = tokio::join!(
        store.change(&one, vec![Change::AutoSync(true)]),
        store.change(&one, vec![Change::Conflicts(1)]),
        store.change(&one, vec![Change::TokenExpires(day())]),
    );
    for changed in [first, second, third] {
        changed.expect("a change");
    }
    let state = store.get(&one).await.expect("a state");
    assert_eq!((state.auto_sync, state.conflicts, state.token_expires_on), (true, 1, day()));
}

fn id(text: &str) -> ConnectionId {
    ConnectionId::parse(text).expect("a connection")
}
