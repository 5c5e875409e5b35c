//! What a small GET costs in CPU time: through the host's sender, called from Rust and from a guest, beside native pooled hyper.
//!
//! `cargo bench -p bench --bench http`. The server is a process of its own that tells its CPU time, so that both sides can be told
//! apart. Rounds are interleaved and ratios are taken round by round. CPU time and not wall time, because only that is comparable on
//! a busy machine. The gate of the design, at most 1.5 times native, is for client and server together, with the sender called from
//! Rust; what the guest adds to it is a row without a gate.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use bench::gate::Gates;
use bench::lent;
use bytes::Bytes;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::engine::{Allocation, Engine, EngineOptions};
use gitlab_sync_host::grant::{Grant, Network};
use gitlab_sync_host::http::call::Call;
use gitlab_sync_host::http::credential::{CredentialError, CredentialSource};
use gitlab_sync_host::http::record::NoObserver;
use gitlab_sync_host::http::sender::{Sender, SenderConfig};
use gitlab_sync_host::http::timeouts::Shorter;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::permission::Permission;
use hostile_guest::Mode;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::time::{ClockId, clock_gettime};
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// A page of JSON as GitLab's smaller ones.
const BODY: usize = 1 << 10;
/// What one call of the connector may send, and how many at once.
const PER_CALL: usize = 200;
const PER_CALL_IN_FLIGHT: usize = 8;
const ROUNDS: usize = 11;

const TOKEN: &str = "glpat-0123456789abcdef";

fn main() {
    if std::env::args().any(|argument| argument == "serve") {
        serve();
    }
    let server = Server::start();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let ways = runtime.block_on(Ways::open(&server));
    let mut gates = Gates::default();
    for in_flight in [1, 32] {
        let rounds = measure(&runtime, &server, &ways, in_flight);
        report(in_flight, &rounds, &mut gates);
    }
    // Told, and no failure: a ratio of CPU times moves with the machine, and `cargo bench` goes on to the next benchmark.
    println!("{}", gates.text());
}

// ---- The server ----

/// This program again, as a server.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process =
            Command::new(program).arg("serve").stdout(Stdio::piped()).spawn().expect("this program starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the server tells its port");
        Self { process, port: line.trim().parse().expect("a port") }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn cpu(&self, client: &Native) -> Duration {
        let nanoseconds = get(client, &self.url("/cpu")).await;
        let text = String::from_utf8(nanoseconds.to_vec()).expect("it is a number");
        Duration::from_nanos(text.parse().expect("it is a number"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve() -> ! {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address").port());
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let service = hyper::service::service_fn(answer);
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(request: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    static PAGE: [u8; BODY] = [b'x'; BODY];
    let body = match request.uri().path() {
        "/cpu" => Bytes::from(process_cpu().as_nanos().to_string()),
        _ => Bytes::from_static(&PAGE),
    };
    let reply = Response::builder().header("content-type", "application/json").header("etag", "\"0123456789abcdef\"");
    Ok(reply.body(Full::new(body)).expect("it is a reply"))
}

fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.expect("it runs forwards"), nanoseconds.expect("it is a part of a second"))
}

// ---- The ways to it ----

type Native = Client<HttpConnector, Empty<Bytes>>;

struct Ways {
    native: Native,
    sender: Arc<Sender>,
    guest: Arc<Connection>,
}

struct OneToken;

#[async_trait::async_trait]
impl CredentialSource for OneToken {
    async fn secrets(&self) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, CredentialError> {
        Ok(vec![("token".into(), Zeroizing::new(TOKEN.into()))])
    }
}

impl Ways {
    async fn open(server: &Server) -> Self {
        let options = EngineOptions { cache: None, allocation: Allocation::Pooled(64), limits: Limits::standard() };
        let connector = Engine::new(options).expect("an engine").load(suite::HOSTILE).expect("a connector");
        let about = connector.about().await.expect("about");
        let profile = about.profile("hostile-open").expect("a profile");
        let grant = Grant {
            origin: Some(server.url("")),
            profile: Some(profile.name.clone()),
            approved: Some(profile.digest()),
            network: Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: true, ..Network::default() },
            ..Grant::default()
        };
        let permission = Permission::new(profile, &grant).expect("a permission");
        let sender = Arc::new(Sender::new(permission, SenderConfig::new(Arc::new(OneToken))));
        let mut connector_of_hyper = HttpConnector::new();
        connector_of_hyper.set_nodelay(true);
        let native = Client::builder(TokioExecutor::new()).build(connector_of_hyper);
        let guest = Arc::new(
            Connection::open(&connector, lent::in_memory(grant, "token", TOKEN).await).await.expect("a connection"),
        );
        Self { native, sender, guest }
    }
}

async fn get(client: &Native, url: &str) -> Bytes {
    let request = Request::get(url).body(Empty::new()).expect("a request");
    let reply = client.request(request).await.expect("a reply");
    reply.into_body().collect().await.expect("a body").to_bytes()
}

/// `count` requests, `in_flight` at a time.
async fn native(ways: &Ways, url: &str, count: usize, in_flight: usize) {
    let workers = (0..in_flight).map(|_| {
        let (client, url) = (ways.native.clone(), url.to_owned());
        tokio::spawn(async move {
            for _ in 0..count / in_flight {
                assert_eq!(get(&client, &url).await.len(), BODY);
            }
        })
    });
    all(workers.collect()).await;
}

/// As the hooks of wasi:http call it, but from Rust: as many calls at once as it takes for so many in flight.
async fn sender(ways: &Ways, url: &str, count: usize, in_flight: usize) {
    let (calls, workers) = (in_flight.div_ceil(PER_CALL_IN_FLIGHT), in_flight.min(PER_CALL_IN_FLIGHT));
    for _ in 0..count / (calls * PER_CALL) {
        let calls = (0..calls).flat_map(|_| {
            let call = Call::new(ways.sender.clone(), Arc::new(NoObserver));
            std::iter::repeat_n(call, workers)
        });
        let workers = calls.map(|call| {
            let url = url.to_owned();
            tokio::spawn(async move {
                for _ in 0..PER_CALL / workers {
                    let body = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
                    let request = Request::get(&url).body(body).expect("a request");
                    let reply = call.forward(request, Shorter::default()).await.expect("a reply");
                    assert_eq!(reply.into_body().collect().await.expect("a body").to_bytes().len(), BODY);
                }
            })
        });
        all(workers.collect()).await;
    }
}

/// The hostile guest, which is as honest as any about plain requests.
async fn guest(ways: &Ways, count: usize, in_flight: usize) {
    // A guest with many requests asks for all of them whenever one is ready, so it has no more than it needs.
    let (mode, at_once, calls) = if in_flight == 1 {
        (Mode::ManyReplies, PER_CALL, 1)
    } else {
        (Mode::TooManyInFlight, 40, in_flight / PER_CALL_IN_FLIGHT)
    };
    let callers = (0..calls).map(|_| {
        let connection = ways.guest.clone();
        tokio::spawn(async move {
            for _ in 0..count / (calls * at_once) {
                let page = connection.projects(mode.name(), Some(format!("{at_once}\npage"))).await.expect("a page");
                assert!(page.projects.iter().all(|seen| seen.path.contains("200")), "{:?}", page.projects.first());
            }
        })
    });
    all(callers.collect()).await;
}

async fn all(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("it ends");
    }
}

