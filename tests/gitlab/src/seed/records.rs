//! Records in any number: a group of projects with merge requests, notes, approvals, labels, pipelines and deployments.
//! The same numbers and the same seed of the instance give the same records, ids, times and ids of commits included.
//!
//! The commits that these records name are in no repository.

use jiff::{SignedDuration, Timestamp};

use crate::admin::{Admin, AdminError, ProjectSpec, TokenSpec, UserSpec};
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::deployments::{Deployment, DeploymentStatus};
use crate::world::dice::Dice;
use crate::world::labels::Label;
use crate::world::members::Source;
use crate::world::merge_requests::{
    DiffVersion, FileStats, Happened, MergeRequest, Note, NoteKind, ResourceEvent, State,
};
use crate::world::pipelines::{Job, Pipeline, Status};
use crate::world::tokens::Token;

/// What the records can be reached with.
#[derive(Debug, Clone)]
pub struct Records {
    /// The group of all projects.
    pub group: u64,
    /// The projects.
    pub projects: Vec<u64>,
    /// The people, the first of whom owns the group.
    pub users: Vec<u64>,
    /// The owner's token, scope `api`.
    pub token: Token,
}

const PEOPLE: [&str; 12] =
    ["ada", "bela", "chen", "dora", "emil", "fatima", "goran", "hana", "ivan", "jia", "kofi", "lena"];
const LABELS: [(&str, &str); 5] =
    [("bug", "#d9534f"), ("feature", "#428bca"), ("docs", "#5cb85c"), ("security", "#ad4363"), ("chore", "#7f8c8d")];
const VERBS: [&str; 6] = ["Fix", "Add", "Remove", "Rework", "Document", "Speed up"];
const NOUNS: [&str; 8] = ["parser", "login", "cache", "export", "importer", "sidebar", "scheduler", "audit log"];
const REMARKS: [&str; 4] = ["Could this be shorter?", "Done.", "Why here?", "Looks good to me."];
/// 2024-01-01 00:00 UTC: records begin here.
const BEGINNING: i64 = 1_704_067_200;
/// They are made this far apart over two years.
const SPAN: i64 = 2 * 365 * 24 * 3600;

/// Makes `projects` projects in the group `acme` with `merge_requests` merge requests in all.
pub fn records(admin: &Admin, projects: usize, merge_requests: usize) -> Result<Records, AdminError> {
    let users: Vec<u64> = PEOPLE.iter().map(|name| admin.create_user(UserSpec::person(name)).id).collect();
    let group = admin.create_group("acme", crate::world::access::Visibility::Private);
    for (index, user) in users.iter().enumerate() {
        let level = if index == 0 { AccessLevel::Owner } else { AccessLevel::Developer };
        admin.add_member(Source::Group(group), *user, level);
    }
    let mut ids = Vec::with_capacity(projects);
    for number in 1..=projects {
        let spec = ProjectSpec { creator_id: Some(users[0]), ..ProjectSpec::at(&format!("acme/service-{number:03}")) };
        ids.push(admin.create_project(&spec)?.id);
    }
    let spec = TokenSpec { name: "records".into(), ..TokenSpec::personal(users[0], &["api"]) };
    let made = Records { group, projects: ids, users, token: admin.create_token(spec) };
    let mut world = admin.app().world_mut();
    let mut dice = world.dice.clone();
    for project in &made.projects {
        add_labels(&mut world, *project);
    }
    for number in 0..merge_requests {
        let Some(project) = made.projects.get(number % projects.max(1)) else { break };
        let offset = SPAN * number as i64 / merge_requests as i64;
        let at = Timestamp::from_second(BEGINNING + offset).unwrap_or_default();
        add_merge_request(&mut world, &mut dice, *project, &made.users, at);
    }
    drop(world);
    Ok(made)
}

fn add_labels(world: &mut World, project_id: u64) {
    let created_at = Timestamp::from_second(BEGINNING).unwrap_or_default();
    for (name, color) in LABELS {
        let owner = Source::Project(project_id);
        world.labels.table.add(|id| Label {
            id,
            owner,
            name: name.to_owned(),
            color: color.to_owned(),
            description: None,
            created_at,
        });
    }
}

fn pick<T: Copy>(dice: &mut Dice, from: &[T]) -> Option<T> {
    let index = usize::try_from(dice.below(from.len() as u64)).unwrap_or(0);
    from.get(index).copied()
}

