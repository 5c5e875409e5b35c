//! Deliveries as the simulator sends them over a socket, judged by the connector, and what comes of them.

use super::lab::Lab;
use super::product::{Product, settings};
use crate::support::canary::Canary;
use crate::support::server::{Received, Server};
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::hooks::signing::SigningKey;
use gitlab_sim::hooks::trigger::Trigger;
use gitlab_sim::{CommitSpec, Settings, Simulator, TokenSpec, UserSpec, telling};
use gitlab_sync_host::sync::{Delivery, Event, HookScope, Proof, Settings as Choice, Verdict, Watched, Work};

/// A project, a product in step with it, and a hook that tells a receiver.
struct Scene {
    lab: Lab,
    project: u64,
    product: Product,
    receiver: Server,
}

#[derive(Clone, Copy, PartialEq)]
enum Secret {
    AsToken,
    AsSignature,
}

impl Scene {
    async fn new(version: &str, secret: Secret) -> Self {
        let settings = Settings { version: version.parse().unwrap(), ..Settings::default() };
        let lab = Lab::of(Simulator::builder().settings(settings)).await;
        let project = lab.project_with("acme/handbook", &[("1.md", "one\n"), ("2.md", "two\n"), ("n.txt", "note\n")]);
        let product = lab.syncing(project).await;
        product.pull().await.unwrap();
        let receiver = Server::start().await;
        let scene = Self { lab, project, product, receiver };
        scene.hook(&scene.product.webhook_secret().await, secret);
        scene
    }

    /// What the person does who pastes address and secret into GitLab.
    fn hook(&self, pasted: &str, secret: Secret) {
        let url = format!("http://{}/hook", self.receiver.authority());
        let app = self.lab.admin().app().clone();
        let now = app.now();
        app.world_mut().hooks.add(|id| Hook {
            url,
            token: (secret == Secret::AsToken).then(|| pasted.to_owned()),
            signing: (secret == Secret::AsSignature).then(|| SigningKey::parse(pasted).unwrap()),
            triggers: [Trigger::Push, Trigger::TagPush].into(),
            ..Hook::new(id, Owner::Project(self.project), now)
        });
    }

    fn edit(&self, text: &str) {
        self.lab.commit(self.project, self.lab.edit("Edit\n").update("1.md", text));
    }

    /// The newest delivery, as it came over the socket.
    async fn delivery(&self) -> Delivery {
        self.lab.gitlab.deliveries().await;
        delivery(self.receiver.requests().last().unwrap())
    }

    async fn verify(&self, delivery: &Delivery) -> Verdict {
        let (verdict, asked) = self.lab.requests(self.product.connection.verify_webhook(delivery.clone())).await;
        assert!(asked.is_empty(), "it reached the network: {asked:?}");
        self.product.told(verdict).unwrap()
    }

    async fn verified(&self, delivery: &Delivery) -> Event {
        match self.verify(delivery).await {
            Verdict::Verified(event) => event,
            Verdict::Rejected(reason) => panic!("rejected: {reason}"),
        }
    }

    async fn is_rejected(&self, delivery: &Delivery) -> bool {
        matches!(self.verify(delivery).await, Verdict::Rejected(_))
    }
}

fn delivery(received: &Received) -> Delivery {
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Delivery { headers: received.head.lines().skip(1).filter_map(header).collect(), body: received.body.clone() }
}

fn with(delivery: &Delivery, name: &str, value: &str) -> Delivery {
    let mut changed = delivery.clone();
    changed.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
    changed.headers.push((name.into(), value.into()));
    changed
}

#[tokio::test]
async fn a_delivery_asks_for_a_pull_and_the_pull_brings_only_what_changed() {
    for (version, secret, proof) in [
        ("16.1.0-ee", Secret::AsToken, Proof::Token),
        ("18.9.0-ee", Secret::AsToken, Proof::Token),
        ("19.1.0-ee", Secret::AsSignature, Proof::Signature),
    ] {
        let scene = Scene::new(version, secret).await;
        scene.edit("one, edited\n");
        let event = scene.verified(&scene.delivery().await).await;
        assert_eq!((event.proof, event.kind.as_str(), event.project), (proof, "push", Some(scene.project)));
        assert_eq!(event.work, [Work::Pull(Some(scene.lab.head(scene.project)))], "{version}");
        let (done, asked) = scene.lab.requests(scene.product.pull()).await;
        assert_eq!(done.unwrap().summary(), ["update 1.md"]);
        assert!(asked.len() <= 2, "{asked:?}");
        let (done, asked) = scene.lab.requests(scene.product.pull()).await;
        assert_eq!((done.unwrap().changes.len(), asked.len()), (0, 1), "the same delivery once more costs one request");
    }
}

#[tokio::test]
async fn our_own_push_comes_back_as_a_delivery_and_changes_nothing() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    scene.product.write("1.md", "ours\n");
    scene.product.push().await.unwrap();
    assert!(matches!(scene.verified(&scene.delivery().await).await.work[..], [Work::Pull(Some(_))]));
    let (done, asked) = scene.lab.requests(scene.product.pull()).await;
    assert_eq!((done.unwrap().changes.len(), asked.len()), (0, 1));
}

