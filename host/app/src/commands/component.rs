//! `component FILE`: the embedded connector as a file, for a marketplace or a reviewer.

use crate::cli::Component;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::text::{Page, Text};
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::load::digest;
use std::fs::File;
use std::io::{ErrorKind, Write};

pub(crate) fn run(arguments: &Component, output: &Output) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let failed = |error: std::io::Error| {
        let failure = Failure::new(format!("`{}` cannot be written: {error}", path.display()));
        match error.kind() {
            ErrorKind::AlreadyExists => failure.hint("name a new file; an existing one is never replaced"),
            ErrorKind::NotFound => failure.hint("make the folder first"),
            _ => failure,
        }
    };
    let mut file = File::create_new(path).map_err(failed)?;
    file.write_all(CONNECTOR).and_then(|()| file.sync_all()).map_err(failed)?;
    let value = serde_json::json!({ "file": path, "bytes": CONNECTOR.len(), "digest": digest(CONNECTOR) });
    output.result(&value, || {
        let mut page = Page::new();
        page.line(Text::new().plain(format!("{}  {}", digest(CONNECTOR), path.display())));
        page
    });
    Ok(Exit::Done)
}
