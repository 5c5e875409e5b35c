//! What a component would get with a grant: what is in force, as the host's own judge computes it.

use super::Wants;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::manifest::{Profile, Rule, Slot, WorkspaceUse};
use gitlab_sync_host::permission::{Permission, Site};
use serde::Serialize;

/// The outcome of one grant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub(crate) enum Granted {
    /// Something to do, and only this.
    Allowed(Box<Allowed>),
    /// Nothing, because a line is missing; the hint names it.
    Nothing { hint: String },
    /// The grant does not fit this component.
    Refused { reason: String, hint: String },
}

/// What is in force.
#[derive(Debug, Serialize)]
pub(crate) struct Allowed {
    pub(crate) profile: String,
    /// Scheme, host, port and base path: each rule's path follows it.
    pub(crate) server: String,
    pub(crate) workspace: WorkspaceUse,
    pub(crate) credential: String,
    /// In words, one entry for each part of the grant's `[network]`.
    pub(crate) network: Vec<String>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) limits: Limits,
}

/// Of one call.
#[derive(Debug, Serialize)]
pub(crate) struct Limits {
    pub(crate) requests: u32,
    pub(crate) in_flight: u32,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
}

impl Granted {
    pub(crate) fn of(wants: &Wants, grant: &Grant) -> Self {
        let names: Vec<_> = wants.profiles.iter().map(|wanted| format!("`{}`", wanted.profile.name)).collect();
        let profile = match &grant.profile {
            Some(name) => wants.profiles.iter().find(|wanted| wanted.profile.name == *name),
            None => {
                let hint = format!("add `profile = \"...\"` to the grant, with one of {}", names.join(", "));
                return Self::Nothing { hint };
            }
        };
        let Some(wanted) = profile else {
            let reason = format!("it has no profile `{}`", grant.profile.as_deref().unwrap_or_default());
            return Self::Refused { reason, hint: format!("it has {}", names.join(", ")) };
        };
        match Permission::new(&wanted.profile, grant) {
            Ok(permission) => Self::in_force(&permission, &wanted.profile, grant),
            Err(error) => Self::Refused { reason: error.to_string(), hint: error.hint() },
        }
    }

    fn in_force(permission: &Permission, profile: &Profile, grant: &Grant) -> Self {
        let site = match permission.site() {
            Ok(site) => site,
            Err(hint) => return Self::Nothing { hint: hint.into() },
        };
        let limits = permission.limits();
        let credential = site.credential();
        Self::Allowed(Box::new(Allowed {
            profile: permission.profile().into(),
            server: server(site),
            workspace: permission.workspace(),
            credential: format!("`{}: {}…` from the slot `{}`", credential.header, credential.prefix, credential.slot),
            network: network(site, grant),
            rules: site.rules().map(|rule| rule.wanted.clone()).collect(),
            slots: profile.slots.iter().filter(|slot| permission.slot(&slot.name).is_some()).cloned().collect(),
            limits: Limits {
                requests: limits.requests,
                in_flight: limits.in_flight,
                bytes_up: limits.bytes_up,
                bytes_down: limits.bytes_down,
            },
        }))
    }
}

fn server(site: &Site) -> String {
    let base: String = site.base_path().segments().iter().map(|segment| format!("/{}", segment.as_str())).collect();
    format!("{}{base}", site.origin())
}

/// The addresses, trust and proxy of the grant. `Permission` was made from these lines, so all of them are in force.
fn network(site: &Site, grant: &Grant) -> Vec<String> {
    let network = &grant.network;
    let mut words = vec![match network.private_addresses.as_slice() {
        [] => "public addresses only".to_owned(),
        private => format!("public addresses, and {}", private.join(", ")),
    }];
    if site.origin().scheme().as_str() == "http" {
        words.push("without encryption: the credential crosses the network in the clear".into());
    }
    if network.ca_pem.is_some() {
        words.push("trusting the grant's certificates beside the platform's".into());
    }
    if let Some(proxy) = &network.proxy {
        let names = match network.proxy_resolves {
            false => "to addresses judged here",
            true => "which looks the name up itself, so that no address is judged here",
        };
        words.push(format!("through the proxy {proxy}, {names}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::wants::tests::{about, reader};
    use super::*;

    fn wants() -> Wants {
        Wants::of(&about(vec![reader()]))
    }

    fn grant() -> Grant {
        Grant {
            origin: Some("https://gitlab.example.com".into()),
            base_path: "/gitlab".into(),
            profile: Some("reader".into()),
            approved: Some(wants().profiles[0].digest.clone()),
            workspace: Some(WorkspaceUse::ReadWrite),
            ..Grant::default()
        }
    }

    #[test]
    fn a_grant_never_gives_more_than_the_profile_wants() {
        let Granted::Allowed(allowed) = Granted::of(&wants(), &grant()) else { panic!("the grant fits") };
        assert_eq!(allowed.workspace, WorkspaceUse::Read);
        assert_eq!(allowed.server, "https://gitlab.example.com/gitlab");
        assert_eq!(allowed.rules, [wants().profiles[0].profile.rules[0].clone()]);
        assert_eq!(allowed.network, ["public addresses only"]);
    }

    #[test]
    fn a_missing_line_is_named_and_a_wrong_one_refused() {
        type Change = fn(&mut Grant);
        let outcome = |change: Change| {
            let mut grant = grant();
            change(&mut grant);
            match Granted::of(&wants(), &grant) {
                Granted::Allowed(_) => "allowed".into(),
                Granted::Nothing { hint } => format!("nothing: {hint}"),
                Granted::Refused { reason, .. } => format!("refused: {reason}"),
            }
        };
        let table: [(Change, &str); 6] = [
            (|grant| grant.profile = None, "nothing: add `profile = "),
            (|grant| grant.origin = None, "nothing: add `origin = "),
            (|grant| grant.approved = None, "nothing: add `approved = "),
            (|grant| grant.approved = Some("sha256:0".into()), "refused: the profile `reader` is not the one"),
            (|grant| grant.profile = Some("writer".into()), "refused: it has no profile `writer`"),
            (|grant| grant.origin = Some("http://a.example".into()), "refused: `origin = \"http://a.example\"`"),
        ];
        for (change, start) in table {
            let outcome = outcome(change);
            assert!(outcome.starts_with(start), "{outcome}");
        }
    }
}