#[tokio::test]
async fn what_is_verified_and_not_for_us_asks_for_nothing() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    let other = CommitSpec::on("topic", "Topic\n").by(scene.lab.alice).update("1.md", "topic\n");
    scene.lab.commit(scene.project, other);
    let event = scene.verified(&scene.delivery().await).await;
    assert!(matches!(&event.work[..], [Work::Nothing(why)] if why.contains("another branch")), "{event:?}");

    scene.edit("again\n");
    let ours = scene.delivery().await;
    let foreign = Delivery {
        body: String::from_utf8(ours.body.clone()).unwrap().replace("\"project_id\":1,", "\"project_id\":77,").into(),
        ..ours.clone()
    };
    assert_ne!(foreign.body, ours.body);
    assert!(matches!(scene.verified(&foreign).await.work[..], [Work::Nothing(_)]));
    for body in [b"".as_slice(), b"not json", b"[]", b"{}", b"{\"object_kind\":\"note\",\"project_id\":1}"] {
        let odd = with(&Delivery { body: body.into(), ..ours.clone() }, "X-Gitlab-Event", "Note Hook");
        assert!(matches!(scene.verified(&odd).await.work[..], [Work::Nothing(_)]), "{body:?}");
    }
    // After the settings name another branch, this one is not ours any more.
    let next = CommitSpec::on("next", "Next\n").by(scene.lab.alice).update("1.md", "next\n");
    scene.lab.commit(scene.project, next);
    let elsewhere = Choice { branch: Some("next".into()), ..settings(scene.project) };
    scene.product.configure_as(elsewhere).await.unwrap();
    assert!(matches!(scene.verified(&ours).await.work[..], [Work::Nothing(_)]));
}

#[tokio::test]
async fn whoever_does_not_know_the_secret_is_rejected() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    scene.edit("edited\n");
    let good = scene.delivery().await;
    let secret = scene.product.webhook_secret().await;
    scene.verified(&good).await;
    let mut twice = good.clone();
    twice.headers.push(("x-gitlab-token".into(), secret.clone()));
    let mut none = good.clone();
    none.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-gitlab-token"));
    let (start, upper) = (&secret[..secret.len() - 1], secret.to_uppercase());
    let longer = format!("{secret}x");
    let guesses = ["", "guess", start, &upper, &longer].map(|guess| with(&good, "X-Gitlab-Token", guess));
    for forged in guesses.iter().chain([&twice, &none]) {
        assert!(scene.is_rejected(forged).await, "{:?}", forged.headers);
    }
}

#[tokio::test]
async fn a_signed_delivery_that_was_changed_or_is_old_is_rejected() {
    let scene = Scene::new("19.1.0-ee", Secret::AsSignature).await;
    scene.edit("edited\n");
    let good = scene.delivery().await;
    scene.verified(&good).await;
    let mut body = good.body.clone();
    body.push(b' ');
    let minutes_ago = (jiff::Timestamp::now().as_second() - 6 * 60).to_string();
    for changed in [
        Delivery { body, ..good.clone() },
        with(&good, "webhook-id", "another"),
        with(&good, "webhook-timestamp", &minutes_ago),
        with(&good, "webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        with(&good, "X-Gitlab-Token", "a token that was never set"),
    ] {
        assert!(scene.is_rejected(&changed).await, "{:?}", changed.headers);
    }
}

#[tokio::test]
async fn a_secret_is_of_one_tenant_even_where_the_projects_have_one_number() {
    let (here, there) =
        (Scene::new("18.9.0-ee", Secret::AsToken).await, Scene::new("18.9.0-ee", Secret::AsToken).await);
    assert_eq!(here.project, there.project);
    here.edit("edited\n");
    let delivery = here.delivery().await;
    here.verified(&delivery).await;
    assert!(there.is_rejected(&delivery).await);
}

#[tokio::test]
async fn after_a_disconnect_the_old_secret_is_no_good() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    scene.edit("edited\n");
    let before = scene.delivery().await;
    let old = scene.product.webhook_secret().await;
    scene.verified(&before).await;
    scene.product.told(scene.product.connection.disconnect().await).unwrap();
    assert!(scene.is_rejected(&before).await, "without a secret everything is rejected");
    scene.product.configure(scene.project).await;
    assert_ne!(scene.product.webhook_secret().await, old);
    assert!(scene.is_rejected(&before).await);
    // Configuring again keeps the secret that was pasted.
    let pasted = scene.product.webhook_secret().await;
    scene.hook(&pasted, Secret::AsToken);
    scene.product.configure(scene.project).await;
    scene.edit("edited again\n");
    scene.delivery().await;
    // The hook with the old secret is still there, and the two deliver in no order.
    let received: Vec<Delivery> = scene.receiver.requests().iter().map(delivery).collect();
    let with_pasted = |one: &&Delivery| one.headers.iter().any(|(_, value)| *value == pasted);
    let newest = received.iter().rfind(with_pasted).unwrap();
    assert!(matches!(scene.verified(newest).await.work[..], [Work::Pull(Some(_))]));
}

