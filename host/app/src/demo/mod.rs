//! `demo`: the main job from connect to webhook, against a GitLab in this process.
//!
//! A script, read from top to bottom. It uses the same functions as the commands, prints what they say, and checks what came of it past
//! the connector: in the folder and in the repository itself. It ends with 0 only if all of that held.

mod narrator;
mod scene;

use crate::cli::Demo;
use crate::commands::connect;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::installation::slot;
use crate::operations::connect::keep;
use crate::operations::moving::{Mover, Way};
use crate::output::Output;
use crate::pages;
use crate::session::Session;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::sync::{
    ConflictPolicy, Deletions, Delivery, Direction, FirstSync, Options, Ownership, Resolution, Settings, Step, Target,
    Verdict, WebhookMode, Work,
};
use narrator::Narrator;
use scene::{AGREED, ARRIVES, BRANCH, CLASHES, MERGES, Scene};
use std::sync::Arc;

/// The last lines of the audit trail that are shown.
const AUDIT_LINES: usize = 6;

pub(crate) async fn run(arguments: &Demo, output: &Arc<Output>) -> Result<Exit, Failure> {
    let scene = Scene::set(arguments.folder.as_deref()).await?;
    let home = Home::open(Some(&scene.home()))?;
    let session = Session::at(home, "demo", output).await?;
    let mut told = Narrator::new(output, scene.admin());
    told.say(Text::new().bold("gitlab-sync, against a GitLab of its own"));
    told.say(Text::new().dim(format!("everything is below {}", scene.folder.display())));

    connect(&mut told, &scene, &session).await?;
    let connection = session.connection().await?;
    let project = configure(&mut told, &connection).await?;
    let mover = session.mover(&connection);
    first_push(&mut told, &scene, mover, project).await?;
    edits_on_both_sides(&mut told, &scene, project)?;
    pull(&mut told, &scene, mover).await?;
    resolve(&mut told, &scene, mover, project).await?;
    webhook(&mut told, &scene, &session, &connection, project).await?;
    told.end();
    summary(&told, &scene, &session, project);
    Ok(Exit::Done)
}

async fn connect(told: &mut Narrator, scene: &Scene, session: &Session) -> Result<(), Failure> {
    told.step("Connect", "who is the token, and what is it good for");
    let entry = connect::locate(&scene.connect(), session).await?;
    let secret = Secret::new(scene.token.as_bytes()).map_err(|error| Failure::of(&error))?;
    let connected = keep(&entry, secret, &session.installation, session.progress.clone()).await?;
    told.show(&pages::account::connected(&connected, &entry.server()));
    told.holds("the GitLab was found below its sub-path", entry.grant.base_path == "/gitlab")?;
    told.holds("the token lies sealed in the store, and nowhere in the clear", !is_in_the_clear(scene))
}

async fn configure(told: &mut Narrator, connection: &Connection) -> Result<u64, Failure> {
    told.step("Configure", "a new private project for the folder's files");
    let settings = Settings {
        target: Target::Create("handbook".into()),
        branch: None,
        directories: vec![],
        patterns: vec![],
        conflicts: ConflictPolicy::KeepBoth,
        first: FirstSync::Merge,
        message_template: None,
        author: None,
        owner: None,
        ownership: Ownership::Respect,
        webhook: WebhookMode::Manual(None),
    };
    let configured = connection.configure(settings).await?;
    told.show(&pages::projects::configured(&configured));
    told.holds("the branch is what GitLab says", configured.branch == BRANCH)?;
    Ok(configured.project.id)
}

async fn moved(mover: Mover<'_>, way: Way, options: Options) -> Result<Vec<Step>, Failure> {
    let mut steps = vec![];
    mover.all_steps(way, options, &mut steps).await?;
    Ok(steps)
}

async fn first_push(told: &mut Narrator, scene: &Scene, mover: Mover<'_>, project: u64) -> Result<(), Failure> {
    told.step("Plan", "what a push would do, before it does it");
    let plan = mover.connection.plan(Direction::Push).await?;
    told.show(&pages::changes::plan(&plan));
    told.holds("nothing is in GitLab yet", scene.commits(project) == 0)?;
    told.step("Push", "exactly that plan, in one commit");
    let steps = moved(mover, Way::Push, options(Some(plan.digest))).await?;
    told.show(&pages::changes::steps(&steps, "Pushed"));
    told.holds("it is one commit", scene.commits(project) == 1)?;
    told.holds("both sides have the same bytes", same(scene, project, MERGES) && same(scene, project, CLASHES))?;
    told.holds("what is neither Markdown nor YAML stayed here", scene.in_gitlab(project, "notes.txt").is_none())
}

fn edits_on_both_sides(told: &mut Narrator, scene: &Scene, project: u64) -> Result<(), Failure> {
    told.step("Edits", "on both sides at once, past the connector");
    scene.edit_in_gitlab(project)?;
    scene.edit_here()?;
    told.say(format!("   {MERGES}  both sides, different lines"));
    told.say(format!("   {CLASHES}  both sides, the same line"));
    told.say(format!("   {ARRIVES}  new in GitLab"));
    told.holds("GitLab has the other commit", scene.commits(project) == 2)
}

