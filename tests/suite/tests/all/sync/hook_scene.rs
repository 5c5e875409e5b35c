//! A project with a webhook, a receiver for it, and what people do to both.

use super::lab::Lab;
use super::product::{Product, Setup, settings};
use super::receiver::Receiver;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::hooks::trigger::Trigger;
use gitlab_sim::{Settings, Simulator};
use gitlab_sync_host::sync::{Settings as Choice, WebhookDeed, WebhookMode, WebhookReport, Work};
use std::collections::BTreeSet;

/// A project with a receiver for it.
pub(super) struct Scene {
    pub(super) lab: Lab,
    pub(super) project: u64,
    pub(super) product: Product,
    pub(super) receiver: Receiver,
}

impl Scene {
    /// Nothing is configured.
    pub(super) async fn bare(settings: Settings) -> Self {
        let lab = Lab::of(Simulator::builder().settings(settings)).await;
        let project = lab.project_with("acme/handbook", &[("1.md", "one\n")]);
        let receiver = Receiver::start().await;
        let product = product(&lab, &receiver.url()).await;
        receiver.judged_by(&product.connection);
        Self { lab, project, product, receiver }
    }

    /// With a webhook in place.
    pub(super) async fn of(version: &str) -> Self {
        let scene = Self::bare(Settings { version: version.parse().unwrap(), ..Settings::default() }).await;
        let report = scene.configure().await;
        assert_eq!(report.deed, WebhookDeed::Created);
        assert!(report.webhook.settled);
        scene
    }

    pub(super) fn auto(&self) -> Choice {
        Choice { webhook: WebhookMode::Auto(self.receiver.url()), ..settings(self.project) }
    }

    pub(super) async fn configure(&self) -> WebhookReport {
        self.product.configure_as(self.auto()).await.unwrap().webhook.unwrap()
    }

    pub(super) async fn ensure(&self) -> WebhookReport {
        self.product.told(self.product.connection.ensure_webhook().await).unwrap()
    }

    pub(super) async fn rotate(&self) -> WebhookReport {
        self.product.told(self.product.connection.rotate_webhook().await).unwrap()
    }

    pub(super) fn hooks(&self) -> Vec<Hook> {
        hooks_of(&self.lab, Owner::Project(self.project))
    }

    /// The one there is.
    pub(super) fn hook(&self) -> Hook {
        let hooks = self.hooks();
        assert_eq!(hooks.len(), 1, "{hooks:?}");
        hooks.into_iter().next().unwrap()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Hook)) {
        let id = self.hook().id;
        change(self.lab.admin().app().world_mut().hooks.get_mut(id).unwrap());
    }

    pub(super) fn delete(&self) {
        let id = self.hook().id;
        self.lab.admin().app().world_mut().hooks.remove(id);
    }

    pub(super) fn paste(&self, change: impl FnOnce(&mut Hook)) -> u64 {
        let app = self.lab.admin().app().clone();
        let (now, url) = (app.now(), self.receiver.url());
        let mut world = app.world_mut();
        let made = world.hooks.add(|id| {
            let mut hook = Hook::new(id, Owner::Project(self.project), now);
            hook.url = url;
            change(&mut hook);
            hook
        });
        made.id
    }

    /// Somebody pushes, and GitLab is done telling.
    pub(super) async fn push(&self, text: &str) {
        self.lab.commit(self.project, self.lab.edit("Edit\n").update("1.md", text));
        self.lab.gitlab.deliveries().await;
    }

    /// A push arrives and is verified.
    pub(super) async fn assert_it_arrives(&self, text: &str) {
        self.receiver.forget();
        self.push(text).await;
        let events = self.receiver.events();
        assert_eq!(events.len(), 1, "{:?}", self.receiver.arrivals());
        assert!(matches!(events[0].work[..], [Work::Pull(_)]), "{events:?}");
    }

    /// There is one webhook, it is what it should be, and it has the present secret.
    pub(super) async fn assert_good(&self, when: &str) {
        let (hook, secret) = (self.hook(), self.product.webhook_secret().await);
        assert_eq!(hook.url, self.receiver.url(), "{when}");
        match &hook.signing {
            // Whoever sees a delivery could sign another one, if the key were in it.
            Some(_) => assert_eq!(hook.token, None, "{when}: the key is told"),
            None => assert_eq!(hook.token.as_deref(), Some(secret.as_str()), "{when}: another secret"),
        }
        assert_eq!(hook.triggers, BTreeSet::from([Trigger::Push]), "{when}");
        assert!(hook.verify_tls && hook.template.is_none(), "{when}");
        assert_eq!(hook.branches.pattern(), Some("main"), "{when}");
    }
}

pub(super) async fn product(lab: &Lab, url: &str) -> Product {
    let product = Product::new(lab, Setup::default()).await;
    product.granting(|grant| grant.webhook_url = Some(url.to_owned())).await
}

pub(super) fn hooks_of(lab: &Lab, owner: Owner) -> Vec<Hook> {
    lab.admin().app().world().hooks.of(owner).cloned().collect()
}
