//! Connect with a token, and replace it later.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Own, Refusal, Seen, Sent};
use super::{Answer, Sheet, done, framed, page};
use crate::operations::connect::{TokenError, token};
use crate::operations::named::PROFILE;
use crate::serve::deeds::NewConnection;
use crate::serve::page::address::Place;
use crate::serve::page::connect::{Typed, html, replace};
use crate::serve::page::{Crumb, Notice, Problem};
use crate::server::Server as Address;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gitlab_sync_host::connection_id::ConnectionId;
use std::sync::Arc;

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
        Err(error) => return Ok(Err(not_a_token(&error))),
    };
    let server = match Address::parse(&typed.url) {
        Ok(server) => server,
        Err(error) => return Ok(Err(error.into())),
    };
    let new = NewConnection { name: &typed.name, server, profile: PROFILE.into(), secret };
    match desk.connect(admin, new).await {
        Ok(id) => Ok(Ok(id)),
        Err(error) => desk.not_done(error).map(Err),
    }
}

fn not_a_token(error: &TokenError) -> Problem {
    Problem::new(error.to_string()).remedy("copy it out of GitLab once more")
}

pub(super) async fn show_token(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let main = replace(own.id(), &own.entry().server(), None, own.visitor().proof());
    Ok(Sheet::of(&desk, own, Place::Token, "New token", &seen.fields).await.response(&main))
}

pub(super) async fn replace_token(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    let problem = match token(sent.fields.text("token")) {
        Err(error) => not_a_token(&error),
        Ok(secret) => match desk.replace_token(own, secret).await {
            Ok(_) => return Ok(done(&Place::Overview.of(own.id()), Notice::TokenReplaced)),
            Err(error) => desk.not_done(error)?,
        },
    };
    refused(&desk, own, &problem).await
}

async fn refused(desk: &Desk, own: &Own<Admin>, problem: &Problem) -> Result<Response, Refusal> {
    let main = replace(own.id(), &own.entry().server(), Some(problem), own.visitor().proof());
    let sheet = Sheet::of(desk, own, Place::Token, "New token", &super::Fields::default()).await;
    Ok(sheet.refused().response(&main))
}
