//! A verified delivery in plain words: what it is, whom it concerns, what it asks for.
//!
//! Decided here: where each word stands. GitLab has moved them between versions, so each is looked for in the newer place first and in
//! the older ones after it.

use super::deduplication;
use super::delivery::Delivery;
use super::kind::Kind;
use super::payload::Payload;
use super::proof::Proof;
use super::record::{RecordRef, records};
use super::reference::{HEADS, Moves, RefMove, TAGS};
use super::time::time_ms;
use super::value::{Number, Text};
use super::work::{UNKNOWN, Watched, Work, work};

/// Letters of a kind. GitLab's longest has 40.
const LONGEST_KIND: usize = 64;

/// A delivery whose sender is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// By what.
    pub proof: Proof,
    /// Such as `push`.
    pub kind: String,
    /// What was done, or the state it is in.
    pub action: Option<String>,
    /// Where the hook hangs.
    pub scope: Scope,
    /// Whom it concerns.
    pub concern: Concern,
    /// Branches and tags.
    pub moves: Vec<RefMove>,
    /// Equal for repeats.
    pub deduplication_key: String,
    /// At least one.
    pub work: Vec<Work>,
}

/// Where a hook hangs, as far as a delivery shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One of the two.
    ProjectOrGroup,
    /// A group.
    Group,
    /// The whole instance.
    System,
}

/// Whom an event concerns, and when that was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concern {
    /// Its number.
    pub project: Option<u64>,
    /// Its path of that day.
    pub project_path: Option<String>,
    /// Its number.
    pub group: Option<u64>,
    /// Its path of that day.
    pub group_path: Option<String>,
    /// Who did it, or whose it is.
    pub user: Option<u64>,
    /// Their name.
    pub username: Option<String>,
    /// What it is about.
    pub records: Vec<RecordRef>,
    /// Milliseconds since 1970 UTC.
    pub at_ms: Option<u64>,
}

impl Event {
    /// Of a delivery whose sender is proved by `proof`.
    pub(super) fn read(delivery: &Delivery, proof: Proof, watched: Option<&Watched>) -> Self {
        let payload = Payload::read(&delivery.body);
        let word = word(delivery, &payload);
        let kind = Kind::of(&word);
        let concern = Concern::of(kind, &payload);
        let moves = Moves::of(kind, &payload);
        Self {
            proof,
            action: action(&word, &payload),
            scope: Scope::of(delivery, &word),
            deduplication_key: deduplication::key(delivery, proof, &payload, concern.project),
            work: work(kind, &word, &payload, &concern, &moves, watched),
            kind: word,
            concern,
            moves: moves.moves,
        }
    }
}

impl Scope {
    fn of(delivery: &Delivery, word: &str) -> Self {
        let header = delivery.single("x-gitlab-event").ok().flatten().unwrap_or_default();
        let is = |name: &str| header.eq_ignore_ascii_case(name);
        if is("System Hook") {
            Self::System
        } else if is("Member Hook") || is("Subgroup Hook") || is("Project Hook") || Kind::is_of_groups(word) {
            Self::Group
        } else {
            Self::ProjectOrGroup
        }
    }
}

impl Concern {
    fn of(kind: Kind, payload: &Payload<'_>) -> Self {
        let (project, group, user) = (project(payload), group(payload), user(payload));
        let named = |name: Option<&str>| name.map(str::to_owned);
        Self {
            project,
            project_path: named(project_path(kind, payload)),
            group,
            group_path: named(group_path(kind, payload)),
            user,
            username: named(username(payload)),
            records: records(kind, payload, [project, group, user]),
            at_ms: at_ms(kind, payload),
        }
    }
}

/// `object_kind`, or of lifecycle events `event_name`; else by the header, `Push Hook` as `push`; and where that tells none that is known, by
/// what only a push has, since before version 7.9 neither named it.
fn word(delivery: &Delivery, payload: &Payload<'_>) -> String {
    if let Some(named) = payload.object_kind.get().or_else(|| payload.event_name.get()) {
        return tidy(named);
    }
    let header = delivery.single("x-gitlab-event").ok().flatten().unwrap_or_default();
    let name = header.strip_suffix(" Hook").or_else(|| header.strip_suffix(" hook")).unwrap_or(header);
    let word = tidy(if name.is_empty() { UNKNOWN } else { name });
    if Kind::of(&word) == Kind::Unknown { pushed(payload).map_or(word, str::to_owned) } else { word }
}

