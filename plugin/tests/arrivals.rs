//! A delivery that arrives while the webhook is being changed: at every call that the connector makes of its host, each time once.
//!
//! A rotation ended with `state-changed` when a delivery noted in the same moment that the new secret had arrived.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use gitlab_sim::app::App;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::hooks::signing::SigningKey;
use gitlab_sim::{AccessLevel, ProjectSpec, Running, Settings, Simulator, Source, TokenSpec, UserSpec};
use gitlab_sync_connector::configure::{Goal, Settings as Choice, configure};
use gitlab_sync_connector::error::Error;
use gitlab_sync_connector::gitlab::client::Client;
use gitlab_sync_connector::gitlab::hook::Place;
use gitlab_sync_connector::hooks::{self, Events, Mode};
use gitlab_sync_connector::request::Instance;
use gitlab_sync_connector::status::disconnect;
use gitlab_sync_connector::webhook::{Delivery, Verdict, verify};
use support::{Memory, NOW_S, Wire, settings};

const URL: &str = "https://sync.example.com/hooks/handbook";
/// What the former secret has left when nothing has arrived with the present one, and after that.
const HOUR: Option<u64> = Some((NOW_S + 3600) * 1000);
const MINUTE: Option<u64> = Some((NOW_S + 60) * 1000);
/// Until the first delivery with the present one.
const OPEN: Option<u64> = Some(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Rotate,
    /// Where a person pastes the secret.
    RotateByHand,
    Repair,
    Want,
    /// The former secret's time is over.
    End,
    Disconnect,
    Verify,
}

struct Stage {
    gitlab: Running,
    at: Instance,
    token: String,
    project: u64,
    _runtime: tokio::runtime::Runtime,
}

/// What a delivery found: the former secret, and how long that is good from then on.
type Found = (Option<String>, Option<u64>);

impl Stage {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let settings = Settings { version: "19.1.0-ee".parse().unwrap(), ..Settings::default() };
        let gitlab = runtime.block_on(Simulator::builder().settings(settings).start()).unwrap();
        let admin = gitlab.admin();
        let user = admin.create_user(UserSpec::person("alice")).id;

        let project = admin.create_project(&ProjectSpec::at("acme/handbook")).unwrap().id;
        admin.add_member(Source::Project(project), user, AccessLevel::Maintainer);
        let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
        let authority = gitlab.url().strip_prefix("http://").unwrap().to_owned();
        let at = Instance { scheme: "http".into(), authority, base_path: String::new() };
        Self { gitlab, at, token, project, _runtime: runtime }
    }

    fn app(&self) -> Arc<App> {
        self.gitlab.admin().app().clone()
    }

    /// A webhook whose secret was rotated, and nothing has arrived since.
    fn begin(&self, job: Job) -> Memory {
        let by_hand = job == Job::RotateByHand;
        for hook in hooks_of(&self.app(), self.project) {
            self.app().world_mut().hooks.remove(hook.id);
        }
        let mut host = Memory::default();
        host.wire = Some(Wire { token: self.token.clone(), requests: Cell::new(0) });
        let webhook = if by_hand { Mode::Manual(Some(URL.into())) } else { Mode::Auto(URL.into()) };
        let choice = Choice { goal: Goal::Existing(self.project), webhook, ..settings() };
        configure(&host, &self.at, choice).unwrap().webhook.unwrap();
        let client = Client { host: &host, instance: &self.at };
        let rotated = hooks::rotate(&client).unwrap().webhook;
        assert_eq!(rotated.kept.previous_until, if by_hand { OPEN } else { HOUR });
        if by_hand {
            self.paste(&host.secret("webhook").unwrap());
        }
        match job {
            Job::Repair => self.change(|hook| hook.verify_tls = false),
            Job::End => host.clock_ms.borrow_mut().0 = 2 * 3600 * 1000,
            _ => {}
        }
        host
    }

    fn paste(&self, secret: &str) {
        let (app, owner) = (self.app(), Owner::Project(self.project));
        let now = app.now();
        app.world_mut().hooks.add(|id| {
            let signing = SigningKey::parse(secret);
            Hook { url: URL.into(), signing, ..Hook::new(id, owner, now) }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Hook)) {
        let app = self.app();
        let id = hooks_of(&app, self.project)[0].id;
        change(app.world_mut().hooks.get_mut(id).unwrap());
    }

    fn run(&self, job: Job, host: &Memory) -> Result<(), Error> {
        let client = Client { host, instance: &self.at };
        match job {
            Job::Rotate | Job::RotateByHand => hooks::rotate(&client).map(drop),
            Job::Repair | Job::End => hooks::ensure(&client).map(drop),
            Job::Want => {
                let place = Place::Project(self.project);
                hooks::set(&client, place, Events::Pushes, Mode::Auto(URL.into())).map(drop)
            }
            Job::Disconnect => disconnect(host, &self.at).map(|left| assert_eq!(left, Vec::<String>::new())),
            Job::Verify => {
                assert!(arrives(&self.app(), self.project, host).is_some());
                Ok(())
            }
        }
    }
}

