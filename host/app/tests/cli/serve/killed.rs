//! `kill -9` in the middle of the load.

use super::server::until;
use super::tenant::Tenant;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Killed so many times.
const KILLS: usize = 3;
/// Deliveries that are acknowledged before each kill.
const BEFORE: usize = 40;

#[test]
fn every_acknowledged_delivery_is_worked_off_once_after_kills() {
    let tenant = Tenant::new();
    let acknowledged = Mutex::new(HashSet::new());
    let number = AtomicUsize::new(0);
    let mut last = String::new();
    for kill in 0..KILLS {
        let server = tenant.serve();
        last = format!("edited before kill {kill}\n");
        tenant.scene.edit_in_gitlab(|commit| commit.update("there.md", last.as_str()));
        let (address, told) = (server.address, acknowledged.lock().unwrap().len());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let key = format!("key-{}", number.fetch_add(1, Ordering::Relaxed));
                        match tenant.tell_at(address, &key) {
                            Ok(answer) if answer.status == 200 => acknowledged.lock().unwrap().insert(key),
                            Ok(answer) => panic!("{answer:?}"),
                            Err(_) => break,
                        };
                    }
                });
            }
            until("enough is acknowledged", || acknowledged.lock().unwrap().len() >= told + BEFORE);
            server.kill();
        });
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    let server = tenant.serve();
    tenant.wait_until_idle();
    assert_eq!(tenant.scene.here("there.md").as_deref(), Some(last.as_str()));
    for key in &acknowledged {
        let kept = format!("SELECT count(*) FROM deliveries WHERE key = '{key}' AND job IS NOT NULL");
        assert_eq!(tenant.count(&kept), 1, "{key} was acknowledged");
    }
    // A job that was running when the server died is taken over by the one that waited behind it.
    let left =
        "SELECT count(*) FROM deliveries WHERE job NOT IN (SELECT number FROM jobs WHERE stage IN ('done', 'joined'))";
    assert_eq!(tenant.count(left), 0, "each led to a job that ended");
    let done = tenant.count("SELECT count(*) FROM jobs WHERE stage = 'done'");
    assert!(tenant.tell(&server, acknowledged.iter().next().unwrap()).body == "known already\n");
    assert_eq!(tenant.count("SELECT count(*) FROM jobs WHERE stage = 'done'"), done, "and not again");
    // A kill may come between a pull and the note that it is done: that one is done again, and no other.
    let trail = std::fs::read_to_string(tenant.scene.program.path("home/audit_serve.jsonl")).unwrap();
    let pulls = trail.lines().filter(|line| line.contains(r#""export":"pull""#)).count();
    let done = usize::try_from(done).unwrap();
    assert!((done..=done + KILLS).contains(&pulls), "{pulls} pulls for {done} jobs");
}
