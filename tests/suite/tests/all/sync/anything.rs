//! Edits on both sides, pushes and pulls, faults and deaths in any order, through the real component: in the end both sides are equal
//! and every version that anybody saved is in a file, in the branch's history or in a conflict.
//!
//! `plugin/tests/interleavings.rs` plays the same game with a host in memory, thousands of times. For a long run of this one:
//! `GITLAB_SYNC_CASES=5000 cargo test -p suite --test all -- sync::anything`; a failure names the seed of its case, which
//! `GITLAB_SYNC_SEED` plays alone.

use super::lab::Lab;
use super::product::{Product, connector_below, options, settings};
use gitlab_sim::{Canned, Effect, Fault, When};
use gitlab_sync_host::connection::{Connection, ConnectionError};
use gitlab_sync_host::engine::Connector;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::sync::{ConflictPolicy, Deletions, Options, Resolution, Settings};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Cases of each of the tests, unless a long run is asked for.
const CASES: u64 = 60;
/// What a person or a call does, in one case.
const ACTS: u64 = 14;
const PATHS: [&str; 6] = ["a.md", "b.md", "sub/a.md", "sub/b.md", "c.yaml", "B.md"];

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }

    fn path(&mut self) -> &'static str {
        PATHS[self.below(PATHS.len() as u64) as usize]
    }
}

/// A call stops at one of these host calls; few numbers, because each is an engine of its own.
fn mortal(dice: &mut Dice) -> Connector {
    static CONNECTORS: OnceLock<Vec<Connector>> = OnceLock::new();
    let below = |host_calls| connector_below(Limits { host_calls, ..Limits::standard() });
    let all = CONNECTORS.get_or_init(|| [6, 9, 12, 15, 19, 24, 31, 40].map(below).into());
    all[dice.below(all.len() as u64) as usize].clone()
}

fn trouble(dice: &mut Dice) -> Effect {
    match dice.below(9) {
        0 => Effect::Drop,
        1 => Effect::CutBody { at: 0 },
        2 => Effect::CutBody { at: 30 },
        3 => Effect::TruncateBody { at: 30 },
        4 => Effect::Answer(Canned::html(502)),
        5 => Effect::Answer(Canned::html(429).retry_after(3)),
        6 => Effect::AnswerAfter(Canned::html(502)),
        7 => Effect::AnswerAfter(Canned::html(504)),
        _ => Effect::Answer(Canned::html(200)),
    }
}

struct Play<'l> {
    lab: &'l Lab,
    project: u64,
    product: Product,
    dice: Dice,
    serial: u64,
    /// A line that a person wrote and has not typed over or thrown away since.
    owed: Vec<String>,
    told: Vec<String>,
}

