//! Push and pull end to end over a host in memory: what they do, and what is left when they are cut at any place.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use gitlab_sync_connector::configure::{ConflictPolicy, Settings};
use gitlab_sync_connector::conflicts::{self, Resolution};
use gitlab_sync_connector::error::{Code, Error};
use gitlab_sync_connector::host::Portion;
use gitlab_sync_connector::pull::{Deletions, Options, pull};
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::report::Step;
use gitlab_sync_connector::status::status;

use support::{
    Killed, Manner, Memory, Moment, instance, options, planned, pull_all, push_all, requests, settings, until_done,
};

fn configured(policy: ConflictPolicy) -> Memory {
    support::configured(Settings { conflicts: policy, ..settings() })
}

fn sync(host: &Memory) {
    pull_all(host).unwrap();
    push_all(host).unwrap();
    assert_eq!(host.files(), host.branch.borrow().files());
}

/// It read every shard of the ledger once: 134 ms for 10,000 files that had not changed.
#[test]
fn a_pull_that_finds_nothing_new_costs_the_same_however_many_files_there_are() {
    let calls = |files: usize| {
        let host = configured(ConflictPolicy::KeepBoth);
        for number in 0..files {
            host.save(&format!("docs/{number}.md"), b"page\n");
        }
        sync(&host);
        host.kill_at(None);
        pull_all(&host).unwrap();
        host.calls()
    };
    assert_eq!(calls(1), calls(3_000));
}

#[test]
fn the_first_push_ships_everything_in_one_commit_and_a_pull_elsewhere_brings_it() {
    let host = configured(ConflictPolicy::KeepBoth);
    for number in 0..10 {
        host.save(&format!("docs/{number}.md"), format!("page {number}\n").as_bytes());
    }
    host.save("binary.md", &[0, 255, 13, 10]);
    host.save("empty.yml", b"");
    let step = push_all(&host).unwrap();
    assert_eq!(step.changes.len(), 12);
    assert_eq!(host.branch.borrow().len(), 1);
    assert_eq!(host.branch.borrow().files(), host.files());

    let other = configured(ConflictPolicy::KeepBoth);
    *other.branch.borrow_mut() = host.branch.borrow().clone();
    pull_all(&other).unwrap();
    assert_eq!(other.files(), host.files());
    assert_eq!(status(&other).unwrap().synced_head, step.head);
}

/// What GitLab has of it, by commits, and what is here are the same at the end, also where a commit is refused on the way.
#[test]
fn a_first_push_that_one_request_does_not_hold_is_commits_in_a_row_and_goes_on_after_a_refusal() {
    const SIZE: usize = 1_000;
    let mut host = configured(ConflictPolicy::KeepBoth);
    host.portion = Some(Portion { commit: 10 * SIZE, commits: 10 * SIZE, ..Portion::STANDARD });
    for number in 0..30 {
        host.save(&format!("docs/{number:02}.md"), format!("{number:0SIZE$}").as_bytes());
    }
    let first = push(&host, &instance(), &options()).unwrap();
    assert!(first.more && (1..10).contains(&first.changes.len()), "{first:?}");
    host.fail_request(Some((1, 413)));
    assert_eq!(push(&host, &instance(), &options()).unwrap_err().code, Code::TooLarge);
    assert_eq!(host.branch.borrow().files().len(), first.changes.len(), "nothing is half done");
    host.calm();
    host.save("docs/29.md", b"edited between two commits\n");
    push_all(&host).unwrap();
    assert_eq!(host.branch.borrow().files(), host.files());
    assert!((4..=6).contains(&host.branch.borrow().len()), "{}", host.branch.borrow().len());
}

#[test]
fn a_warm_push_is_one_request_and_a_pull_of_nothing_is_one() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"1\n");
    sync(&host);
    assert_eq!(requests(&host, || drop(pull_all(&host).unwrap())), 1);
    host.save("a.md", b"2\n");
    host.save("b.md", b"new\n");
    assert_eq!(requests(&host, || drop(push_all(&host).unwrap())), 1);
    assert_eq!(host.branch.borrow().files(), host.files());
    assert_eq!(requests(&host, || drop(pull_all(&host).unwrap())), 1, "our own push is known");
}

