//! Everything that can go wrong while the webhook is made, put right, given a new secret and removed.
//!
//! After each trouble: no second webhook of ours, none that is called settled without the present secret, and whatever secret GitLab
//! has is one whose deliveries are verified. Running again without trouble comes to the same end.

use super::faults::troubles;
use super::hook_scene::Scene;
use super::kills::with_host_calls;
use gitlab_sim::hooks::hook::Hook;
use gitlab_sim::hooks::signing::SigningKey;
use gitlab_sim::{Fault, Settings, When};
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::sync::{
    Delivery, Settings as Choice, Verdict, WebhookEvents, WebhookMode, WebhookPlace, WebhookReport,
};
use gitlab_sync_host::{CallError, Limit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Make,
    /// In a GitLab that does not sign.
    MakeUnsigned,
    PutRight,
    MakeAgain,
    Rotate,
    Remove,
}

/// One job from its beginning.
async fn begin(job: Job) -> Scene {
    let version = if job == Job::MakeUnsigned { "18.9.0-ee" } else { "19.1.0-ee" }.parse().unwrap();
    let scene = Scene::bare(Settings { version, ..Settings::default() }).await;
    let manual = Choice { webhook: WebhookMode::Manual(None), ..scene.auto() };
    scene.product.configure_as(manual).await.unwrap();
    if !matches!(job, Job::Make | Job::MakeUnsigned) {
        call(Job::Make, &scene, &scene.product.connection).await.unwrap();
    }
    let id = scene.hooks().first().map(|hook| hook.id);
    let app = scene.lab.admin().app().clone();
    match (job, id) {
        (Job::PutRight, Some(id)) => {
            let mut world = app.world_mut();
            let hook = world.hooks.get_mut(id).unwrap();
            (hook.url, hook.verify_tls) = ("https://elsewhere.example.com/".into(), false);
        }
        (Job::MakeAgain, Some(id)) => app.world_mut().hooks.remove(id),
        _ => {}
    }
    scene
}

async fn call(job: Job, scene: &Scene, connection: &Connection) -> Result<Option<WebhookReport>, ConnectionError> {
    match job {
        Job::Make | Job::MakeUnsigned => {
            let mode = WebhookMode::Auto(scene.receiver.url());
            let place = WebhookPlace::Project(scene.project);
            connection.set_webhook(place, WebhookEvents::Pushes, mode).await.map(Some)
        }
        Job::PutRight | Job::MakeAgain => connection.ensure_webhook().await.map(Some),
        Job::Rotate => connection.rotate_webhook().await.map(Some),
        Job::Remove => connection.disconnect().await.map(|left| {
            assert_eq!(left.is_empty(), scene.hooks().is_empty(), "{left:?}");
            None
        }),
    }
}

async fn assert_nothing_is_wrong(job: Job, scene: &Scene, when: &str) {
    let hooks = scene.hooks();
    assert!(hooks.len() <= 1, "{when}: two of them");
    let status = scene.product.told(scene.product.connection.status().await).unwrap();
    let Some(webhook) = status.webhook else { return };
    // What somebody has deleted in GitLab is known once GitLab was asked.
    if webhook.settled && !(job == Job::MakeAgain && hooks.is_empty()) {
        let secret = scene.product.webhook_secret().await;
        let hook = hooks.first().unwrap_or_else(|| panic!("{when}: there is none, and it is called settled"));
        let is_present = match &hook.signing {
            Some(key) => Some(key) == SigningKey::parse(&secret).as_ref() && hook.token.is_none(),
            None => hook.token == Some(secret),
        };
        assert!(is_present, "{when}: it is called settled with another secret");
    }
    if let Some(hook) = hooks.first() {
        // A GitLab that cannot sign is given the token once it has said so; until then nothing of it is believed.
        let is_unproved = hook.token.is_none() && hook.signing.is_none() && !webhook.settled;
        assert!(is_unproved || is_verified(scene, hook).await, "{when}: what GitLab has is not verified");
    }
}

