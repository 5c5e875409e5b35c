//! Sign in: paste the token that the operator gave.

use super::address::SIGN_IN;
use super::{Markup, Problem, html};

pub(crate) fn html(problem: Option<&Problem>) -> Markup {
    html! {
        div.narrow {
            h1 { "Sign in" }
            @if let Some(problem) = problem { (problem.html()) }
            // No proof within: there is no session yet. Where the form comes from is judged by its origin.
            form.card method="post" action=(SIGN_IN) {
                div.field {
                    label for="token" { "Your sign-in token" }
                    input id="token" name="token" type="password" required autocomplete="current-password" autocapitalize="off"
                        spellcheck="false" aria-describedby="token-hint" autofocus[problem.is_none()];
                    p.hint id="token-hint" {
                        "It begins with " code { "gsync_" } ". Whoever runs this server makes one for you. It is not your GitLab token."
                    }
                }
                button.main type="submit" { "Sign in" }
            }
            details {
                summary { "I run this server and have no token" }
                p { "Make one on the server’s command line:" }
                pre { code { "gitlab-sync user add YOUR-NAME --organisation YOUR-ORGANISATION --role admin" } }
            }
        }
    }
}
