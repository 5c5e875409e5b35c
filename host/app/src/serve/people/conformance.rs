//! What every [`People`] must do, as checks that any store of them is put through.

use super::{Organisation, People, PeopleError, Person, Role, Token, TokenDigest, UserName};

/// Runs every check, each on a new and empty store.
pub(crate) async fn check<S: People>(mut make: impl FnMut() -> S) {
    a_token_leads_to_its_person_and_no_other_does(&make()).await;
    a_name_is_taken_once_in_an_organisation_and_free_in_others(&make()).await;
    a_removed_user_is_gone_at_once_and_for_good(&make()).await;
    a_list_shows_one_organisation_in_order(&make()).await;
    of_two_who_add_the_same_one_wins(&make()).await;
}

async fn a_token_leads_to_its_person_and_no_other_does(store: &impl People) {
    let (ana, ben) = (person("acme", "ana", Role::Admin), person("acme", "ben", Role::Viewer));
    let tokens = [digest(), digest()];
    assert_eq!(who(store, &tokens[0]).await, None, "nobody is in an empty store");
    add(store, &ana, &tokens[0]).await;
    add(store, &ben, &tokens[1]).await;
    assert_eq!(who(store, &tokens[0]).await, Some(ana), "a token is its person's");
    assert_eq!(who(store, &tokens[1]).await, Some(ben), "with the role that was given");
    assert_eq!(who(store, &digest()).await, None, "a token that was never given out is nobody's");
}

async fn a_name_is_taken_once_in_an_organisation_and_free_in_others(store: &impl People) {
    let tokens = [digest(), digest(), digest()];
    add(store, &person("acme", "ana", Role::Viewer), &tokens[0]).await;
    let again = store.add(&person("acme", "ana", Role::Admin), &tokens[1], 2).await;
    assert!(matches!(&again, Err(PeopleError::Taken { name, .. }) if name.as_str() == "ana"), "{again:?}");
    assert_eq!(who(store, &tokens[1]).await, None, "who was refused is not let in");
    assert_eq!(who(store, &tokens[0]).await, Some(person("acme", "ana", Role::Viewer)), "and nobody is changed");
    let other = person("globex", "ana", Role::Admin);
    add(store, &other, &tokens[2]).await;
    assert_eq!(who(store, &tokens[2]).await, Some(other), "another organisation has names of its own");
}

async fn a_removed_user_is_gone_at_once_and_for_good(store: &impl People) {
    let (ana, namesake) = (person("acme", "ana", Role::Admin), person("globex", "ana", Role::Admin));
    let tokens = [digest(), digest(), digest()];
    add(store, &ana, &tokens[0]).await;
    add(store, &namesake, &tokens[1]).await;
    assert!(remove(store, &ana).await, "there was one");
    assert!(!remove(store, &ana).await, "and then there was none");
    assert_eq!(who(store, &tokens[0]).await, None, "the token is no good any more");
    assert_eq!(who(store, &tokens[1]).await, Some(namesake), "a namesake elsewhere stays");
    add(store, &ana, &tokens[2]).await;
    assert_eq!(who(store, &tokens[0]).await, None, "nor when the name is given out again");
    assert_eq!(who(store, &tokens[2]).await, Some(ana), "with a token of its own");
}

async fn a_list_shows_one_organisation_in_order(store: &impl People) {
    let acme = [person("acme", "ana", Role::Admin), person("acme", "ben", Role::Viewer)];
    let others = [person("acme-2", "ana", Role::Viewer), person("globex", "zoe", Role::Admin)];
    for each in [&others[1], &acme[1], &others[0], &acme[0]] {
        add(store, each, &digest()).await;
    }
    assert_eq!(list(store, Some("acme")).await, acme, "nobody of another organisation is shown");
    assert_eq!(list(store, None).await, [&acme[..], &others[..]].concat(), "without one, all are");
    assert_eq!(list(store, Some("nobody")).await, []);
    let since = store.list(None).await.expect("a list").iter().map(|listed| listed.since_ms).max();
    assert_eq!(since, Some(1), "since when is kept");
}

async fn of_two_who_add_the_same_one_wins(store: &impl People) {
    let (ana, tokens) = (person("acme", "ana", Role::Admin), [digest(), digest()]);
    let (one, two) = tokio::join!(store.add(&ana, &tokens[0], 1), store.add(&ana, &tokens[1], 1));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let lasting = [who(store, &tokens[0]).await, who(store, &tokens[1]).await];
    assert_eq!(lasting.iter().flatten().count(), 1, "one token is good");
    assert_eq!(lasting[0].is_some(), one.is_ok(), "the one whose adding succeeded");
}

fn person(organisation: &str, name: &str, role: Role) -> Person {
    let organisation = Organisation::parse(organisation).expect("an organisation");
    Person { organisation, name: UserName::parse(name).expect("a user's name"), role }
}

fn digest() -> TokenDigest {
    Token::generate().expect("random bytes").digest()
}

async fn who(store: &impl People, token: &TokenDigest) -> Option<Person> {
    store.who(token).await.expect("somebody or nobody")
}

async fn add(store: &impl People, person: &Person, token: &TokenDigest) {
    store.add(person, token, 1).await.expect("a new user");
}

async fn remove(store: &impl People, person: &Person) -> bool {
    store.remove(&person.organisation, &person.name).await.expect("an answer")
}

async fn list(store: &impl People, organisation: Option<&str>) -> Vec<Person> {
    let organisation = organisation.map(|text| Organisation::parse(text).expect("an organisation"));
    let listed = store.list(organisation.as_ref()).await.expect("a list");
    listed.into_iter().map(|listed| listed.person).collect()
}
