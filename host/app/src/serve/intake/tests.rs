//! The routes with the real connector and the real store, without sockets.

use super::*;
use crate::home::Home;
use crate::installation::slot;
use crate::serve::config::Config;
use crate::serve::hooks;
use crate::serve::log::Log;
use crate::store::connections::Entry;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use std::path::Path as FilePath;
use tower_service::Service;

const TENANTS: usize = 100;
const AT_ONCE: usize = 4;

/// One with a hook, and nothing configured.
struct Tenant {
    path: String,
    secret: String,
}

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
    let home = Home::open(Some(&folder.join("home"))).unwrap();
    share_compiled_code(&home);
    let config = Config::standard(&home);
    let server = Arc::new(Server::open(config, home, Log::default()).await.unwrap());
    let (journal, _) = Journal::open(server.clone());
    (server.clone(), router(server, journal))
}

/// Compiling the connector takes seconds without optimisation, so that all tests of this folder share what comes of it.
fn share_compiled_code(home: &Home) {
    let program = std::env::current_exe().unwrap();
    let shared = program.ancestors().nth(3).unwrap().join("tmp/compiled");
    use std::os::unix::fs::{DirBuilderExt, symlink};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&shared).unwrap();
    symlink(shared, home.cache()).unwrap();
}

async fn tenant(server: &Server, number: usize) -> Tenant {
    let id = ConnectionId::parse(&format!("tenant-{number}")).unwrap();
    let about = server.connector.about().await.unwrap();
    let profile = about.profile("files-read-write").unwrap();
    let grant = Grant {
        origin: Some("https://gitlab.example.com".into()),
        profile: Some(profile.name.clone()),
        approved: Some(profile.digest()),
        ..Grant::default()
    };
    let workspace = format!("/srv/{id}").into();
    server.database.save_entry(&Entry { id: id.clone(), workspace, grant, account: None }, 1).await.unwrap().unwrap();
    let secret = Secret::generate(Recipe::Hex).unwrap();
    let text = String::from_utf8(secret.expose().to_vec()).unwrap();
    server.vault.put(&id, &slot("webhook"), &Stored { secret, created_ms: 1, expires_ms: None }).await.unwrap();
    let path = hooks::path(&id, &server.vault, &server.database, 1).await.unwrap();
    Tenant { path: path.route(), secret: text }
}

async fn deliver(mut router: Router, path: &str, secret: &str) -> StatusCode {
    let body = r#"{"object_kind":"push","ref":"refs/heads/main","project":{"id":7}}"#;
    let request = Request::post(path).header("x-gitlab-token", secret).header("x-gitlab-event", "Push Hook");
    let answer = router.call(request.body(Body::from(body)).unwrap()).await.unwrap();
    answer.status()
}
