//! What the sandbox costs: loading the connector, a call in a fresh store, a webhook verified cold.
//!
//! `cargo bench -p bench --bench sandbox`. The gates: a load from the cache folder into an engine that is there below 10 ms
//! (of CPU time), a trivial call at most 100 µs, both in the median.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use bench::gate::Gates;
use bench::{Job, Samples, interleave, lent, table};
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::load::digest;
use gitlab_sync_host::sync::{Delivery, Verdict};
use hmac::{Hmac, KeyInit, Mac};
use rustix::time::{ClockId, clock_gettime};
use sha2::Sha256;
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn engine(cache: Option<&Path>, allocation: Allocation) -> Engine {
    let cache = cache.map(Path::to_path_buf);
    Engine::new(EngineOptions { cache, allocation, limits: Limits::standard() }).expect("an engine")
}

async fn connection(connector: &Connector) -> Connection {
    let profile = connector.about().await.expect("about").profile("files-read-write").expect("a profile").digest();
    let grant = Grant {
        origin: Some("https://gitlab.example.com".into()),
        profile: Some("files-read-write".into()),
        approved: Some(profile),
        ..Grant::default()
    };
    let parts = lent::in_memory(grant, "webhook", SECRET).await;
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

fn milliseconds(samples: &Samples) -> f64 {
    samples.median().as_secs_f64() * 1e3
}

/// What one load takes from the caller's thread, where all of it happens. On a busy machine the wall time is that of waiting for a
/// processor, so the gate is on this.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.expect("it runs forwards"), nanoseconds.expect("it is a part of a second"))
}

fn loading(gates: &mut Gates) {
    let cache = tempfile::tempdir().expect("a folder");
    let folder = cache.path().join("compiled");
    let new = |cache: Option<&Path>| engine(cache, Allocation::OnDemand);
    let load = |engine: &Engine| engine.load(CONNECTOR).expect("a connector");
    let held = load(&new(Some(&folder)));
    // Made between the measurements: an engine knows a component as long as somebody holds it, but each of these is new.
    let fresh = RefCell::new(new(Some(&folder)));
    let mut cpu = Vec::new();
    let mut jobs = [
        Job::new("an engine", || *fresh.borrow_mut() = new(Some(&folder))),
        Job::new("load from the cache folder", || {
            let begun = thread_cpu();
            let connector = load(&fresh.borrow());
            cpu.push(thread_cpu() - begun);
            drop(connector);
        }),
        Job::new("load again while it is held", || drop(load(held.engine()))),
        Job::new("sha256 of the component", || {
            std::hint::black_box(digest(CONNECTOR));
        }),
    ];
    let samples = interleave(301, &mut jobs);
    println!("{}", table("Loading the connector", &samples));
    drop(jobs);
    cpu.sort_unstable();
    let (least, median) = (cpu[0].as_secs_f64() * 1e3, cpu[cpu.len() / 2].as_secs_f64() * 1e3);
    println!("CPU time of a load from the cache folder: median {median:.2} ms, least {least:.2} ms");
    gates.at_most("load from the cache folder, CPU time, median", median, 10.0, "ms");
    let mut jobs = [Job::new("compile, without a cache folder", || drop(load(&new(None))))];
    println!("{}", table("Compiling the connector", &interleave(5, &mut jobs)));
}

fn calling(runtime: &tokio::runtime::Runtime, gates: &mut Gates) {
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
    let samples = interleave(2_000, &mut jobs);
    println!("{}", table("Calls", &samples));
    gates.at_most("a fresh store and `status`, pooled", milliseconds(&samples[0]) * 1e3, 100.0, "µs");
    gates.at_most("a fresh store and `status`, on demand", milliseconds(&samples[1]) * 1e3, 100.0, "µs");
}

fn main() -> std::process::ExitCode {
    println!("component: {} bytes", CONNECTOR.len());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut gates = Gates::default();
    loading(&mut gates);
    calling(&runtime, &mut gates);
    println!("{}", gates.text());
    gates.exit()
}
