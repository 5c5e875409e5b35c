//! What a plan says in each case that two people can bring about. A side is written as `path=content` words; a `!` after the
//! content is the executable bit.

use gitlab_sync_connector::blob::BlobId;
use gitlab_sync_connector::brake::Brake;
use gitlab_sync_connector::estimate::{Estimate, downloads, estimate};
use gitlab_sync_connector::history::History;
use gitlab_sync_connector::path::RepoPath;
use gitlab_sync_connector::plan::{Action, Direction, Pending, Plan, Sides, plan};
use gitlab_sync_connector::selection::Selection;
use gitlab_sync_connector::tree::{Entry, Mode, Side, Skip, SkipReason, Tree};
use std::time::{Duration, Instant};

fn entry(text: &str) -> Entry {
    let (content, mode) = match text.strip_suffix('!') {
        Some(content) => (content, Mode::Executable),
        None => (text, Mode::Regular),
    };
    Entry { blob: BlobId::of(content.as_bytes()), mode }
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).expect("a good path")
}

fn tree(text: &str) -> Tree {
    let files = text.split_whitespace().map(|file| file.split_once('=').expect("path=content"));
    files.map(|(file, content)| (path(file), entry(content))).collect()
}

/// Base, workspace and branch.
type Case<'a> = [&'a str; 3];

fn plan_with(case: Case<'_>, direction: Direction, skipped: &[Skip]) -> Plan {
    plan_after(History::Continued, case, direction, skipped)
}

fn plan_after(history: History, case: Case<'_>, direction: Direction, skipped: &[Skip]) -> Plan {
    let [base, workspace, branch] = case.map(tree);
    let selection = Selection::new(&[], &["*".to_owned()]).expect("a good pattern");
    let (base, workspace, branch, selection) = (&base, &workspace, &branch, &selection);
    plan(&Sides { head: Some("head"), base, workspace, branch, history, skipped, selection }, direction)
}

/// One word for each change, dispute, path to settle and skip.
fn words(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().map(|change| {
        let side = if change.side == Side::Workspace { "pull" } else { "push" };
        let action = match &change.action {
            Action::Create { .. } => "create".to_owned(),
            Action::Update { was, entry } if was.blob == entry.blob => "chmod".to_owned(),
            Action::Update { .. } => "update".to_owned(),
            Action::Move { from, .. } => format!("move {from}"),
            Action::Delete { .. } => "delete".to_owned(),
            Action::Merge(_) => "merge".to_owned(),
        };
        format!("{side} {action} {}", change.path)
    });
    let disputes = plan.disputes.iter().map(|dispute| format!("{}: {}", dispute.path, dispute.reason));
    let settled = plan.settled.iter().map(|(path, _)| format!("settle {path}"));
    let skips = plan.skips.iter().map(|skip| format!("skip {}: {}", skip.path, skip.reason));
    changes.chain(disputes).chain(settled).chain(skips).collect()
}

#[track_caller]
fn check(case: Case<'_>, expected: &[&str]) {
    assert_eq!(words(&plan_with(case, Direction::Both, &[])), expected, "{case:?}");
    mirrored(case, expected);
}

/// The same with the sides swapped, where nothing depends on which is which.
#[track_caller]
fn mirrored(case: Case<'_>, expected: &[&str]) {
    let swap = |word: &&str| match word.split_once(' ') {
        Some(("pull", rest)) => Some(format!("push {rest}")),
        Some(("push", rest)) => Some(format!("pull {rest}")),
        Some(("settle", rest)) => Some(format!("settle {rest}")),
        _ => None,
    };
    let Some(mut expected) = expected.iter().map(swap).collect::<Option<Vec<_>>>() else { return };
    let mut mirrored = words(&plan_with([case[0], case[2], case[1]], Direction::Both, &[]));
    expected.sort();
    mirrored.sort();
    assert_eq!(mirrored, expected, "mirrored {case:?}");
}