impl Play<'_> {
    async fn act(&mut self) {
        self.serial += 1;
        let path = self.dice.path();
        match self.dice.below(13) {
            0..=2 => self.save(path),
            3 => self.discard(path),
            4 => self.rename(path),
            5..=6 => self.commit(path),
            7 => self.remove(path),
            8..=9 => self.sync(Way::Push).await,
            10 => self.resolve().await,
            _ => self.sync(Way::Pull).await,
        }
    }

    /// One line of five becomes one that is nowhere else.
    fn edited(&mut self, old: Option<String>) -> (String, String) {
        let mark = format!("mark-{}-", self.serial);
        let mut lines: Vec<String> =
            old.unwrap_or_else(|| "1\n2\n3\n4\n5\n".into()).lines().map(str::to_owned).collect();
        let at = self.dice.below(lines.len() as u64) as usize;
        lines[at].clone_from(&mark);
        (lines.join("\n") + "\n", mark)
    }

    fn save(&mut self, path: &str) {
        let before = self.product.text(path);
        let (text, mark) = self.edited(before.clone());
        let before = before.unwrap_or_default();
        self.owed.retain(|mark| !before.contains(mark) || text.contains(mark));
        self.product.write(path, &text);
        self.owed.push(mark);
        self.told.push(format!("save {path}"));
    }

    fn discard(&mut self, path: &str) {
        let Some(text) = self.product.text(path) else { return };
        self.owed.retain(|mark| !text.contains(mark));
        self.product.remove(path);
        self.told.push(format!("discard {path}"));
    }

    fn rename(&mut self, path: &str) {
        let to = self.dice.path();
        if self.product.text(path).is_some() && self.product.text(to).is_none() {
            self.product.rename(path, to);
            self.told.push(format!("rename {path} {to}"));
        }
    }

    fn commit(&mut self, path: &str) {
        let old = self.lab.text(self.project, path);
        let is_new = old.is_none();
        let (text, _) = self.edited(old);
        let spec = self.lab.edit("Theirs\n");
        let spec = if is_new { spec.create(path, text) } else { spec.update(path, text) };
        // Now and then it lands in the very moment of the next commit, whosever that is.
        if self.dice.below(4) == 0 && !is_new {
            self.lab.admin().land_during_next_commit(self.project, spec).unwrap();
            self.told.push(format!("rival {path}"));
        } else {
            self.try_commit(spec);
            self.told.push(format!("commit {path}"));
        }
    }

    /// One that loses a race against a rival is not made.
    fn try_commit(&self, spec: gitlab_sim::CommitSpec) {
        let _ = self.lab.admin().commit(self.project, spec);
    }

    fn remove(&mut self, path: &str) {
        // The last file stays: an emptied branch is another story.
        if self.lab.text(self.project, path).is_some() && self.lab.files(self.project).len() > 1 {
            self.try_commit(self.lab.edit("Gone\n").delete(path));
            self.told.push(format!("remove {path}"));
        }
    }

    async fn sync(&mut self, way: Way) {
        match self.dice.below(3) {
            0 => {
                let effect = trouble(&mut self.dice);
                let when = When::Nth(1 + self.dice.below(3) as usize);
                self.told.push(format!("{way:?} {effect:?} {when:?}"));
                self.lab.admin().fault(Fault::on_any(&format!("*/projects/{}/*", self.project), effect).when(when));
                // A refusal is as good as an answer here; that it is a clear one is tested elsewhere.
                let _ = self.product.told(way.call(&self.product.connection).await);
                self.lab.admin().clear_faults();
            }
            1 => {
                let connection = self.product.with(&mortal(&mut self.dice)).await;
                self.told.push(format!("{way:?} dies"));
                match way.call(&connection).await {
                    Err(ConnectionError::Refused(_) | ConnectionError::Stopped(_)) | Ok(_) => {}
                    Err(error) => panic!("{error}: {:?}", self.told),
                }
            }
            _ => {
                self.told.push(format!("{way:?}"));
                let _ = self.product.told(way.call(&self.product.connection).await);
            }
        }
    }

    /// Who chooses has seen what the workspace had, and gives up what is not in the choice; of nothing else.
    async fn resolve(&mut self) {
        let Some(conflict) = self.product.connection.conflicts().await.unwrap().pop() else { return };
        let versions = self.product.connection.conflict_versions(&conflict.id).await.unwrap();
        let text = |version: Option<Vec<u8>>| String::from_utf8(version.unwrap_or_default()).unwrap();
        let (ours, theirs) = (text(versions.ours), text(versions.theirs));
        let (resolution, chosen) = match self.dice.below(3) {
            0 => (Resolution::Ours, ours.clone()),
            1 => (Resolution::Theirs, theirs),
            _ => (Resolution::Merged, ours.clone() + &theirs),
        };
        self.told.push(format!("resolve {} {resolution:?}", conflict.path));
        self.owed.retain(|mark| !ours.contains(mark) || chosen.contains(mark));
        if let Err(refusal) = self.product.told(self.product.connection.resolve(&conflict.id, resolution).await) {
            assert_eq!(refusal.code, "edited-since", "{refusal:?}: {:?}", self.told);
        }
    }

    async fn settle(&mut self) {
        for _ in 0..6 {
            for way in [Way::Pull, Way::Push] {
                for call in 0.. {
                    assert!(call < 10, "it does not end: {:?}", self.told);
                    match self.product.told(way.call(&self.product.connection).await) {
                        Ok(true) => {}
                        Ok(false) => break,
                        // A rival that was planned lands now.
                        Err(refusal) if refusal.code == "branch-moved" => {}
                        Err(refusal) => panic!("{refusal:?}: {:?}", self.told),
                    }
                }
            }
        }
    }

    /// Every content that is anywhere: in the workspace, in a commit, in a conflict.
    async fn everywhere(&self) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = self.product.files().into_values().map(|(bytes, _)| bytes).collect();
        all.extend(self.lab.every_content(self.project));
        for conflict in self.product.connection.conflicts().await.unwrap() {
            let versions = self.product.connection.conflict_versions(&conflict.id).await.unwrap();
            all.extend([versions.base, versions.ours, versions.theirs].into_iter().flatten());
        }
        all
    }

    async fn check(&mut self) {
        let all = self.everywhere().await.concat();
        let all = String::from_utf8(all).unwrap();
        for mark in &self.owed {
            assert!(all.contains(mark), "`{mark}` is lost: {:?}", self.told);
        }
        let (here, there) = (self.product.files(), self.lab.files(self.project));
        let names: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
        // Names that cannot live beside each other are left to a person, with the moves that they are in the way of.
        if !names.iter().any(|name| names.iter().any(|other| name != other && name.eq_ignore_ascii_case(other))) {
            assert_eq!(here, there, "{:?}", self.told);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Push,
    Pull,
}

impl Way {
    async fn call(self, connection: &Connection) -> Result<bool, ConnectionError> {
        let options = Options { deletions: Deletions::Approved, ..options() };
        let step = match self {
            Self::Push => connection.push(options).await,
            Self::Pull => connection.pull(options).await,
        };
        step.map(|step| step.more)
    }
}

async fn plays(policy: ConflictPolicy, salt: u64) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("GITLAB_SYNC_SEED") {
        Some(seed) => seed..seed + 1,
        None => salt..salt + number("GITLAB_SYNC_CASES").unwrap_or(CASES),
    };
    let lab = Lab::new().await;
    for seed in seeds {
        let project =
            lab.project_with(&format!("acme/p{seed}"), &[("a.md", "1\n2\n3\n4\n5\n"), ("sub/a.md", "1\n2\n3\n4\n5\n")]);
        let product = lab.product().await;
        product.configure_as(Settings { conflicts: policy, ..settings(project) }).await.unwrap();
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let told = vec![format!("seed {seed}")];
        let mut play = Play { lab: &lab, project, product, dice, serial: 0, owed: Vec::new(), told };
        for _ in 0..ACTS {
            play.act().await;
        }
        play.settle().await;
        play.check().await;
    }
}

#[tokio::test]
async fn anything_in_any_order_converges_and_loses_nothing() {
    plays(ConflictPolicy::KeepBoth, 0).await;
}

#[tokio::test]
async fn anything_else_in_any_order_converges_and_loses_nothing() {
    plays(ConflictPolicy::KeepBoth, 1_000_000).await;
}

#[tokio::test]
async fn nor_is_anything_lost_where_the_last_write_wins() {
    plays(ConflictPolicy::LastWriteWins, 2_000_000).await;
}
