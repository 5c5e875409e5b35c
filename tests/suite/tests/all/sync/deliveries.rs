//! Deliveries that no GitLab sent, judged by the real component: changed in one bit, in other orders, of other tenants, huge, nested, broken.

use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::{AuditError, AuditTrail, Call, Event as Audited, Record};
use gitlab_sync_host::clock::Clock;
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::sync::{Delivery, Event, Proof, Verdict, Watched, Work};
use gitlab_sync_host::{log, state};
use hmac::{Hmac, KeyInit, Mac};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// The example key of Standard Webhooks, twice as long as theirs, so that it is as long as GitLab's.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const NOW_S: u64 = 1_795_000_000;
const PLACES: usize = 10_000;

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        NOW_S * 1_000
    }
}

/// Keeps what the calls took.
#[derive(Default)]
struct Spent(Mutex<Vec<Call>>);

impl AuditTrail for Spent {
    fn record(&self, record: &Record) -> Result<(), AuditError> {
        if let Audited::Call(call) = &record.event {
            self.0.lock().unwrap().push(call.clone());
        }
        Ok(())
    }
}

/// One connection with nothing but a secret, in a pool.
#[derive(Clone)]
struct Judge {
    connection: Connection,
    vault: Arc<Vault>,
    id: ConnectionId,
    spent: Arc<Spent>,
}

fn connector() -> Connector {
    static SHARED: OnceLock<Connector> = OnceLock::new();
    let load = || {
        let cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        let options = EngineOptions { cache, allocation: Allocation::Pooled(16), limits: Limits::standard() };
        Engine::new(options).unwrap().load(CONNECTOR).unwrap()
    };
    SHARED.get_or_init(load).clone()
}

impl Judge {
    async fn new(name: &str) -> Self {
        let connector = connector();
        let about = connector.about().await.unwrap();
        let profile = about.profile("files-read-only").unwrap();
        let vault = Arc::new(Vault::new(Arc::new(MemoryStore::default()), MasterKey::generate().unwrap()));
        let (id, spent) = (ConnectionId::parse(name).unwrap(), Arc::<Spent>::default());
        let parts = ConnectionParts {
            id: id.clone(),
            grant: Grant {
                origin: Some("https://gitlab.example.com".into()),
                profile: Some(profile.name.clone()),
                approved: Some(profile.digest()),
                ..Grant::default()
            },
            workspace: None,
            state: Arc::new(state::memory::Memory::default()),
            vault: vault.clone(),
            log: Arc::new(log::Nowhere),
            audit: spent.clone(),
            clock: Arc::new(Still),
        };
        let connection = Connection::open(&connector, parts).await.unwrap();
        Self { connection, vault, id, spent }
    }

    async fn knowing(name: &str, secret: &str) -> Self {
        let judge = Self::new(name).await;
        judge.set("webhook", secret.as_bytes()).await;
        judge
    }

    async fn set(&self, slot: &str, secret: &[u8]) {
        let stored = Stored { secret: Secret::new(secret).unwrap(), created_ms: 0, expires_ms: None };
        self.vault.put(&self.id, &SlotName::parse(slot).unwrap(), &stored).await.unwrap();
    }

    async fn verdict(&self, delivery: Delivery) -> Verdict {
        let watched = Watched { project: 7, branch: "main".into() };
        self.connection.verify_webhook_for(delivery, watched).await.unwrap()
    }

    async fn accepts(&self, delivery: Delivery) -> bool {
        matches!(self.verdict(delivery).await, Verdict::Verified(_))
    }

    async fn event(&self, delivery: Delivery) -> Event {
        match self.verdict(delivery).await {
            Verdict::Verified(event) => event,
            Verdict::Rejected(reason) => panic!("{reason}"),
        }
    }

    /// What the last call took.
    fn last(&self) -> Call {
        self.spent.0.lock().unwrap().last().unwrap().clone()
    }
}

/// As long as a small push of a real GitLab.
fn push() -> String {
    let commit = r#"{"id":"2222222222222222222222222222222222222222","message":"Say it better\n","added":[],"modified":["a.md"],"removed":[]}"#;
    format!(
        r#"{{"object_kind":"push","event_name":"push","before":"{}","after":"{}","ref":"refs/heads/main","user_id":3,"project_id":7,
            "project":{{"id":7,"name":"Handbook","path_with_namespace":"acme/handbook"}},"commits":[{}],"total_commits_count":8}}"#,
        "1".repeat(40),
        "2".repeat(40),
        [commit; 8].join(",")
    )
}

