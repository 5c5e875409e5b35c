//! Whether commits may come to a branch by what is in them: push rules and secret push protection.
//!
//! Every way to write ends here: the Commits and Files API after the commit is made and before the branch moves, `git push` before git
//! is asked. Texts and their order are GitLab's. Decided elsewhere: who may push where (`pushes`).
//!
//! GitLab's list of secrets has hundreds of kinds; here are the few that [`SECRETS`] names. Its list of file names is by its
//! documentation. Signatures are looked for and not verified.

use std::sync::LazyLock;

use git2::{Commit, Delta, DiffOptions, Oid, Repository};
use regex::Regex;
use serde_json::Value;

use crate::app::App;
use crate::git::history::{self, Order};
use crate::git::{refs, unequal};
use crate::world::World;
use crate::world::projects::Project;
use crate::world::push_rules::{SECRET_PROTECTION, Terms};
use crate::world::users::User;

/// Names that secrets have.
const SECRET_NAMES: [&str; 5] = [
    r"aws\/credentials$",
    r"(ssh|config)\/(personal|server)_(rsa|dsa|ed\d+|ecdsa)",
    r"id_(rsa|dsa|ed25519|ecdsa)$",
    r"\.(pem|key)$",
    r"(\.|_)history$",
];

/// Secrets by their text, and what they are called.
static SECRETS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let kinds = [
        (r"\bglpat-[0-9a-zA-Z_-]{20}", "GitLab Personal Access Token"),
        (r"\bgldt-[0-9a-zA-Z_-]{20}", "GitLab Deploy Token"),
        (r"\bAKIA[0-9A-Z]{16}\b", "AWS Access Token"),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY", "Private Key"),
    ];
    kinds.into_iter().map(|(text, name)| (Regex::new(text).expect("the pattern is constant"), name)).collect()
});

/// Larger contents are not searched for secrets.
const SEARCHED_BYTES: usize = 1024 * 1024;
const SKIP_IN_MESSAGE: &str = "[skip secret push protection]";
const SKIP_OPTION: &str = "secret_push_protection.skip_all";
const GUIDANCE: &str =
    "help/user/application_security/secret_detection/secret_push_protection/index.html#resolve-a-blocked-push";

/// By which way commits come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// Made by GitLab itself.
    Api,
    /// Pushed, with these options.
    Git(&'a [String]),
}

/// Commits on their way to a branch.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Whose.
    pub project: &'a Project,
    /// Who brings them.
    pub user: &'a User,
    /// Where they go.
    pub branch: &'a str,
    /// How.
    pub way: Way<'a>,
}

/// Whether anything is asked of commits.
pub fn guards(project: &Project) -> bool {
    project.push_rule.is_some() || searches(project)
}

/// Why the commits up to `tip` that no branch has yet are refused, if they are.
pub fn refusal(
    app: &App,
    repository: &Repository,
    arrival: &Arrival<'_>,
    tip: Oid,
) -> Result<Option<String>, git2::Error> {
    let project = arrival.project;
    if !guards(project) {
        return Ok(None);
    }
    let known: Vec<Oid> = refs::branches(repository)?.into_iter().map(|(_, id)| id).collect();
    let new = history::walk(repository, &[tip], &known, Order::Topological)?;
    let commits: Vec<Commit<'_>> =
        new.into_iter().rev().map(|id| repository.find_commit(id)).collect::<Result<_, _>>()?;
    let rule = project.push_rule.as_ref().map(|rule| &rule.terms);
    if let Some(refused) =
        rule.map(|terms| by_rule(&app.world(), repository, arrival, terms, &commits)).transpose()?.flatten()
    {
        return Ok(Some(refused));
    }
    if searches(project) { secrets(app, repository, arrival.way, &commits) } else { Ok(None) }
}

fn searches(project: &Project) -> bool {
    project.settings.get(SECRET_PROTECTION) == Some(&Value::Bool(true))
}

