//! From what happened to requests: which hooks are told, and what becomes of it.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::breaker::AlertStatus;
use super::deliveries::{Answered, Outcome};
use super::hook::{Hook, Owner};
use super::request::{self, Errand, Ready};
use super::trigger::Trigger;
use super::{lifecycle, payload, sender};
use crate::app::App;
use crate::events::{Audience, Event, PushEvent, RefChange, Telling};
use crate::version::Tier;
use crate::world::World;

/// Tells hooks of everything that is heard, until the instance ends.
pub(crate) async fn run(app: Arc<App>, mut heard: UnboundedReceiver<Event>) {
    let mut number = 0;
    while let Some(event) = heard.recv().await {
        number += 1;
        let reader = Arc::clone(&app);
        let errands = tokio::task::spawn_blocking(move || errands(&reader, &event)).await.unwrap_or_default();
        for errand in errands.into_iter().filter(|errand| errand.hook.since < number) {
            if let Ok((id, ready)) = begin(&app, &errand, Start::Event) {
                tokio::spawn(finish(Arc::clone(&app), id, ready));
            }
        }
        app.deliveries.count_event();
    }
}

/// What starts a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Something happened.
    Event,
    /// Somebody asked to repeat one.
    Resend,
    /// Somebody asked for a test: it goes to disabled hooks, too.
    Test,
}

/// Delivers at once, for tests and repetitions. Blocks; must be called on a thread that may.
pub(crate) fn deliver(app: &Arc<App>, errand: &Errand, start: Start) -> Result<Answered, String> {
    let (id, ready) = begin(app, errand, start)?;
    tokio::runtime::Handle::current().block_on(finish(Arc::clone(app), id, ready))
}

/// Makes the request, unless a rule stands against it.
fn begin(app: &App, errand: &Errand, start: Start) -> Result<(u64, Ready), String> {
    let hook = &errand.hook;
    let (switches, now) = (app.world().settings.hooks.clone(), app.now());
    if switches.silent {
        return Err("Silent mode enabled".into());
    }
    if start != Start::Test && hook.status(&switches, now) != AlertStatus::Executable {
        return Err("Hook disabled".into());
    }
    if start == Start::Event && is_over_rate(app, hook, switches.per_minute) {
        return Err("Webhook rate limit exceeded".into());
    }
    let recursive = errand.chain.as_ref().is_some_and(|chain| !app.chains.enter(chain, hook.id, now));
    if recursive {
        return Err("Recursive webhook blocked".into());
    }
    let ready = request::build(app, errand);
    if errand.chain.is_none()
        && let Some(chain) = ready.0.header("X-Gitlab-Event-UUID")
    {
        app.chains.enter(chain, hook.id, now);
    }
    Ok((app.deliveries.begin(ready.0.clone()), ready))
}

/// Sends it and writes down what became of it.
async fn finish(app: Arc<App>, id: u64, (delivery, target, check): Ready) -> Result<Answered, String> {
    let switches = app.world().settings.hooks.clone();
    let begun = Instant::now();
    let answer = match target {
        Ok(target) => {
            let posted = sender::post(&target, &delivery.headers, delivery.body, check, &switches).await;
            posted.map_err(|error| error.to_string())
        }
        Err(problem) => Err(problem),
    };
    settle_breaker(&app, delivery.hook_id, answer.as_ref().is_ok_and(Answered::is_good));
    let outcome = match &answer {
        Ok(answer) => Outcome::Answered(answer.clone()),
        Err(problem) => Outcome::Failed(problem.clone()),
    };
    app.deliveries.end(id, outcome, begun.elapsed());
    answer
}

fn settle_breaker(app: &App, hook_id: u64, good: bool) {
    let now = app.now();
    let mut world = app.world_mut();
    if !world.settings.hooks.auto_disable {
        return;
    }
    if let Some(hook) = world.hooks.get_mut(hook_id) {
        if good { hook.breaker.succeed() } else { hook.breaker.fail(now) }
    }
}

fn is_over_rate(app: &App, hook: &Hook, limit: u32) -> bool {
    let top = {
        let world = app.world();
        let namespace = match hook.owner {
            Owner::Project(id) => world.projects.get(id).map(|project| project.namespace_id),
            Owner::Group(id) => Some(id),
            Owner::System => None,
        };
        namespace.map(|id| world.namespaces.lineage(id).last().map_or(id, |group| group.id))
    };
    let Some(top) = top.filter(|_| limit > 0) else { return false };
    app.limiter.count(&format!("web_hook_calls:{top}"), limit, 60, app.now()).is_over()
}

