//! `conflicts` and `resolve`: what both sides changed and no one lost.

use crate::cli::{Conflicts, ConflictsCommand, Resolve};
use crate::failure::{Exit, Failure};
use crate::operations::versions::Versions;
use crate::pages;
use crate::session::Session;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::Resolution;

pub(crate) async fn list(arguments: &Conflicts, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    if let Some(ConflictsCommand::Show { id }) = &arguments.command {
        let versions = connection.conflict_versions(id).await?;
        let page = pages::conflicts::versions(id, &versions);
        session.output.result(&Versions::from(versions), || page);
        return Ok(Exit::Done);
    }
    let conflicts = connection.conflicts().await?;
    session.output.result(&conflicts, || pages::conflicts::list(&conflicts));
    Ok(Exit::Done)
}

pub(crate) async fn resolve(arguments: &Resolve, session: &Session) -> Result<Exit, Failure> {
    let resolution = match &arguments.file {
        Some(path) => Resolution::Content(std::fs::read(path).map_err(|error| {
            Failure::new(format!("`{}` cannot be read: {error}", path.display()))
                .hint("give the file with the content that both sides shall have")
        })?),
        None if arguments.ours => Resolution::Ours,
        None if arguments.merged => Resolution::Merged,
        None => Resolution::Theirs,
    };
    session.connection().await?.resolve(&arguments.id, resolution).await?;
    let value = serde_json::json!({ "resolved": arguments.id });
    session.output.result(&value, || {
        let mut page = Page::new();
        page.line(Text::new().with(Style::Good, "Resolved").plain("; the next push ships it"));
        page
    });
    Ok(Exit::Done)
}
