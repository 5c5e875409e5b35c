//! A path that nobody has, beside wrong secrets and wrong signatures at one that somebody has: the same answer after the same work.
//!
//! The work is counted, not timed: what the connector asked of the host, how many instructions it took, and how much memory.

use super::server::{Answer, Server, until};
use super::tenant::Tenant;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Headers of a delivery.
type Headers = Vec<(&'static str, String)>;

/// What a delivery costs: the lines of its call, without what never comes twice.
fn work_of(tenant: &Tenant, server: &Server, trail: &str, path: &str, headers: &Headers) -> (Answer, Vec<Value>) {
    let file = tenant.scene.program.path("home").join(trail);
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    let before = read().lines().count();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = server.post(path, &headers, &tenant.push_event());
    until("the call is written down", || read().lines().skip(before).any(|line| line.contains("verify-webhook")));
    let lines = read().lines().skip(before).map(str::to_owned).collect::<Vec<_>>();
    let work = lines.iter().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for once in ["time_ms", "call", "ms"] {
            line.as_object_mut().unwrap().remove(once);
        }
        line
    });
    (answer, work.collect())
}

fn fuel(work: &[Value]) -> u64 {
    work.iter().find_map(|line| line["fuel"].as_u64()).unwrap()
}

fn token(text: &str) -> Headers {
    vec![("x-gitlab-token", text.into()), ("x-gitlab-event", "Push Hook".into())]
}

fn signature(text: &str) -> Headers {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let signed =
        [("webhook-id", "a".into()), ("webhook-timestamp", now.to_string()), ("webhook-signature", text.into())];
    signed.into_iter().chain([("x-gitlab-event", "Push Hook".into())]).collect()
}

#[test]
fn nobodys_path_costs_the_same_work_as_a_wrong_secret_and_as_a_wrong_signature() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let secret = tenant.secret.as_str();
    let nearly = format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('0') { '1' } else { '0' });
    let cases = [
        ("nothing", vec![]),
        ("an empty secret", token("")),
        ("as long, wrong everywhere", token(&"~".repeat(secret.len()))),
        ("as long, wrong at the end", token(&nearly)),
        ("shorter, wrong", token(&"~".repeat(secret.len() / 2))),
        ("shorter, a part of the right one", token(&secret[..secret.len() / 2])),
        ("longer, wrong", token(&"~".repeat(200))),
        ("longer, beginning with the right one", token(&format!("{secret}{}", "~".repeat(200 - secret.len())))),
        ("a wrong signature", signature(&format!("v1,{}=", "A".repeat(43)))),
        ("a short signature", signature("v1,AAAA")),
        ("a long signature", signature(&format!("v1,{}", "A".repeat(400)))),
        ("three signatures", signature(&format!("v1,{0}= v1,{0}= v1,{0}=", "A".repeat(43)))),
    ];
    let mut costs = vec![];
    let mut first = None;
    for (name, headers) in &cases {
        let (answer, work) = work_of(&tenant, &server, "audit_serve.jsonl", &tenant.path, headers);
        for nobodys in [format!("/hooks/{}", "a".repeat(43)), "/hooks/a".into(), format!("{}a", tenant.path)] {
            let (other, same) = work_of(&tenant, &server, "audit_strangers.jsonl", &nobodys, headers);
            assert_eq!(same, work, "{name}");
            assert_eq!(other, answer, "{name}");
        }
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{name}");
        assert_eq!(first.get_or_insert_with(|| answer.clone()), &answer, "{name}");
        costs.push((*name, fuel(&work)));
    }
    let cost = |name: &str| costs.iter().find(|(known, _)| *known == name).unwrap().1;
    for (one, other) in [
        ("as long, wrong everywhere", "as long, wrong at the end"),
        ("shorter, wrong", "shorter, a part of the right one"),
        ("longer, wrong", "longer, beginning with the right one"),
    ] {
        assert_eq!(cost(one), cost(other), "{one} and {other}: how much of it is right tells nothing");
    }
}