#[test]
fn moves_deletions_and_modes_go_both_ways() {
    let host = configured(ConflictPolicy::KeepBoth);
    for name in ["a", "b", "c", "d"] {
        host.save(&format!("{name}.md"), format!("{name}\n").as_bytes());
    }
    sync(&host);
    host.delete("a.md");
    host.save("sub/a.md", b"a\n");
    host.delete("b.md");
    host.branch.borrow_mut().edit(|files| {
        let moved = files.remove("c.md").unwrap();
        files.insert("sub/c.md".into(), moved);
        files.get_mut("d.md").unwrap().1 = true;
    });
    sync(&host);
    let names: Vec<String> = host.files().into_keys().collect();
    assert_eq!(names, ["d.md", "sub/a.md", "sub/c.md"]);
    assert!(host.files()["d.md"].1);
}

#[test]
fn lines_of_both_sides_merge_and_what_does_not_is_kept_beside() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("merge.md", b"1\n2\n3\n4\n5\n6\n7\n");
    host.save("clash.md", b"base\n");
    sync(&host);
    host.save("merge.md", b"one\n2\n3\n4\n5\n6\n7\n");
    host.save("clash.md", b"ours\n");
    host.branch.borrow_mut().edit(|files| {
        files.insert("merge.md".into(), (b"1\n2\n3\n4\n5\n6\nseven\n".to_vec(), false));
        files.insert("clash.md".into(), (b"theirs\n".to_vec(), false));
    });
    let step = push_all(&host).unwrap();
    assert_eq!(step.conflicts, 1);
    assert_eq!(host.files()["merge.md"].0, b"one\n2\n3\n4\n5\n6\nseven\n");
    assert_eq!(host.files()["clash.md"].0, b"theirs\n");
    assert_eq!(host.branch.borrow().files(), host.files());

    let found = conflicts::list(&host).unwrap();
    let versions = conflicts::versions(&host, &found[0].id).unwrap();
    assert_eq!(versions.base.as_deref(), Some(&b"base\n"[..]));
    assert_eq!(versions.ours.as_deref(), Some(&b"ours\n"[..]));
    assert_eq!(versions.theirs.as_deref(), Some(&b"theirs\n"[..]));
    conflicts::resolve(&host, &found[0].id, Resolution::Ours).unwrap();
    assert!(conflicts::list(&host).unwrap().is_empty());
    sync(&host);
    assert_eq!(host.branch.borrow().files()["clash.md"].0, b"ours\n");
}

#[test]
fn under_the_policy_fail_nothing_moves_until_someone_resolves() {
    let host = configured(ConflictPolicy::Fail);
    host.save("clash.md", b"base\n");
    sync(&host);
    host.save("clash.md", b"ours\n");
    host.save("other.md", b"other\n");
    host.branch.borrow_mut().edit(|files| drop(files.insert("clash.md".into(), (b"theirs\n".to_vec(), false))));
    let (files, branch) = (host.files(), host.branch.borrow().files());
    for _ in 0..2 {
        assert_eq!(push_all(&host).unwrap_err().code, Code::Conflict);
        assert_eq!(pull_all(&host).unwrap_err().code, Code::Conflict);
    }
    assert_eq!((host.files(), host.branch.borrow().files()), (files, branch));
    let found = conflicts::list(&host).unwrap();
    assert_eq!(found.len(), 1);
    conflicts::resolve(&host, &found[0].id, Resolution::Content(b"both\n".to_vec())).unwrap();
    sync(&host);
    assert_eq!(host.files()["clash.md"].0, b"both\n");
    assert!(host.files().contains_key("other.md"));
}

#[test]
fn a_lost_answer_is_settled_by_looking_for_the_commit() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"1\n");
    sync(&host);
    host.save("a.md", b"2\n");
    let before = host.branch.borrow().len();
    host.lose_answer(Some(1));
    push_all(&host).unwrap();
    assert_eq!(host.branch.borrow().requests, 2, "the commit, and the look for it");
    assert_eq!(host.branch.borrow().len(), before + 1);
    host.lose_answer(None);
    sync(&host);
    assert_eq!(host.branch.borrow().len(), before + 1);
}

