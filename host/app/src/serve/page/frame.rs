//! What is around every page: head, who is signed in, where one is, and what was just done.

use super::address::{GITLAB, SIGN_OUT};
use super::asset::{ICON, SCRIPT, STYLE};
use super::{Markup, html};
use crate::serve::people::{Person, Role};
use crate::serve::web::session::FormProof;
use maud::DOCTYPE;

/// Around one page.
pub(crate) struct Frame<'a> {
    /// Of the window; the page's own heading is its own.
    pub(crate) title: &'a str,
    /// None: nobody is signed in.
    pub(crate) signed_in: Option<SignedIn<'a>>,
    /// Below Settings → Version Control → GitLab.
    pub(crate) crumbs: &'a [Crumb],
    pub(crate) notice: Option<Notice>,
    /// For browsers without script, while something runs: where to look again in a few seconds.
    pub(crate) again: Option<String>,
}

/// Who looks.
#[derive(Clone, Copy)]
pub(crate) struct SignedIn<'a> {
    pub(crate) person: &'a Person,
    pub(crate) proof: &'a FormProof,
}

/// A step on the way to this page. Without an address, the page itself.
#[derive(Clone)]
pub(crate) struct Crumb {
    pub(crate) words: String,
    pub(crate) address: Option<String>,
}

/// What was just done, told once: from a closed set, because it stands in an address that anybody can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Connected,
    TokenReplaced,
    Configured,
    Started,
    Resolved,
    AutoSyncOn,
    AutoSyncOff,
    WebhookChosen,
    AddressMade,
    SecretMade,
    SecretEnded,
    Disconnected,
    SignedOut,
}

impl Notice {
    const ALL: [(Self, &str, &str); 13] = [
        (
            Self::Connected,
            "connected",
            "Connected. The token is kept sealed; nobody can read it here, not even the connector.",
        ),
        (Self::TokenReplaced, "token", "The new token is in use."),
        (Self::Configured, "configured", "Saved."),
        (Self::Started, "started", "Started. You may leave this page; it goes on by itself."),
        (Self::Resolved, "resolved", "Resolved. The next push brings it to GitLab."),
        (Self::AutoSyncOn, "auto-on", "Auto-sync is on. Edits are pushed by themselves."),
        (Self::AutoSyncOff, "auto-off", "Auto-sync is off. Nothing is pushed until somebody presses the button."),
        (
            Self::AddressMade,
            "address",
            "There is a new address. If there was one before, nothing that comes to it is taken any more.",
        ),
        (
            Self::SecretMade,
            "secret",
            "There is a new secret. The one before it still works for now, so no delivery is lost.",
        ),
        (Self::SecretEnded, "secret-ended", "The old secret does not work any more."),
        (Self::WebhookChosen, "webhook", "Done. Below is how the webhook stands now."),
        (Self::Disconnected, "disconnected", "Disconnected. The files stay on both sides."),
        (Self::SignedOut, "signed-out", "You are signed out."),
    ];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(notice, ..)| *notice)
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        Self::ALL.iter().find(|(notice, ..)| *notice == self).expect("all of them are in the table")
    }

    /// As it stands in an address.
    pub(crate) fn word(self) -> &'static str {
        self.entry().1
    }

    fn words(self) -> &'static str {
        self.entry().2
    }
}

pub(crate) fn document(frame: &Frame<'_>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · gitlab-sync" }
                link rel="icon" href=(ICON.path) type="image/svg+xml";
                link rel="stylesheet" href=(STYLE.path);
                script src=(SCRIPT.path) defer {}
                @if let Some(again) = &frame.again { noscript { meta http-equiv="refresh" content=(format!("3;url={again}")); } }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (header(frame))
                main id="main" tabindex="-1" {
                    @if let Some(notice) = frame.notice { p.notice role="status" tabindex="-1" { (notice.words()) } }
                    (main)
                }
            }
        }
    }
}

fn header(frame: &Frame<'_>) -> Markup {
    html! {
        header.top {
            div.bar {
                a.brand href="/" { img src=(ICON.path) alt="" width="28" height="28"; "gitlab-sync" }
                @if let Some(SignedIn { person, proof }) = frame.signed_in {
                    div.who {
                        span {
                            strong { (person.name.as_str()) }
                            " · " (person.organisation.as_str())
                            @if person.role == Role::Viewer { " · viewer" }
                        }
                        (form(SIGN_OUT, proof, &html! { button.quiet type="submit" { "Sign out" } }))
                    }
                }
            }
            @if frame.signed_in.is_some() { (crumbs(frame.crumbs)) }
        }
    }
}

fn crumbs(crumbs: &[Crumb]) -> Markup {
    html! {
        nav.crumbs aria-label="You are here" {
            ol {
                li { "Settings" }
                li { "Version Control" }
                li {
                    @if crumbs.is_empty() { span aria-current="page" { "GitLab" } } @else { a href=(GITLAB) { "GitLab" } }
                }
                @for crumb in crumbs {
                    li {
                        @match &crumb.address {
                            Some(address) => a href=(address) { (super::name(&crumb.words)) },
                            None => span aria-current="page" { (super::name(&crumb.words)) },
                        }
                    }
                }
            }
        }
    }
}

/// A form that changes something, with the proof that it came from this session.
pub(crate) fn form(action: &str, proof: &FormProof, inner: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="proof" value=(proof.as_str());
            (inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_one_of_ours_and_nothing_else() {
        for (notice, word, _) in Notice::ALL {
            assert_eq!((Notice::parse(word), notice.word()), (Some(notice), word));
        }
        assert_eq!(Notice::parse("<b>"), None);
    }

    #[test]
    fn a_page_has_one_heading_landmarks_and_nothing_inline() {
        let frame =
            Frame { title: "Sign in", signed_in: None, crumbs: &[], notice: Some(Notice::SignedOut), again: None };
        let problem = crate::serve::page::Problem::new("this is <no> token").remedy("copy `all` of it");
        let page = document(&frame, &crate::serve::page::sign_in::html(Some(&problem))).into_string();
        let page = [&STYLE, &SCRIPT, &ICON].iter().fold(page, |page, asset| page.replace(&asset.path, asset.kind));
        insta::assert_snapshot!(page.replace('>', ">\n"));
    }
}
