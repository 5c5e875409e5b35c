//! What `connect` says of each kind of token: who it is, what it reaches, what it can do and cannot, and when it ends.

use crate::gitlab::Scene;
use gitlab_sim::world::users::UserKind;
use gitlab_sim::{AccessLevel, Source, TokenSpec, UserSpec, Visibility};
use jiff::ToSpan;

const ALL: &str = "  can      read files, write files, create project, manage webhooks, read records\n";
const ALL_BUT_CREATE: &str = "  can      read files, write files, manage webhooks, read records\n";

/// The end of its life in so many days.
fn ending(scene: &Scene, days: i32) -> String {
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(days.days());
    let spec = TokenSpec { expires_at: Some(day), ..TokenSpec::personal(scene.user, &["api"]) };
    scene.gitlab.admin().create_token(spec).secret
}

fn token(scene: &Scene, spec: TokenSpec) -> String {
    scene.gitlab.admin().create_token(spec).secret
}

fn of_a_group(scene: &Scene) -> String {
    let group = scene.gitlab.admin().create_group("acme", Visibility::Private);
    scene.gitlab.admin().add_member(Source::Group(group), scene.user, AccessLevel::Owner);
    token(scene, TokenSpec::group(group, &["api"]))
}

fn of_a_service_account(scene: &Scene) -> String {
    let robot = UserSpec { kind: UserKind::ServiceAccount, ..UserSpec::person("service_account_7") };
    let robot = scene.gitlab.admin().create_user(robot).id;
    token(scene, TokenSpec::personal(robot, &["api"]))
}

/// How the token is made, and what is said of it.
type Row = (fn(&Scene) -> String, &'static [&'static str]);

const ROWS: &[Row] = &[
    (
        |scene| token(scene, TokenSpec::personal(scene.user, &["api"])),
        &["personal access token, which ends when its person goes", "scopes   api\n", ALL],
    ),
    (
        |scene| token(scene, TokenSpec::project(scene.project, &["api"])),
        &[
            "project access token, for its own project only\n",
            ALL_BUT_CREATE,
            "  cannot   create project: a project token's bot user has no namespace of its own\n",
        ],
    ),
    (
        of_a_group,
        &[
            "group access token, for projects of its own group only\n",
            ALL_BUT_CREATE,
            "  cannot   create project: a group token's bot user has no namespace of its own\n",
        ],
    ),
    (
        of_a_service_account,
        &[
            "token of a service account\n",
            ALL_BUT_CREATE,
            "  cannot   create project: a service account has no namespace of its own\n",
        ],
    ),
    (
        |scene| scene.gitlab.admin().create_oauth_token(scene.user, &["api"]),
        &["OAuth token\n", "never, or the server does not say\n", ALL],
    ),
    (
        |scene| token(scene, TokenSpec::granular(scene.user, &["User: Read", "Personal Access Token: Read"])),
        &[
            "fine-grained token\n",
            ALL,
            "warning: This is a fine-grained token: GitLab checks its permissions at each use",
        ],
    ),
    (
        |scene| token(scene, TokenSpec::personal(scene.user, &["read_api"])),
        &[
            "  can      read files, read records\n",
            "  cannot   write files: it needs scope api; write_repository is for git only\n",
            "warning: With scope read_api, this token can read files, read records; it cannot write files, create project, manage webhooks. For those, use scope api.\n",
        ],
    ),
    (
        |scene| token(scene, TokenSpec::personal(scene.user, &["read_repository", "write_repository"])),
        &[
            "  user     not told to the token `test token`\n",
            "  cannot   read files: it needs scope read_api or api; read_repository cannot list files\n",
            "warning: With scope read_repository, write_repository alone, this token is good for none of these jobs: ",
        ],
    ),
    (|scene| ending(scene, 45), &["warning: The token expires in 4", "days, on "]),
    (|scene| ending(scene, 20), &["warning: The token expires in ", ": rotate it soon.\n"]),
    (|scene| ending(scene, 5), &["warning: The token expires in ", ": rotate it now.\n"]),
];

#[test]
fn each_kind_of_token_is_told_with_what_it_reaches_and_can_do() {
    let scene = Scene::new();
    for (number, (made, parts)) in ROWS.iter().enumerate() {
        let said = scene.connect(&made(&scene), &[]).quietly(0);
        for part in *parts {
            assert!(said.contains(part), "row {number}, {part}: {said}");
        }
        let is_warned = parts.iter().any(|part| part.contains("warning: "));
        assert_eq!(said.contains("warning: "), is_warned, "row {number}: {said}");
    }
}
