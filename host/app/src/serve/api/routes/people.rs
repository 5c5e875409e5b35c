//! The caller, and who else may sign in.

use super::{Answer, Done};
use crate::serve::api::Api;
use crate::serve::api::body::Sent;
use crate::serve::api::caller::{Admin, Item, Visitor};
use crate::serve::api::problem::Problem;
use crate::serve::people::{Listed, Person, Role, Token, UserName};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) async fn me(Visitor(person): Visitor) -> Json<Person> {
    Json(person)
}

pub(super) async fn users(State(api): State<Arc<Api>>, Admin(admin): Admin) -> Answer<Vec<Listed>> {
    Ok(Json(api.people.list(Some(&admin.organisation)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    name: String,
    role: String,
}

#[derive(Serialize)]
pub(super) struct AddedUser {
    #[serde(flatten)]
    person: Person,
    /// Shown here and never again.
    token: String,
}

pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Sent(new): Sent<NewUser>,
) -> Result<(StatusCode, Json<AddedUser>), Problem> {
    let role = Role::parse(&new.role).ok_or_else(|| Problem::misread("the role is `viewer` or `admin`"))?;
    let person = Person { organisation: admin.organisation.clone(), name: UserName::parse(&new.name)?, role };
    let token = Token::generate().map_err(Problem::of)?;
    api.people.add(&person, &token.digest(), api.now_ms()).await?;
    api.tell(&admin, None, "add-user", format!("{} as {role}", person.name)).await?;
    Ok((StatusCode::CREATED, Json(AddedUser { person, token: token.expose().into() })))
}

/// Nobody locks the organisation by taking the last admin out of it; the operator can, on the command line.
pub(super) async fn remove(State(api): State<Arc<Api>>, Admin(admin): Admin, Item(name): Item) -> Done {
    let name = UserName::parse(&name).map_err(|_| Problem::not_here())?;
    let users = api.people.list(Some(&admin.organisation)).await?;
    let others = users.iter().filter(|user| user.person.role == Role::Admin && user.person.name != name);
    if others.count() == 0 {
        let remedy = "make somebody else an admin first";
        return Err(Problem::refused("last-admin", format!("`{name}` is the last admin"), remedy));
    }
    if !api.people.remove(&admin.organisation, &name).await? {
        return Err(Problem::not_here());
    }
    api.tell(&admin, None, "remove-user", name.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