async fn pull(told: &mut Narrator, scene: &Scene, mover: Mover<'_>) -> Result<(), Failure> {
    told.step("Pull", "merge what merges, keep both of what does not");
    let steps = moved(mover, Way::Pull, options(None)).await?;
    told.show(&pages::changes::steps(&steps, "Pulled"));
    let merged = String::from_utf8(scene.here(MERGES).unwrap_or_default()).unwrap_or_default();
    let both = merged.contains("a laptop and a badge") && merged.contains("before five");
    told.holds("the merged file has both edits", both)?;
    told.holds("the new file arrived", scene.here(ARRIVES).is_some())?;
    let conflicts = mover.connection.conflicts().await?;
    told.show(&pages::conflicts::list(&conflicts));
    told.holds("the clash is kept as one conflict", conflicts.len() == 1 && conflicts[0].path == CLASHES)
}

async fn resolve(told: &mut Narrator, scene: &Scene, mover: Mover<'_>, project: u64) -> Result<(), Failure> {
    told.step("Resolve", "look at both versions, choose, and push");
    let connection = mover.connection;
    let Some(conflict) = connection.conflicts().await?.into_iter().next() else { return Ok(()) };
    let versions = connection.conflict_versions(&conflict.id).await?;
    told.show(&pages::conflicts::versions(&conflict.id, &versions));
    connection.resolve(&conflict.id, Resolution::Content(AGREED.into())).await?;
    told.holds("nothing waits any more", connection.conflicts().await?.is_empty())?;
    let steps = moved(mover, Way::Push, options(None)).await?;
    told.show(&pages::changes::steps(&steps, "Pushed"));
    let agreed = scene.in_gitlab(project, CLASHES).as_deref() == Some(AGREED.as_bytes());
    told.holds("GitLab has what was agreed on", agreed && same(scene, project, CLASHES))?;
    told.holds("and the merged file", same(scene, project, MERGES))
}

async fn webhook(
    told: &mut Narrator,
    scene: &Scene,
    session: &Session,
    connection: &Connection,
    project: u64,
) -> Result<(), Failure> {
    told.step("Webhook", "a delivery is a hint; the branch is the truth");
    let stored = session.installation.vault.reveal(&session.id, &slot("webhook")).await?;
    let secret = stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).into_owned());
    let secret = secret.ok_or_else(|| Failure::new("there is no webhook secret after `configure`"))?;
    scene.add_webhook(project, &secret);
    scene.edit_once_more(project)?;
    let delivery = scene.delivery().await.ok_or_else(|| Failure::new("GitLab has sent no delivery"))?;
    told.say(format!(
        "   GitLab sent a delivery of {} bytes; the connector is given it as it came",
        delivery.body.len()
    ));
    let verdict = connection.verify_webhook(delivery.clone()).await?;
    told.show(&pages::webhook::verdict(&verdict));
    let asks = matches!(&verdict, Verdict::Verified(event) if matches!(event.work[..], [Work::Pull(_)]));
    told.holds("it is verified and asks for a pull", asks)?;
    let steps = moved(session.mover(connection), Way::Pull, options(None)).await?;
    told.show(&pages::changes::steps(&steps, "Pulled"));
    told.holds(
        "the changed file arrived, and nothing else",
        steps.iter().map(|step| step.changes.len()).sum::<usize>() == 1,
    )?;
    told.holds("both sides have the same bytes", same(scene, project, ARRIVES))?;
    let forged = connection.verify_webhook(forged(delivery)).await?;
    told.show(&pages::webhook::verdict(&forged));
    told.holds("a delivery with a guessed secret is rejected", matches!(forged, Verdict::Rejected(_)))
}

/// The same from someone who has to guess the secret.
fn forged(mut delivery: Delivery) -> Delivery {
    for (name, value) in &mut delivery.headers {
        if name.eq_ignore_ascii_case("x-gitlab-token") {
            *value = "0".repeat(value.len());
        }
    }
    delivery
}

fn summary(told: &Narrator, scene: &Scene, session: &Session, project: u64) {
    told.say("");
    told.say(Text::new().with(Style::Good, "All of it held.").plain(" What each step took:"));
    told.steps().iter().for_each(|step| told.say(step.line()));
    told.say("");
    told.say("The audit trail ends with:");
    let audit = session.installation.home.audit(session.id.as_str());
    let lines = std::fs::read_to_string(&audit).unwrap_or_default();
    let lines: Vec<_> = lines.lines().collect();
    lines[lines.len().saturating_sub(AUDIT_LINES)..].iter().for_each(|line| told.say(Text::from("   ").dim(line)));
    told.say("");
    told.say("Where things are, to look at and to remove:");
    let place = |name: &str, path: &std::path::Path| {
        told.say(Text::from("   ").column(Style::Dim, name, 12).plain(path.display().to_string()));
    };
    place("the files", &scene.workspace());
    place("GitLab's git", &scene.admin().repository_path(project));
    place("the store", &session.installation.home.database());
    place("audit trail", &audit);
    let mut page = Page::new();
    page.line("");
    let value = serde_json::json!({ "held": true, "folder": scene.folder, "steps": told.steps() });
    session.output.result(&value, || page);
}

fn options(plan: Option<String>) -> Options {
    Options { plan, deletions: Deletions::Brake, message: None }
}

fn same(scene: &Scene, project: u64, path: &str) -> bool {
    let here = scene.here(path);
    here.is_some() && here == scene.in_gitlab(project, path)
}

/// Whether the token is in any file of the program's home.
fn is_in_the_clear(scene: &Scene) -> bool {
    let token = scene.token.as_bytes();
    let files = std::fs::read_dir(scene.home()).into_iter().flatten().flatten();
    let mut contents = files.filter_map(|file| std::fs::read(file.path()).ok());
    contents.any(|bytes| bytes.windows(token.len()).any(|window| window == token))
}