#[test]
fn a_commit_that_landed_on_a_rewritten_branch_keeps_what_it_replaced() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"1\n");
    sync(&host);
    host.save("a.md", b"ours\n");
    host.branch.borrow_mut().rewrite(|files| {
        files.insert("a.md".into(), (b"theirs\n".to_vec(), false));
        files.insert("b.md".into(), (b"b\n".to_vec(), false));
    });
    push_all(&host).unwrap();
    sync(&host);
    assert!(host.files().contains_key("b.md"));
    let kept: Vec<_> = conflicts::list(&host).unwrap();
    let versions = conflicts::versions(&host, &kept[0].id).unwrap();
    let all = [versions.ours, versions.theirs, Some(host.files()["a.md"].0.clone())];
    for wanted in [&b"ours\n"[..], b"theirs\n"] {
        assert!(all.iter().any(|held| held.as_deref() == Some(wanted)), "{wanted:?}");
    }
}

#[test]
fn a_deleted_branch_is_an_error_and_never_empty() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"1\n");
    sync(&host);
    *host.branch.borrow_mut() = support::Branch::default();
    assert_eq!(pull_all(&host).unwrap_err().code, Code::BranchMissing);
    assert!(host.files().contains_key("a.md"));
}

#[test]
fn many_deletions_need_approval_on_either_side() {
    let host = configured(ConflictPolicy::KeepBoth);
    for number in 0..10 {
        host.save(&format!("{number}.md"), b"x\n");
    }
    sync(&host);
    let careful = Options { deletions: Deletions::Brake, ..options() };
    for number in 0..3 {
        host.delete(&format!("{number}.md"));
    }
    assert_eq!(push(&host, &instance(), &careful).unwrap_err().code, Code::MassDeleteBrake);
    push_all(&host).unwrap();
    host.branch.borrow_mut().edit(BTreeMap::clear);
    assert_eq!(pull(&host, &instance(), &careful).unwrap_err().code, Code::MassDeleteBrake);
    assert_eq!(host.files().len(), 7);
    pull_all(&host).unwrap();
    assert!(host.files().is_empty());
}

#[test]
fn an_approved_plan_is_done_as_approved_or_not_at_all() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"1\n");
    sync(&host);
    host.save("b.md", b"b\n");
    host.branch.borrow_mut().edit(|files| drop(files.insert("c.md".into(), (b"c\n".to_vec(), false))));
    let planned = planned(&host);
    assert_eq!(planned.changes.len(), 2);
    let approved = Options { plan: Some(planned.digest), ..options() };
    until_done(|| pull(&host, &instance(), &approved)).unwrap();
    host.save("late.md", b"late\n");
    assert_eq!(push(&host, &instance(), &approved).unwrap_err().code, Code::PlanOutdated);
    host.delete("late.md");
    until_done(|| push(&host, &instance(), &approved)).unwrap();
    assert_eq!(host.branch.borrow().files(), host.files());
}

#[test]
fn a_cold_pull_of_many_files_is_three_requests_and_checks_each() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.branch.borrow_mut().edit(|files| {
        for number in 0..2_000 {
            files.insert(format!("docs/{number}.md"), (format!("page {number}\n").into_bytes(), number % 9 == 0));
        }
    });
    assert_eq!(requests(&host, || drop(pull_all(&host).unwrap())), 3);
    assert_eq!(host.files(), host.branch.borrow().files());

    let host = configured(ConflictPolicy::KeepBoth);
    host.branch.borrow_mut().edit(|files| {
        for number in 0..100 {
            let kind = ["plain", "ignored", "changed"][number % 30 % 3];
            files.insert(format!("{kind}-{number}.md"), (vec![b'x'; number * 100], false));
        }
    });
    pull_all(&host).unwrap();
    assert_eq!(host.files(), host.branch.borrow().files());
}

#[test]
fn a_pull_of_few_changes_is_two_requests_however_many_files_there_are() {
    let host = configured(ConflictPolicy::KeepBoth);
    for number in 0..300 {
        host.save(&format!("{number}.md"), format!("{number}\n").as_bytes());
    }
    sync(&host);
    host.branch.borrow_mut().edit(|files| {
        for number in 0..10 {
            files.insert(format!("{number}.md"), (format!("there {number}\n").into_bytes(), number == 3));
        }
        files.remove("20.md");
        files.insert("unselected.png".into(), (vec![1], false));
    });
    assert_eq!(requests(&host, || drop(pull_all(&host).unwrap())), 2);
    assert_eq!(host.files()["3.md"], (b"there 3\n".to_vec(), true));
    assert_eq!((host.files().len(), host.files().contains_key("20.md")), (299, false));

    host.branch.borrow_mut().edit(|files| {
        for number in 100..200 {
            files.insert(format!("{number}.md"), (format!("there {number}\n").into_bytes(), false));
        }
        files.insert("bytes.md".into(), (vec![0xff, 0xfe], false));
    });
    pull_all(&host).unwrap();
    let mut branch = host.branch.borrow().files();
    branch.remove("unselected.png");
    assert_eq!(host.files(), branch, "dear queries are asked in halves, and lost bytes fetched as they are");

    host.branch.borrow_mut().rewrite(|files| drop(files.remove("5.md")));
    pull_all(&host).unwrap();
    assert!(!host.files().contains_key("5.md"), "a rewritten history is listed");
}

