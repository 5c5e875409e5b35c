//! What the guest says of itself. A profile that is broken opens no connection, and one that says other things than were approved
//! opens none either.

use crate::support::connector::{describing, hostile, limits, short_of_fuel};
use crate::support::tenant::{Setup, Tenant};
use gitlab_sync_host::connection::OpenError;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::manifest::Profile;
use gitlab_sync_host::permission::PermissionError;
use gitlab_sync_host::{CallError, Limit};
use hostile_guest::{AboutMode, Mode};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use suite::HOSTILE;

macro_rules! one_test_each {
    ($($(#[$doc:meta])* $mode:ident $test:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                judge(AboutMode::$mode).await;
            }
        )*
    };
}

hostile_guest::for_each_about_mode!(one_test_each);

async fn judge(mode: AboutMode) {
    match mode {
        AboutMode::Honest => opens(mode).await,
        AboutMode::Loop => says_nothing(mode, |limit| matches!(limit, Limit::Fuel(_))).await,
        AboutMode::Trap => ends_in_a_trap(mode).await,
        AboutMode::CallHost => reaches_nothing(mode).await,
        AboutMode::ShiftingProfile => keeps_to_what_was_approved(mode).await,
        // Whoever prints them escapes them; what is in force has no texts.
        AboutMode::ForgedTexts => opens(mode).await,
        AboutMode::LongTexts | AboutMode::ManyRules | AboutMode::ManyProfiles => {
            says_nothing(mode, |limit| matches!(limit, Limit::Crossing(_))).await;
        }
        AboutMode::EmptyTexts => has_no_such_profile(mode).await,
        // Its exports and imports decide what it fits, not what it says.
        AboutMode::OtherContract => opens(mode).await,
        AboutMode::TwinProfiles => only_the_first_of_two_can_be_approved(mode).await,
        AboutMode::LoosePin | AboutMode::EmptyPin => only_tightens(mode).await,
        AboutMode::TraceMethod
        | AboutMode::ConnectMethod
        | AboutMode::ForgedMethod
        | AboutMode::DotPath
        | AboutMode::RelativePath
        | AboutMode::AbsolutePath
        | AboutMode::OpenBrace
        | AboutMode::BraceInPart
        | AboutMode::QueryInPath
        | AboutMode::ForgedPath
        | AboutMode::CredentialParameter
        | AboutMode::ShapeWithoutBody
        | AboutMode::CredentialAsHost
        | AboutMode::CredentialAsFraming
        | AboutMode::ForgedCredentialHeader
        | AboutMode::ForgedCredentialPrefix
        | AboutMode::UnlistedCredential
        | AboutMode::UnlistedFill
        | AboutMode::CredentialFill
        | AboutMode::CredentialUses
        | AboutMode::TwinSlots
        | AboutMode::UnclearCapture
        | AboutMode::EvilSlotName => is_no_valid_profile(mode).await,
    }
}

fn setup(connector: Connector) -> Setup {
    Setup { connector, ..Setup::usual() }
}

async fn opens(mode: AboutMode) {
    let tenant = Tenant::open(setup(describing(mode, &limits()))).await;
    let honest = Tenant::usual().await;
    let shown = |tenant: &Tenant| {
        format!(
            "{:?}",
            tenant.connection.permission().site().unwrap().rules().map(|rule| &rule.path).collect::<Vec<_>>()
        )
    };
    assert_eq!(shown(&tenant), shown(&honest));
    tenant.stands().await;
}

async fn says_nothing(mode: AboutMode, limit: fn(&Limit) -> bool) {
    let limits = if mode == AboutMode::Loop { short_of_fuel() } else { limits() };
    let error = describing(mode, &limits).about().await.unwrap_err();
    let cause = error.source().unwrap().downcast_ref::<CallError>().unwrap();
    assert!(matches!(cause, CallError::Limit(struck) if limit(struck)), "{cause}");
    assert!(!error.hint().is_empty());
}

async fn ends_in_a_trap(mode: AboutMode) {
    let error = describing(mode, &limits()).about().await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("unreachable"));
}

/// Nothing is lent to `about`: no files, no secrets, no server. Its notes are empty and forgotten, its log is heard by nobody.
async fn reaches_nothing(mode: AboutMode) {
    let about = describing(mode, &limits()).about().await.unwrap();
    let summary = &about.description.summary;
    for refused in [
        "files Err(FileError::Denied",
        "state Ok(None)",
        "secrets Err(SecretError::Denied",
        "http refused: HttpRequestDenied",
    ] {
        assert!(summary.contains(refused), "{summary}");
    }
    opens(mode).await;
}

