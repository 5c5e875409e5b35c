//! What every [`Sessions`] must do, as checks that any store of them is put through.

use super::{ABSOLUTE_MS, IDLE_MS, MOST_OF_A_PERSON, NOTED_EVERY_MS, SessionDigest, Sessions};
use crate::serve::people::{Token, TokenDigest};

/// Runs every check, each on a new and empty store.
pub(crate) async fn check<S: Sessions>(mut make: impl FnMut() -> S) {
    a_session_ends_an_hour_after_the_last_request(&make()).await;
    a_session_ends_half_a_day_after_the_first_request(&make()).await;
    a_session_ends_by_signing_out_and_no_other_key_has_it(&make()).await;
    a_person_has_a_few_sessions_and_the_one_not_used_is_ended(&make()).await;
    a_clock_that_goes_back_ends_nothing(&make()).await;
}

async fn a_session_ends_an_hour_after_the_last_request(store: &impl Sessions) {
    let (key, ana) = (key(1), token());
    begin(store, &key, &ana, 0).await;
    assert_eq!(seen(store, &key, IDLE_MS - 1).await, Some(ana));
    assert_eq!(seen(store, &key, 2 * IDLE_MS - 2).await, Some(ana), "a request begins the hour again");
    assert_eq!(seen(store, &key, 3 * IDLE_MS - 2).await, None);
    assert_eq!(seen(store, &key, 3 * IDLE_MS).await, None, "what has ended stays so");
}

async fn a_session_ends_half_a_day_after_the_first_request(store: &impl Sessions) {
    let (key, ana) = (key(1), token());
    begin(store, &key, &ana, 0).await;
    for now in (0..ABSOLUTE_MS).step_by((IDLE_MS - NOTED_EVERY_MS) as usize) {
        assert_eq!(seen(store, &key, now).await, Some(ana), "{now}");
    }
    assert_eq!(seen(store, &key, ABSOLUTE_MS).await, None);
}

async fn a_session_ends_by_signing_out_and_no_other_key_has_it(store: &impl Sessions) {
    let (ana, ben) = (token(), token());
    assert_eq!(seen(store, &key(1), 0).await, None, "nobody is in an empty store");
    begin(store, &key(1), &ana, 0).await;
    begin(store, &key(2), &ben, 0).await;
    assert_eq!(seen(store, &key(3), 1).await, None);
    store.end(&key(1)).await.expect("it is ended");
    store.end(&key(3)).await.expect("ending none is no error");
    assert_eq!((seen(store, &key(1), 1).await, seen(store, &key(2), 1).await), (None, Some(ben)));
}

async fn a_person_has_a_few_sessions_and_the_one_not_used_is_ended(store: &impl Sessions) {
    let (ana, ben) = (token(), token());
    begin(store, &key(200), &ben, 0).await;
    for number in 0..=MOST_OF_A_PERSON as u8 {
        begin(store, &key(number), &ana, number.into()).await;
    }
    let mut lasting = 0;
    for number in 0..=MOST_OF_A_PERSON as u8 {
        lasting += usize::from(seen(store, &key(number), 50).await.is_some());
    }
    assert_eq!((lasting, seen(store, &key(0), 50).await), (MOST_OF_A_PERSON, None));
    assert_eq!(seen(store, &key(200), 50).await, Some(ben), "others keep theirs");
}

async fn a_clock_that_goes_back_ends_nothing(store: &impl Sessions) {
    let (one, ana) = (key(1), token());
    begin(store, &one, &ana, 2 * IDLE_MS).await;
    assert_eq!(seen(store, &one, 0).await, Some(ana));
    begin(store, &key(2), &ana, 0).await;
    assert_eq!(seen(store, &one, 2 * IDLE_MS + 1).await, Some(ana));
}

fn key(number: u8) -> SessionDigest {
    SessionDigest::new([number; 32])
}

fn token() -> TokenDigest {
    Token::generate().expect("random bytes").digest()
}

async fn begin(store: &impl Sessions, key: &SessionDigest, token: &TokenDigest, now_ms: u64) {
    store.begin(key, token, now_ms).await.expect("a new session");
}

async fn seen(store: &impl Sessions, key: &SessionDigest, now_ms: u64) -> Option<TokenDigest> {
    store.token(key, now_ms).await.expect("somebody or nobody")
}
