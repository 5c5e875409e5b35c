//! `inspect FILE [NEW]`: what a component can do, read before anyone runs it.

use crate::cli::Inspect;
use crate::failure::{Exit, Failure};
use crate::grant_file;
use crate::installation;
use crate::output::Output;
use crate::review::difference::Difference;
use crate::review::{Granted, Review};
use gitlab_sync_host::engine::{Allocation, EngineOptions};
use gitlab_sync_host::limits::{Limits, MAX_COMPONENT_BYTES};
use gitlab_sync_host::load::{LoadError, Outline};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

pub(crate) async fn run(arguments: &Inspect, output: &Output) -> Result<Exit, Failure> {
    let grant = arguments.grant.as_deref().map(grant_file::read).transpose()?;
    let mut review = review(&arguments.file).await?;
    let Some(new) = &arguments.new else {
        review.granted = grant.zip(review.wants.as_ref()).map(|(grant, wants)| Granted::of(wants, &grant));
        output.result(&review, || review.page());
        return Ok(exit(&review));
    };
    let new = self::review(new).await?;
    let difference = Difference::between(&review, &new);
    output.result(&difference, || difference.page());
    Ok(exit(&new))
}

fn exit(review: &Review) -> Exit {
    let refused = matches!(review.granted, Some(Granted::Refused { .. }));
    if review.is_inside() && !refused { Exit::Done } else { Exit::Refused }
}

async fn review(path: &Path) -> Result<Review, Failure> {
    let (bytes, outline) = read(path)?;
    let mut review = Review::of(&path.display().to_string(), &outline);
    if review.is_inside() {
        ask(bytes, &mut review).await;
    }
    Ok(review)
}

/// What it says of itself, with nothing granted and nothing cached. A component that cannot say it is not inside the contract.
async fn ask(bytes: Vec<u8>, review: &mut Review) {
    let options = EngineOptions { cache: None, allocation: Allocation::OnDemand, limits: limits() };
    let said = match installation::load(bytes, options).await {
        Ok(connector) => connector.about().await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match said {
        Ok(about) => review.hear(&about),
        Err(failure) => review.outside.push(format!("does not say what it wants: {}", failure.innermost())),
    }
}

/// Ours answers in a thousandth of this. A stranger's may loop for ever, and nobody should wait long for that.
fn limits() -> Limits {
    Limits { fuel: 1_000_000_000, wall: Duration::from_secs(5), ..Limits::standard() }
}

/// The bytes of a regular file, not many more than a component may have, and what a parser reads in them.
fn read(path: &Path) -> Result<(Vec<u8>, Outline), Failure> {
    let failed = |error: std::io::Error| {
        let failure = Failure::new(format!("`{}` cannot be read: {error}", path.display()));
        match error.kind() {
            ErrorKind::NotFound => failure.hint("give the path of a `.wasm` file"),
            ErrorKind::PermissionDenied => failure.hint("ask its owner for the right to read it"),
            _ => failure.hint("copy the component to a file of this machine first"),
        }
    };
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        return Err(Failure::new(format!("`{}` is a folder, not a component", path.display()))
            .hint("give the path of a `.wasm` file in it"));
    }
    if !kind.is_file() {
        return Err(Failure::new(format!("`{}` is not a regular file", path.display()))
            .hint("copy the component to a file first"));
    }
    let mut bytes = vec![];
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_COMPONENT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match Outline::read(&bytes) {
        // The whole of it has not been read.
        Err(LoadError::TooLarge { limit, .. }) => {
            let bytes = usize::try_from(kind.len()).unwrap_or(usize::MAX);
            Err(Failure::from(LoadError::TooLarge { bytes, limit }).about(path))
        }
        Err(error) => Err(Failure::from(error).about(path)),
        Ok(outline) => Ok((bytes, outline)),
    }
}