fn hooks_of(app: &App, project: u64) -> Vec<Hook> {
    app.world().hooks.of(Owner::Project(project)).cloned().collect()
}

/// What GitLab would deliver in this moment. None: it has no webhook.
fn delivery(app: &App, project: u64, host: &Memory) -> Option<Delivery> {
    let hook = hooks_of(app, project).pop()?;
    let (time, body) = (NOW_S + host.clock_ms.borrow().0 / 1000, b"{}");
    let signature = hook.signing.unwrap().sign("1", time.try_into().unwrap(), body);
    let headers =
        [("webhook-id", "1".into()), ("webhook-timestamp", time.to_string()), ("webhook-signature", signature)];
    Some(Delivery { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body: body.to_vec() })
}

/// It is delivered. None: there is none, or it is rejected.
fn arrives(app: &App, project: u64, host: &Memory) -> Option<Found> {
    let verdict = verify(host, &delivery(app, project, host)?, None).unwrap();
    let until = hooks::known(host).unwrap().and_then(|webhook| webhook.kept.previous_until);
    matches!(verdict, Verdict::Verified(_)).then(|| (host.secret("webhook-previous"), until))
}

/// What a job did: requests to GitLab, new secrets, and what the delivery found, if it came.
struct Done {
    requests: usize,
    generated: u64,
    delivery: Option<Option<Found>>,
}

/// A delivery arrives before the host call of this number.
fn done(stage: &Stage, job: Job, host: &Memory, call: usize) -> Done {
    let found: Rc<RefCell<Option<Option<Found>>>> = Rc::default();
    let (app, project, slot) = (stage.app(), stage.project, found.clone());
    host.meanwhile(call, move |host| *slot.borrow_mut() = Some(arrives(&app, project, host)));
    let wire = host.wire.as_ref().unwrap();
    let before = (wire.requests.get(), *host.generated.borrow());
    stage.run(job, host).unwrap_or_else(|error| panic!("{job:?}, at call {call}: {error}"));
    host.calm();
    let delivery = found.borrow_mut().take();
    Done { requests: wire.requests.get() - before.0, generated: *host.generated.borrow() - before.1, delivery }
}

/// How long the former secret is to be good then.
fn expected(job: Job, host: &Memory, found: Option<&Found>) -> Option<u64> {
    match job {
        Job::End => None,
        Job::RotateByHand => OPEN,
        // What was said of the one before counts for nothing.
        Job::Rotate if found.is_none_or(|(former, _)| *former != host.secret("webhook-previous")) => HOUR,
        Job::Rotate => found.and_then(|(_, until)| *until).or(HOUR),
        _ => MINUTE,
    }
}