#[test]
fn what_one_side_changed_goes_to_the_other() {
    check(["a=1", "a=1", "a=1"], &[]);
    check(["a=1", "a=2", "a=1"], &["push update a"]);
    check(["a=1", "a=1 b=2", "a=1"], &["push create b"]);
    check(["a=1 b=2", "a=1", "a=1 b=2"], &["push delete b"]);
    check(["a=1", "a=1!", "a=1"], &["push chmod a"]);
    check(["a=1 b=2", "a=3 b=2", "a=1 b=4"], &["pull update b", "push update a"]);
    // Empty files are files.
    check(["", "a=", ""], &["push create a"]);
    check(["a=1", "a=", "a=1"], &["push update a"]);
}

/// Without the record, a version that was pushed before the branch was rewritten would be nowhere.
#[test]
fn what_a_rewritten_branch_takes_back_is_disputed_and_the_rest_is_as_ever() {
    let taken_back =
        |path: &str| format!("{path}: the branch was rewritten, and this version may be in no history any more");
    let words = |case, direction| words(&plan_after(History::Rewritten, case, direction, &[]));
    for (case, both, push) in [
        (["a=1", "a=1", "a=2"], vec![taken_back("a")], vec![]),
        (["a=1", "a=1", ""], vec![taken_back("a")], vec![]),
        // Somebody has edited it here as well.
        (["a=1", "a=2", "a=3"], vec![taken_back("a")], vec![taken_back("a")]),
        (["a=1", "a=2", "a=1"], vec!["push update a".into()], vec!["push update a".into()]),
        (["a=1", "a=1", "a=1 b=2"], vec!["pull create b".into()], vec![]),
        (["a=1", "a=1", "a=1!"], vec!["pull chmod a".into()], vec![]),
        // The version is there under another name.
        (["a=1", "a=1", "b=1"], vec!["pull delete a".into(), "pull create b".into()], vec![]),
        (["a=1", "a=2", "a=2"], vec!["settle a".into()], vec!["settle a".into()]),
    ] {
        assert_eq!(words(case, Direction::Both), both, "{case:?}");
        assert_eq!(words(case, Direction::Pull).iter().filter(|word| !both.contains(word)).count(), 0, "{case:?}");
        assert_eq!(words(case, Direction::Push), push, "{case:?}");
    }
}

#[test]
fn what_both_changed_alike_is_settled_without_a_word() {
    check(["a=1", "a=2", "a=2"], &["settle a"]);
    check(["a=1 b=2", "b=2", "b=2"], &["settle a"]);
    check(["", "a=1", "a=1"], &["settle a"]);
    check(["a=1", "b=1", "b=1"], &["settle a", "settle b"]);
}

#[test]
fn what_both_changed_differently_is_joined_or_merged_or_disputed() {
    check(["a=1", "a=2", "a=3"], &["pull merge a", "push merge a"]);
    check(["a=1", "a=2", "a=1!"], &["pull chmod a", "push update a"]);
    // The workspace has all that the branch has, and more: what the branch has is the base from now on.
    assert_eq!(words(&plan_with(["a=1", "a=2!", "a=2"], Direction::Both, &[])), ["push chmod a", "settle a"]);
    assert_eq!(words(&plan_with(["a=1", "a=2", "a=2!"], Direction::Both, &[])), ["pull chmod a"]);
    check(["", "a=1", "a=2"], &["a: created on both sides with different contents"]);
    check(["a=1", "", "a=2"], &["a: deleted in the workspace, edited on the branch"]);
    check(["a=1", "a=2", ""], &["a: edited in the workspace, deleted on the branch"]);
    check(["a=1", "", "a=1!"], &["a: deleted in the workspace, edited on the branch"]);
    // The mode of the branch, whoever created it first.
    for case in [["", "a=1", "a=1!"], ["", "a=1!", "a=1"]] {
        assert_eq!(words(&plan_with(case, Direction::Both, &[])), ["pull chmod a"]);
    }
}

#[test]
fn a_renamed_file_is_moved_and_takes_the_other_sides_edit_along() {
    check(["a=1", "b=1", "a=1"], &["push move a b"]);
    check(["a=1", "b=1", "a=2"], &["pull update b", "push move a b"]);
    check(["a=1", "b=1!", "a=2"], &["pull update b", "push move a b"]);
    check(["a=1 x=9", "c/a=1 x=9", "a=1 x=9"], &["push move a c/a"]);
    check(["a=1 b=2", "c=1 d=2", "a=1 b=3"], &["pull update d", "push move a c", "push move b d"]);
    // By case only, which is one file on some platforms.
    check(["A.md=1", "a.md=1", "A.md=1"], &["push move A.md a.md"]);
    check(["D/a=1 D/b=2", "d/a=1 d/b=2", "D/a=1 D/b=2"], &["push move D/a d/a", "push move D/b d/b"]);
}