fn tidy(word: &str) -> String {
    let letters = word.chars().map(|c| if c == ' ' { '_' } else { c.to_ascii_lowercase() });
    letters.filter(|c| !c.is_control()).take(LONGEST_KIND).collect()
}

fn pushed(payload: &Payload<'_>) -> Option<&'static str> {
    payload.before.get().or_else(|| payload.after.get())?;
    match payload.reference.get()? {
        name if name.starts_with(HEADS) => Some("push"),
        name if name.starts_with(TAGS) => Some("tag_push"),
        _ => None,
    }
}

fn action(word: &str, payload: &Payload<'_>) -> Option<String> {
    let own = &payload.object_attributes;
    let reaction = (word == "emoji").then_some(&payload.event_type);
    [&own.action, &payload.action, &own.status, &payload.build_status, &payload.status]
        .into_iter()
        .chain(reaction)
        .chain([&own.state])
        .find_map(Text::owned)
}

fn project(payload: &Payload<'_>) -> Option<u64> {
    let own = &payload.object_attributes;
    first([payload.project_id, payload.project.id, own.target_project_id, own.project_id])
}

fn project_path<'p>(kind: Kind, payload: &'p Payload<'_>) -> Option<&'p str> {
    let own = (kind == Kind::Project).then(|| payload.path_with_namespace.get()).flatten();
    let nested = [&payload.project, &payload.object_attributes.target].map(|thing| thing.path_with_namespace.get());
    own.or_else(|| payload.project_path_with_namespace.get()).or_else(|| nested.into_iter().flatten().next())
}

fn group(payload: &Payload<'_>) -> Option<u64> {
    first([payload.group_id, payload.group.id, payload.group.group_id, payload.object_attributes.group_id])
}

/// The full path where there is one; older events have only its last part, and of an epic only its address tells.
fn group_path<'p>(kind: Kind, payload: &'p Payload<'_>) -> Option<&'p str> {
    let named = [&payload.full_path, &payload.group.full_path, &payload.group.group_path, &payload.group_path];
    let own = (kind == Kind::Group).then(|| payload.path.get()).flatten();
    named.into_iter().find_map(Text::get).or(own).or_else(|| address(payload))
}

/// Where a record of no project is: `https://host/groups/acme/docs/-/work_items/2`.
fn address<'p>(payload: &'p Payload<'_>) -> Option<&'p str> {
    let (_, path) =
        payload.object_attributes.url.get().filter(|_| project(payload).is_none())?.split_once("/groups/")?;
    path.split_once("/-/").map(|(path, _)| path)
}

fn user(payload: &Payload<'_>) -> Option<u64> {
    first([payload.user_id, payload.user.id, payload.object_attributes.user_id])
}

fn username<'p>(payload: &'p Payload<'_>) -> Option<&'p str> {
    [&payload.user_username, &payload.user.username, &payload.username].into_iter().find_map(Text::get)
}

fn first<const N: usize>(numbers: [Number; N]) -> Option<u64> {
    numbers.into_iter().find_map(Number::get)
}

/// The newest time that is said of the record. Of a token the times are when it was made and used.
fn at_ms(kind: Kind, payload: &Payload<'_>) -> Option<u64> {
    if matches!(kind, Kind::AccessToken | Kind::DeployToken) {
        return None;
    }
    let own = &payload.object_attributes;
    let times = [
        &own.finished_at,
        &own.updated_at,
        &own.created_at,
        &payload.status_changed_at,
        &payload.build_finished_at,
        &payload.build_started_at,
        &payload.build_created_at,
        &payload.updated_at,
        &payload.created_at,
    ];
    times.into_iter().filter_map(|time| time_ms(time.get()?)).max()
}
