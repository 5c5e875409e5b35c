//! Worlds to begin with. `demo` is the same every time: same ids, same token, same files.

mod records;

pub use records::{Records, records};

use crate::admin::{Admin, AdminError, CommitSpec, ProjectSpec, TokenSpec, UserSpec};
use crate::world::access::AccessLevel;
use crate::world::members::Source;
use crate::world::tokens::Token;

/// What the demo world can be reached with.
#[derive(Debug, Clone)]
pub struct Demo {
    /// `alice`, who maintains the project.
    pub alice: u64,
    /// `demo/handbook`.
    pub project: u64,
    /// Her token, scope `api`.
    pub token: Token,
}

const FILES: [(&str, &str); 12] = [
    (
        "README.md",
        "# Handbook\n\nHow we work, in plain files.\n\n- [Onboarding](onboarding/first-day.md)\n- [On call](runbooks/on-call.md)\n",
    ),
    (
        "onboarding/first-day.md",
        "# First day\n\n1. Get a laptop.\n2. Say hello.\n3. Read [values](../culture/values.md).\n",
    ),
    ("onboarding/first-week.md", "# First week\n\nShip something small. Anything that reaches a user counts.\n"),
    ("culture/values.md", "# Values\n\n- Write it down.\n- Leave it better than you found it.\n- Ask early.\n"),
    ("culture/meetings.md", "# Meetings\n\nNo agenda, no meeting. Notes are public the same day.\n"),
    ("runbooks/on-call.md", "# On call\n\nOne week each, Monday to Monday. See [rota](../config/rota.yaml).\n"),
    ("runbooks/database.md", "# Database\n\n## Failover\n\n```sh\nctl failover --to replica-2\n```\n"),
    ("runbooks/größe-ändern.md", "# Größe ändern\n\nErst die Warteschlange leeren, dann die Platte vergrößern.\n"),
    ("config/rota.yaml", "weeks:\n  - person: alice\n    from: 2026-01-05\n  - person: bob\n    from: 2026-01-12\n"),
    (
        "config/alerts.yml",
        "alerts:\n  - name: disk-full\n    above: 90\n    page: true\n  - name: slow-queries\n    above: 250\n    page: false\n",
    ),
    (
        "config/services.yaml",
        "services:\n  web:\n    port: 8080\n    owner: platform\n  mail:\n    port: 2525\n    owner: platform\n",
    ),
    ("tools/check.sh", "#!/bin/sh\nset -eu\ngrep -rn TODO . || echo 'nothing to do'\n"),
];

/// Makes the demo world in an empty instance.
pub fn demo(admin: &Admin) -> Result<Demo, AdminError> {
    let root = admin.create_user(UserSpec::administrator("root"));
    let alice = admin.create_user(UserSpec { name: "Alice Adams".into(), ..UserSpec::person("alice") });
    let bob = admin.create_user(UserSpec { name: "Bob Brown".into(), ..UserSpec::person("bob") });
    let project =
        admin.create_project(&ProjectSpec { creator_id: Some(root.id), ..ProjectSpec::at("demo/handbook") })?;
    let source = Source::Project(project.id);
    admin.add_member(source, alice.id, AccessLevel::Maintainer);
    admin.add_member(source, bob.id, AccessLevel::Developer);
    let mut first = CommitSpec::on("main", "Start the handbook\n").by(alice.id);
    for (path, content) in FILES {
        first = first.create(path, content);
    }
    let first = first.action(crate::Action::Chmod { path: "tools/check.sh".into(), executable: true });
    admin.commit(project.id, first)?;
    let second = CommitSpec::on("main", "Name the mail service\n").by(bob.id);
    let more = "services:\n  web:\n    port: 8080\n    owner: platform\n  mail:\n    port: 2525\n    owner: support\n";
    admin.commit(project.id, second.update("config/services.yaml", more))?;
    let draft = CommitSpec::on("draft/holidays", "Draft the holiday rules\n").by(bob.id);
    admin.commit(project.id, draft.create("culture/holidays.md", "# Holidays\n\nTake them.\n"))?;
    let spec = TokenSpec {
        name: "demo".into(),
        secret: Some("glpat-demo0000000000000000".into()),
        ..TokenSpec::personal(alice.id, &["api"])
    };
    Ok(Demo { alice: alice.id, project: project.id, token: admin.create_token(spec) })
}
