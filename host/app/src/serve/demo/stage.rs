//! What there is to see: two organisations with an admin and a viewer each, a connected project with files, a conflict that waits, and a
//! history. Everything is done by the parts that do it for anybody.

use super::User;
use crate::failure::Failure;
use crate::installation::slot;
use crate::operations::configure::Choice;
use crate::operations::hooks::SECRET;
use crate::operations::named::PROFILE;
use crate::serve::deeds::{DeedError, NewConnection};
use crate::serve::hooks;
use crate::serve::job::{Job, Order};
use crate::serve::people::{Organisation, Person, Role, Token, UserName};
use crate::serve::queue::Stage as Where;
use crate::serve::server::Server;
use crate::server::Server as Address;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::{CommitSpec, ProjectSpec, Running, TokenSpec, UserSpec};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::sync::{ConflictPolicy, FirstSync, Ownership, Target};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whole jobs take a few hundred milliseconds here.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

const BRANCH: &str = "main";
/// Changed on both sides, in the same line.
const CLASHES: &str = "config/on-call.yaml";
/// Of GitLab's project, before anything is connected.
const THERE: [(&str, &str); 3] = [
    ("README.md", "# Handbook\n\nHow we work. Start with [your first day](guides/first-day.md).\n"),
    ("guides/first-day.md", "# First day\n\nGet a laptop.\n\nSay hello to your team.\n"),
    (CLASHES, "primary: ana\nsecondary: ben\nhours: 24\n"),
];
/// Of the folder.
const HERE: (&str, &str) = ("guides/holidays.md", "# Holidays\n\nTake them.\n");

/// Who is in which organisation; the first of each is its admin.
const PEOPLE: [(&str, &str, [&str; 2]); 2] =
    [("acme", "handbook", ["ana", "ben"]), ("globex", "runbooks", ["cleo", "dan"])];

/// The server that is filled, and the GitLab beside it.
pub(super) struct Stage<'a> {
    server: &'a Arc<Server>,
    gitlab: &'a Running,
    /// Of a person of GitLab who may push everywhere.
    token: String,
    user: u64,
}

/// One organisation's connection.
struct Tenant {
    id: ConnectionId,
    admin: Person,
    project: u64,
    folder: PathBuf,
}

impl<'a> Stage<'a> {
    pub(super) fn new(server: &'a Arc<Server>, gitlab: &'a Running) -> Self {
        let user = gitlab.admin().create_user(UserSpec { name: "Ana Lima".into(), ..UserSpec::person("ana") });
        let token = gitlab.admin().create_token(TokenSpec::personal(user.id, &["api"])).secret;
        Self { server, gitlab, token, user: user.id }
    }

