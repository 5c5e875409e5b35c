//! Workspaces that take several calls to read, pushes that take several commits, and pulls that take several batches.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use gitlab_sync_connector::error::Code;
use gitlab_sync_connector::host::Portion;
use gitlab_sync_connector::ledger::SEEN_KEY;
use gitlab_sync_connector::plan::Direction;
use gitlab_sync_connector::preview::preview;
use gitlab_sync_connector::pull::{Options, pull};
use gitlab_sync_connector::push::push;
use gitlab_sync_connector::report::Kind;
use gitlab_sync_connector::status::status;

use support::{Killed, Memory, Moment, instance, options, planned, pull_all, push_all, requests, settings, until_done};

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

/// Three files of 5,000 bytes are read in a call, a commit takes two, and a call makes two commits.
fn small_portions() -> Option<Portion> {
    Some(Portion { read: 22_000, commit: 11_000, commits: 23_000, ..Portion::STANDARD })
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
    host.portion = Some(Portion { commit: 130_000, commits: 130_000, ..Portion::STANDARD });
    assert!(push(&host, &instance(), &options()).unwrap().more);
    host.save("docs/20.md", &[b'e'; 60_000]);
    push_all(&host).unwrap();
    assert_eq!(host.branch.borrow().files(), host.files());
    assert_eq!(host.branch.borrow().len(), 12);
    assert_eq!(*host.read.borrow(), 2 * bytes + 60_000);
    assert!(!host.kept().contains_key(SEEN_KEY));
}

/// Before each commit everything was listed and compared again: 100,000 files took twenty times what 10,000 took.
#[test]
fn a_call_makes_several_commits_and_looks_at_everything_once() {
    let mut host = configured();
    let bytes = fill(&host, 24, 60_000);
    host.portion = Some(Portion { commit: 130_000, commits: 700_000, ..Portion::STANDARD });
    let mut walks = Vec::new();
    until_done(|| {
        *host.walks.borrow_mut() = (0, 0);
        let step = push(&host, &instance(), &options());
        walks.push((host.branch.borrow().len(), *host.walks.borrow()));
        step
    })
    .unwrap();
    // Three names to a page of the listing.
    assert_eq!(walks, [(5, (8, 0)), (10, (8, 0)), (12, (8, 0))]);
    assert_eq!(host.branch.borrow().files(), host.files());
    assert_eq!(*host.read.borrow(), 2 * bytes);
}

/// New files are noted together with what else a commit holds, and one of them may be where another was.
#[test]
fn a_file_that_comes_to_where_another_has_left_is_noted_as_what_it_is() {
    let host = configured();
    fill(&host, 4, 5_000);
    push_all(&host).unwrap();
    let files = host.files();
    host.delete("docs/00.md");
    host.save("docs/moved.md", &files["docs/00.md"].0);
    host.save("docs/00.md", b"new\n");
    host.delete("docs/01.md");
    host.save("docs/02.md", b"edited\n");
    let pushed = push_all(&host).unwrap();
    assert_eq!((host.branch.borrow().files(), host.branch.borrow().len()), (host.files(), 2), "{pushed:?}");
    assert_eq!(planned(&host).changes, [], "the ledger has it as it is");
    *host.walks.borrow_mut() = (0, 0);
    assert_eq!(push_all(&host).unwrap().changes, []);
    assert_eq!(*host.walks.borrow(), (0, 1), "and so do its marks");
}

/// What somebody does to a workspace or a branch.
type Deed = fn(&Memory);