fn by_rule(
    world: &World,
    repository: &Repository,
    arrival: &Arrival<'_>,
    terms: &Terms,
    commits: &[Commit<'_>],
) -> Result<Option<String>, git2::Error> {
    let (branch, pattern) = (arrival.branch, &terms.branch_name_regex);
    if branch != arrival.project.default_branch && !allows(pattern, branch) {
        return Ok(Some(format!("Branch name does not follow the pattern '{pattern}'")));
    }
    if let Some(refused) = commits.iter().find_map(|commit| of_commit(world, arrival, terms, commit)) {
        return Ok(Some(refused));
    }
    let mut late = None;
    for commit in commits {
        for file in changed(repository, commit)? {
            if terms.max_file_size > 0 && file.content.len() as u64 > terms.max_file_size << 20 {
                let most = terms.max_file_size;
                return Ok(Some(format!(
                    "File {:?} is larger than the allowed size of {most} MiB. Use Git LFS to manage this file.",
                    file.path
                )));
            }
            late = late.or_else(|| of_name(terms, &file));
        }
    }
    Ok(late)
}

/// An empty pattern asks for nothing. Messages are searched line by line, all else as a whole.
fn allows(pattern: &str, text: &str) -> bool {
    pattern.is_empty() || matches(pattern, text)
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

fn of_commit(world: &World, arrival: &Arrival<'_>, terms: &Terms, commit: &Commit<'_>) -> Option<String> {
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    let by_lines = |pattern: &str| matches(&format!("(?m){pattern}"), &message);
    let (wanted, unwanted) = (&terms.commit_message_regex, &terms.commit_message_negative_regex);
    if !wanted.is_empty() && !by_lines(wanted) {
        return Some(format!("Commit message does not follow the pattern '{wanted}'"));
    }
    if !unwanted.is_empty() && by_lines(unwanted) {
        return Some(format!("Commit message contains the forbidden pattern '{unwanted}'"));
    }
    let (author, committer) = (commit.author(), commit.committer());
    let (author, committer) = (text(author.email_bytes()), text(committer.email_bytes()));
    for (who, address) in [("Committer's", &committer), ("Author's", &author)] {
        if !allows(&terms.author_email_regex, address) {
            let pattern = &terms.author_email_regex;
            return Some(format!("{who} email '{address}' does not follow the pattern '{pattern}'"));
        }
    }
    if terms.commit_committer_check && committer != arrival.user.commit_email() {
        return Some(format!(
            "You cannot push commits for '{committer}'. You can only push commits if the committer email is one of your \
             own verified emails."
        ));
    }
    if terms.commit_committer_name_check && text(commit.author().name_bytes()) != arrival.user.name {
        return Some("Your git author name is inconsistent with GitLab account name".into());
    }
    if terms.reject_non_dco_commits && !matches(r"Signed-off-by:.+<.+@.+>", &message) {
        return Some("Commit message must contain a DCO signoff".into());
    }
    let is_signed = commit.header_field_bytes("gpgsig").is_ok();
    if terms.reject_unsigned_commits && arrival.way != Way::Api && !is_signed {
        return Some("Commit must be signed".into());
    }
    let is_known = |address: &str| world.users.table.iter().any(|user| user.email == address);
    let stranger = [("Author", &author), ("Committer", &committer)].into_iter().find(|(_, address)| !is_known(address));
    stranger.filter(|_| terms.member_check).map(|(who, address)| format!("{who} '{address}' is not a member of team"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn of_name(terms: &Terms, file: &Changed) -> Option<String> {
    let secret = SECRET_NAMES.into_iter().filter(|_| terms.prevent_secrets);
    let own = Some(terms.file_name_regex.as_str()).filter(|pattern| !pattern.is_empty());
    let pattern = secret.chain(own).find(|pattern| file.is_new && matches(pattern, &file.path))?;
    Some(format!("File name {} was prohibited by the pattern {pattern:?}.", file.path))
}

/// A file that a commit adds or changes. A rename adds one.
struct Changed {
    path: String,
    content: Vec<u8>,
    is_new: bool,
}

fn changed(repository: &Repository, commit: &Commit<'_>) -> Result<Vec<Changed>, git2::Error> {
    let before = commit.parent(0).ok().map(|parent| parent.tree()).transpose()?;
    let diff = unequal::diff(repository, before.as_ref(), Some(&commit.tree()?), &mut DiffOptions::new())?;
    let kept = diff.deltas().filter(|delta| delta.status() != Delta::Deleted);
    let file = |delta: git2::DiffDelta<'_>| {
        // A submodule has no content here.
        let blob = repository.find_blob(delta.new_file().id()).ok()?;
        let path = String::from_utf8_lossy(delta.new_file().path_bytes()?).into_owned();
        Some(Changed { path, content: blob.content().to_vec(), is_new: delta.status() == Delta::Added })
    };
    Ok(kept.filter_map(file).collect())
}

fn secrets(
    app: &App,
    repository: &Repository,
    way: Way<'_>,
    commits: &[Commit<'_>],
) -> Result<Option<String>, git2::Error> {
    let by_message = |commit: &Commit<'_>| text(commit.message_bytes()).to_lowercase().contains(SKIP_IN_MESSAGE);
    let by_option = matches!(way, Way::Git(options) if options.iter().any(|option| option == SKIP_OPTION));
    if by_option || commits.iter().any(by_message) {
        return Ok(None);
    }
    let mut found = String::new();
    for commit in commits {
        let lines: Vec<String> = changed(repository, commit)?.iter().flat_map(secrets_of).collect();
        if !lines.is_empty() {
            found += &format!("\n\nSecret push protection found the following secrets in commit: {}", commit.id());
            found += &lines.concat();
        }
    }
    let advice = format!(
        "\n\nTo push your changes you must remove the identified secrets.\nFor guidance, see {}/{GUIDANCE}",
        app.url()
    );
    let blocked = "PUSH BLOCKED: Secrets detected in code changes";
    Ok((!found.is_empty()).then(|| format!("{blocked}{found}{advice}")))
}

/// One line for each, such as `-- notes.md:2 | GitLab Personal Access Token`.
fn secrets_of(file: &Changed) -> Vec<String> {
    if file.content.len() > SEARCHED_BYTES || file.content.contains(&0) {
        return Vec::new();
    }
    let content = String::from_utf8_lossy(&file.content);
    let of_line = |(at, line): (usize, &str)| {
        let kinds = SECRETS.iter().filter(|(regex, _)| regex.is_match(line));
        kinds.map(|(_, kind)| format!("\n-- {}:{} | {kind}", file.path, at + 1)).collect::<Vec<_>>()
    };
    content.lines().enumerate().flat_map(of_line).collect()
}
