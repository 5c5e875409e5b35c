//! `user`: who may sign in to the server. Works on the store alone, also while a server runs on it.

use crate::cli::{self, Global, User, UserCommand};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::Output;
use crate::pages;
use crate::serve::people::{NameError, Organisation, People, PeopleError, Person, Role, Token, UserName};
use crate::store::Database;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::clock::{Clock, SystemClock};

pub(crate) async fn run(arguments: &User, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let people = Database::open(&Home::open(global.home.as_deref())?.database())?;
    match &arguments.command {
        UserCommand::Add { name, organisation, role } => {
            add(&person(organisation, name, *role)?, &people, output).await
        }
        UserCommand::List { organisation } => list(organisation.as_deref(), &people, output).await,
        UserCommand::Remove { name, organisation } => {
            remove(&Organisation::parse(organisation)?, &UserName::parse(name)?, &people, output).await
        }
    }
}

fn person(organisation: &str, name: &str, role: cli::Role) -> Result<Person, Failure> {
    let role = match role {
        cli::Role::Viewer => Role::Viewer,
        cli::Role::Admin => Role::Admin,
    };
    Ok(Person { organisation: Organisation::parse(organisation)?, name: UserName::parse(name)?, role })
}

/// The token is shown here and never again.
async fn add(person: &Person, people: &impl People, output: &Output) -> Result<Exit, Failure> {
    let token = Token::generate()?;
    people.add(person, &token.digest(), SystemClock.now_ms()).await?;
    let Person { organisation, name, role } = person;
    output
        .talk(format!("`{name}` of `{organisation}` may sign in as {role} with this token, which is not shown again:"));
    let value =
        serde_json::json!({ "organisation": organisation, "name": name, "role": role, "token": token.expose() });
    output.result(&value, || {
        let mut page = Page::new();
        page.line(token.expose());
        page
    });
    Ok(Exit::Done)
}

async fn list(organisation: Option<&str>, people: &impl People, output: &Output) -> Result<Exit, Failure> {
    let organisation = organisation.map(Organisation::parse).transpose()?;
    let users = people.list(organisation.as_ref()).await?;
    output.result(&users, || pages::users::list(&users, SystemClock.now_ms()));
    Ok(Exit::Done)
}

async fn remove(
    organisation: &Organisation,
    name: &UserName,
    people: &impl People,
    output: &Output,
) -> Result<Exit, Failure> {
    if !people.remove(organisation, name).await? {
        return Err(Failure::new(format!("there is no user `{name}` in `{organisation}`"))
            .hint("`gitlab-sync user list` shows them; give the organisation with `--organisation NAME`"));
    }
    let value = serde_json::json!({ "removed": name, "organisation": organisation });
    output.result(&value, || {
        let mut page = Page::new();
        page.line(
            Text::new()
                .with(Style::Good, "Removed")
                .plain(format!(" {name} of {organisation}; the token is no good any more")),
        );
        page
    });
    Ok(Exit::Done)
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::of(&error).ending(Exit::Misused)
    }
}

impl From<PeopleError> for Failure {
    fn from(error: PeopleError) -> Self {
        let hint = error.hint().map(String::from);
        Self::of(&error).hints_of(hint)
    }
}
