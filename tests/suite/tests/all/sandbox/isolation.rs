//! What one tenant's call leaves for the next one, in the same process and in the same pool.

use crate::support::connector::{engine, limits};
use crate::support::tenant::{Setup, Tenant};
use gitlab_sync_host::engine::{Allocation, Connector};
use hostile_guest::{Mode, Needle};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_never_share_notes_secrets_or_sockets() {
    let connector = pooled();
    let tenant = |id| Setup { id, connector: connector.clone(), ..Setup::usual() };
    let (first, second) = (Tenant::open(tenant("first")).await, Tenant::open(tenant("second")).await);
    for tenant in [&first, &second] {
        tenant.run(Mode::TooManyRequests, "3").await.seen();
        assert_eq!(tenant.server.requests().len(), 3);
    }
    assert_eq!((first.server.connections(), second.server.connections()), (1, 1));
    for (tenant, other) in [(&first, &second), (&second, &first)] {
        assert!(tenant.vault.reveal_all(&other.id).await.unwrap().is_empty());
        let raw = tenant.server.raw();
        assert!(!tenant.token.found_in(&raw).is_empty());
        assert_eq!(other.token.found_in(&raw), Vec::<&str>::new());
    }
    first.stands().await;
    second.stands().await;
}
