//! Conflicts: the list, and one with both versions side by side and three ways out.

use super::address::{Place, conflict};
use super::problem::sentence;
use super::{Markup, Problem, difference, form, html, name};
use crate::pages::time;
use crate::serve::people::Role;
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Conflict, Versions};

pub(crate) fn list(id: &ConnectionId, conflicts: &[Conflict], now_ms: u64) -> Markup {
    html! {
        h1 { "Conflicts" }
        @if conflicts.is_empty() {
            div.card.empty { p { strong { "No conflicts." } " If both sides ever change the same lines, both versions are kept and wait here for you." } }
        } @else {
            p.lead { "Both sides changed the same lines. Nothing is lost: both versions are kept until somebody decides." }
            ul.choices {
                @for one in conflicts {
                    li {
                        a.choice href=(conflict(id, &one.id)) {
                            span.title { (name(&one.path)) }
                            span.sub { (sentence(&one.reason)) " Found " (time::ago(now_ms.saturating_sub(one.found_ms))) "." }
                        }
                    }
                }
            }
        }
    }
}

/// One conflict.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) conflict: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) versions: &'a Versions,
    /// For the editor: what was typed before it was refused, or the lines of both.
    pub(crate) draft: Option<&'a str>,
    pub(crate) role: Role,
    pub(crate) problem: Option<&'a Problem>,
}

pub(crate) fn html(view: &View<'_>, proof: &FormProof) -> Markup {
    let Versions { path, ours, theirs, .. } = view.versions;
    let texts = (text(ours.as_deref()), text(theirs.as_deref()));
    html! {
        p.back { a href=(Place::Conflicts.of(view.id)) { "All conflicts" } }
        h1 { (name(path)) }
        @if let Some(problem) = view.problem { (problem.html()) }
        p.lead { (sentence(view.reason)) " Which version shall both sides have?" }
        @if view.role == Role::Admin { (choices(view, proof)) }
        @match texts {
            (Some(ours), Some(theirs)) => (difference::html(ours, theirs)),
            _ => div.card.empty { p { "At least one version is not text, so it cannot be shown here." } },
        }
        @if view.role == Role::Viewer { p.hint { "An admin of your organisation can resolve it." } }
        @if let (Role::Admin, Some(draft)) = (view.role, view.draft) { (editor(view, draft, proof)) }
    }
}

/// Ours and theirs, above the columns they stand for.
fn choices(view: &View<'_>, proof: &FormProof) -> Markup {
    let sides = [
        ("ours", "Keep the folder’s version", view.versions.ours.as_deref()),
        ("theirs", "Keep GitLab’s version", view.versions.theirs.as_deref()),
    ];
    html! {
        div.pair {
            @for (word, words, version) in sides {
                (form(&conflict(view.id, view.conflict), proof, &html! {
                    input type="hidden" name="keep" value=(word);
                    button.main type="submit" { (words) }
                    p.hint { (described(version)) }
                }))
            }
        }
    }
}

fn editor(view: &View<'_>, draft: &str, proof: &FormProof) -> Markup {
    html! {
        section.card {
            h2 { "Or edit it" }
            (form(&conflict(view.id, view.conflict), proof, &html! {
                input type="hidden" name="keep" value="edited";
                label for="text" { "The text that both sides shall have" }
                // The first line break after the tag belongs to the markup.
                textarea id="text" name="text" rows="14" spellcheck="false" aria-describedby="text-hint" { "\n" (draft) }
                p.hint id="text-hint" { "It begins with the lines of both: where they differ, the folder’s first and then GitLab’s. Delete what is too much." }
                button type="submit" { "Keep this text" }
            }))
        }
    }
}

fn described(version: Option<&[u8]>) -> String {
    match version {
        None => "The file is deleted there.".into(),
        Some(bytes) if text(Some(bytes)).is_none() => format!("{} bytes that are no text.", bytes.len()),
        Some(_) => String::new(),
    }
}

/// A side that is not there is an empty text.
fn text(bytes: Option<&[u8]>) -> Option<&str> {
    str::from_utf8(bytes.unwrap_or_default()).ok().filter(|text| !text.contains('\0'))
}

/// For the editor, where both sides are text: all lines, where they differ ours first.
pub(crate) fn draft(versions: &Versions) -> Option<String> {
    let (ours, theirs) = (text(versions.ours.as_deref())?, text(versions.theirs.as_deref())?);
    let difference = similar::TextDiff::from_lines(ours, theirs);
    let mut draft = String::new();
    for change in difference.iter_all_changes() {
        draft.push_str(change.value());
        if change.missing_newline() && change.tag() != similar::ChangeTag::Equal {
            draft.push('\n');
        }
    }
    Some(draft)
}

/// What a browser sends of an editor has the line ends of mail; the file keeps its own.
pub(crate) fn edited(typed: &str, versions: &Versions) -> String {
    let has =
        |version: &Option<Vec<u8>>| version.as_deref().is_some_and(|bytes| bytes.windows(2).any(|two| two == b"\r\n"));
    let unix = typed.replace("\r\n", "\n");
    if has(&versions.ours) || has(&versions.theirs) { unix.replace('\n', "\r\n") } else { unix }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(ours: Option<&[u8]>, theirs: Option<&[u8]>) -> Versions {
        Versions { path: "a.md".into(), base: None, ours: ours.map(Vec::from), theirs: theirs.map(Vec::from) }
    }

    #[test]
    fn an_edited_text_keeps_the_line_ends_of_the_file() {
        let table =
            [("a\nb\n", "x\r\ny\r\n", "x\ny\n"), ("a\r\nb\r\n", "x\r\ny\r\n", "x\r\ny\r\n"), ("", "x\r\n", "x\n")];
        for (file, typed, expected) in table {
            assert_eq!(edited(typed, &versions(Some(file.as_bytes()), None)), expected);
        }
    }

    #[test]
    fn a_draft_has_the_lines_of_both_and_only_of_text() {
        let drafted = |ours: &[u8], theirs: &[u8]| draft(&versions(Some(ours), Some(theirs)));
        assert_eq!(drafted(b"a\nb\nc\n", b"a\nB\nc\n").as_deref(), Some("a\nb\nB\nc\n"));
        assert_eq!(drafted(b"a\nb", b"a\nc").as_deref(), Some("a\nb\nc\n"));
        assert_eq!(drafted(b"a\0", b"a\n"), None);
        assert_eq!(drafted(b"\xff", b"a\n"), None);
        assert_eq!(draft(&versions(None, Some(b"a\n"))).as_deref(), Some("a\n"));
    }
}
