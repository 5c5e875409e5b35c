//! What the sandbox costs: loading the connector, a call in a fresh store, a webhook verified cold.
//!
//! `cargo bench -p bench`. The gates of the design: load from cache below 10 ms, a trivial call at most 100 µs in the median.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use bench::{Job, interleave, table};
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::{
    envelope::Stored, master::MasterKey, memory::MemoryStore, names::SlotName, vault::Vault,
};
use gitlab_sync_host::sync::{Delivery, Verdict};
use gitlab_sync_host::{audit, clock, files, log, state};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::path::Path;
use std::sync::Arc;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn engine(cache: Option<&Path>, allocation: Allocation) -> Engine {
    let cache = cache.map(Path::to_path_buf);
    Engine::new(EngineOptions { cache, allocation, limits: Limits::standard() }).expect("an engine")
}

async fn connection(connector: &Connector) -> Connection {
    let id = ConnectionId::parse("bench").expect("a name");
    let vault = Vault::new(Arc::new(MemoryStore::default()), MasterKey::from_bytes([1; 32]));
    let secret = Secret::new(SECRET).expect("a secret");
    let slot = SlotName::parse("webhook").expect("a slot");
    vault.put(&id, &slot, &Stored { secret, created_ms: 0, expires_ms: None }).await.expect("a vault");
    let profile = connector.about().await.expect("about").profile("files-read-write").expect("a profile").digest();
    let grant = Grant {
        origin: Some("https://gitlab.example.com".into()),
        profile: Some("files-read-write".into()),
        approved: Some(profile),
        ..Grant::default()
    };
    let parts = ConnectionParts {
        id,
        grant,
        workspace: Some(Arc::new(files::memory::Memory::default())),
        state: Arc::new(state::memory::Memory::default()),
        vault: Arc::new(vault),
        log: Arc::new(log::Nowhere),
        audit: Arc::new(audit::Nowhere),
        clock: Arc::new(clock::SystemClock),
    };
    Connection::open(connector, parts).await.expect("a connection")
}

/// A push of 20 kB, as GitLab sends it in token mode.
fn delivery() -> Delivery {
    let padding = "x".repeat(20_000);
    let body = format!(
        r#"{{"object_kind":"push","event_name":"push","before":"{0}","after":"{0}","ref":"refs/heads/main","project_id":1,"message":"{padding}"}}"#,
        "1".repeat(40)
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![header("X-Gitlab-Event", "Push Hook"), header("X-Gitlab-Token", SECRET)];
    Delivery { headers, body: body.into_bytes() }
}

fn loading() {
    let cache = tempfile::tempdir().expect("a folder");
    let folder = cache.path().join("compiled");
    engine(Some(&folder), Allocation::OnDemand).load(CONNECTOR).expect("a connector");
    let mut jobs = [
        Job::new("load from the cache folder, engine included", || {
            engine(Some(&folder), Allocation::OnDemand).load(CONNECTOR).expect("a connector");
        }),
        Job::new("compile, engine included", || {
            engine(None, Allocation::OnDemand).load(CONNECTOR).expect("a connector");
        }),
    ];
    println!("{}", table("Loading the connector", &interleave(11, &mut jobs)));
}

fn calling(runtime: &tokio::runtime::Runtime) {
    let pooled = runtime.block_on(async {
        connection(&engine(None, Allocation::Pooled(64)).load(CONNECTOR).expect("a connector")).await
    });
    let on_demand = runtime.block_on(async {
        connection(&engine(None, Allocation::OnDemand).load(CONNECTOR).expect("a connector")).await
    });
    let delivery = delivery();
    let verify = |connection: &Connection| {
        let verdict = runtime.block_on(connection.verify_webhook(delivery.clone()));
        assert!(matches!(verdict, Ok(Verdict::Verified(_))), "{verdict:?}");
    };
    let mut jobs = [
        Job::new("a fresh store and `status`, pooled", || {
            runtime.block_on(pooled.status()).expect("a status");
        }),
        Job::new("a fresh store and `status`, on demand", || {
            runtime.block_on(on_demand.status()).expect("a status");
        }),
        Job::new("a webhook of 20 kB verified cold, pooled", || verify(&pooled)),
        Job::new("a webhook of 20 kB verified cold, on demand", || verify(&on_demand)),
        Job::new("HMAC-SHA256 of 20 kB, native", || {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
            mac.update(&delivery.body);
            std::hint::black_box(mac.finalize());
        }),
    ];
    println!("{}", table("Calls", &interleave(2_000, &mut jobs)));
}

fn main() {
    println!("component: {} bytes", CONNECTOR.len());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    loading();
    calling(&runtime);
}
