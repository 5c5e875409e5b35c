//! What a token is good for.
//!
//! Decided here: what follows from its kind, its scopes and, where it is certain, its role. It is certain for the token of a project or a
//! group: GitLab lets its bot be a member of nothing else. A person's role is not: others may be inherited, or come with a project that
//! is made. Not decided here: what a project's settings forbid, which GitLab says when it is asked.

use crate::connect::TokenKind;
use crate::error::Code;
use crate::gitlab::membership::{Membership, Memberships};
use crate::gitlab::role::Role;

/// Whether the token is good for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Such as `write-files`.
    pub job: &'static str,
    /// What GitLab would refuse it with. None: it would let it.
    pub refused: Option<Code>,
    /// Why not, and what else there is to say.
    pub reason: String,
}

/// What a token is good for, and what is to be said about it.
pub(crate) fn judge(kind: TokenKind, scopes: &[String], held: &Memberships) -> (Vec<Ability>, Vec<String>) {
    let mut abilities = by_scopes(kind, scopes);
    let mut warnings: Vec<String> = narrow(kind, scopes, &abilities).into_iter().collect();
    if let (TokenKind::Project | TokenKind::Group, Some(only)) = (kind, held.only()) {
        abilities.iter_mut().for_each(|ability| limit(ability, only));
        warnings.extend(low(only));
    }
    (abilities, warnings)
}

/// Why a token of this kind makes no projects.
pub(crate) fn no_namespace(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Project => "a project token's bot user has no namespace of its own",
        TokenKind::Group => "a group token's bot user has no namespace of its own",
        _ => "a service account has no namespace of its own",
    }
}

fn by_scopes(kind: TokenKind, scopes: &[String]) -> Vec<Ability> {
    let has = |scope: &str| scopes.iter().any(|held| held == scope);
    let reads = has("api") || has("read_api");
    let by_scope = |job, allowed: bool, wanted: &str| match allowed {
        true => Ability { job, refused: None, reason: String::new() },
        false => Ability { job, refused: Some(Code::TokenScope), reason: format!("it needs scope {wanted}") },
    };
    if kind == TokenKind::FineGrained {
        let reason = "GitLab checks the token's permissions at each use";
        let jobs = ["read-files", "write-files", "create-project", "manage-webhooks", "read-records"];
        return jobs.map(|job| Ability { job, refused: None, reason: reason.into() }).into();
    }
    let create = match kind {
        TokenKind::Project | TokenKind::Group | TokenKind::ServiceAccount => Ability {
            job: "create-project",
            refused: Some(Code::TokenKindCannotCreate),
            reason: no_namespace(kind).into(),
        },
        _ => by_scope("create-project", has("api"), "api"),
    };
    vec![
        by_scope("read-files", reads, "read_api or api; read_repository cannot list files"),
        by_scope("write-files", has("api"), "api; write_repository is for git only"),
        create,
        by_scope("manage-webhooks", has("api"), "api"),
        by_scope("read-records", reads, "read_api or api"),
    ]
}

/// Which jobs a token of narrow scope is good for, in one sentence.
fn narrow(kind: TokenKind, scopes: &[String], abilities: &[Ability]) -> Option<String> {
    if kind == TokenKind::FineGrained {
        return Some(
            "This is a fine-grained token: GitLab checks its permissions at each use, so that a job may be refused later."
                .into(),
        );
    }
    let is_wide = scopes.iter().any(|scope| scope == "api");
    if is_wide || scopes.is_empty() {
        return None;
    }
    let jobs = |allowed: bool| {
        let of_kind = abilities.iter().filter(|ability| ability.refused.is_none() == allowed);
        of_kind.map(|ability| ability.job.replace('-', " ")).collect::<Vec<_>>().join(", ")
    };
    let (can, cannot, held) = (jobs(true), jobs(false), scopes.join(", "));
    Some(match can.as_str() {
        "" => format!("With scope {held} alone, this token is good for none of these jobs: {cannot}. Add scope api."),
        _ => format!("With scope {held}, this token can {can}; it cannot {cannot}. For those, use scope api."),
    })
}

/// What the one role a token has takes from it.
fn limit(ability: &mut Ability, only: &Membership) {
    let needed = match ability.job {
        "write-files" => Role::Developer,
        "manage-webhooks" => Role::Maintainer,
        "read-files" | "read-records" if ability.refused.is_none() && only.role < Role::Reporter => {
            ability.reason = format!("with role {}, only of projects that are not private", only.role.name());
            return;
        }
        _ => return,
    };
    if only.role >= needed {
        return;
    }
    let reason = format!("it needs role {}, and is {} in {}", needed.name(), only.role.name(), only.place());
    ability.reason = if ability.refused.is_some() { format!("{}; {reason}", ability.reason) } else { reason };
    ability.refused = ability.refused.or(Some(Code::RoleTooLow));
}

/// The role of a bot stays what it was made with.
fn low(only: &Membership) -> Option<String> {
    if only.role >= Role::Developer {
        return None;
    }
    let reads = only.role >= Role::Reporter;
    let can =
        if reads { "can read and not write" } else { "cannot write, and reads only projects that are not private" };
    let (role, place) = (only.role.name(), only.place());
    Some(format!(
        "With role {role} in {place}, this token {can}. To write, use one of role Developer; to make the webhook too, Maintainer."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitlab::membership::Place;
    use crate::json::Any;

    fn allowed(kind: TokenKind, scopes: &[&str], held: &Memberships) -> Vec<&'static str> {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let (abilities, _) = judge(kind, &scopes, held);
        abilities.into_iter().filter(|ability| ability.refused.is_none()).map(|ability| ability.job).collect()
    }

    #[test]
    fn narrow_scopes_say_which_jobs_they_allow() {
        let allowed = |kind, scopes: &[&str]| allowed(kind, scopes, &Memberships::of(&Any::Other, &Any::Other));
        assert_eq!(allowed(TokenKind::Personal, &["api"]).len(), 5);
        assert_eq!(allowed(TokenKind::Project, &["api"]).len(), 4);
        assert_eq!(allowed(TokenKind::Personal, &["read_api"]), ["read-files", "read-records"]);
        assert!(allowed(TokenKind::Personal, &["read_repository", "write_repository"]).is_empty());
    }

    #[test]
    fn a_role_takes_from_a_bot_alone_and_only_where_it_is_the_one_there_is() {
        use TokenKind::{Group, Personal, Project, ServiceAccount};
        let guest = Membership { role: Role::Guest, path: "acme".into(), place: Place::Group };
        let (one, two) = (vec![guest.clone()], vec![guest.clone(), guest]);
        for (kind, some, more, writes) in [
            (Project, &one, false, false),
            (Group, &one, false, false),
            (Group, &one, true, true),
            (Group, &two, false, true),
            (Group, &Vec::new(), false, true),
            (Personal, &one, false, true),
            (ServiceAccount, &one, false, true),
        ] {
            let held = Memberships { some: some.clone(), more };
            assert_eq!(allowed(kind, &["api"], &held).contains(&"write-files"), writes, "{kind:?}: {held:?}");
        }
    }
}
