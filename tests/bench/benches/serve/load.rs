//! Signed deliveries at a steady rate, whoever is still waiting for an answer.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// At a time, each kept open.
const CONNECTIONS: usize = 64;

/// Where a tenant's deliveries go, and what they are signed with.
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) key: Vec<u8>,
    pub(crate) body: bytes::Bytes,
}

/// So many a second, for so long.
pub(crate) struct Load {
    pub(crate) rate: u32,
    pub(crate) span: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
    pub(crate) cpu_us: f64,
    /// The numbers of those that were answered 200.
    pub(crate) acknowledged: Vec<u64>,
}

/// Counts deliveries over all runs, so that none is a repeat.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Load {
    pub(crate) async fn run(&self, address: SocketAddr, hooks: &Arc<Vec<Hook>>) -> Measured {
        let (begin, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let total = u64::from(self.rate) * self.span.as_secs();
        let each = Duration::from_secs(1) / self.rate;
        let clients = (0..CONNECTIONS).map(|_| {
            let (hooks, next) = (hooks.clone(), next.clone());
            tokio::spawn(async move { client(address, &hooks, &next, total, begin, each).await })
        });
        let (mut taken, mut acknowledged, mut refused) = (vec![], vec![], 0);
        for client in clients.collect::<Vec<_>>() {
            let (own, others) = client.await.expect("a client");
            taken.extend(own.iter().map(|(_, time)| *time));
            acknowledged.extend(own.iter().map(|(number, _)| *number));
            refused += others;
        }
        taken.sort_unstable();
        let ms = |share: f64| {
            let place = (taken.len().saturating_sub(1) as f64 * share) as usize;
            taken.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        let (median_ms, p99_ms, longest_ms) = (ms(0.5), ms(0.99), ms(1.0));
        Measured { answered: taken.len() as u64, refused, median_ms, p99_ms, longest_ms, cpu_us: 0.0, acknowledged }
    }
}

/// Takes the next delivery of all, waits for its time, and sends it; until there is none, or no server.
async fn client(
    address: SocketAddr,
    hooks: &[Hook],
    next: &AtomicU64,
    total: u64,
    begin: Instant,
    each: Duration,
) -> (Vec<(u64, Duration)>, u64) {
    let (mut taken, mut refused) = (vec![], 0);
    let Some(mut sender) = connect(address).await else { return (taken, refused) };
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        if place >= total {
            return (taken, refused);
        }
        let due = begin + each * u32::try_from(place).expect("some thousands");
        tokio::time::sleep_until(due.into()).await;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let hook = &hooks[place as usize % hooks.len()];
        let answer = sender.send_request(hook.request(number)).await;
        let status = match answer {
            Ok(answer) => {
                let status = answer.status();
                answer.into_body().collect().await.map_or(0, |_| status.as_u16())
            }
            Err(_) => match connect(address).await {
                Some(another) => {
                    sender = another;
                    0
                }
                None => return (taken, refused + 1),
            },
        };
        if status == 200 {
            taken.push((number, due.elapsed()));
        } else {
            refused += 1;
        }
    }
}

/// None: nobody listens any more.
async fn connect(address: SocketAddr) -> Option<SendRequest<Full<bytes::Bytes>>> {
    let stream = tokio::net::TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

impl Hook {
    /// As GitLab 19 sends it.
    fn request(&self, number: u64) -> http::Request<Full<bytes::Bytes>> {
        let id = key(number);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length");
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(&self.body);
        let signature = format!("v1,{}", base64(&mac.finalize().into_bytes()));
        http::Request::post(&self.path)
            .header("host", "sync.example.com")
            .header("content-type", "application/json")
            .header("user-agent", "GitLab/19.1.0-ee")
            .header("x-gitlab-event", "Push Hook")
            .header("idempotency-key", &id)
            .header("webhook-id", &id)
            .header("webhook-timestamp", time)
            .header("webhook-signature", signature)
            .body(Full::new(self.body.clone()))
            .expect("a request")
    }
}

/// What a delivery is known by.
pub(crate) fn key(number: u64) -> String {
    format!("delivery-{number}")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
