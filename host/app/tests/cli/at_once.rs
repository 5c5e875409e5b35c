//! Two processes at one connection at the same time: someone by hand while a timer does the same.

use crate::gitlab::Scene;
use crate::program::Run;
use gitlab_sim::{Effect, Fault};

/// Both running at once, each of their requests answered late, so that they are in each other's way for sure.
fn at_once(scene: &Scene, commands: [&str; 2]) -> [Run; 2] {
    let late = Effect::Latency { ms: 100, jitter_ms: 0 };
    scene.gitlab.admin().fault(Fault::on_any("*/repository/*", late));
    let running = commands.map(|command| scene.program.start(&[command], &[]));
    let ended = running.map(|child| Run::of(child.wait_with_output().unwrap()));
    scene.gitlab.admin().clear_faults();
    ended
}

#[test]
fn whatever_two_processes_do_at_once_both_come_to_their_end_and_it_is_done_once() {
    for commands in [["pull", "pull"], ["push", "push"], ["pull", "push"]] {
        let scene = Scene::ready();
        let before = scene.commits();
        for number in 0..2 {
            scene.program.write(&format!("files/ours-{number}.md"), format!("ours {number}\n"));
            let path = format!("theirs-{number}.md");
            scene.edit_in_gitlab(|commit| commit.create(&path, format!("theirs {number}\n")));
        }
        for run in at_once(&scene, commands) {
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{commands:?} {}", run.stdout);
        }
        let pushes = usize::from(commands != ["pull", "pull"]);
        let pulls = commands != ["push", "push"];
        assert_eq!(scene.commits(), before + 2 + pushes, "{commands:?}");
        for number in 0..2 {
            let ours = scene.in_gitlab(&format!("ours-{number}.md"));
            let theirs = scene.here(&format!("theirs-{number}.md"));
            assert_eq!((ours.is_some(), theirs.is_some()), (pushes == 1, pulls), "{commands:?} {number}");
        }
        let said = scene.program.run(&["sync"]).quietly(0);
        assert!(!said.contains("conflict"), "{commands:?} {said}");
    }
}
