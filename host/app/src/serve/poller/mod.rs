//! The safety net below webhooks, which GitLab may drop: each connection's branch head is looked at now and then, and its hook more rarely.
//!
//! Decided here: who is looked at, and when (`rota`; every five minutes unless the settings say otherwise, hooks once an hour). A look at
//! the head is a pull, which costs one request when nothing has changed. It goes through the queue like any other job, so it never runs
//! beside one, and joins one that waits: what GitLab has said of when to come again holds for it too. Hooks are looked at beside each other
//! and beside heads, because a GitLab may take its time.
//!
//! Nothing is pulled before the first sync, which is a person's to begin, nor while the connection is paused.

mod rota;

use super::health::{Alive, Part};
use super::job::{Cause, Job, Wake};
use super::server::Server;
use super::states::{Change, Hook, State};
use crate::failure::Failure;
use crate::operations::hooks;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Check, CheckOutcome, WebhookMode};
use rota::{Dice, Rota, Seen};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

/// Between two looks at which connections there are.
const REFRESH: Duration = Duration::from_secs(10);
/// Between two looks at a hook: some six requests.
const HOOKS: Duration = Duration::from_secs(3_600);

/// Hooks that are looked at beside each other. One whose GitLab is slow keeps the others waiting only when there are as many of its kind.
const MOST_LOOKS: usize = 8;
/// For one hook, all requests together.
const PATIENCE: Duration = Duration::from_secs(60);

/// Until the server is to end.
pub(crate) async fn run(server: Arc<Server>, mut end: watch::Receiver<bool>) {
    let mut poller = Poller::new(server);
    let mut dice = dice();
    loop {
        poller.alive.beat();
        if let Err(failure) = poller.round(&mut dice).await {
            poller.server.log.warn("branch heads are not looked at", &[("why", failure.innermost())]);
        }
        // Never without a pause, whatever the clock does.
        let until = poller.next().max(Instant::now() + Duration::from_millis(20));
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            Some(looked) = poller.looks.join_next_with_id() => poller.looked(looked, &mut dice),
            _ = end.wait_for(|end| *end) => return,
        }
    }
}

struct Poller {
    server: Arc<Server>,
    heads: Rota<ConnectionId>,
    hooks: Rota<ConnectionId>,
    /// At hooks, under way, and at whose.
    looks: JoinSet<Seen>,
    looked_at: HashMap<Id, ConnectionId>,
    alive: Alive,
}

impl Poller {
    fn new(server: Arc<Server>) -> Self {
        let (heads, hooks) = (Rota::new(server.config.poll), Rota::new(HOOKS));
        let alive = server.health.alive(Part::Poller);
        Self { server, heads, hooks, looks: JoinSet::new(), looked_at: HashMap::new(), alive }
    }

    async fn round(&mut self, dice: Dice<'_>) -> Result<(), Failure> {
        let all: Vec<_> = self.server.database.entries().await?.into_iter().map(|entry| entry.id).collect();
        let now = Instant::now();
        self.heads.keep(&all, now, dice);
        self.hooks.keep(&all, now, dice);
        for id in self.heads.due(now) {
            let seen = look(&self.server, &id).await.unwrap_or(Seen::Troubled);
            self.heads.done(&id, seen, Instant::now(), dice);
            self.alive.beat();
        }
        let due: Vec<_> = self.hooks.due(now).into_iter().filter(|id| !self.is_looked_at(id)).collect();
        for id in due.into_iter().take(MOST_LOOKS - self.looks.len()) {
            let (server, whose) = (self.server.clone(), id.clone());
            let look = self.looks.spawn(async move {
                let looked = tokio::time::timeout(PATIENCE, look_at_hook(&server, &whose)).await;
                looked.map_or(Seen::Troubled, |seen| seen.unwrap_or(Seen::Troubled))
            });
            self.looked_at.insert(look.id(), id);
        }
        Ok(())
    }

    fn is_looked_at(&self, id: &ConnectionId) -> bool {
        self.looked_at.values().any(|looked_at| looked_at == id)
    }

    fn looked(&mut self, looked: Result<(Id, Seen), JoinError>, dice: Dice<'_>) {
        let (look, seen) = looked.unwrap_or_else(|panicked| (panicked.id(), Seen::Troubled));
        if let Some(id) = self.looked_at.remove(&look) {
            self.hooks.done(&id, seen, Instant::now(), dice);
        }
    }

    /// When to look again. While hooks are looked at, others wait until one of those is done, or for the next refresh.
    fn next(&self) -> Instant {
        let hooks = self.hooks.next().filter(|_| self.looks.is_empty());
        let refresh = Instant::now() + REFRESH;
        [self.heads.next(), hooks].into_iter().flatten().fold(refresh, Instant::min)
    }
}

async fn look(server: &Server, id: &ConnectionId) -> Result<Seen, Failure> {
    let Some(state) = pollable(server, id).await? else { return Ok(Seen::Well) };
    server.wake(Wake::new(id.clone(), Job::Pull, Cause::Poll)).await?;
    Ok(if state.problem.is_some() { Seen::Troubled } else { Seen::Well })
}

