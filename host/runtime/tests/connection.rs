//! A connection from the outside, as a product has it, with the real component.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::connection::{Connection, ConnectionError, ConnectionParts, OpenError};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::secrets::{master::MasterKey, memory::MemoryStore, vault::Vault};
use gitlab_sync_host::{audit, clock, files, log, state};
use std::sync::Arc;

fn connector() -> Connector {
    let options = EngineOptions { cache: None, allocation: Allocation::OnDemand, limits: Limits::standard() };
    Engine::new(options).unwrap().load(CONNECTOR).unwrap()
}

fn parts(grant: Grant, audit: Arc<audit::Memory>) -> ConnectionParts {
    ConnectionParts {
        id: ConnectionId::parse("handbook").unwrap(),
        grant,
        workspace: Some(Arc::new(files::memory::Memory::default())),
        state: Arc::new(state::memory::Memory::default()),
        vault: Arc::new(Vault::new(Arc::new(MemoryStore::default()), MasterKey::from_bytes([1; 32]))),
        log: Arc::new(log::Nowhere),
        audit,
        clock: Arc::new(clock::SystemClock),
    }
}

#[tokio::test]
async fn a_connector_says_what_it_wants_with_nothing_granted() {
    let about = connector().about().await.unwrap();
    assert_eq!(about.description.contract, gitlab_sync_host::contract::CONTRACT);
    let names: Vec<_> = about.profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "files-read-write",
            "files-read-only",
            "files-read-only-with-webhook",
            "records-read-only",
            "records-read-only-with-webhook"
        ]
    );
}

#[tokio::test]
async fn nothing_granted_is_nothing_allowed_and_the_refusal_names_the_line_to_add() {
    let audit = Arc::new(audit::Memory::new());
    let connection = Connection::open(&connector(), parts(Grant::default(), audit.clone())).await.unwrap();
    let Err(ConnectionError::Refused(refusal)) = connection.connect().await else { panic!("it was allowed") };
    assert_eq!(refusal.code, "denied", "{refusal:?}");
    assert!(refusal.denials.iter().any(|denial| denial.contains("add `profile = ")), "{refusal:?}");
    assert!(!audit.records().is_empty());
}

#[tokio::test]
async fn a_profile_that_does_not_exist_or_was_not_approved_is_refused_by_name() {
    let connector = connector();
    let grant = |profile: &str| Grant {
        origin: Some("https://gitlab.example.com".into()),
        profile: Some(profile.into()),
        approved: Some("sha256:0".into()),
        ..Grant::default()
    };
    let open = async |profile| Connection::open(&connector, parts(grant(profile), Arc::default())).await.err().unwrap();
    assert!(matches!(open("files-write-only").await, OpenError::Profile { .. }));
    assert!(matches!(open("files-read-only").await, OpenError::Permission(_)));
}
