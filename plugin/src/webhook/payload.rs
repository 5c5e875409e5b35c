//! The JSON of a delivery, as far as it is read: every kind of event in one shape, because they share most of their words.
//!
//! Decided here: how much of a body is looked at. Not decided here: what a kind means (`kind`), and what is to be done about it (`work`).
//! All other fields are passed over unread, so that GitLab's largest delivery, 25 MB, takes little more memory than its own bytes.

use super::value::{Few, Flag, Number, Text, places};
use crate::json;

/// Bodies above this are looked over before they are read: what a reader needs for nesting and for escapes grows with the body, and the
/// memory of a call is 96 MiB.
const LARGE: usize = 1 << 20;
/// The deepest nesting of a large body. GitLab's have six levels.
const DEEPEST: usize = 128;
/// The longest text within a large body. GitLab's longest, descriptions and commit messages, are up to 1 MiB, and six times as long where
/// every letter of them is escaped.
const LONGEST: usize = 8 << 20;

places! {
    /// What stands at the top.
    Payload {
        object_kind: Text<'a>,
        /// Of pushes, and of lifecycle events, which have no kind.
        event_name: Text<'a>,
        /// Of a reaction, what was done.
        event_type: Text<'a>,
        action: Text<'a>,

        project: Thing<'a>,
        project_id: Number,
        path_with_namespace: Text<'a>,
        project_path_with_namespace: Text<'a>,

        group: Thing<'a>,
        group_id: Number,
        group_path: Text<'a>,
        full_path: Text<'a>,
        path: Text<'a>,

        user: Thing<'a>,
        user_id: Number,
        user_username: Text<'a>,
        username: Text<'a>,

        /// Of a push of one reference.
        reference as "ref": Text<'a>,
        before: Text<'a>,
        after: Text<'a>,
        /// Of a push of several. In other events this is an object.
        changes: Few<Moved<'a>>,
        refs: Few<Text<'a>>,

        object_attributes: Attributes<'a>,
        merge_request: Thing<'a>,
        issue: Thing<'a>,
        /// Of a job, where its `id` is the pipeline's.
        commit: Thing<'a>,

        id: Number,
        build_id: Number,
        pipeline_id: Number,
        deployment_id: Number,
        deployable_id: Number,
        build_status: Text<'a>,
        status: Text<'a>,

        created_at: Text<'a>,
        updated_at: Text<'a>,
        status_changed_at: Text<'a>,
        build_created_at: Text<'a>,
        build_started_at: Text<'a>,
        build_finished_at: Text<'a>,
    }
}

places! {
    /// A project, a group, a person, or a record that an event belongs to.
    Thing {
        id: Number,
        iid: Number,
        /// What a group's `id` is called in the news of its tokens.
        group_id: Number,
        group_path: Text<'a>,
        full_path: Text<'a>,
        path_with_namespace: Text<'a>,
        username: Text<'a>,
        /// Of a merge request.
        target_project_id: Number,
    }
}

places! {
    /// The record itself.
    Attributes {
        id: Number,
        iid: Number,
        action: Text<'a>,
        state: Text<'a>,
        status: Text<'a>,
        name: Text<'a>,
        url: Text<'a>,
        expires_at: Text<'a>,
        user_id: Number,
        project_id: Number,
        /// Of a milestone that is a group's.
        group_id: Number,

        /// Of a merge request. The head before, only where it has new commits.
        oldrev: Text<'a>,
        source_branch: Text<'a>,
        target_branch: Text<'a>,
        source_project_id: Number,
        target_project_id: Number,
        target: Thing<'a>,
        last_commit: Commit<'a>,
        /// What a push did to it beside bringing commits.
        system_action: Text<'a>,
        draft: Flag,
        /// What `draft` was called before 14.
        work_in_progress: Flag,

        /// Of a note.
        noteable_type: Text<'a>,
        noteable_id: Number,

        created_at: Text<'a>,
        updated_at: Text<'a>,
        finished_at: Text<'a>,
    }
}

places! {
    /// A commit by its name.
    Commit {
        id: Text<'a>,
    }
}

places! {
    /// One reference of a push of several.
    Moved {
        reference as "ref": Text<'a>,
        before: Text<'a>,
        after: Text<'a>,
    }
}

impl<'a> Payload<'a> {
    /// Nothing of what is not JSON, or not an object.
    pub(super) fn read(body: &'a [u8]) -> Self {
        let mut payload = Self::default();
        // What some editors and proxies put before a text.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.len() > LARGE && !is_tame(body) {
            return payload;
        }
        match json::fill(&mut payload, body) {
            Ok(()) => payload,
            Err(_) => Self::default(),
        }
    }
}

/// Whether a body nests and quotes no more than a delivery does. Says nothing of what else is wrong with it.
fn is_tame(body: &[u8]) -> bool {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => {
                let length = quoted(&body[at + 1..]);
                if length > LONGEST {
                    return false;
                }
                at += length + 1;
            }
            b'[' | b'{' if depth == DEEPEST => return false,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    true
}

/// Bytes up to the quotation mark that ends a text.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = rest.get(at).filter(|byte| **byte != b'"') {
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_is_read_unless_it_nests_or_quotes_too_much() {
        let push = |filler: &str| format!(r#"{{"extra":{filler},"ref":"refs/heads/main"}}"#);
        let nested = |depth: usize| push(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
        let padded = |text: &str| format!("{text}{}", " ".repeat(LARGE));
        let quoted = |length: usize| push(&format!("\"{}\"", "x".repeat(length)));
        for (name, body, is_read) in [
            ("small and deep", nested(5_000), true),
            ("large and flat", padded(&nested(100)), true),
            ("large and deep", padded(&nested(5_000)), false),
            ("a long text", quoted(LONGEST), true),
            ("a longer text", quoted(LONGEST + 1), false),
            ("brackets in a text", padded(&push(&format!("\"\\\"{}\"", "[".repeat(5_000)))), true),
        ] {
            assert_eq!(Payload::read(body.as_bytes()).reference.get().is_some(), is_read, "{name}");
        }
    }
}