// ---- Measuring ----

/// CPU time of one request, in microseconds.
#[derive(Clone, Copy)]
struct Cost {
    client: f64,
    server: f64,
}

impl Cost {
    fn both(self) -> f64 {
        self.client + self.server
    }
}

const NAMES: [&str; 3] = ["native pooled hyper", "the host's sender, from Rust", "the host's sender, from a guest"];

fn measure(runtime: &Runtime, server: &Server, ways: &Ways, in_flight: usize) -> Vec<[Cost; 3]> {
    let (count, url) = (if in_flight == 1 { 2_000 } else { 8_000 }, server.url("/hostile/page"));
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let costs = [0, 1, 2].map(|way| {
            runtime.block_on(async {
                let (client_before, server_before) = (process_cpu(), server.cpu(&ways.native).await);
                match way {
                    0 => native(ways, &url, count, in_flight).await,
                    1 => sender(ways, &url, count, in_flight).await,
                    _ => guest(ways, count, in_flight).await,
                }
                let (client, server) = (process_cpu() - client_before, server.cpu(&ways.native).await - server_before);
                let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count as f64;
                Cost { client: each(client), server: each(server) }
            })
        });
        // The first is to warm up.
        if round > 0 {
            rounds.push(costs);
        }
    }
    rounds
}

fn report(in_flight: usize, rounds: &[[Cost; 3]], gates: &mut Gates) {
    println!("\nCPU time of a GET of {BODY} bytes, {in_flight} in flight, {} rounds\n", rounds.len());
    println!(
        "| what | client | server | together | together, to native | client, to native |\n|---|---:|---:|---:|---:|---:|"
    );
    for (way, name) in NAMES.iter().enumerate() {
        let of = |figure: &dyn Fn(&[Cost; 3]) -> f64| median(rounds.iter().map(figure).collect());
        let together = of(&|costs| costs[way].both() / costs[0].both());
        println!(
            "| {name} | {:.1} µs | {:.1} µs | {:.1} µs | {together:.2} | {:.2} |",
            of(&|costs| costs[way].client),
            of(&|costs| costs[way].server),
            of(&|costs| costs[way].both()),
            of(&|costs| costs[way].client / costs[0].client),
        );
        if way == 1 {
            gates.at_most(&format!("{name}, {in_flight} in flight"), together, 1.5, "times native");
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
