//! The routes with the real connector and the real store, without sockets.

use super::*;
use crate::serve::stand::{self, tenant};
use std::path::Path as FilePath;
use tower_service::Service;

const TENANTS: usize = 100;
const AT_ONCE: usize = 4;

/// Everything one has that is not another's: 9,900 crossings, each with a secret and a path that are good by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_tenants_none_is_reached_with_what_belongs_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let (server, router) = open(folder.path()).await;
    let mut tenants = vec![];
    for number in 0..TENANTS {
        tenants.push(tenant(&server, number).await);
    }
    let tenants = Arc::new(tenants);
    // A few at once, so that on a slow machine too nobody waits for a place.
    let tasks = (0..AT_ONCE).map(|task| {
        let (tenants, router) = (tenants.clone(), router.clone());
        tokio::spawn(async move {
            let mut refused = 0;
            for own in (task..TENANTS).step_by(AT_ONCE) {
                for (other, tenant) in tenants.iter().enumerate() {
                    let status = deliver(router.clone(), &tenants[own].path, &tenant.secret).await;
                    let expected = if own == other { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
                    assert_eq!(status, expected, "the secret of {other} at the path of {own}");
                    refused += usize::from(own != other);
                }
            }
            refused
        })
    });
    let mut refused = 0;
    for task in tasks.collect::<Vec<_>>() {
        refused += task.await.unwrap();
    }
    assert_eq!(refused, TENANTS * (TENANTS - 1));
    let heard = server
        .database
        .read(|connection| connection.query_row("SELECT count(*) FROM deliveries", [], |row| row.get::<_, usize>(0)));
    assert_eq!(heard.await.unwrap(), TENANTS, "of each its own");
}

#[tokio::test]
async fn a_delivery_is_not_acknowledged_when_it_cannot_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (server, router) = open(folder.path()).await;
    let tenant = tenant(&server, 0).await;
    let broken = "CREATE TRIGGER full BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    server.database.change(move |connection| connection.execute_batch(broken)).await.unwrap();
    assert_eq!(deliver(router.clone(), &tenant.path, &tenant.secret).await, StatusCode::SERVICE_UNAVAILABLE);
    server.database.change(|connection| connection.execute_batch("DROP TRIGGER full")).await.unwrap();
    assert_eq!(
        deliver(router, &tenant.path, &tenant.secret).await,
        StatusCode::OK,
        "and it counts when it comes again"
    );
}

/// A server that does nothing by itself.
pub(in crate::serve) async fn open(folder: &FilePath) -> (Arc<Server>, Router) {
    let server = Arc::new(stand::server(folder, |_| {}).await);
    let (journal, _) = Journal::open(server.clone());
    (server.clone(), router(server, journal))
}

async fn deliver(mut router: Router, path: &str, secret: &str) -> StatusCode {
    let body = r#"{"object_kind":"push","ref":"refs/heads/main","project":{"id":7}}"#;
    let request = Request::post(path).header("x-gitlab-token", secret).header("x-gitlab-event", "Push Hook");
    let answer = router.call(request.body(Body::from(body)).unwrap()).await.unwrap();
    answer.status()
}