fn sign(secret: &str, body: &[u8]) -> Delivery {
    let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &secret["whsec_".len()..]).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("id-1.{NOW_S}.").as_bytes());
    mac.update(body);
    let tag = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mac.finalize().into_bytes());
    let headers = [
        ("X-Gitlab-Event", "Push Hook".to_owned()),
        ("webhook-id", "id-1".to_owned()),
        ("webhook-timestamp", NOW_S.to_string()),
        ("webhook-signature", format!("v1,{tag}")),
    ];
    Delivery { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body: body.to_vec() }
}

fn with_token(token: &str, body: &[u8]) -> Delivery {
    let headers = [("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Token", token)];
    Delivery { headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), body: body.to_vec() }
}

/// With one bit of one header's value the other way; None where that is no text any more, which no server hands on.
fn flip_header(delivery: &Delivery, name: &str, bit: usize) -> Option<Delivery> {
    let mut changed = delivery.clone();
    let (_, value) = changed.headers.iter_mut().find(|(header, _)| header == name).unwrap();
    let mut bytes = value.clone().into_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    *value = String::from_utf8(bytes).ok()?;
    Some(changed)
}

fn bits(delivery: &Delivery, name: &str) -> usize {
    delivery.headers.iter().find(|(header, _)| header == name).map_or(0, |(_, value)| value.len() * 8)
}

/// Every bit of the body, of each header of the proof and of the secret, until there are ten thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_thousand_deliveries_changed_in_one_bit_none_is_accepted() {
    let judge = Judge::knowing("bits", SECRET).await;
    let (signed, token) = (sign(SECRET, push().as_bytes()), with_token(SECRET, push().as_bytes()));
    assert!(judge.accepts(signed.clone()).await && judge.accepts(token.clone()).await);
    let mut forged: Vec<Delivery> = Vec::new();
    for (whole, names) in
        [(&signed, &["webhook-id", "webhook-timestamp", "webhook-signature"][..]), (&token, &["X-Gitlab-Token"][..])]
    {
        for name in names {
            forged.extend((0..bits(whole, name)).filter_map(|bit| flip_header(whole, name, bit)));
        }
    }
    let secrets = SECRET.len() * 8;
    let room = PLACES - secrets * 2 - forged.len();
    assert!(signed.body.len() * 8 >= room, "the body has fewer than {room} bits");
    forged.extend((0..room).map(|bit| {
        let mut changed = signed.clone();
        changed.body[bit / 8] ^= 1 << (bit % 8);
        changed
    }));
    let attempted = forged.len() + secrets * 2;
    let judges = forged.chunks(forged.len().div_ceil(3)).map(|part| {
        let (judge, part) = (judge.clone(), part.to_vec());
        tokio::spawn(async move {
            for delivery in part {
                assert!(!judge.accepts(delivery.clone()).await, "{delivery:?}");
            }
        })
    });
    let judges: Vec<_> = judges.collect();
    none_is_accepted_by_a_changed_secret(&signed, &token).await;
    for judge in judges {
        judge.await.unwrap();
    }
    assert!(judge.accepts(signed).await, "and the judge still knows a good one");
    assert_eq!(attempted, PLACES);
}

async fn none_is_accepted_by_a_changed_secret(signed: &Delivery, token: &Delivery) {
    let judge = Judge::new("secrets").await;
    for bit in 0..SECRET.len() * 8 {
        let mut secret = SECRET.as_bytes().to_vec();
        secret[bit / 8] ^= 1 << (bit % 8);
        judge.set("webhook", &secret).await;
        assert!(!judge.accepts(signed.clone()).await, "bit {bit} of the secret");
        assert!(!judge.accepts(token.clone()).await, "bit {bit} of the secret");
    }
}

#[tokio::test]
async fn a_delivery_is_the_same_in_any_order_of_its_headers() {
    let judge = Judge::knowing("order", SECRET).await;
    let mut signed = sign(SECRET, push().as_bytes());
    signed.headers.push(("X-Gitlab-Token".into(), SECRET.into()));
    let expected = judge.event(signed.clone()).await;
    assert_eq!(expected.proof, Proof::Signature);
    assert_eq!(expected.work, [Work::Pull(Some("2".repeat(40)))]);
    // Heap's way through all 120 orders.
    let mut counters = [0; 5];
    let mut at = 0;
    while at < counters.len() {
        if counters[at] < at {
            signed.headers.swap(if at % 2 == 0 { 0 } else { counters[at] }, at);
            assert_eq!(judge.event(signed.clone()).await, expected, "{:?}", signed.headers);
            counters[at] += 1;
            at = 0;
        } else {
            counters[at] = 0;
            at += 1;
        }
    }
}

#[tokio::test]
async fn none_of_a_hundred_foreign_secrets_is_good_here() {
    let judge = Judge::knowing("tenant", SECRET).await;
    for number in 0..100_u8 {
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [number; 32]);
        let foreign = format!("whsec_{key}");
        assert!(!judge.accepts(sign(&foreign, push().as_bytes())).await);
        assert!(!judge.accepts(with_token(&foreign, push().as_bytes())).await);
    }
}