async fn is_verified(scene: &Scene, hook: &Hook) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed = hook.signing.as_ref().map(|key| {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let signature = key.sign("1", now.try_into().unwrap(), b"{}");
        vec![
            header("webhook-id", "1".into()),
            header("webhook-timestamp", now.to_string()),
            header("webhook-signature", signature),
        ]
    });
    let token = hook.token.clone().map(|token| ("X-Gitlab-Token".to_owned(), token));
    let headers = signed.into_iter().flatten().chain(token).collect();
    let delivery = Delivery { headers, body: b"{}".to_vec() };
    let verdict = scene.product.told(scene.product.connection.verify_webhook(delivery).await).unwrap();
    matches!(verdict, Verdict::Verified(_))
}

async fn assert_it_converges(job: Job, scene: &Scene, when: &str) {
    if job == Job::Remove {
        call(job, scene, &scene.product.connection).await.unwrap();
        let status = scene.product.told(scene.product.connection.status().await).unwrap();
        assert!(status.webhook.is_none(), "{when}");
        return;
    }
    call(job, scene, &scene.product.connection).await.unwrap_or_else(|error| panic!("{when}: {error}"));
    let report = scene.ensure().await;
    assert!(report.webhook.settled, "{when}: {report:?}");
    scene.assert_good(when).await;
}

async fn survives_every_fault(job: Job) {
    let scene = begin(job).await;
    let (_, asked) = scene.lab.requests(call(job, &scene, &scene.product.connection)).await;
    assert!(!asked.is_empty());
    for (name, effect, codes) in troubles() {
        for request in 1..=asked.len() {
            let when = format!("{job:?}, {name}, at {}", asked[request - 1]);
            let scene = begin(job).await;
            scene.lab.admin().fault(Fault::on_any("*", effect.clone()).when(When::Nth(request)));
            let outcome = match job {
                // What is left in GitLab is said, and compared below.
                Job::Remove => scene.product.connection.disconnect().await.map(|left| {
                    assert!(scene.hooks().is_empty() || !left.is_empty(), "{when}");
                    None
                }),
                _ => call(job, &scene, &scene.product.connection).await,
            };
            scene.lab.admin().clear_faults();
            match scene.product.told(outcome) {
                Err(refusal) => assert!(codes.contains(&refusal.code.as_str()), "{when}: {refusal:?}"),
                Ok(Some(report)) if !report.webhook.settled => {
                    assert!(report.webhook.by_hand.is_some(), "{when}: {report:?}");
                }
                Ok(_) => {}
            }
            assert_nothing_is_wrong(job, &scene, &when).await;
            if job != Job::Remove {
                assert_it_converges(job, &scene, &when).await;
            }
        }
    }
}

async fn survives_at_every_host_call(job: Job) {
    for calls in 0.. {
        let scene = begin(job).await;
        let connection = scene.product.with(&with_host_calls(calls)).await;
        let when = format!("{job:?}, stopped at host call {}", calls + 1);
        match call(job, &scene, &connection).await {
            Err(ConnectionError::Stopped(CallError::Limit(Limit::HostCalls(_)))) => {}
            Err(error) => panic!("{when}: {error}"),
            Ok(_) => {
                assert!(calls > 8, "{when}: a job of {calls} calls is none");
                return;
            }
        }
        assert_nothing_is_wrong(job, &scene, &when).await;
        assert_it_converges(job, &scene, &when).await;
    }
}

macro_rules! troubles_of {
    ($($way:ident: $($name:ident $job:ident)*;)*) => { $( $(
        #[tokio::test]
        async fn $name() {
            $way(Job::$job).await;
        }
    )* )* };
}

troubles_of! {
    survives_every_fault:
        making_a_webhook_survives_every_fault_at_every_request Make
        making_one_without_signatures_survives_every_fault_at_every_request MakeUnsigned
        putting_a_webhook_right_survives_every_fault_at_every_request PutRight
        making_a_webhook_again_survives_every_fault_at_every_request MakeAgain
        rotating_its_secret_survives_every_fault_at_every_request Rotate
        removing_it_survives_every_fault_at_every_request Remove;
    survives_at_every_host_call:
        making_a_webhook_may_be_stopped_at_every_host_call Make
        making_one_without_signatures_may_be_stopped_at_every_host_call MakeUnsigned
        putting_a_webhook_right_may_be_stopped_at_every_host_call PutRight
        making_a_webhook_again_may_be_stopped_at_every_host_call MakeAgain
        rotating_its_secret_may_be_stopped_at_every_host_call Rotate
        removing_it_may_be_stopped_at_every_host_call Remove;
}
