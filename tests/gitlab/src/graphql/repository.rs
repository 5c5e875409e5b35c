//! The repository of a project.

use async_graphql::{Context, Enum, Error, Object, Result};

use super::blobs::{self, Blob};
use super::connection::{Connection, Wish, with_pages};
use super::query::Viewer;
use super::tree::Tree;
use crate::git::refs;
use crate::git::tree::Depth;
use crate::world::projects;

/// `RefType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum RefType {
    Heads,
    Tags,
}

/// A repository whose code the viewer may read.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) project: projects::Project,
}

/// The full name of what is meant. A name that none can be is an error, one that is not there is nothing.
pub(crate) fn revision(project: &projects::Project, name: Option<&str>, kind: Option<RefType>) -> Result<String> {
    let name = name.filter(|name| !name.is_empty() && *name != "HEAD").unwrap_or(&project.default_branch);
    if name.starts_with('-') || name.contains([' ', '~', '^', ':', '\\']) || name.contains("..") {
        return Err(Error::new("Ref is not valid"));
    }
    Ok(match kind {
        Some(RefType::Heads) => format!("refs/heads/{}", name.trim_start_matches("refs/heads/")),
        Some(RefType::Tags) => format!("refs/tags/{}", name.trim_start_matches("refs/tags/")),
        None => name.to_owned(),
    })
}

#[Object]
impl Repository {
    #[graphql(complexity = 2)]
    async fn empty(&self, context: &Context<'_>) -> Result<bool> {
        let app = &Viewer::of(context).app;
        Ok(app.repositories.with(self.project.id, |repository| Ok::<_, git2::Error>(refs::is_empty(repository)))?)
    }

    #[graphql(complexity = 2)]
    async fn exists(&self, context: &Context<'_>) -> bool {
        Viewer::of(context).app.repositories.exists(self.project.id)
    }

    #[graphql(complexity = 2)]
    async fn root_ref(&self, context: &Context<'_>) -> Result<Option<&str>> {
        let app = &Viewer::of(context).app;
        let empty =
            app.repositories.with(self.project.id, |repository| Ok::<_, git2::Error>(refs::is_empty(repository)))?;
        Ok((!empty).then_some(self.project.default_branch.as_str()))
    }

    // One per path, and all of it again for the hundred entries that a page may have.
    #[graphql(complexity = "with_pages(child_complexity + 2 + paths.len(), first)")]
    async fn blobs(
        &self,
        context: &Context<'_>,
        paths: Vec<String>,
        #[graphql(name = "ref")] reference: Option<String>,
        ref_type: Option<RefType>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<Connection<Blob>>> {
        let revision = revision(&self.project, reference.as_deref(), ref_type)?;
        let app = &Viewer::of(context).app;
        let data = context.look_ahead().field("nodes");
        let data = blobs::DATA.iter().any(|field| data.field(field).exists())
            || blobs::DATA.iter().any(|field| context.look_ahead().field("edges").field("node").field(field).exists());
        let need = if data { blobs::Need::Data } else { blobs::Need::Sizes };
        blobs::select(app, &self.project, &revision, &paths, need, &Wish { first, after }).map(Some)
    }

    #[graphql(complexity = "child_complexity + 2")]
    async fn tree(
        &self,
        context: &Context<'_>,
        path: Option<String>,
        recursive: Option<bool>,
        #[graphql(name = "ref")] reference: Option<String>,
        ref_type: Option<RefType>,
    ) -> Result<Option<Tree>> {
        let revision = revision(&self.project, reference.as_deref(), ref_type)?;
        let depth = if recursive.unwrap_or(false) { Depth::Recursive } else { Depth::Flat };
        Tree::read(&Viewer::of(context).app, &self.project, &revision, &path.unwrap_or_default(), depth)
    }
}
