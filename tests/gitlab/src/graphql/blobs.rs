//! `repository.blobs(paths:)`: files by path, all bytes in one answer, within 20 MB.

use async_graphql::{Error, ID, Object, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::connection::{Connection, Wish};
use super::scalars::{BigInt, gid};
use crate::app::App;
use crate::git::lfs::Pointer;
use crate::git::refs;
use crate::world::projects::Project;

/// Bytes of several paths in one answer.
const MAX_BYTES: u64 = 20 * 1024 * 1024;
const MIB: f64 = 1024.0 * 1024.0;
/// The fields that need the bytes.
pub(crate) const DATA: [&str; 4] = ["rawBlob", "rawTextBlob", "plainData", "base64EncodedBlob"];

/// Whether the bytes are wanted, or sizes are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Data,
    Sizes,
}

/// A file. One that is somewhere else (LFS) is its pointer.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    path: String,
    oid: String,
    mode: String,
    data: Bytes,
    web: String,
}

/// The files that are there. A path that is not, or is a folder, is left out without a word.
pub(crate) fn select(
    app: &App,
    project: &Project,
    revision: &str,
    paths: &[String],
    need: Need,
    page: &Wish,
) -> Result<Connection<Blob>> {
    let web = format!("{}/{}", app.base_path(), app.world().project_path(project));
    let found = app.repositories.with(project.id, |repository| {
        let Some(commit) = refs::commit(repository, revision) else { return Ok(Vec::new()) };
        let root = commit.tree()?;
        let blob = |path: &String| {
            let entry = root.get_path(std::path::Path::new(path.trim_start_matches('/'))).ok()?;
            let blob = repository.find_blob(entry.id()).ok()?;
            Some(Blob {
                path: path.clone(),
                oid: entry.id().to_string(),
                mode: format!("{:o}", entry.filemode()),
                data: Bytes::copy_from_slice(blob.content()),
                web: format!("{web}/-/blob/{}/{path}", commit.id()),
            })
        };
        Ok::<_, git2::Error>(paths.iter().filter(|path| !path.is_empty()).filter_map(blob).collect::<Vec<_>>())
    })?;
    let total: u64 = found.iter().map(|blob| blob.data.len() as u64).sum();
    if need == Need::Data && paths.len() > 1 && total > MAX_BYTES {
        return Err(Error::new(format!("Max blobs size limit exceeded ({} / 20 MiB).", mebibytes(total))));
    }
    Ok(Connection::of(&found, page))
}

/// `25 MiB` or `20.4 MiB`.
fn mebibytes(bytes: u64) -> String {
    let text = format!("{:.1}", bytes as f64 / MIB);
    format!("{} MiB", text.trim_end_matches(".0"))
}

impl Blob {
    fn text(&self) -> Option<&str> {
        // Git's own rule for what is binary: a zero in the first 8000 bytes.
        let binary = self.data[..self.data.len().min(8000)].contains(&0);
        if binary { None } else { std::str::from_utf8(&self.data).ok() }
    }

    fn pointer(&self) -> Option<Pointer> {
        Pointer::parse(&self.data)
    }
}

#[Object(name = "RepositoryBlob")]
impl Blob {
    async fn id(&self) -> ID {
        gid("Gitlab::Git::Blob", &self.oid)
    }

    async fn oid(&self) -> &str {
        &self.oid
    }

    async fn path(&self) -> &str {
        &self.path
    }

    async fn name(&self) -> Option<&str> {
        self.path.rsplit('/').next()
    }

    async fn mode(&self) -> Option<&str> {
        Some(&self.mode)
    }

    async fn size(&self) -> Option<BigInt> {
        Some(BigInt(self.data.len() as u64))
    }

    /// Of the file itself, when the blob is a pointer.
    async fn raw_size(&self) -> Option<BigInt> {
        Some(BigInt(self.pointer().map_or(self.data.len() as u64, |pointer| pointer.size)))
    }

    /// Not byte for byte: what is no text comes with replacement characters.
    async fn raw_blob(&self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.data).into_owned())
    }

    async fn raw_text_blob(&self) -> Option<&str> {
        self.text()
    }

    #[graphql(complexity = 2)]
    async fn plain_data(&self) -> Option<&str> {
        self.text()
    }

    async fn base64_encoded_blob(&self) -> Option<String> {
        Some(STANDARD.encode(&self.data))
    }

    #[graphql(complexity = 2)]
    async fn lfs_oid(&self) -> Option<String> {
        self.pointer().map(|pointer| pointer.oid)
    }

    async fn stored_externally(&self) -> Option<bool> {
        Some(self.pointer().is_some())
    }

    async fn external_storage(&self) -> Option<&str> {
        self.pointer().map(|_| "lfs")
    }

    async fn external_storage_url(&self) -> Option<String> {
        None
    }

    async fn web_path(&self) -> Option<&str> {
        Some(&self.web)
    }

    async fn raw_path(&self) -> Option<String> {
        Some(self.web.replacen("/-/blob/", "/-/raw/", 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_with_one_digit_at_most() {
        assert_eq!(mebibytes(25 * 1024 * 1024), "25 MiB");
        assert_eq!(mebibytes(21_390_000), "20.4 MiB");
    }
}
