//! Commands that GitLab's rate limit stops: they wait and go on, and whoever does not want to wait is not made to.

use crate::gitlab::Scene;
use crate::program::Run;
use gitlab_sim::{Canned, Effect, Fault, When};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

/// What a request of this kind is answered for so many times.
fn limit(scene: &Scene, method: &str, path: &str, seconds: u32, when: When) {
    let refused = Effect::Answer(Canned::html(429).retry_after(seconds));
    scene.gitlab.admin().fault(Fault::on(method, path, refused).when(when));
}

const COMMITS: &str = "*/repository/commits";

/// Longer than a call waits.
const LONG: u32 = 600;

/// The seconds that a line tells.
fn told(line: &str) -> u64 {
    let number = line.strip_prefix("rate limited by 127.0.0.1:").and_then(|rest| rest.split_once(", going on in "));
    let number = number.and_then(|(_, rest)| rest.strip_suffix(" s; Ctrl-C stops, nothing is lost"));
    number.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap()
}

/// It ended with 1, and whoever ran it had to come back in a minute.
#[test]
fn a_sync_that_is_rate_limited_waits_and_goes_on_and_its_result_is_one_value() {
    let scene = Scene::ready();
    // A call sends a commit three times by itself.
    limit(&scene, "POST", COMMITS, 0, When::First(3));
    let run = scene.program.run(&["sync", "--json"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!((1..=5).contains(&told(run.stderr.trim_end())), "one wait: {:?}", run.stderr);
    let steps: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let changed = |step: &serde_json::Value| step["changes"][0]["path"].as_str().map(str::to_owned);
    let changed: Vec<_> = steps.as_array().unwrap().iter().filter_map(changed).collect();
    assert_eq!(changed, ["there.md", "here.md"], "what was pulled before the limit is told too: {steps}");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.here("there.md").as_deref(), Some("from GitLab\n"));
    assert_eq!(scene.commits(), 2, "and is pushed once");
}

#[test]
fn on_a_terminal_the_seconds_are_counted_and_nothing_of_it_stays() {
    let scene = Scene::ready();
    limit(&scene, "POST", COMMITS, 0, When::First(3));
    let (status, seen) = scene.program.run_on_terminal(&["push", "--color", "never"], "");
    assert_eq!(status, 0, "{seen}");
    let bars = seen.matches("\r\u{1b}[Kgoing on in ").count();
    assert!(bars >= 2, "{seen:?}");
    let left: Vec<&str> = seen.lines().map(|line| line.rsplit("\r\u{1b}[K").next().unwrap_or(line)).collect();
    assert!(!left.iter().any(|line| line.starts_with("going on")), "{left:?}");
    assert!(left.iter().any(|line| line.starts_with("Pushed: 1 create")), "{left:?}");
}

#[test]
fn whoever_does_not_want_to_wait_is_told_at_once_and_so_is_who_would_wait_too_long() {
    let scene = Scene::ready();
    limit(&scene, "GET", "*/repository/*", LONG, When::Always);
    limit(&scene, "POST", COMMITS, LONG, When::Always);
    let begun = Instant::now();
    for command in ["plan", "pull", "push", "sync"] {
        let said = scene.program.run(&[command, "--no-wait"]).complaint(1);
        assert!(said.starts_with("error: ") && said.contains("hint: it can succeed again in 600 s\n"), "{said}");
    }
    let scene = Scene::ready();
    limit(&scene, "GET", "*/repository/*", 2 * LONG, When::Always);
    let run = scene.program.run(&["pull", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.status, &value["error"]["code"]), (1, &"rate-limited".into()), "{}", run.stderr);
    assert!(!run.stderr.contains("going on"), "{}", run.stderr);
    assert!(begun.elapsed() < Duration::from_secs(LONG.into()));
}

#[test]
fn ctrl_c_while_it_waits_leaves_things_whole() {
    for command in ["plan", "pull", "push"] {
        let scene = Scene::ready();
        limit(&scene, "GET", "*/repository/*", LONG, When::Always);
        limit(&scene, "POST", COMMITS, LONG, When::Always);
        let mut running = scene.program.start(&[command], &[]);
        let mut stderr = BufReader::new(running.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!((600..=605).contains(&told(line.trim_end())), "{line}");
        let process = rustix::process::Pid::from_child(&running);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut stderr, &mut rest).unwrap();
        let run = Run::of(running.wait_with_output().unwrap());
        assert_eq!((run.status, run.stdout.as_str()), (130, ""), "{rest}");
        assert_eq!(rest, "error: interrupted\nhint: nothing is half done; run it again to go on\n");
        scene.gitlab.admin().clear_faults();
        scene.program.run(&[command]).quietly(0);
        assert_eq!(scene.commits(), if command == "push" { 2 } else { 1 });
    }
}