#[test]
fn whatever_happens_between_the_commits_of_a_call_ends_right_and_what_was_done_is_told() {
    let deeds: [(&str, Deed); 6] = [
        ("edited", |host| host.save("docs/06.md", b"edited\n")),
        ("deleted", |host| host.delete("docs/06.md")),
        ("came", |host| host.save("docs/055.md", b"new\n")),
        ("edited after it was sent", |host| host.save("docs/00.md", b"edited\n")),
        ("came there", |host| {
            host.branch
                .borrow_mut()
                .edit(|files| drop(files.insert("theirs.md".into(), (b"theirs\n".to_vec(), false))));
        }),
        ("came there, too", |host| {
            host.branch.borrow_mut().edit(|files| drop(files.insert("docs/06.md".into(), (vec![b'6'; 5_000], false))));
        }),
    ];
    for (what, deed) in deeds {
        for call in 1..60 {
            let mut host = configured();
            fill(&host, 7, 5_000);
            host.portion = Some(Portion { commit: 11_000, ..Portion::STANDARD });
            host.meanwhile(call, deed);
            let first = push(&host, &instance(), &options());
            let (arrived, theirs) = (host.branch.borrow().files().len(), usize::from(what.starts_with("came there")));
            let told = first.as_ref().map_or(0, |step| step.changes.len());
            assert!(told + theirs >= arrived, "{what} before call {call}: {told} told of {arrived}: {first:?}");
            host.calm();
            push_all(&host).unwrap();
            pull_all(&host).unwrap();
            push_all(&host).unwrap();
            assert_eq!(host.branch.borrow().files(), host.files(), "{what} before call {call}");
            assert_eq!(host.files().get("docs/03.md").map(|(bytes, _)| bytes.len()), Some(5_000));
        }
    }
}

/// What is left of it is noted after each commit, so that a call that is killed can be made again with the same plan.
#[test]
fn a_plan_that_takes_many_commits_is_approved_once() {
    let mut host = configured();
    fill(&host, 14, 5_000);
    host.portion = Some(Portion { commit: 11_000, ..Portion::STANDARD });
    let asked = Options { plan: Some(planned(&host).digest), ..options() };
    let mut commits = Vec::new();
    until_done(|| {
        let step = push(&host, &instance(), &asked)?;
        commits.push(step.commits);
        Ok(step)
    })
    .unwrap();
    assert_eq!(commits, [3, 3, 1]);
    assert_eq!(host.branch.borrow().files(), host.files());
}

#[test]
fn a_refusal_in_the_middle_of_a_call_is_met_by_the_next_one() {
    let mut host = configured();
    fill(&host, 7, 5_000);
    host.portion = Some(Portion { commit: 11_000, ..Portion::STANDARD });
    // The first request is for the branch.
    host.fail_request(Some((3, 413)));
    let step = push(&host, &instance(), &options()).unwrap();
    assert_eq!((step.changes.len(), step.more, host.branch.borrow().len()), (2, true, 1));
    host.fail_request(Some((1, 413)));
    assert_eq!(push(&host, &instance(), &options()).unwrap_err().code, Code::TooLarge);
    host.fail_request(None);
    assert_eq!(push_all(&host).unwrap().changes.len(), 5);
    assert_eq!(host.branch.borrow().files(), host.files());
}