    pub(super) fn gitlab(&self) -> &str {
        self.gitlab.url()
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Fills the server. Gives back who may sign in.
    pub(super) async fn set(&mut self) -> Result<Vec<User>, Failure> {
        let mut users = vec![];
        for (organisation, project, [admin, viewer]) in PEOPLE {
            let organisation = Organisation::parse(organisation)?;
            let (admin, user) = self.let_in(&organisation, admin, Role::Admin).await?;
            users.push(user);
            users.push(self.let_in(&organisation, viewer, Role::Viewer).await?.1);
            let tenant = self.connect(admin, project).await?;
            self.live(&tenant).await?;
        }
        Ok(users)
    }

    async fn let_in(&self, organisation: &Organisation, name: &str, role: Role) -> Result<(Person, User), Failure> {
        let person = Person { organisation: organisation.clone(), name: UserName::parse(name)?, role };
        let token = Token::generate()?;
        self.server.people.add(&person, &token.digest(), self.server.now_ms()).await?;
        let (name, token) = (person.name.to_string(), token.expose().to_owned());
        let user = User { organisation: organisation.to_string(), name, role: role.as_str(), token };
        Ok((person, user))
    }

    async fn connect(&self, admin: Person, name: &str) -> Result<Tenant, Failure> {
        let spec = ProjectSpec { creator_id: Some(self.user), ..ProjectSpec::at(&format!("ana/{name}")) };
        let project = self.gitlab.admin().create_project(&spec).map_err(|error| Failure::of(&error))?.id;
        let first = THERE.iter().fold(CommitSpec::on(BRANCH, "Begin\n").by(self.user), |commit, (path, content)| {
            commit.create(path, *content)
        });
        self.commit(project, first)?;
        let server = Address::parse(self.gitlab()).map_err(|error| Failure::of(&error))?;
        let secret = Secret::new(self.token.as_bytes()).map_err(|error| Failure::of(&error))?;
        let new = NewConnection { name, server, profile: PROFILE.into(), secret };
        let (id, _) = self.server.connect(new, &admin).await.map_err(told)?;
        let folder = self.server.entry(&id).await?.workspace;
        Ok(Tenant { id, admin, project, folder })
    }

    /// From the first sync to a conflict that waits.
    async fn live(&self, tenant: &Tenant) -> Result<(), Failure> {
        self.configure(tenant).await?;
        self.add_webhook(tenant).await?;
        write(tenant, HERE.0, HERE.1)?;
        self.work(tenant, Job::Sync).await?;
        let edit = CommitSpec::on(BRANCH, "Dora takes over\n").by(self.user);
        self.commit(tenant.project, edit.update(CLASHES, "primary: dora\nsecondary: ben\nhours: 24\n"))?;
        write(tenant, CLASHES, "primary: eli\nsecondary: ben\nhours: 24\n")?;
        self.work(tenant, Job::Pull).await?;
        self.server.switch_auto_sync(&tenant.id, true, &tenant.admin).await
    }

    async fn configure(&self, tenant: &Tenant) -> Result<(), Failure> {
        let choice = Choice {
            target: Target::Existing(tenant.project),
            branch: None,
            directories: vec![],
            patterns: vec![],
            conflicts: ConflictPolicy::KeepBoth,
            first: FirstSync::Merge,
            message_template: None,
            author: Default::default(),
            webhook: None,
            ownership: Ownership::Respect,
        };
        let entry = self.server.entry(&tenant.id).await?;
        self.server.configure(choice, None, &entry, &tenant.admin).await.map_err(told)?;
        Ok(())
    }

    /// What an owner does in GitLab under Settings → Webhooks, with what the page shows.
    async fn add_webhook(&self, tenant: &Tenant) -> Result<(), Failure> {
        let server = self.server;
        let path = hooks::path(&tenant.id, &server.vault, &server.database, server.now_ms()).await?;
        let stored = server.vault.reveal(&tenant.id, &slot(SECRET)).await?;
        let secret = stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).into_owned());
        // Where people reach it is not always where a program on this machine does.
        let url = format!("http://{}/hooks/{}", server.config.listen, path.as_str());
        let app = self.gitlab.admin().app().clone();
        let (now, since) = (app.now(), app.events.told());
        app.world_mut().hooks.add(|id| {
            let mut hook = Hook::new(id, Owner::Project(tenant.project), now);
            (hook.url, hook.token, hook.since) = (url, secret, since);
            hook
        });
        Ok(())
    }

    async fn work(&self, tenant: &Tenant, job: Job) -> Result<(), Failure> {
        let number = self.server.start(&tenant.id, job, Order::default(), &tenant.admin).await?;
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let seen = self.server.queue.job(number).await?;
            match seen.map(|seen| (seen.stage, seen.problem)) {
                Some((Where::Done | Where::Joined, _)) => return Ok(()),
                Some((Where::Dead, Some(problem))) => return Err(Failure::new(problem.message).hint(problem.remedy)),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
        Err(Failure::new("the demo's first sync does not end"))
    }

    fn commit(&self, project: u64, commit: CommitSpec) -> Result<(), Failure> {
        self.gitlab.admin().commit(project, commit).map(drop).map_err(|error| Failure::of(&error))
    }
}

/// Nobody is there who could do something about it.
fn told<E>(error: DeedError<E>) -> Failure
where
    Failure: From<E>,
{
    match error {
        DeedError::Refused(error) => error.into(),
        DeedError::Broken(failure) => failure,
    }
}

fn write(tenant: &Tenant, path: &str, content: &str) -> Result<(), Failure> {
    let path = tenant.folder.join(path);
    let folder = path.parent().expect("a file of the demo is in a folder");
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
    written.map_err(|error| Failure::of(&error).about(&path))
}
