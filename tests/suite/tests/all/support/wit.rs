//! Where the workspace is, and its contract as `wit-parser` reads it.

use std::path::PathBuf;
use wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

/// The folder with the workspace's lock file.
pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// `wit/`, with the world of the connector.
pub(crate) fn contract() -> (Resolve, WorldId) {
    let (resolve, package) = read_wit(&workspace().join("wit"));
    let world = resolve.select_world(&[package], Some("connector")).unwrap();
    (resolve, world)
}

/// A folder of WIT with its `deps`.
pub(crate) fn read_wit(folder: &std::path::Path) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).unwrap();
    (resolve, package)
}

/// The interfaces among these items of a world, each with its full name.
pub(crate) fn interfaces<'a>(
    resolve: &Resolve,
    items: impl IntoIterator<Item = &'a WorldItem>,
) -> Vec<(String, InterfaceId)> {
    let ids = items.into_iter().map(|item| match item {
        WorldItem::Interface { id, .. } => *id,
        other => panic!("the world has something else than interfaces: {other:?}"),
    });
    ids.map(|id| (resolve.id_of(id).unwrap(), id)).collect()
}