#[tokio::test]
async fn without_a_secret_nothing_is_accepted() {
    let judge = Judge::new("nobody").await;
    for delivery in [
        sign(SECRET, b"{}"),
        with_token(SECRET, b"{}"),
        with_token("", b"{}"),
        Delivery { headers: vec![], body: vec![] },
    ] {
        assert!(!judge.accepts(delivery.clone()).await, "{delivery:?}");
    }
}

/// A secret that was pasted as a token is no key, and a signature beside it must not look like a trouble of the vault.
#[tokio::test]
async fn a_token_and_a_signature_may_each_have_a_secret_of_its_own() {
    let judge = Judge::knowing("both", "pasted long ago").await;
    judge.set("webhook-previous", SECRET.as_bytes()).await;
    let mut both = sign(SECRET, push().as_bytes());
    both.headers.push(("X-Gitlab-Token".into(), "pasted long ago".into()));
    assert_eq!(judge.event(both).await.proof, Proof::Signature);
}

/// Bodies of a megabyte that try to make a reader work: none takes more than so much fuel for each of its bytes.
#[tokio::test]
async fn no_body_makes_the_component_trap_or_compute_more_than_its_length() {
    let judge = Judge::knowing("odd", SECRET).await;
    let size = 1 << 20;
    let repeated = |part: &str| part.repeat(size / part.len());
    let of = |text: String| format!(r#"{{"object_kind":"push","project_id":7,"ref":"refs/heads/main",{text}}}"#);
    let bodies = [
        ("zeros", "\0".repeat(size)),
        ("blanks", " ".repeat(size)),
        ("brackets", "[".repeat(size)),
        ("braces", repeated("{\"a\":")),
        ("nested in a known field", of(format!("\"project\":{}", repeated("{\"project\":")))),
        ("nested in an unknown field", of(format!("\"x\":{}{}", "[".repeat(size / 2), "]".repeat(size / 2)))),
        ("one text", of(format!("\"x\":\"{}\"", "y".repeat(size)))),
        ("one text of escapes", of(format!("\"user_username\":\"{}\"", repeated("\\u0061")))),
        ("quotation marks", repeated("\\\"")),
        ("one number", of(format!("\"project_id\":{}", "9".repeat(size)))),
        ("one fraction", of(format!("\"project_id\":0.{}", "9".repeat(size)))),
        ("many fields", of(format!("{}\"z\":1", repeated("\"a\":1,")))),
        ("one field many times", of(format!("{}\"ref\":\"refs/heads/main\"", repeated("\"ref\":\"refs/heads/x\",")))),
        ("many references", of(format!("\"changes\":[{}{{}}]", repeated("{\"ref\":\"refs/heads/a\"},")))),
        ("a list of lists", of(format!("\"refs\":[{}[]]", repeated("[],")))),
    ];
    for (name, body) in bodies {
        let length = body.len() as u64;
        judge.event(with_token(SECRET, body.as_bytes())).await;
        let took = judge.last();
        // Of all these, a field after another takes most: 305 for a byte.
        assert!(took.fuel < 2_000_000 + 600 * length, "{name}: {} units for {length} bytes", took.fuel);
        assert!(took.peak_memory_bytes < 12 << 20, "{name}: {} bytes of memory", took.peak_memory_bytes);
    }
}

#[tokio::test]
async fn the_largest_delivery_is_read_and_a_larger_one_says_so_in_flat_memory() {
    let judge = Judge::knowing("large", SECRET).await;
    let modified = r#""docs/a-file-with-a-name-that-is-not-short.md","#.repeat(25_000_000 / 47 - 100);
    let body = format!(
        r#"{{"object_kind":"push","project_id":7,"ref":"refs/heads/main","after":"{}","commits":[{{"modified":[{modified}"z"]}}]}}"#,
        "2".repeat(40)
    );
    assert!((24_000_000..25_000_000).contains(&body.len()), "{}", body.len());
    let event = judge.event(sign(SECRET, body.as_bytes())).await;
    assert_eq!(event.work, [Work::Pull(Some("2".repeat(40)))]);
    assert!(judge.last().peak_memory_bytes < 60 << 20, "{}", judge.last().peak_memory_bytes);
    for part in ["[", "{\"a\":", "\"\\u0061"] {
        let body = part.repeat(25_000_000 / part.len());
        let event = judge.event(with_token(SECRET, body.as_bytes())).await;
        assert!(matches!(event.work[..], [Work::Nothing(_)]), "{part}: {event:?}");
        assert!(judge.last().peak_memory_bytes < 36 << 20, "{part}: {}", judge.last().peak_memory_bytes);
    }
}
