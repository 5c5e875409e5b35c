//! A server in the test's own process, with the real connector and the real store, without sockets.

pub(super) mod scene;
pub(super) mod stuck;

use super::config::Config;
use super::log::Log;
use super::server::Server;
use super::{api, hooks, web};
use crate::home::Home;
use crate::installation::slot;
use crate::store::connections::Entry;
use axum::Router;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// One with a hook, and nothing configured.
pub(super) struct Tenant {
    pub(super) id: ConnectionId,
    pub(super) path: String,
    pub(super) secret: String,
}

/// With other settings than usual.
pub(super) async fn server(folder: &Path, change: impl FnOnce(&mut Config)) -> Server {
    let home = Home::open(Some(&folder.join("home"))).unwrap();
    share_compiled_code(&home);
    let mut config = Config::standard(&home);
    change(&mut config);
    Server::open(config, home, Log::default()).await.unwrap()
}

/// What people and their programs reach, without a line on stderr for each request; and what ends its streams.
pub(super) fn routes(server: &Arc<Server>) -> (Router, watch::Sender<bool>) {
    let (stop, end) = watch::channel(false);
    (api::router(server.clone()).merge(web::router(server.clone(), end)), stop)
}

/// Compiling the connector takes seconds without optimisation, so that all tests of this folder share what comes of it.
fn share_compiled_code(home: &Home) {
    let program = std::env::current_exe().unwrap();
    let shared = program.ancestors().nth(3).unwrap().join("tmp/compiled");
    use std::os::unix::fs::{DirBuilderExt, symlink};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&shared).unwrap();
    symlink(shared, home.cache()).unwrap();
}

/// Of a GitLab that nobody calls.
pub(super) async fn entry(server: &Server, name: &str, workspace: &Path) -> Entry {
    let about = server.connector.about().await.unwrap();
    let profile = about.profile("files-read-write").unwrap();
    let grant = Grant {
        origin: Some("https://gitlab.example.com".into()),
        profile: Some(profile.name.clone()),
        approved: Some(profile.digest()),
        ..Grant::default()
    };
    let entry = Entry { id: ConnectionId::parse(name).unwrap(), workspace: workspace.into(), grant, account: None };
    server.database.save_entry(&entry, 1).await.unwrap().unwrap();
    entry
}

pub(super) async fn tenant(server: &Server, number: usize) -> Tenant {
    let name = format!("tenant-{number}");
    let id = entry(server, &name, &Path::new("/srv").join(&name)).await.id;
    let secret = Secret::generate(Recipe::Hex).unwrap();
    let text = String::from_utf8(secret.expose().to_vec()).unwrap();
    server.vault.put(&id, &slot("webhook"), &Stored { secret, created_ms: 1, expires_ms: None }).await.unwrap();
    let path = hooks::path(&id, &server.vault, &server.database, 1).await.unwrap();
    Tenant { id, path: path.route(), secret: text }
}
