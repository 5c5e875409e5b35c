//! What can only be seen from inside: a process that dies, or a disk that fails, at every single step.

use super::*;
use crate::files::conformance;

#[tokio::test]
async fn the_directory_conforms() {
    let root = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    conformance::check(|| {
        next.set(next.get() + 1);
        let path = root.path().join(next.get().to_string());
        std::fs::create_dir(&path).unwrap();
        Directory::open(&path).unwrap()
    })
    .await;
}