/// Whatever it says next time, only the digest that was approved opens a connection.
async fn keeps_to_what_was_approved(mode: AboutMode) {
    let approved = hostile(&limits()).about().await.unwrap().profile("hostile-open").unwrap().digest();
    for _ in 0..4 {
        let connector = describing(mode, &limits());
        let profile = connector.about().await.unwrap().profile("hostile-open").unwrap().clone();
        match Tenant::try_open(Setup { approved: Some(approved.clone()), ..setup(connector) }).await {
            Ok(tenant) => {
                assert_eq!(profile.digest(), approved);
                let seen = tenant.run(Mode::OtherMethods, "").await.seen();
                assert!(seen.iter().all(|line| !line.contains("reply")), "{seen:?}");
            }
            Err(OpenError::Permission(PermissionError::Digest { offered, .. })) => assert_ne!(offered, approved),
            Err(other) => panic!("{other}"),
        }
    }
}

/// What an earlier process heard is beside the compiled code. Whoever wrote it, it opens nothing but what was approved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_are_asked_for_once_and_kept_for_other_processes() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    // With an engine of its own, as in another process.
    let load = || {
        let options = EngineOptions { cache: Some(cache.clone()), allocation: Allocation::OnDemand, limits: limits() };
        Engine::new(options).unwrap().load(HOSTILE).unwrap()
    };
    let first = load();
    let said = first.about().await.unwrap().profiles.clone();
    assert_eq!(*first.profiles().await.unwrap(), *said);
    let kept = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    let keep = |profiles: &[Profile]| fs::write(&kept, serde_json::to_vec(profiles).unwrap()).unwrap();

    keep(&said[..1]);
    assert_eq!(*load().profiles().await.unwrap(), said[..1], "the component is not asked again");

    let mut forged = said.clone();
    forged.iter_mut().flat_map(|profile| &mut profile.rules).for_each(|rule| "DELETE".clone_into(&mut rule.method));
    keep(&forged);
    let approved = first.about().await.unwrap().profile("hostile-open").unwrap().digest();
    let error = Tenant::try_open(Setup { approved: Some(approved), ..setup(load()) }).await.err().unwrap();
    assert!(matches!(error, OpenError::Permission(PermissionError::Digest { .. })), "{error}");

    fs::write(&kept, "[{").unwrap();
    assert_eq!(*load().profiles().await.unwrap(), *said);
    let again: Vec<Profile> = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    assert_eq!(again, said, "and what it says is kept anew");
}

async fn has_no_such_profile(mode: AboutMode) {
    let error = Tenant::try_open(setup(describing(mode, &limits()))).await.err().unwrap();
    assert!(matches!(error, OpenError::Profile { .. }), "{error}");
}

/// A reviewer is shown the first of two profiles of one name; the digest of the other one is never accepted.
async fn only_the_first_of_two_can_be_approved(mode: AboutMode) {
    let connector = describing(mode, &limits());
    let second = connector.about().await.unwrap().profiles[1].digest();
    let twin = Setup { profile: "hostile-narrow", approved: Some(second), ..setup(connector) };
    let error = Tenant::try_open(twin).await.err().unwrap();
    assert!(matches!(error, OpenError::Permission(PermissionError::Digest { .. })), "{error}");
}

/// A pin that nothing fits allows nothing.
async fn only_tightens(mode: AboutMode) {
    let tenant = Tenant::open(setup(describing(mode, &limits()))).await;
    let seen = tenant.run(Mode::JsonTricks, "").await.seen();
    assert!(seen.iter().any(|line| line.starts_with("good: refused")), "{seen:?}");
    for request in tenant.server.requests() {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains("mode") && !body.contains("force"), "{body}");
    }
    tenant.stands().await;
}

async fn is_no_valid_profile(mode: AboutMode) {
    let fault = fault(mode).await.unwrap_or_else(|| panic!("`{}` opens a connection", mode.name()));
    assert!(!fault.contains(char::is_control), "{fault:?}");
}

/// What is wrong with the profile, if it opens no connection.
async fn fault(mode: AboutMode) -> Option<String> {
    match Tenant::try_open(setup(describing(mode, &limits()))).await.err()? {
        OpenError::Permission(PermissionError::Manifest { fault, .. }) => Some(fault.to_string()),
        other => panic!("{other}"),
    }
}

/// As a reviewer reads it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_broken_profile_is_named() {
    let mut report = String::new();
    for mode in AboutMode::ALL.iter().skip_while(|mode| **mode != AboutMode::TraceMethod) {
        let fault = fault(*mode).await.unwrap_or_else(|| "opens, and allows nothing by it".into());
        writeln!(report, "{}: {fault}", mode.name()).unwrap();
    }
    insta::assert_snapshot!("broken_profiles", report);
}
