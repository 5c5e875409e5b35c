//! What one tenant's call leaves for the next one, in the same process and in the same pool.

use crate::support::connector::{engine, limits};
use crate::support::server::Server;
use crate::support::tenant::{Setup, Tenant, vault};
use gitlab_sync_host::engine::{Allocation, Connector};
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::state;
use hostile_guest::{Mode, Needle};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use suite::HOSTILE;

/// A pool so small that the next call gets the memory of the last one.
fn pooled() -> Connector {
    engine(limits(), Allocation::Pooled(2)).load(HOSTILE).unwrap()
}

const LEFT: &str = "what the last tenant left in its memory, 0123456789";

/// The other tenant grows to the size that was filled and looks at all of it. With a control: the one who filled it finds it.
pub(super) async fn next_tenant_finds_nothing_of(mode: Mode) {
    let connector = pooled();
    let tenant = |id| Setup { id, connector: connector.clone(), ..Setup::usual() };
    let (first, second) = (Tenant::open(tenant("first")).await, Tenant::open(tenant("second")).await);
    let (fill, search) = (format!("16\n{LEFT}"), format!("16\n{}", Needle::of(LEFT.as_bytes())));
    for _ in 0..20 {
        let filled = first.run(mode, &*fill).await;
        match mode {
            Mode::FillMemoryAndTrap => drop(filled.trapped()),
            _ => assert_eq!(filled.seen(), ["filled 16777216 bytes"]),
        }
        let seen = second.run(Mode::SearchMemory, &*search).await.seen();
        assert_eq!(seen[1], "0", "{seen:?}");
    }
    first.stands().await;
    second.stands().await;
}

/// Without this the searches above would prove nothing.
pub(super) async fn a_guest_finds_what_is_in_its_own_memory() {
    let tenant = Tenant::usual().await;
    let (present, absent) = (Needle::of(b"about-mode="), Needle::of(b"nowhere to be found"));
    let seen = tenant.run(Mode::SearchMemory, format!("4\n{present}\n{absent}")).await.seen();
    assert_eq!(seen[0], "searched 4194304 bytes");
    assert_ne!(seen[1], "0");
    assert_eq!(seen[2], "0");
    tenant.stands().await;
}

/// One connector, one vault, one ledger and one server for all of them, as in a product.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_never_share_notes_secrets_or_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let (connector, vault) = (pooled(), vault(&folder.path().join("vault")));
    let state = Arc::new(state::directory::Directory::open(&folder.path().join("state")).unwrap());
    let server = Arc::new(Server::start().await);
    let mut tenants = vec![];
    for id in ["first", "second", "third", "fourth"] {
        let setup = Setup {
            id,
            connector: connector.clone(),
            vault: Some(vault.clone()),
            state: Some(state.clone()),
            server: Some(server.clone()),
            ..Setup::usual()
        };
        tenants.push(Tenant::open(setup).await);
    }
    for tenant in &tenants {
        tenant.run(Mode::TooManyRequests, "3").await.seen();
        // Each key is new to each of them.
        let seen = tenant.run(Mode::OtherStateKeys, "base").await.seen();
        assert!(seen.contains(&"get base: Ok(None)".to_owned()), "{seen:?}");
    }
    assert_eq!(server.connections(), tenants.len(), "one connection each, kept alive and not shared");
    for tenant in &tenants {
        let own =
            server.requests().into_iter().filter(|request| request.values("private-token") == [tenant.token.secret()]);
        assert_eq!(own.map(|request| request.connection).collect::<BTreeSet<_>>().len(), 1);
        for other in tenants.iter().filter(|other| other.id != tenant.id) {
            let needles = format!("{}\n{}", other.token.needles(), other.webhook.needles());
            let found = tenant.run(Mode::SearchMemory, format!("0\n{needles}")).await.seen();
            assert!(found[1..].iter().all(|times| times == "0"), "{found:?}");
            let guess = tenant.run(Mode::MatchesTiming, format!("webhook\n{}", other.webhook.secret())).await.seen();
            assert_eq!(guess, ["Ok(false) after 0 ms"]);
        }
    }
    for tenant in &tenants {
        assert_eq!(tenant.token.found_below(folder.path()), Vec::<String>::new());
        let stored = vault.reveal(&tenant.id, &SlotName::parse("token").unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.secret.expose(), tenant.token.secret().as_bytes());
    }
}

/// A product gives up on a call at any moment: nothing of it goes on, and the slot in the pool is free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let tenant = Tenant::open(Setup { connector: pooled(), ..Setup::usual() }).await;
    let modes = [
        (Mode::EndlessLoop, ""),
        (Mode::WaitForReply, "stall"),
        (Mode::EndlessReply, "endless"),
        (Mode::StatusFlood, ""),
        (Mode::FileFlood, "200"),
        (Mode::WaitOnExchange, "9"),
    ];
    for (mode, parameter) in modes {
        for micros in [0, 50, 200, 1_000, 5_000, 20_000] {
            let _ = tokio::time::timeout(Duration::from_micros(micros), tenant.run(mode, parameter)).await;
        }
        assert_eq!(tenant.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"], "after `{}`", mode.name());
    }
    let all_closed = async {
        while tenant.server.open_connections() > 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all_closed).await.expect("requests go on after their calls");
    tenant.stands().await;
}

/// More calls at once than the pool has slots is the host's business, and the others are not harmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_call_does_not_stop_those_beside_it() {
    let tenant = Arc::new(Tenant::usual().await);
    let hostile = tenant.clone();
    let loops = tokio::spawn(async move { hostile.run(Mode::BusyWait, "slow").await });
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(tenant.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"]);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?} for 20 small calls", started.elapsed());
    assert_eq!(loops.await.unwrap().seen(), ["reply 200, 4 bytes"]);
    tenant.stands().await;
}