/// Each once took a request for what both sides had started from: 1,000 files more than 2,000 requests, in many calls.
#[test]
fn what_many_merges_begin_from_is_asked_for_together() {
    let host = configured(ConflictPolicy::KeepBoth);
    let page = |top: &str, number: usize, end: &str| format!("{top}\n{number}\n\n\n\n{end}\n").into_bytes();
    for number in 0..60 {
        host.save(&format!("{number}.md"), &page("top", number, "end"));
    }
    sync(&host);
    for number in 0..60 {
        host.save(&format!("{number}.md"), &page("here", number, "end"));
    }
    host.branch.borrow_mut().edit(|files| {
        for number in 0..60 {
            // The last ones cannot be merged.
            let top = if number < 50 { "top" } else { "there" };
            files.insert(format!("{number}.md"), (page(top, number, "there"), false));
        }
    });
    // A comparison and what changed, in halves of halves, as this server has it; then what both began from: 8 files, 32 and 20.
    let asked = requests(&host, || drop(pull_all(&host).unwrap()));
    assert!(asked <= 12, "{asked} requests");
    assert_eq!(host.files()["7.md"].0, page("here", 7, "there"));
    assert_eq!(host.files()["55.md"].0, page("there", 55, "there"));
    assert_eq!(conflicts::list(&host).unwrap().len(), 10, "the others are kept");
}

#[test]
fn a_comparison_that_was_cut_short_is_replaced_by_a_listing() {
    let host = configured(ConflictPolicy::KeepBoth);
    (0..9).for_each(|number| host.save(&format!("{number}.md"), b"here\n"));
    sync(&host);
    host.branch.borrow_mut().manner = Manner::CutsShort;
    host.branch.borrow_mut().edit(|files| {
        (0..5).for_each(|number| drop(files.insert(format!("{number}.md"), (b"there\n".to_vec(), false))));
        files.remove("8.md");
    });
    pull_all(&host).unwrap();
    assert_eq!(host.files(), host.branch.borrow().files());
}

/// Its page of folders counted as nothing, and so as the end: of a listing that ends early, every file counts as deleted.
#[test]
fn a_page_of_nothing_but_folders_is_not_the_end() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.branch.borrow_mut().manner = Manner::Pages;
    host.branch.borrow_mut().edit(|files| drop(files.insert("docs/a.md".into(), (b"a\n".to_vec(), false))));
    pull_all(&host).unwrap();
    assert_eq!(host.files(), host.branch.borrow().files());
    assert_eq!(host.files().len(), 1);
}

/// It read like a rule of the project, so that every push failed until somebody pulled.
#[test]
fn a_file_that_has_changed_meanwhile_is_reconciled_in_any_language() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"1\n\n\n\n2\n");
    sync(&host);
    host.branch.borrow_mut().manner = Manner::InPolish;
    host.branch.borrow_mut().edit(|files| drop(files.insert("a.md".into(), (b"there\n\n\n\n2\n".to_vec(), false))));
    host.save("a.md", b"1\n\n\n\nhere\n");
    push_all(&host).unwrap();
    assert_eq!(host.branch.borrow().files()["a.md"].0, b"there\n\n\n\nhere\n");
}

/// With a token that was revoked long ago, the status said that both sides had been equal a moment ago.
#[test]
fn a_push_that_asks_gitlab_nothing_does_not_say_that_both_sides_are_equal_now() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.save("a.md", b"a\n");
    sync(&host);
    let synced = || status(&host).unwrap().synced_ms;
    let before = synced();
    host.clock_ms.borrow_mut().0 += 3_600_000;
    assert_eq!(requests(&host, || drop(push_all(&host).unwrap())), 0);
    assert_eq!(synced(), before);
    pull_all(&host).unwrap();
    assert!(synced() >= before.map(|ms| ms + 3_600_000), "who asks may say so");
}