/// Put right where the connector looks after it. What is known of the hook afterwards is for the page.
async fn look_at_hook(server: &Server, id: &ConnectionId) -> Result<Seen, Failure> {
    if pollable(server, id).await?.is_none() {
        return Ok(Seen::Well);
    }
    let connection = server.connection(id).await?;
    if let Some(WebhookMode::Auto(_)) = hooks::before(&connection).await? {
        connection.ensure_webhook().await?;
    }
    let checks = connection.diagnose().await?;
    let Some(hook) = judge(&checks, server.now_ms()) else { return Ok(Seen::Well) };
    let seen = if hook.health == "healthy" || hook.health == "manual" { Seen::Well } else { Seen::Troubled };
    server.states.change(id, vec![Change::Hook(hook)]).await.map_err(|error| Failure::of(&error))?;
    server.clear_up_after(vec![id.clone()]).await;
    Ok(seen)
}

/// None: nothing is to be done for it by itself.
async fn pollable(server: &Server, id: &ConnectionId) -> Result<Option<State>, Failure> {
    let state = server.states.get(id).await.map_err(|error| Failure::of(&error))?;
    let idle = state.paused.is_some() || !server.has_synced(id).await?;
    Ok((!idle).then_some(state))
}

/// None: the checks say nothing of the hook.
fn judge(checks: &[Check], looked_ms: u64) -> Option<Hook> {
    let about: Vec<_> = checks.iter().filter(|check| check.name.starts_with("webhook")).collect();
    about.first()?;
    let note = |check: &Check| format!("{}: {}", check.name, check.finding);
    let failed = about.iter().find(|check| check.outcome == CheckOutcome::Failed);
    let (health, note) = match failed {
        Some(check) => (health(check.code.as_deref()), note(check)),
        None if about.iter().any(|check| check.name == "webhook" && check.outcome == CheckOutcome::Passed) => {
            ("healthy", String::new())
        }
        None => ("manual", about.first().map(|check| note(check)).unwrap_or_default()),
    };
    Some(Hook { health: health.into(), note, looked_ms })
}

fn health(code: Option<&str>) -> &'static str {
    match code {
        Some("hook-missing") => "missing",
        Some("hook-disabled") => "disabled",
        _ => "changed",
    }
}

/// Random enough to keep connections apart, which is all that it is for.
fn dice() -> impl FnMut() -> f64 {
    let (state, mut number) = (RandomState::new(), 0_u64);
    move || {
        number += 1;
        (state.hash_one(number) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::stand::scene::Scene;
    use gitlab_sim::{Effect, Fault};

    #[test]
    fn a_hook_is_as_well_as_the_worst_thing_found() {
        let check = |name: &str, outcome, code: Option<&str>| Check {
            name: name.into(),
            outcome,
            finding: "it".into(),
            remedy: None,
            code: code.map(Into::into),
        };
        let (passed, failed, unchecked) = (CheckOutcome::Passed, CheckOutcome::Failed, CheckOutcome::Unchecked);
        let good =
            [check("token", passed, None), check("webhook", passed, None), check("webhook URL", unchecked, None)];
        let table = [
            (vec![], Some("healthy")),
            (vec![check("webhook state", failed, Some("hook-disabled"))], Some("disabled")),
            (vec![check("webhook branch", failed, Some("hook-missing"))], Some("missing")),
            (vec![check("webhook delivery", failed, Some("hook-secret"))], Some("changed")),
            (vec![check("branch", failed, Some("branch-missing"))], Some("healthy")),
        ];
        for (more, expected) in table {
            let checks: Vec<_> = good.iter().cloned().chain(more).collect();
            assert_eq!(judge(&checks, 7).map(|hook| hook.health).as_deref(), expected, "{checks:?}");
        }
        let by_hand = [check("webhook URL", unchecked, None)];
        assert_eq!(judge(&by_hand, 7).unwrap().health, "manual");
        assert_eq!(judge(&good[..1], 7), None);
    }

    /// One after the other, they once kept all others waiting.
    #[tokio::test]
    async fn a_hook_whose_gitlab_does_not_answer_keeps_no_head_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let (_stop, end) = watch::channel(false);
        let scene = Scene::synced(folder.path(), end, |config| config.poll = Duration::from_millis(1)).await;
        let never = Effect::Latency { ms: 600_000, jitter_ms: 0 };
        scene.gitlab.admin().fault(Fault::on_any("*", never));
        let mut poller = Poller::new(scene.server.clone());
        poller.hooks = Rota::new(Duration::from_millis(1));
        let (since, mut dice) = (Instant::now(), dice());
        let polled = async || {
            let jobs = scene.server.queue.jobs(&scene.id, 9).await.unwrap();
            jobs.iter().filter(|job| job.cause == Cause::Poll).map(|job| job.wakes).sum::<u32>()
        };
        while poller.looks.is_empty() || polled().await < 3 {
            assert!(since.elapsed() < PATIENCE);
            poller.round(&mut dice).await.unwrap();
        }
        let waits = polled().await;
        while polled().await < waits + 3 {
            poller.round(&mut dice).await.unwrap();
        }
        assert_eq!((poller.looks.len(), poller.looked_at.len()), (1, 1), "it is looked at once at a time");
    }

    #[test]
    fn the_dice_fall_between_0_and_1_and_everywhere() {
        let mut dice = dice();
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let roll = dice();
            assert!((0.0..1.0).contains(&roll));
            tenths[(roll * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (800..1_200).contains(count)), "{tenths:?}");
    }
}