fn assert_good(stage: &Stage, job: Job, host: &Memory, found: Option<&Found>, when: &str) {
    let hooks = hooks_of(&stage.app(), stage.project);
    if job == Job::Disconnect {
        assert_eq!((hooks.len(), host.secret("webhook"), host.secret("webhook-previous")), (0, None, None), "{when}");
        assert_eq!(host.kept().into_keys().collect::<Vec<_>>(), Vec::<String>::new(), "{when}");
        return;
    }
    assert!(found.is_some(), "{when}: the delivery is rejected");
    let webhook = hooks::known(host).unwrap().unwrap();
    let slot = if job == Job::RotateByHand { "webhook-previous" } else { "webhook" };
    assert_eq!(webhook.settled, job != Job::RotateByHand, "{when}");
    assert_eq!(hooks.len(), 1, "{when}");
    assert!(hooks[0].verify_tls, "{when}");
    assert_eq!(hooks[0].signing, SigningKey::parse(&host.secret(slot).unwrap()), "{when}: another secret");
    assert_eq!(webhook.kept.previous_until, expected(job, host, found), "{when}");
}

/// The other way round: all of a rotation between two calls of a delivery, which has the secret that becomes the former one.
fn is_not_mistaken(job: Job, end: Option<u64>) {
    let stage = Stage::start();
    for call in 1.. {
        let host = stage.begin(job);
        let rotated = Rc::new(Cell::new(false));
        let (at, note) = (stage.at.clone(), rotated.clone());
        host.meanwhile(call, move |host| {
            hooks::rotate(&Client { host, instance: &at }).unwrap();
            note.set(true);
        });
        let delivery = delivery(&stage.app(), stage.project, &host).unwrap();
        let verdict = verify(&host, &delivery, None).unwrap();
        host.calm();
        let until = hooks::known(&host).unwrap().unwrap().kept.previous_until;
        assert!(matches!(verdict, Verdict::Verified(_)), "{job:?} before host call {call}");
        if !rotated.get() {
            assert!(call > 5 && until == MINUTE, "{call}, {until:?}");
            return;
        }
        assert_eq!(until, end, "{job:?} before host call {call}");
    }
}

fn is_not_disturbed(job: Job) -> Vec<Option<u64>> {
    let stage = Stage::start();
    let calm = done(&stage, job, &stage.begin(job), usize::MAX);
    let mut ends = Vec::new();
    for call in 1.. {
        let when = format!("{job:?}, a delivery before host call {call}");
        let host = stage.begin(job);
        let present = host.secret("webhook");
        let Done { requests, generated, delivery } = done(&stage, job, &host, call);
        let Some(found) = delivery else {
            assert!(call > 5, "{when}: a job of so few calls is none");
            break;
        };
        assert_eq!((requests, generated), (calm.requests, calm.generated), "{when}");
        assert_good(&stage, job, &host, found.as_ref(), &when);
        if matches!(job, Job::Rotate | Job::RotateByHand) {
            assert_eq!((generated, host.secret("webhook-previous")), (1, present), "{when}");
        }
        ends.push(hooks::known(&host).unwrap().and_then(|webhook| webhook.kept.previous_until));
    }
    ends
}

#[test]
fn a_rotation_ends_well_and_once_whenever_a_delivery_arrives() {
    let ends = is_not_disturbed(Job::Rotate);
    assert!(ends.contains(&HOUR) && ends.contains(&MINUTE), "with the former one, and with the present one: {ends:?}");
}

#[test]
fn a_rotation_by_hand_ends_well_whenever_a_delivery_arrives() {
    is_not_disturbed(Job::RotateByHand);
}

#[test]
fn a_webhook_is_put_right_whenever_a_delivery_arrives() {
    is_not_disturbed(Job::Repair);
    is_not_disturbed(Job::Want);
}

#[test]
fn the_former_secrets_time_ends_whenever_a_delivery_arrives() {
    is_not_disturbed(Job::End);
}

#[test]
fn a_connection_ends_and_leaves_nothing_whenever_a_delivery_arrives() {
    is_not_disturbed(Job::Disconnect);
}

#[test]
fn two_deliveries_at_the_same_time_are_both_verified_and_noted() {
    is_not_disturbed(Job::Verify);
}

/// It was taken for one with the new secret, and ended the former one's time, which nobody had replaced in GitLab yet.
#[test]
fn a_rotation_while_a_delivery_is_verified_leaves_its_secret_all_of_its_time() {
    is_not_mistaken(Job::Rotate, HOUR);
    is_not_mistaken(Job::RotateByHand, OPEN);
}