/// As a sync leaves it that was killed after the workspace's part: it must not be taken for something else then.
#[test]
fn a_move_that_both_sides_have_made_or_half_made_is_one_move() {
    let table: [(Case<'_>, &[&str]); 4] = [
        (["a=1", "b=2", "b=1"], &["push update b", "settle a", "settle b"]),
        (["a=1", "b=1", "b=2"], &["pull update b", "settle a"]),
        (["a=1", "b=2", "a=2"], &["push move a b", "settle a"]),
        (["a=1", "a=2", "b=2"], &["pull move a b"]),
    ];
    for (case, expected) in table {
        assert_eq!(words(&plan_with(case, Direction::Both, &[])), expected, "{case:?}");
    }
    // Where two files could have become it, none has.
    let two = plan_with(["a=1 b=2", "c=1", "c=2"], Direction::Both, &[]);
    assert_eq!(words(&two), ["c: created on both sides with different contents", "settle a", "settle b"]);
}

#[test]
fn what_is_not_certainly_a_move_is_a_deletion_and_a_creation() {
    // Moved and edited.
    check(["a=1", "b=2", "a=1"], &["push delete a", "push create b"]);
    // Contents that several files have.
    check(["a=1 b=1", "b=1 c=1", "a=1 b=1"], &["push move a c"]);
    check(["a=1 b=1", "c=1 d=1", "a=1 b=1"], &["push delete a", "push delete b", "push create c", "push create d"]);
    check(["a=1", "b=1 c=1", "a=1"], &["push delete a", "push create b", "push create c"]);
    check(["a=", "b=", "a="], &["push delete a", "push create b"]);
    // To two names: both stay.
    check(["a=1", "b=1", "c=1"], &["pull create c", "push create b", "settle a"]);
    // The other side has deleted it, or has the new name already.
    check(["a=1", "b=1", ""], &["push create b", "settle a"]);
    check(["a=1", "b=1", "a=1 b=2"], &["push delete a", "b: created on both sides with different contents"]);
    // Into a folder of its own name.
    check(["a=1", "a/b=1", "a=1"], &["push delete a", "push create a/b"]);
    // One name must go before the other can come.
    check(["b=1 x=2", "c=1 b/x=2", "b=1 x=2"], &["push delete x", "push move b c", "push create b/x"]);
}

#[test]
fn names_that_cannot_be_side_by_side_are_left_alone_on_both_sides() {
    let collision =
        |new: &str, with: &str| format!("skip {new}: the same file as `{with}` on some platforms: rename one of them");
    check(["a=1", "a=1", "a=1 A=2"], &[&collision("A", "a")]);
    check(["", "A=1", "a=2"], &[&collision("A", "a"), &collision("a", "A")]);
    check(["d/x=1", "d/x=1 D/y=2", "d/x=1"], &[&collision("D/y", "d/x")]);
    let folder = |new: &str, with: &str| {
        format!("skip {new}: `{with}` is a file where this needs a folder, or the reverse: rename one of them")
    };
    check(["", "a/b=1", "a=2"], &[&folder("a", "a/b"), &folder("a/b", "a")]);
    // The workspace made a folder of a file that the branch has edited: both stay where they are.
    check(["a=1", "a/b=2", "a=3"], &[&folder("a", "a/b"), &folder("a/b", "a")]);
    // Without the edit it is a plain replacement.
    check(["a=1", "a/b=2", "a=1"], &["push delete a", "push create a/b"]);
    check(["a/b=1", "a=2", "a/b=1"], &["push delete a/b", "push create a"]);
}

#[test]
fn a_move_that_is_in_the_way_of_another_takes_it_along() {
    // `a` cannot become `b` on the branch, where `B/x` stands. So `a` stays, and `c` cannot become `A/y`.
    let plan = plan_with(["a=1 c=2", "A/y=2 b=1", "a=1 c=2 B/x=3"], Direction::Push, &[]);
    assert!(plan.changes.is_empty(), "{:?}", words(&plan));
    let skipped: Vec<_> = plan.skips.iter().map(|skip| &*skip.path).collect();
    assert_eq!(skipped, ["A/y", "B/x", "a", "b", "c"]);
}

#[test]
fn renames_that_depend_on_each_other_end() {
    // Each file takes the name of the next one in other letters, and the last one cannot: a ring that is given up whole.
    let name = |number: usize, upper: bool| if upper { format!("N{number}") } else { format!("n{number}") };
    let files =
        |shift: usize, upper: bool| (0..200).map(|n| format!("{}={n} ", name(n + shift, upper))).collect::<String>();
    let (before, after) = (files(0, false), files(1, true));
    let branch = format!("{before} N200/x=new");
    let plan = plan_with([&before, &after, &branch], Direction::Push, &[]);
    assert!(plan.changes.is_empty(), "{:?}", words(&plan));
}

#[test]
fn what_a_side_cannot_lend_is_never_taken_for_deleted() {
    let skip = |path: &str, side| Skip { path: path.into(), side, reason: SkipReason::Symlink };
    for side in [Side::Workspace, Side::Branch] {
        let (with, without) = ("a=1 d/b=2 d/c=3", "a=1");
        let case = if side == Side::Workspace { [with, without, with] } else { [with, with, without] };
        let plan = plan_with(case, Direction::Both, &[skip("d", side)]);
        assert_eq!(words(&plan), ["skip d: a symbolic link"]);
        let plan = plan_with(
            ["", "d/x=1", "d/x=1 e=2"],
            Direction::Both,
            &[skip("d/x/y", side), skip("E/z", Side::Workspace)],
        );
        assert!(!words(&plan).contains(&"pull create e".to_owned()), "{:?}", words(&plan));
    }
}

#[test]
fn what_is_not_selected_is_skipped_forgotten_and_still_in_the_way() {
    let [base, workspace, branch] = ["a.md=1 b.txt=2", "a.md=1 b.txt=3 d.md/x.md=4", "a.md=5 b.txt=2 d.md=6"].map(tree);
    let selection = Selection::new(&[], &["?.md".into(), "x.md".into()]).unwrap();
    let sides = Sides {
        head: None,
        base: &base,
        workspace: &workspace,
        branch: &branch,
        history: History::Continued,
        skipped: &[],
        selection: &selection,
    };
    let both = plan(&sides, Direction::Both);
    assert_eq!(words(&both)[..2], ["pull update a.md", "settle b.txt"]);
    assert!(both.settled.contains(&(path("b.txt"), None)));
    assert_eq!(both.changes.len(), 1, "{:?}", words(&both));
    let reasons: Vec<_> = both.skips.iter().map(|skip| (&*skip.path, skip.side, &skip.reason)).collect();
    assert!(reasons.contains(&("b.txt", Side::Branch, &SkipReason::NoPattern)));
    assert_eq!(both.files, 1);
}

#[test]
fn a_first_sync_deletes_nothing_in_any_direction() {
    let case = ["", "a=1 b=2 c=3", "b=2 c=4 d=5"];
    let dispute = "c: created on both sides with different contents";
    let pending = |to_workspace, to_branch| Pending { to_workspace, to_branch };
    let table: [(Direction, &[&str], Pending); 3] = [
        (Direction::Push, &["push create a", dispute, "settle b"], pending(1, 0)),
        (Direction::Pull, &["pull create d", dispute, "settle b"], pending(0, 1)),
        (Direction::Both, &["pull create d", "push create a", dispute, "settle b"], pending(0, 0)),
    ];
    for (direction, expected, pending) in table {
        let plan = plan_with(case, direction, &[]);
        assert_eq!((words(&plan), plan.pending), (expected.iter().map(|word| (*word).to_owned()).collect(), pending));
    }
}

#[test]
fn a_direction_touches_the_other_side_only_for_files_that_both_changed() {
    let case = ["a=1 b=1x c=1y d=1z", "a=2 b=1x c=2 e=1z", "a=1 b=3 c=3 d=4"];
    let push = plan_with(case, Direction::Push, &[]);
    assert_eq!(words(&push), ["pull merge c", "pull update e", "push move d e", "push update a", "push merge c"]);
    assert_eq!(push.pending, Pending { to_workspace: 1, to_branch: 0 });
    let pull = plan_with(case, Direction::Pull, &[]);
    assert_eq!(words(&pull), ["pull update b", "pull merge c", "pull update e"]);
    assert_eq!(pull.pending, Pending { to_workspace: 0, to_branch: 3 });
}

#[test]
fn the_digest_is_that_of_what_would_be_done() {
    let digest = |case, direction| plan_with(case, direction, &[]).digest;
    let planned = digest(["a=1 b=2", "a=3 b=2", "a=1 b=2"], Direction::Push);
    assert_eq!(planned, digest(["b=2 a=1", "b=2 a=3", "b=2 a=1"], Direction::Push));
    // What is the same on all sides, or left for another call, does not matter.
    assert_eq!(planned, digest(["a=1 c=2", "a=3 c=2", "a=1 c=2"], Direction::Push));
    assert_eq!(planned, digest(["a=1 b=2", "a=3 b=2", "a=1 b=4"], Direction::Push));
    for (case, direction) in [
        (["a=1 b=2", "a=3 b=2", "a=1 b=2"], Direction::Both),
        (["a=1 b=2", "a=4 b=2", "a=1 b=2"], Direction::Push),
        (["a=1 b=2", "a=3! b=2", "a=1 b=2"], Direction::Push),
        (["a=0 b=2", "a=3 b=2", "a=0 b=2"], Direction::Push),
        (["a=1 b=2", "a=3", "a=1 b=2"], Direction::Push),
        (["c=1 b=2", "c=3 b=2", "c=1 b=2"], Direction::Push),
        (["a=1 b=2", "a=3 b=5", "a=1 b=4"], Direction::Push),
    ] {
        assert_ne!(planned, digest(case, direction), "{case:?}");
    }
}

#[test]
fn deletions_are_counted_on_the_side_that_would_lose_files() {
    let plan = plan_with(["a=1 b=2 c=3 d=4", "c=3 d=4", "a=1 b=2 c=3 d=4"], Direction::Both, &[]);
    assert_eq!(plan.brake(Side::Branch), Brake::Held { deletions: 2, files: 4 });
    assert_eq!(plan.brake(Side::Workspace), Brake::Released);
}

#[test]
fn an_estimate_counts_contents_once_and_not_at_all_where_the_workspace_has_them() {
    let case = ["", "x=have", "a=new b=new c=have"];
    let plan = plan_with(case, Direction::Both, &[]);
    assert_eq!(downloads(&plan, &tree(case[1])), [entry("new").blob].into_iter().collect());
    let size = |blob: &BlobId| (*blob == entry("have").blob).then_some(1 << 30);
    let expected = Estimate { requests: 1 + (1_u32 << 30).div_ceil(19_000_000), bytes: (1 << 30) + 4096 };
    assert_eq!(estimate(&plan, &tree(case[1]), size), expected);
    let nothing = plan_with(["a=1", "a=1", "a=1"], Direction::Both, &[]);
    assert_eq!(estimate(&nothing, &tree("a=1"), |_| None), Estimate::default());
}

/// Natively and without optimisation; the bound is for a machine under load.
#[test]
fn a_hundred_thousand_files_are_planned_in_well_under_a_second() {
    let name = |n: usize| path(&format!("docs/section-{}/chapter-{}/page-{n}.md", n % 10, n % 100));
    let files = |range: std::ops::Range<usize>| -> Tree {
        range.map(|n| (name(n), Entry { blob: BlobId::of(&n.to_le_bytes()), mode: Mode::Regular })).collect()
    };
    let (whole, empty, shifted) = (files(0..100_000), Tree::new(), files(50_000..150_000));
    for (base, workspace, branch) in
        [(&whole, &whole, &whole), (&empty, &empty, &whole), (&whole, &shifted, &whole), (&empty, &whole, &shifted)]
    {
        let selection = Selection::default();
        let start = Instant::now();
        let plan = plan(
            &Sides {
                head: None,
                base,
                workspace,
                branch,
                history: History::Continued,
                skipped: &[],
                selection: &selection,
            },
            Direction::Both,
        );
        let took = start.elapsed();
        println!("{} changes, {} settled: {took:?}", plan.changes.len(), plan.settled.len());
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}