/// A server that takes its time for each commit gets as many as fit into a call, and no more.
#[test]
fn a_call_ends_in_time_for_another_commit_not_to_be_stopped_in_the_middle() {
    let mut host = configured();
    fill(&host, 24, 5_000);
    host.portion = Some(Portion { commit: 11_000, ..Portion::STANDARD });
    *host.clock_ms.borrow_mut() = (0, 6_000);
    let mut commits = Vec::new();
    until_done(|| {
        let step = push(&host, &instance(), &options());
        commits.push(host.branch.borrow().len());
        step
    })
    .unwrap();
    assert!(commits.len() > 2 && commits[0] > 1, "{commits:?}");
    assert_eq!(host.branch.borrow().files(), host.files());
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

#[test]
fn a_first_pull_that_one_call_does_not_take_on_is_cut_and_the_next_call_goes_on() {
    const FILES: usize = 4_200;
    const SIZE: usize = 100;
    let mut host = configured();
    host.portion = Some(Portion { fetched: 60 * SIZE, ..Portion::STANDARD });
    let page = |number: usize| (format!("{number:0SIZE$}").into_bytes(), false);
    host.branch.borrow_mut().edit(|files| {
        files.extend((0..FILES).map(|number| (format!("docs/{number:04}.md"), page(number))));
    });
    let mut here = Vec::new();
    let last = until_done(|| {
        let step = pull(&host, &instance(), &options())?;
        here.push(host.files().len());
        assert_eq!(status(&host)?.synced_head.is_none(), step.more, "a part is not taken for all");
        Ok(step)
    });
    last.unwrap();
    assert_eq!((&here[..2], here.last()), (&[2_048, 4_096][..], Some(&FILES)), "what is left is fetched one by one");
    assert_eq!(host.files(), host.branch.borrow().files());
}

/// A call that goes on has to read the archive from its beginning. Where a call could read no more of it than those before, it once was
/// asked for in vain each time, and beyond what the host lends the pull never came to its end.
#[test]
fn an_archive_is_asked_for_again_only_while_that_brings_more_than_it_repeats() {
    const SIZE: usize = 8 << 10;
    const IN_ARCHIVE: usize = SIZE + 512;
    // Files, bytes before them that are not selected, bytes fetched in a call, files of the archive read in a call, milliseconds between two
    // looks at the clock.
    for ((files, before, fetched, archive, step), archives, calls) in [
        ((900, 0, usize::MAX, 400, 0), 1, 2),
        ((1_200, 0, 500 * SIZE, 700, 0), 1, 3),
        ((1_500, 0, 500 * SIZE, 1_200, 0), 2, 3),
        ((450, 2_000_000, usize::MAX, 200, 0), 1, 2),
        // A slow line: the host stops a call after two minutes.
        ((900, 0, usize::MAX, 1_000, 20), 1, 2),
    ] {
        let mut host = configured();
        host.portion = Some(Portion { fetched, archive: archive * IN_ARCHIVE, ..Portion::STANDARD });
        *host.clock_ms.borrow_mut() = (0, step);
        let pages = |text: &str| -> Vec<_> {
            (0..files)
                .map(|number| (format!("docs/{number:04}.md"), (format!("{text}{number:0SIZE$}").into(), false)))
                .collect()
        };
        host.branch.borrow_mut().edit(|files| {
            files.insert("a.bin".into(), (vec![7; before], false));
            files.extend(pages(""));
        });
        let mut done = 0;
        let last = until_done(|| {
            done += 1;
            pull(&host, &instance(), &options())
        });
        last.unwrap();
        assert_eq!((host.branch.borrow().archives, done), (archives, calls), "{files} files after {before} bytes");
        assert_eq!(host.files().len(), files);
        let asked = requests(&host, || drop(pull(&host, &instance(), &options()).unwrap()));
        assert_eq!(asked, 1);
        // Of another commit nothing is known.
        host.branch.borrow_mut().edit(|files| files.extend(pages("new ")));
        pull(&host, &instance(), &options()).unwrap();
        assert_eq!(host.branch.borrow().archives, archives + 1);
    }
}

/// Several batches are on their way then, one of which is being made while the next is read.
#[test]
fn who_edits_while_an_archive_is_written_loses_nothing_whenever_that_is() {
    const SIZE: usize = 40_000;
    const FILES: usize = 230;
    let page = |number: usize| (format!("{number:0SIZE$}").into_bytes(), false);
    for (call, edited) in (1..40).zip([0, 120, 229].into_iter().cycle()) {
        let host = configured();
        host.branch.borrow_mut().edit(|files| {
            files.extend((0..FILES).map(|number| (format!("docs/{number:04}.md"), page(number))));
        });
        let path = format!("docs/{edited:04}.md");
        let saved = path.clone();
        host.meanwhile(call, move |host| host.save(&saved, b"my words\n"));
        if pull_all(&host).is_err() {
            pull_all(&host).unwrap();
        }
        if host.calls() < call {
            assert!(call > 12, "three batches, and what is around them");
            return;
        }
        if host.files()[&path].0 != b"my words\n" {
            assert!(host.kept().values().any(|kept| kept == b"my words\n"), "before call {call}, {path} was edited");
        }
        assert_eq!(host.files().len(), FILES, "before call {call}");
        let unlike =
            |(path, file): &(&String, &(Vec<u8>, bool))| host.branch.borrow().files().get(*path) != Some(*file);
        let files = host.files();
        let others: Vec<&String> =
            files.iter().filter(unlike).map(|(path, _)| path).filter(|it| **it != path).collect();
        assert!(others.is_empty(), "before call {call}: {others:?}");
    }
    panic!("the pull has more calls than were tried");
}
