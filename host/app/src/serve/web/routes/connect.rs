//! Connect with a token, and replace it later.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Own, Refusal, Seen, Sent};
use super::{Answer, Sheet, done, folder_name, framed, page};
use crate::operations::connect::{ConnectError, Wish, find, keep, renew, token};
use crate::serve::page::address::Place;
use crate::serve::page::connect::{Typed, html, replace};
use crate::serve::page::{Crumb, Notice, Problem};
use crate::server::Server as Address;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use gitlab_sync_host::sync::Connected;
use std::path::PathBuf;
use std::sync::Arc;

/// Connections made on the page may read and write files; a narrower profile is the command line's to choose.
const PROFILE: &str = "files-read-write";
/// What a folder is called if nobody said.
const USUAL: &str = "gitlab";
const MOST_LETTERS: usize = 24;

pub(super) async fn show(seen: Seen<Admin>) -> Answer {
    let main = html(&Typed::default(), None, seen.caller.visitor().proof());
    Ok(page(seen.caller.visitor(), "Connect with GitLab", &crumbs(), &seen.fields, &main))
}

fn crumbs() -> [Crumb; 1] {
    [Crumb { words: "Connect".into(), address: None }]
}

pub(super) async fn connect(State(desk): State<Arc<Desk>>, sent: Sent<Admin>) -> Answer {
    let admin = &sent.caller;
    let typed = Typed { url: sent.fields.text("url").trim().into(), name: sent.fields.text("name").trim().into() };
    match connected(&desk, admin, &typed, sent.fields.text("token")).await? {
        Ok(id) => Ok(done(&Place::Project.of(&id), Notice::Connected)),
        Err(problem) => {
            let main = html(&typed, Some(&problem), admin.visitor().proof());
            Ok(framed(
                admin.visitor(),
                "Connect with GitLab",
                &crumbs(),
                None,
                None,
                StatusCode::UNPROCESSABLE_ENTITY,
                &main,
            ))
        }
    }
}

/// The new connection, or what to tell the person.
async fn connected(
    desk: &Desk,
    admin: &Admin,
    typed: &Typed,
    text: &str,
) -> Result<Result<ConnectionId, Problem>, Refusal> {
    let secret = match token(text) {
        Ok(secret) => secret,
        Err(error) => return Ok(Err(Problem::new(error.to_string()).remedy("copy it out of GitLab once more"))),
    };
    let server = match Address::parse(&typed.url) {
        Ok(server) => server,
        Err(error) => return Ok(Err(error.into())),
    };
    let Some(name) = name(desk, admin, &typed.name).await? else {
        let problem = Problem::new(format!("`{}` cannot be the name of a folder, or is one already", typed.name));
        return Ok(Err(problem.remedy("give 1 to 24 small letters, digits and dashes")));
    };
    let id = new_id(&name)?;
    let workspace = folder(desk, admin, &name).map_err(|error| Refusal::Broken(error.to_string()))?;
    let network = desk.config().network.clone();
    let wish = Wish { id: id.clone(), server, workspace, profile: PROFILE.into(), network };
    match tried(desk, admin, wish, secret).await? {
        Ok(connected) => {
            desk.renewed(&id);
            desk.tell_of(admin, &id, "connect", format!("as @{}", connected.username)).await?;
            Ok(Ok(id))
        }
        Err(error) => Ok(Err(desk.told(error))),
    }
}

async fn tried(
    desk: &Desk,
    admin: &Admin,
    wish: Wish,
    secret: Secret,
) -> Result<Result<Connected, ConnectError>, Refusal> {
    let (id, installation) = (wish.id.clone(), desk.installation(admin));
    let entry = match find(wish, installation, desk.hearing(&id)).await {
        Ok(entry) => entry,
        Err(error) => return Ok(Err(error)),
    };
    desk.claim(admin, &id).await?;
    let kept = keep(&entry, secret, installation, desk.hearing(&id)).await;
    if kept.is_err() {
        desk.unclaim(admin, &id).await?;
    }
    Ok(kept)
}

/// The one that was typed, or the first usual one that is free. None: it cannot be one, or is another connection's.
async fn name(desk: &Desk, admin: &Admin, typed: &str) -> Result<Option<String>, Refusal> {
    let taken: Vec<_> = desk.entries(admin.visitor()).await?.iter().map(folder_name).collect();
    let is_free = |name: &String| !taken.contains(name);
    if typed.is_empty() {
        let numbered = (2..).map(|number| format!("{USUAL}-{number}"));
        return Ok(std::iter::once(USUAL.to_owned()).chain(numbered).find(is_free));
    }
    let letters = typed.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let good = letters && typed.len() <= MOST_LETTERS && !typed.starts_with('-');
    Ok(Some(typed.to_owned()).filter(|name| good && is_free(name)))
}

/// Random at its end, so that two organisations never meet in a name, and none learns another's.
fn new_id(name: &str) -> Result<ConnectionId, Refusal> {
    let random = Secret::generate(Recipe::Hex).map_err(crate::operations::Trouble::from)?;
    let random: String = random.expose().iter().take(10).copied().map(char::from).collect();
    Ok(ConnectionId::parse(&format!("{name}-{random}")).expect("letters and length of both are good"))
}

/// Below that of the organisation. Nobody chooses a path of the machine on a page.
fn folder(desk: &Desk, admin: &Admin, name: &str) -> std::io::Result<PathBuf> {
    let organisation = &admin.visitor().person().organisation;
    let folder = desk.config().workspaces.join(organisation.as_str()).join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

pub(super) async fn show_token(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let main = replace(own.id(), &own.entry().server(), None, own.visitor().proof());
    Ok(Sheet::of(&desk, own, Place::Token, "New token", &seen.fields).await.response(&main))
}

pub(super) async fn replace_token(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    let problem = match token(sent.fields.text("token")) {
        Err(error) => Problem::new(error.to_string()).remedy("copy it out of GitLab once more"),
        Ok(secret) => match renew(own.entry(), secret, desk.installation(own.who()), desk.hearing(own.id())).await {
            Ok(connected) => {
                desk.renewed(own.id());
                desk.resume(own).await?;
                desk.tell(own, "token", format!("as @{}", connected.username)).await?;
                return Ok(done(&Place::Overview.of(own.id()), Notice::TokenReplaced));
            }
            Err(error) => desk.told(error),
        },
    };
    refused(&desk, own, &problem).await
}

async fn refused(desk: &Desk, own: &Own<Admin>, problem: &Problem) -> Result<Response, Refusal> {
    let main = replace(own.id(), &own.entry().server(), Some(problem), own.visitor().proof());
    let sheet = Sheet::of(desk, own, Place::Token, "New token", &super::Fields::default()).await;
    Ok(sheet.refused().response(&main))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_good_for_the_longest_name_and_never_the_same() {
        let name = "n".repeat(MOST_LETTERS);
        let (one, two) = (new_id(&name).unwrap(), new_id(&name).unwrap());
        assert!(one.as_str().starts_with(&name) && one != two);
    }
}