/// The 65th was not read, and files that it keeps in LFS were replaced by their contents.
#[test]
fn files_in_lfs_are_left_alone_however_many_files_of_attributes_there_are() {
    let host = configured(ConflictPolicy::KeepBoth);
    host.branch.borrow_mut().edit(|files| {
        for number in 0..70 {
            let folder = format!("{number:02}");
            // The last is in no encoding of ours.
            let rules: &[u8] = if number == 69 { b"# \xe9\n*.md filter=lfs\n" } else { b"*.md text\n" };
            files.insert(format!("{folder}/.gitattributes"), (rules.to_vec(), false));
            files.insert(format!("{folder}/page.md"), (b"version\n".to_vec(), false));
        }
    });
    pull_all(&host).unwrap();
    let files = host.files();
    assert!(files.contains_key("68/page.md") && !files.contains_key("69/page.md"), "{:?}", files.keys());
}

#[test]
fn what_is_kept_in_lfs_is_left_alone_on_both_sides() {
    let host = configured(ConflictPolicy::KeepBoth);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    host.branch.borrow_mut().edit(|files| {
        files.insert(".gitattributes".into(), (b"big/*.md filter=lfs\n".to_vec(), false));
        files.insert("big/there.md".into(), (pointer.to_vec(), false));
        files.insert("small.md".into(), (b"small\n".to_vec(), false));
    });
    host.save("big/here.md", b"here\n");
    pull_all(&host).unwrap();
    push_all(&host).unwrap();
    assert!(!host.files().contains_key("big/there.md"));
    assert!(!host.branch.borrow().files().contains_key("big/here.md"));
    let planned = planned(&host);
    let reasons: Vec<_> = planned.changes.into_iter().map(|change| (change.path, change.reason.unwrap())).collect();
    assert!(reasons.contains(&("big/here.md".into(), "kept in Git LFS".into())), "{reasons:?}");

    host.branch.borrow_mut().edit(|files| drop(files.insert(".gitattributes".into(), (Vec::new(), false))));
    pull_all(&host).unwrap();
    push_all(&host).unwrap();
    assert!(host.files().contains_key("big/there.md"), "the rule is gone");
    assert!(host.branch.borrow().files().contains_key("big/here.md"));
}

/// Two sides with an edit of every kind, and a conflict.
fn busy() -> Memory {
    let host = configured(ConflictPolicy::KeepBoth);
    for name in ["a", "b", "c", "d", "e"] {
        host.save(&format!("{name}.md"), format!("{name}\n").as_bytes());
    }
    sync(&host);
    host.save("a.md", b"a here\n");
    host.delete("b.md");
    host.save("new.md", b"new here\n");
    host.save("c.md", b"c here\n");
    host.branch.borrow_mut().edit(|files| {
        files.insert("c.md".into(), (b"c there\n".to_vec(), false));
        files.remove("d.md");
        let moved = files.remove("e.md").unwrap();
        files.insert("sub/e.md".into(), moved);
        files.insert("there.md".into(), (b"new there\n".to_vec(), false));
    });
    host
}

#[test]
fn killed_at_any_call_nothing_is_lost_and_running_again_finishes() {
    set_hook(Box::new(|info| {
        if !info.payload().is::<Killed>() {
            eprintln!("{info}");
        }
    }));
    let expected = {
        let host = busy();
        sync(&host);
        host.files()
    };
    let calls = |flow: fn(&Memory) -> Result<Step, Error>| {
        let host = busy();
        host.kill_at(None);
        flow(&host).unwrap();
        host.calls()
    };
    for flow in [pull_all as fn(&Memory) -> Result<Step, Error>, push_all] {
        let last = calls(flow);
        assert!(last > 10, "{last}");
        for call in 1..=last {
            for moment in [Moment::Before, Moment::After] {
                let host = busy();
                host.kill_at(Some((call, moment)));
                let killed = catch_unwind(AssertUnwindSafe(|| flow(&host).map(drop)));
                assert!(killed.is_err(), "call {call} was not reached");
                host.kill_at(None);
                sync(&host);
                sync(&host);
                assert_eq!(host.files(), expected, "killed at call {call}");
                let kept = conflicts::list(&host).unwrap();
                assert_eq!(kept.len(), 1, "killed at call {call}");
                let ours = conflicts::versions(&host, &kept[0].id).unwrap().ours;
                assert_eq!(ours.as_deref(), Some(&b"c here\n"[..]), "killed at call {call}");
            }
        }
    }
}