#[tokio::test]
async fn the_webhook_secret_is_nowhere_but_in_the_vault() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    let canary = Canary::of(&scene.product.webhook_secret().await);
    scene.edit("edited\n");
    let delivery = scene.delivery().await;
    scene.verified(&delivery).await;
    scene.verify(&with(&delivery, "X-Gitlab-Token", "guess")).await;
    scene.product.pull().await.unwrap();
    let status = scene.product.told(scene.product.connection.status().await).unwrap();
    assert!(canary.found_in(format!("{status:?}{}", scene.product.log()).as_bytes()).is_empty());
    assert_eq!(canary.found_below(scene.product.folder()), Vec::<String>::new());
}

#[tokio::test]
async fn a_branch_that_is_deleted_by_a_push_deletes_nothing_here() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    scene.edit("edited\n");
    let delivery = scene.delivery().await;
    let gone = String::from_utf8(delivery.body.clone()).unwrap();
    let after = scene.lab.head(scene.project);
    let gone = Delivery { body: gone.replace(&after, &"0".repeat(40)).into(), ..delivery };
    let event = scene.verified(&gone).await;
    scene.product.pull().await.unwrap();
    assert_eq!(scene.product.files().len(), 2, "{event:?}");
}

/// A hook of each place, and everything that this GitLab tells by itself: what each delivery is, and that all of them are ours to judge.
#[tokio::test]
async fn hooks_of_projects_groups_and_the_instance_are_told_apart_and_all_say_whom_they_concern() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    let (app, secret) = (scene.lab.admin().app().clone(), scene.product.webhook_secret().await);
    let group = app.world().projects.get(scene.project).unwrap().namespace_id;
    let of_the_instance = [Trigger::Push, Trigger::RepositoryUpdate];
    for (owner, triggers) in [(Owner::Group(group), Trigger::ALL), (Owner::System, &of_the_instance)] {
        let now = app.now();
        app.world_mut().hooks.add(|id| Hook {
            url: format!("http://{}/hook", scene.receiver.authority()),
            token: Some(secret.clone()),
            triggers: triggers.iter().copied().collect(),
            ..Hook::new(id, owner, now)
        });
    }
    scene.edit("edited\n");
    let week = app.clock.today().checked_add(jiff::Span::new().days(7)).unwrap();
    let bot = TokenSpec { expires_at: Some(week), ..TokenSpec::project(scene.project, &["api"]) };
    scene.lab.admin().create_token(bot);
    telling::of_expiring_tokens(scene.lab.admin().app());
    scene.lab.admin().create_user(UserSpec::person("bob"));
    let other = scene.lab.project("acme/other");
    scene.lab.commit(other, CommitSpec::on("main", "Begin\n").by(scene.lab.alice).create("a.md", "a\n"));
    scene.lab.gitlab.deliveries().await;

    let mut told = Vec::new();
    for received in scene.receiver.requests() {
        let event = scene.verified(&delivery(&received)).await;
        let project = event.project.map(|id| if id == scene.project { "ours" } else { "other" }).unwrap_or("none");
        let work: Vec<&str> = event.work.iter().map(task).collect();
        let hook = match event.hook {
            HookScope::ProjectOrGroup => "either",
            HookScope::Group => "group",
            HookScope::System => "system",
        };
        told.push(format!("{hook} {} {project}: {}", event.kind, work.join(" ")));
    }
    told.sort();
    told.dedup();
    let expected = [
        "either access_token ours: token",
        "either push other: nothing",
        "either push ours: pull",
        "group project_create other: refresh",
        "system project_create other: refresh",
        "system push other: nothing",
        "system push ours: pull",
        "system repository_update other: nothing",
        "system repository_update ours: pull",
        "system user_create none: refresh",
    ];
    assert_eq!(told, expected);
}

fn task(work: &Work) -> &'static str {
    match work {
        Work::Pull(_) => "pull",
        Work::Refresh(_) => "refresh",
        Work::RunCi(_) => "ci",
        Work::TokenExpires(_) => "token",
        Work::Nothing(_) => "nothing",
    }
}

/// One delivery of a group's hook may be compared with each project that is synced.
#[tokio::test]
async fn what_is_watched_may_be_said_with_the_delivery() {
    let scene = Scene::new("18.9.0-ee", Secret::AsToken).await;
    let other = CommitSpec::on("topic", "Topic\n").by(scene.lab.alice).update("1.md", "topic\n");
    scene.lab.commit(scene.project, other);
    let delivery = scene.delivery().await;
    for (project, branch, pulls) in
        [(scene.project, "topic", true), (scene.project, "main", false), (scene.project + 1, "topic", false)]
    {
        let watched = Watched { project, branch: branch.into() };
        let verdict = scene.product.connection.verify_webhook_for(delivery.clone(), watched).await.unwrap();
        let Verdict::Verified(event) = verdict else { panic!("{verdict:?}") };
        assert_eq!(matches!(event.work[..], [Work::Pull(Some(_))]), pulls, "{project} {branch}");
    }
}