fn errands(app: &App, event: &Event) -> Vec<Errand> {
    match event {
        Event::Push(push) => of_push(app, push),
        Event::ProjectCreated { project_id } => of_project(app, *project_id),
        Event::Record(telling) => of_record(app, telling),
    }
}

fn of_record(app: &App, telling: &Telling) -> Vec<Errand> {
    let hooks = hooks_of(app, telling.audience, telling.trigger, None);
    errand_each(hooks, telling.trigger, &telling.payload, telling.chain.as_ref())
}

/// Whether anybody is told: what is told of a record costs a look into the repository.
pub(crate) fn anybody_wants(app: &App, audience: Audience, trigger: Trigger) -> bool {
    !hooks_of(app, audience, trigger, None).is_empty()
}

fn of_push(app: &App, push: &PushEvent) -> Vec<Errand> {
    let limit = app.world().settings.hooks.push_ref_limit;
    let mut errands = Vec::new();
    for (prefix, trigger) in [("refs/heads/", Trigger::Push), ("refs/tags/", Trigger::TagPush)] {
        let moved: Vec<_> = push.changes.iter().filter(|change| change.reference.starts_with(prefix)).collect();
        if moved.len() <= limit {
            moved.iter().for_each(|change| errands.extend(of_change(app, push, change, trigger)));
        }
    }
    let told = listeners(app, push.project_id, Trigger::RepositoryUpdate, None);
    let system: Vec<_> = told.into_iter().filter(|hook| hook.owner == Owner::System).collect();
    if !system.is_empty()
        && let Some(payload) = payload::repository_update(app, push)
    {
        errands.extend(errand_each(system, Trigger::RepositoryUpdate, &payload, push.chain.as_ref()));
    }
    errands
}

fn of_change(app: &App, push: &PushEvent, change: &RefChange, trigger: Trigger) -> Vec<Errand> {
    let hooks = listeners(app, push.project_id, trigger, change.reference.strip_prefix("refs/heads/"));
    // Each commit's files are a walk over two trees: not for nobody.
    if hooks.is_empty() {
        return Vec::new();
    }
    let Some(payload) = payload::push(app, push, change) else { return Vec::new() };
    errand_each(hooks, trigger, &payload, push.chain.as_ref())
}

fn of_project(app: &App, project_id: u64) -> Vec<Errand> {
    let Some(payload) = lifecycle::project_create(app, project_id) else { return Vec::new() };
    let groups = listeners(app, project_id, Trigger::Project, None);
    let groups = groups.into_iter().filter(|hook| matches!(hook.owner, Owner::Group(_))).collect();
    let mut errands = errand_each(groups, Trigger::Project, &payload, None);
    let system = listeners(app, project_id, Trigger::System, None);
    errands.extend(errand_each(system, Trigger::System, &payload, None));
    errands
}

fn errand_each(hooks: Vec<Hook>, trigger: Trigger, payload: &Value, chain: Option<&String>) -> Vec<Errand> {
    let errand = |hook| Errand { hook, trigger, payload: payload.clone(), chain: chain.cloned(), repeats: None };
    hooks.into_iter().map(errand).collect()
}

/// The hooks of a project, of the groups above it and of the instance that listen to this.
fn listeners(app: &App, project_id: u64, trigger: Trigger, branch: Option<&str>) -> Vec<Hook> {
    hooks_of(app, Audience::Project(project_id), trigger, branch)
}

fn hooks_of(app: &App, audience: Audience, trigger: Trigger, branch: Option<&str>) -> Vec<Hook> {
    let world = app.world();
    let hooks = owners(&world, audience).into_iter().flat_map(|owner| world.hooks.of(owner));
    hooks.filter(|hook| hook.wants(trigger, branch)).cloned().collect()
}

fn owners(world: &World, audience: Audience) -> Vec<Owner> {
    let above = |namespace_id: u64| {
        let groups =
            if world.settings.tier >= Tier::Premium { world.namespaces.lineage(namespace_id) } else { Vec::new() };
        groups.into_iter().map(|group| Owner::Group(group.id))
    };
    match audience {
        Audience::Project(id) => {
            let Some(project) = world.projects.get(id) else { return Vec::new() };
            let own = std::iter::once(Owner::Project(id));
            own.chain(above(project.namespace_id)).chain(std::iter::once(Owner::System)).collect()
        }
        Audience::Group(id) => above(id).collect(),
        Audience::Instance => vec![Owner::System],
    }
}
