//! The domain, compiled natively, against the simulator over a real connection: that what we ask is what GitLab answers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::cell::Cell;

use gitlab_sim::{ProjectSpec, Running, Simulator, TokenSpec, UserSpec};
use gitlab_sync_connector::configure::{Goal, Settings, configure};
use gitlab_sync_connector::connect::{TokenKind, branches, connect, locate, projects};
use gitlab_sync_connector::diagnose::{Outcome, diagnose};
use gitlab_sync_connector::error::Code;
use gitlab_sync_connector::pull::pull;
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::request::Instance;
use support::{Memory, Wire, options, settings};

struct Stage {
    gitlab: Running,
    at: Instance,
    host: Memory,
    user: u64,
    runtime: tokio::runtime::Runtime,
}

fn host(token: &str) -> Memory {
    let wire = Wire { token: token.into(), requests: Cell::new(0) };
    let mut host = Memory::default();
    host.wire = Some(wire);
    host
}

fn stage() -> Stage {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let gitlab = runtime.block_on(Simulator::builder().base_path("/gitlab").start()).unwrap();
    let user = gitlab.admin().create_user(UserSpec::person("alice")).id;
    let token = gitlab.admin().create_token(TokenSpec::personal(user, &["api"]));
    let authority = gitlab.url().strip_prefix("http://").unwrap().strip_suffix("/gitlab").unwrap();
    let at = Instance { scheme: "http".into(), authority: authority.into(), base_path: "/gitlab".into() };
    let host = host(&token.secret);
    Stage { gitlab, at, host, user, runtime }
}

impl Stage {
    fn configure(&self, goal: Goal) -> u64 {
        let settings = Settings { goal, ..settings() };
        configure(&self.host, &self.at, settings).unwrap().configuration.project
    }

    fn requests(&self, run: impl FnOnce(&Self)) -> usize {
        let wire = self.host.wire.as_ref().unwrap();
        wire.requests.set(0);
        run(self);
        wire.requests.get()
    }
}

#[test]
fn a_gitlab_below_a_path_is_found_and_the_token_known() {
    let stage = stage();
    let root = Instance { base_path: String::new(), ..stage.at.clone() };
    assert_eq!(locate(&stage.host, &[root.clone(), stage.at.clone()]).unwrap(), stage.at);
    assert_eq!(locate(&stage.host, &[root]).unwrap_err().code, Code::NotAGitlab);
    let connected = connect(&stage.host, &stage.at).unwrap();
    assert_eq!((connected.username.as_str(), connected.kind), ("alice", TokenKind::Personal));
    assert_eq!(connected.scopes, ["api"]);
    assert!(connected.version.is_some() && connected.expires_on.is_some());
    assert!(connected.abilities.iter().all(|ability| ability.refused.is_none()));
    assert_eq!(connect(&host("wrong"), &stage.at).unwrap_err().code, Code::TokenRejected);
}

#[test]
fn a_bot_may_not_create_and_a_narrow_token_says_what_it_is_good_for() {
    let stage = stage();
    let admin = stage.gitlab.admin();
    let project =
        admin.create_project(&ProjectSpec { creator_id: Some(stage.user), ..ProjectSpec::at("g/docs") }).unwrap();
    let bot = host(&admin.create_token(TokenSpec::project(project.id, &["api"])).secret);
    assert_eq!(connect(&bot, &stage.at).unwrap().kind, TokenKind::Project);
    let settings = Settings { goal: Goal::Create("new".into()), ..settings() };
    assert_eq!(configure(&bot, &stage.at, settings).unwrap_err().code, Code::TokenKindCannotCreate);
    let narrow = host(&admin.create_token(TokenSpec::personal(stage.user, &["read_repository"])).secret);
    let connected = connect(&narrow, &stage.at).unwrap();
    assert_eq!(connected.scopes, ["read_repository"]);
    assert!(connected.abilities.iter().all(|ability| ability.refused.is_some()));
}

#[test]
fn a_new_project_is_made_filled_and_read_back() {
    let stage = stage();
    let id = stage.configure(Goal::Create("Handbook".into()));
    for number in 0..100 {
        stage.host.save(&format!("docs/{number}.md"), format!("page {number}\n").as_bytes());
    }
    stage.host.save("docs/é ü+#%.md", "umlaut\n".as_bytes());
    stage.host.save("binary.md", &[0, 0xff, b'\r', b'\n']);
    stage.host.save("empty.yml", b"");
    let (host, at) = (&stage.host, &stage.at);
    assert_eq!(stage.requests(|_| assert!(!push(host, at, &options()).unwrap().more)), 2, "the head and the commit");
    assert_eq!(stage.requests(|_| drop(pull(host, at, &options()).unwrap())), 1);

    let other = self::host(&host.wire.as_ref().unwrap().token);
    let second = Stage { host: other, ..stage };
    second.configure(Goal::Existing(id));
    let cold = second.requests(|stage| assert!(!pull(&stage.host, &stage.at, &options()).unwrap().more));
    assert_eq!(cold, 3, "the head, the tree and the archive");
    assert_eq!(second.host.files().len(), 103);
    assert_eq!(second.host.files()["binary.md"].0, [0, 0xff, b'\r', b'\n']);

    second.host.save("docs/1.md", b"changed\n");
    second.host.delete("docs/2.md");
    second.host.delete("docs/3.md");
    second.host.save("moved/3.md", b"page 3\n");
    let warm = second.requests(|stage| assert!(!push(&stage.host, &stage.at, &options()).unwrap().more));
    assert_eq!(warm, 1);
    let (found, _) = projects(&second.host, &second.at, "hand", None).unwrap();
    assert_eq!(found.len(), 1);
    let (found, _) = branches(&second.host, &second.at, id, "", None).unwrap();
    assert!(found[0].default && found[0].can_push);
    let checks = diagnose(&second.host, &second.at).unwrap();
    let bad: Vec<_> = checks.iter().filter(|check| check.outcome != Outcome::Passed).collect();
    assert_eq!(bad.iter().map(|check| check.outcome).collect::<Vec<_>>(), [Outcome::Unchecked], "{bad:?}");
    drop(second.runtime);
}

#[test]
fn changes_of_two_sides_meet_on_the_branch() {
    let stage = stage();
    let id = stage.configure(Goal::Create("Handbook".into()));
    let other = host(&stage.host.wire.as_ref().unwrap().token);
    stage.host.save("a.md", b"1\n2\n3\n4\n5\n");
    push(&stage.host, &stage.at, &options()).unwrap();
    let settings = Settings { goal: Goal::Existing(id), ..settings() };
    configure(&other, &stage.at, settings).unwrap();
    pull(&other, &stage.at, &options()).unwrap();
    other.save("a.md", b"1\n2\n3\n4\nfive\n");
    other.save("b.md", b"b\n");
    push(&other, &stage.at, &options()).unwrap();
    stage.host.save("a.md", b"one\n2\n3\n4\n5\n");
    let step = push(&stage.host, &stage.at, &options()).unwrap();
    assert_eq!(step.conflicts, 0);
    assert_eq!(stage.host.files()["a.md"].0, b"one\n2\n3\n4\nfive\n");
    pull(&stage.host, &stage.at, &options()).unwrap();
    pull(&other, &stage.at, &options()).unwrap();
    assert_eq!(stage.host.files(), other.files());
    assert_eq!(stage.host.files().len(), 2);
}
