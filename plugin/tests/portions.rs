//! Workspaces that take several calls to read, and pushes that take several commits.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use gitlab_sync_connector::host::Portion;
use gitlab_sync_connector::ledger::SEEN_KEY;
use gitlab_sync_connector::plan::Direction;
use gitlab_sync_connector::preview::preview;
use gitlab_sync_connector::pull::{Options, pull};
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::report::Kind;

use support::{Killed, Memory, Moment, instance, options, planned, pull_all, push_all, settings, until_done};

fn configured() -> Memory {
    support::configured(settings())
}

/// Files, and what they weigh.
fn fill(host: &Memory, count: usize, size: usize) -> usize {
    for number in 0..count {
        host.save(&format!("docs/{number:02}.md"), format!("{number:0size$}").as_bytes());
    }
    count * size
}

/// Three files of 5,000 bytes are read in a call, and a commit takes two.
fn small_portions() -> Option<Portion> {
    Some(Portion { read: 22_000, commit: 11_000, ..Portion::STANDARD })
}

/// It was refused, and a person had to configure one directory after the other.
#[test]
fn a_workspace_that_one_call_does_not_read_is_read_by_several_and_each_file_once() {
    let mut host = configured();
    host.save("old.md", &[b'm'; 5_000]);
    push_all(&host).unwrap();
    host.delete("old.md");
    host.save("new.md", &[b'm'; 5_000]);
    let bytes = fill(&host, 8, 5_000) + 5_000;
    host.portion = small_portions();
    let before = (host.files(), host.branch.borrow().files());
    *host.read.borrow_mut() = 0;
    let in_part = [
        preview(&host, &instance(), Direction::Both).map(|plan| plan.is_none()),
        pull(&host, &instance(), &options()).map(|step| !step.more),
        push(&host, &instance(), &options()).map(|step| step.more && step.changes.is_empty()),
    ];
    assert_eq!(in_part, [Ok(true), Ok(true), Ok(true)], "a pull of an unchanged branch need not know");
    assert_eq!((host.files(), host.branch.borrow().files()), before);
    let plan = planned(&host);
    assert_eq!(*host.read.borrow(), bytes);
    assert!(
        plan.changes.iter().any(|change| change.kind == Kind::Move),
        "what was read by another call is known: {plan:?}"
    );
    let asked = Options { plan: Some(plan.digest), ..options() };
    until_done(|| push(&host, &instance(), &asked)).unwrap();
    assert_eq!(host.branch.borrow().files(), host.files());
    assert_eq!(
        *host.read.borrow(),
        2 * bytes - 5_000,
        "once to know it and once to send it, and what moved is not sent"
    );
    assert!(!host.kept().contains_key(SEEN_KEY), "the ledger has it all");
}

#[test]
fn a_first_pull_beside_much_that_is_here_reads_it_in_several_calls_too() {
    let mut host = configured();
    fill(&host, 7, 5_000);
    host.branch.borrow_mut().edit(|files| drop(files.insert("theirs.md".into(), (b"theirs\n".to_vec(), false))));
    host.portion = small_portions();
    let first = pull(&host, &instance(), &options()).unwrap();
    assert!(first.more && first.changes.is_empty() && !host.files().contains_key("theirs.md"));
    pull_all(&host).unwrap();
    assert_eq!(host.files().len(), 8);
    assert_eq!(host.branch.borrow().files().len(), 1);
}

/// Each commit of a first push read again all that was still to come.
#[test]
fn a_long_first_push_reads_what_is_to_come_once_and_again_only_what_was_edited() {
    let mut host = configured();
    let bytes = fill(&host, 24, 60_000);
    host.portion = Some(Portion { commit: 130_000, ..Portion::STANDARD });
    assert!(push(&host, &instance(), &options()).unwrap().more);
    host.save("docs/20.md", &[b'e'; 60_000]);
    push_all(&host).unwrap();
    assert_eq!(host.branch.borrow().files(), host.files());
    assert_eq!(host.branch.borrow().len(), 12);
    assert_eq!(*host.read.borrow(), 2 * bytes + 60_000);
    assert!(!host.kept().contains_key(SEEN_KEY));
}

#[test]
fn what_was_noted_of_files_may_be_lost_damaged_or_written_by_another_call() {
    let damage: [fn(&Memory); 3] = [
        |host| host.set_kept(SEEN_KEY, None),
        |host| host.set_kept(SEEN_KEY, Some(vec![1; 64])),
        |host| host.set_kept(SEEN_KEY, Some(Vec::new())),
    ];
    for damage in damage {
        for call in 1..40 {
            let mut host = configured();
            fill(&host, 7, 5_000);
            host.portion = small_portions();
            host.meanwhile(call, damage);
            push_all(&host).unwrap();
            assert_eq!(host.branch.borrow().files(), host.files(), "before call {call}");
        }
    }
}

#[test]
fn a_push_of_many_portions_may_be_killed_at_every_call() {
    let usual = std::panic::take_hook();
    set_hook(Box::new(move |info| {
        if !info.payload().is::<Killed>() {
            usual(info);
        }
    }));
    for moment in [Moment::Before, Moment::After] {
        for call in 1.. {
            let mut host = configured();
            fill(&host, 7, 5_000);
            host.portion = small_portions();
            host.kill_at(Some((call, moment)));
            let killed = catch_unwind(AssertUnwindSafe(|| push_all(&host))).is_err();
            host.kill_at(None);
            push_all(&host).unwrap();
            assert_eq!(host.branch.borrow().files(), host.files(), "call {call}");
            assert_eq!(host.branch.borrow().len(), 4, "no commit is made twice: call {call}");
            if !killed {
                break;
            }
        }
    }
}
