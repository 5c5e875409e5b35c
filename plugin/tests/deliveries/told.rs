//! An event in a few words, so that a table shows a body beside its verdict.

use crate::support::Memory;
use gitlab_sync_connector::webhook::{Concern, Delivery, Event, RecordRef, TokenClass, Verdict, Watched, Work, verify};

const SECRET: &str = "a secret of more than eight letters";
pub(crate) const A: &str = "1111111111111111111111111111111111111111";
pub(crate) const B: &str = "2222222222222222222222222222222222222222";
pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

pub(crate) fn judge(header: &str, body: &[u8], watched: Option<Watched>) -> Event {
    let host = Memory::default();
    host.set_secret("webhook", SECRET);
    let headers = [("X-Gitlab-Token", SECRET), ("X-Gitlab-Event", header)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    match verify(&host, &Delivery { headers, body: body.to_vec() }, watched).unwrap() {
        Verdict::Verified(event) => *event,
        Verdict::Rejected(reason) => panic!("{reason}"),
    }
}

pub(crate) fn watched() -> Option<Watched> {
    Some(Watched { project: 7, branch: "main".into() })
}

/// With `A`, `B` and `ZERO` for the ids of commits.
pub(crate) fn read(header: &str, body: &str) -> Event {
    let body = body.replace("ZERO", ZERO).replace("\"A\"", &format!("\"{A}\"")).replace("\"B\"", &format!("\"{B}\""));
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
    judge(header, body.as_bytes(), watched())
}

/// An event in a few words.
pub(crate) fn words(event: &Event) -> String {
    let Concern { project, project_path, group, group_path, user, username, .. } = &event.concern;
    let named = |sign: &str, id: &Option<u64>, name: &Option<String>| {
        let id = id.map(|id| id.to_string());
        let parts: Vec<String> = id.into_iter().chain(name.clone()).collect();
        if parts.is_empty() { String::new() } else { format!(" {sign}:{}", parts.join("=")) }
    };
    let action = event.action.as_ref().map_or(String::new(), |action| format!("/{action}"));
    let work: Vec<String> = event.work.iter().map(task).collect();
    format!(
        "{}{action}{}{}{} -> {}",
        event.kind,
        named("p", project, project_path),
        named("g", group, group_path),
        named("u", user, username),
        work.join(" + ")
    )
}

pub(crate) fn task(work: &Work) -> String {
    match work {
        Work::Pull(None) => "pull".into(),
        Work::Pull(Some(commit)) => format!("pull {}", &commit[..1]),
        Work::Refresh(records) => format!("refresh {}", records.iter().map(record).collect::<Vec<_>>().join(",")),
        Work::RunCi(run) => {
            let (source, target) = (run.source_project, run.target_branch.as_deref());
            let draft = if run.draft { " draft" } else { "" };
            format!(
                "ci {}!{} {} {}@{source:?}>{target:?}{draft}",
                run.project,
                run.iid,
                &run.commit[..1],
                run.source_branch
            )
        }
        Work::TokenExpires(token) => {
            let class = if token.class == TokenClass::Deploy { "deploy" } else { "access" };
            format!("{class} token {:?} {:?} ends {:?}", token.id, token.name.as_deref(), token.expires_on.as_deref())
        }
        Work::Nothing(why) => format!("nothing: {why}"),
    }
}

pub(crate) fn record(record: &RecordRef) -> String {
    let number = |sign: char, id: Option<u64>| id.map_or(String::new(), |id| format!("{sign}{id}"));
    format!("{:?}{}{}", record.kind, number('#', record.id), number('!', record.iid))
}

/// Header, body, what it is.
pub(crate) type Case = (&'static str, &'static str, &'static str);

pub(crate) fn check(cases: &[Case]) {
    for (header, body, expected) in cases {
        assert_eq!(words(&read(header, body)), *expected, "{body}");
    }
}