fn later(dice: &mut Dice, at: Timestamp, hours: u64) -> Timestamp {
    let seconds = i64::try_from(dice.below(hours * 3600)).unwrap_or(0);
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

fn add_merge_request(world: &mut World, dice: &mut Dice, project_id: u64, users: &[u64], at: Timestamp) {
    let author_id = pick(dice, users).unwrap_or_default();
    let others: Vec<u64> = users.iter().copied().filter(|user| *user != author_id).collect();
    let reviewer = pick(dice, &others).unwrap_or(author_id);
    let title = format!("{} the {}", pick(dice, &VERBS).unwrap_or("Fix"), pick(dice, &NOUNS).unwrap_or("parser"));
    let end = later(dice, at, 96);
    let (state, sha) = (state(dice), dice.hex(40));
    let draft = state == State::Opened && dice.below(4) == 0;
    let labels: Vec<String> =
        LABELS.iter().filter(|_| dice.below(3) == 0).map(|(name, _)| (*name).to_owned()).collect();
    let approvals = if state == State::Merged { vec![(reviewer, end)] } else { Vec::new() };
    let over = |wanted: State| (state == wanted).then_some((end, reviewer));
    let (merged, closed) = (over(State::Merged), over(State::Closed));
    let files = files(dice);
    let base_sha = dice.hex(40);
    let merge_commit_sha = merged.map(|_| dice.hex(40));
    let mut notes = notes(world, dice, (author_id, reviewer), at, &files);
    if merged.is_some() {
        notes.push(note(world, dice, NoteKind::System, "approved this merge request", reviewer, end));
    }
    let events = events(world, &labels, state, (author_id, reviewer), (at, end));
    let version =
        DiffVersion { id: world.merge_requests.next_event_id(), head: sha.clone(), base: base_sha.clone(), at };
    let versions = vec![version];
    let row = world.merge_requests.add(project_id, |id, iid| MergeRequest {
        id,
        iid,
        project_id,
        source_project_id: Some(project_id),
        title: if draft { format!("Draft: {title}") } else { title },
        description: "Made by the generator.".into(),
        state,
        source_branch: format!("topic-{iid}"),
        target_branch: "main".into(),
        author_id,
        assignee_ids: vec![author_id],
        reviewer_ids: vec![reviewer],
        labels,
        created_at: at,
        updated_at: end,
        prepared_at: Some(at),
        merged,
        closed,
        sha: sha.clone(),
        base_sha,
        merge_commit_sha,
        squash_commit_sha: None,
        files: Some(files),
        approvals,
        approvals_required: 1,
        notes,
        edited: None,
        squash: false,
        remove_source_branch: false,
        events,
        versions,
    });
    let (iid, landed) = (row.iid, row.merge_commit_sha.clone());
    add_pipeline(world, dice, (project_id, iid), sha, author_id, at);
    if let Some(sha) = landed.filter(|_| iid.is_multiple_of(5)) {
        add_deployment(world, (project_id, iid), sha, reviewer, end);
    }
}

/// The author put the labels on, the reviewer ended it.
fn events(
    world: &mut World,
    labels: &[String],
    state: State,
    (author, reviewer): (u64, u64),
    (at, end): (Timestamp, Timestamp),
) -> Vec<ResourceEvent> {
    let mut event = |user_id, at, what| ResourceEvent { id: world.merge_requests.next_event_id(), user_id, at, what };
    let mut events: Vec<_> = labels.iter().map(|label| event(author, at, Happened::Labelled(label.clone()))).collect();
    let over = match state {
        State::Merged => Some("merged"),
        State::Closed => Some("closed"),
        State::Opened | State::Locked => None,
    };
    events.extend(over.map(|word| event(reviewer, end, Happened::Became(word))));
    events
}

fn state(dice: &mut Dice) -> State {
    match dice.below(20) {
        0..=13 => State::Merged,
        14..=16 => State::Closed,
        _ => State::Opened,
    }
}

fn files(dice: &mut Dice) -> Vec<FileStats> {
    let count = 1 + dice.below(6);
    let file = |index: u64, dice: &mut Dice| FileStats {
        path: format!("src/part_{index}.rs"),
        additions: u32::try_from(dice.below(120)).unwrap_or(0),
        deletions: u32::try_from(dice.below(60)).unwrap_or(0),
    };
    (0..count).map(|index| file(index, dice)).collect()
}

/// Some comments, some of them in threads at lines of files, taking turns.
fn notes(world: &mut World, dice: &mut Dice, people: (u64, u64), at: Timestamp, files: &[FileStats]) -> Vec<Note> {
    let mut made: Vec<Note> = Vec::new();
    for turn in 0..dice.below(5) {
        let who = if turn % 2 == 0 { people.1 } else { people.0 };
        let time = later(dice, at, 20 * (turn + 1));
        let kind = match dice.below(3) {
            0 => NoteKind::Comment,
            1 => NoteKind::Discussion,
            _ => NoteKind::Diff { path: files.first().map(|file| file.path.clone()).unwrap_or_default(), line: 3 },
        };
        let text = pick(dice, &REMARKS).unwrap_or("Done.");
        let mut next = note(world, dice, kind, text, who, time);
        let last = made.last().filter(|last| last.kind.is_resolvable() && last.kind == next.kind);
        if let Some(last) = last {
            next.discussion_id.clone_from(&last.discussion_id);
        }
        made.push(next);
    }
    made
}

fn note(world: &mut World, dice: &mut Dice, kind: NoteKind, body: &str, author_id: u64, at: Timestamp) -> Note {
    Note {
        id: world.merge_requests.next_note_id(),
        discussion_id: dice.hex(40),
        kind,
        body: body.to_owned(),
        author_id,
        created_at: at,
        updated_at: at,
        resolved: None,
    }
}

fn add_pipeline(
    world: &mut World,
    dice: &mut Dice,
    (project_id, merge_request): (u64, u64),
    sha: String,
    user_id: u64,
    at: Timestamp,
) {
    let status = if dice.below(5) == 0 { Status::Failed } else { Status::Success };
    let job = world.pipelines.next_status_id();
    world.pipelines.add(project_id, |id, iid| Pipeline {
        id,
        iid,
        project_id,
        sha,
        reference: format!("topic-{merge_request}"),
        source: "push",
        status,
        user_id,
        created_at: at,
        updated_at: at,
        statuses: Vec::new(),
        jobs: vec![Job { name: "rspec".into(), stage: "test".into(), ..Job::new(job, user_id, status, at) }],
    });
}

fn add_deployment(
    world: &mut World,
    (project_id, merge_request): (u64, u64),
    sha: String,
    user_id: u64,
    at: Timestamp,
) {
    let iid = world.deployments.of(project_id).count() as u64 + 1;
    world.deployments.table.add(|id| Deployment {
        id,
        iid,
        project_id,
        reference: "main".into(),
        sha,
        environment: "production".into(),
        status: DeploymentStatus::Success,
        user_id,
        created_at: at,
        updated_at: at,
        finished_at: Some(at),
        merge_requests: vec![merge_request],
    });
}
