//! The watcher with the real store and real folders.

use super::*;
use crate::serve::stand;
use crate::serve::states::Change;

const FOLDERS: usize = 200;

#[tokio::test]
async fn two_hundred_folders_are_not_pushed_all_at_once_when_the_server_starts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(stand::server(folder.path(), |_| {}).await);
    for number in 0..FOLDERS {
        let name = format!("tenant-{number}");
        let workspace = folder.path().join(&name);
        std::fs::create_dir(&workspace).unwrap();
        let entry = stand::entry(&server, &name, &workspace).await;
        server.states.change(&entry.id, vec![Change::AutoSync(true)]).await.unwrap();
    }
    let begun = Instant::now();
    let mut watcher = Watcher::new(server.clone());
    watcher.sweep().await;
    let swept = Instant::now();
    let mut waiting = FOLDERS;
    let mut second = begun;
    while waiting > 0 {
        assert!(second < swept + APART * FOLDERS as u32 + server.config.debounce + Duration::from_secs(2), "{waiting}");
        second += Duration::from_secs(1);
        let due = watcher.debounce.due(second).len();
        assert!(due <= 5, "{due} in one second");
        waiting -= due;
    }
    watcher.sweep().await;
    assert_eq!(watcher.debounce.next(), None, "each once");
}

#[tokio::test]
async fn however_many_folders_there_are_the_last_waits_for_minutes_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(Arc::new(stand::server(folder.path(), |_| {}).await));
    let new = (0..100_000).map(|number| ConnectionId::parse(&format!("tenant-{number}")).unwrap()).collect();
    watcher.take_in(Swept { new, ..Swept::default() });
    let last = Instant::now() + MOST_SPREAD + watcher.server.config.debounce;
    assert_eq!(watcher.debounce.due(last).len(), 100_000);
}
