//! What receiving costs: 2,000 signed deliveries a second for 1,000 tenants, verified by the connector and on disk before they are answered,
//! on two cores; and beside it a server that only stores them.
//!
//! `cargo build --release -p gitlab-sync`, then `cargo bench -p bench --bench serve`. The server is the real program, pinned to two cores; the load
//! and the simulator have the others. Load is open: each delivery has its time, whether or not earlier ones are answered, and its latency
//! counts from that time. Each delivery leads to a pull, and pulls run on the server's cores meanwhile.
//! `-- --tenants 100 --seconds 5` for a short run. With `--kill` the server is killed in the middle of the load and started again, and what was
//! acknowledged is looked for.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

mod cores;
mod load;
mod storing;
mod tenants;

use bench::gate::Gates;
use load::{Load, Measured};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The gate: so many a second, and 99 of 100 answered in this time.
const RATE: u32 = 2_000;
const P99_MS: f64 = 50.0;

struct Arguments {
    tenants: usize,
    seconds: u64,
    kill: bool,
}

fn main() -> ExitCode {
    if let Some(folder) = std::env::args().skip_while(|word| word != "--store-only").nth(1) {
        storing::serve(&PathBuf::from(folder));
        return ExitCode::SUCCESS;
    }
    let arguments = arguments();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    cores::take(cores::LOAD);
    runtime.block_on(run(&arguments))
}

fn arguments() -> Arguments {
    let number = |name: &str, or: u64| {
        let typed = std::env::args().skip_while(|word| word != name).nth(1);
        typed.map_or(or, |text| text.parse().expect("a number"))
    };
    Arguments {
        tenants: number("--tenants", 1_000) as usize,
        seconds: number("--seconds", 30),
        kill: std::env::args().any(|word| word == "--kill"),
    }
}

async fn run(arguments: &Arguments) -> ExitCode {
    let scene = tenants::Scene::set(arguments.tenants).await;
    println!("{} tenants, {RATE} deliveries a second for {} s\n", arguments.tenants, arguments.seconds);
    let load = Load { rate: RATE, span: Duration::from_secs(arguments.seconds) };
    if arguments.kill {
        return kill(&load, &scene).await;
    }
    println!("| Server | answered 200 | median | p99 | longest | CPU of a delivery |");
    println!("|---|---:|---:|---:|---:|---:|");
    let storing = cores::Server::start_storing(&scene.folder);
    let stored = measure("only stores", &storing, &load, &scene).await;
    drop(storing);
    let serving = cores::Server::start(&scene);
    let served = measure("`gitlab-sync serve`", &serving, &load, &scene).await;
    let idle = scene.until_idle().await;
    println!("\nCPU of a delivery, to the server that only stores: {:.1}", served.cpu_us / stored.cpu_us);
    println!(
        "pulls: {} of {} deliveries, the last {:.1} s after the load's end",
        idle.pulls,
        served.answered,
        idle.after.as_secs_f64()
    );
    let mut gates = Gates::default();
    gates.at_most("p99 of a verified delivery", served.p99_ms, P99_MS, "ms");
    gates.at_most("deliveries that were not answered 200", served.refused as f64, 0.0, "");
    gates.at_most(
        "deliveries that are not in the store",
        (served.answered as f64 - idle.deliveries as f64).max(0.0),
        0.0,
        "",
    );
    println!("\n{}", gates.text());
    gates.exit()
}

/// The server dies in the middle of the load; the next one works off what the first has acknowledged.
async fn kill(load: &Load, scene: &tenants::Scene) -> ExitCode {
    let first = cores::Server::start(scene);
    let address = first.address;
    let half = load.span / 2;
    let dies = async {
        tokio::time::sleep(half).await;
        drop(first);
    };
    let (measured, ()) = tokio::join!(load.run(address, &scene.hooks), dies);
    let next = cores::Server::start(scene);
    let idle = scene.until_idle().await;
    drop(next);
    let kept = scene.worked_off();
    let lost = measured.acknowledged.iter().filter(|number| !kept.contains(&load::key(**number))).count();
    println!(
        "killed after {:.1} s: {} acknowledged, {} in the store, {} jobs done, the last {:.1} s after the restart",
        half.as_secs_f64(),
        measured.answered,
        idle.deliveries,
        idle.pulls,
        idle.after.as_secs_f64()
    );
    let mut gates = Gates::default();
    assert!(measured.answered > 0, "it was killed before it had acknowledged anything");
    gates.at_most("acknowledged deliveries that led to no job that ended", lost as f64, 0.0, "");
    println!("\n{}", gates.text());
    gates.exit()
}

async fn measure(name: &str, server: &cores::Server, load: &Load, scene: &tenants::Scene) -> Measured {
    let address: SocketAddr = server.address;
    // Opened connections and compiled statements are not the load's.
    let warm = Load { rate: load.rate / 4, span: Duration::from_secs(2) };
    warm.run(address, &scene.hooks).await;
    let cpu = server.cpu();
    let mut measured = load.run(address, &scene.hooks).await;
    measured.cpu_us = (server.cpu() - cpu).as_secs_f64() * 1e6 / measured.answered.max(1) as f64;
    println!(
        "| {name} | {} of {} | {:.1} ms | {:.1} ms | {:.0} ms | {:.0} µs |",
        measured.answered,
        measured.answered + measured.refused,
        measured.median_ms,
        measured.p99_ms,
        measured.longest_ms,
        measured.cpu_us
    );
    measured
}
