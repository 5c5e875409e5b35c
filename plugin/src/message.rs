//! The message of a commit: what a person asked for, with what the commit holds filled in.
//!
//! Decided here: which placeholders there are, and that an unknown one is refused before anything is read or sent, since nobody
//! wants `{sumary}` in a history that cannot be rewritten. Not decided here: the trailers that follow, which are `gitlab::commit`'s.

use crate::error::{Code, Error};

/// Above it, GitLab shows no message whole, and some projects' rules refuse it.
const MOST_BYTES: usize = 4096;

/// What stands in braces, and what becomes of it.
const PLACEHOLDERS: &[(&str, Part)] = &[("summary", Part::Summary), ("files", Part::Files), ("branch", Part::Branch)];

/// A message with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Summary,
    Files,
    Branch,
}

/// What the placeholders become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The message that is used where none was asked for.
    pub summary: &'a str,
    /// How many files change.
    pub files: usize,
    /// Where the commit goes.
    pub branch: &'a str,
}

impl Default for Template {
    fn default() -> Self {
        Self(vec![Part::Summary])
    }
}

impl Template {
    /// `{{` and `}}` stand for a brace; a word of lower-case letters in braces is a placeholder, and anything else is as it is.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() {
            return Err(refusal("it is blank"));
        }
        if text.len() > MOST_BYTES {
            return Err(refusal(&format!("it has {} bytes, and the most is {MOST_BYTES}", text.len())));
        }
        if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
            return Err(refusal("it holds a control character"));
        }
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (part, length) = braced(&rest[at..])?;
            match part {
                Part::Text(text) => plain.push_str(&text),
                part => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(part);
                }
            }
            rest = &rest[at + length..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The message.
    pub fn fill(&self, facts: &Facts<'_>) -> String {
        let mut message = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => message.push_str(text),
                Part::Summary => message.push_str(facts.summary),
                Part::Files => message.push_str(&facts.files.to_string()),
                Part::Branch => message.push_str(facts.branch),
            }
        }
        message
    }
}

/// What a text that begins with a brace begins with, and how long that is.
fn braced(text: &str) -> Result<(Part, usize), Error> {
    let brace = &text[..1];
    if text[1..].starts_with(brace) {
        return Ok((Part::Text(brace.to_owned()), 2));
    }
    let word = text[1..].split_once('}').map(|(word, _)| word);
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some(word) = word.filter(|_| brace == "{").filter(is_word) else {
        return Ok((Part::Text(brace.to_owned()), 1));
    };
    match PLACEHOLDERS.iter().find(|(name, _)| *name == word) {
        Some((_, part)) => Ok((part.clone(), word.len() + 2)),
        None => Err(refusal(&format!("`{{{word}}}` is no placeholder: there are {}", known()))),
    }
}

fn refusal(why: &str) -> Error {
    Error::new(Code::InvalidSettings, format!("The commit message cannot be used: {why}"))
}

fn known() -> String {
    let names: Vec<String> = PLACEHOLDERS.iter().map(|(name, _)| format!("`{{{name}}}`")).collect();
    format!("{}; `{{{{` stands for a brace", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts { summary: "Add {files}.md", files: 3, branch: "main" };

    #[test]
    fn placeholders_are_filled_in_and_what_is_filled_in_is_left_as_it_is() {
        for (template, message) in [
            ("docs: {summary} [{files} on {branch}]", "docs: Add {files}.md [3 on main]"),
            ("{summary}\n\nRefs: DOC-1", "Add {files}.md\n\nRefs: DOC-1"),
            ("no placeholder", "no placeholder"),
            ("{{summary}} {{{files}}}", "{summary} {3}"),
            ("{ \"a\": {} } {A} {files", "{ \"a\": {} } {A} {files"),
            ("}", "}"),
            ("caf\u{e9} {files}\u{e9}", "caf\u{e9} 3\u{e9}"),
        ] {
            assert_eq!(Template::parse(template).unwrap().fill(&FACTS), message, "{template}");
        }
        assert_eq!(Template::default().fill(&FACTS), FACTS.summary);
    }

    #[test]
    fn what_no_commit_should_say_is_refused() {
        for (template, why) in [
            ("{sumary}", "`{sumary}` is no placeholder: there are `{summary}`, `{files}`, `{branch}`; `{{`"),
            (" \n", "blank"),
            ("a\0b", "control character"),
            (&"x".repeat(MOST_BYTES + 1), "4097 bytes"),
        ] {
            let refusal = Template::parse(template).unwrap_err();
            assert_eq!(refusal.code, Code::InvalidSettings);
            assert!(refusal.message.contains(why), "{refusal}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_with_doubled_braces_comes_out_as_it_was(text in "[a-z{} \n\u{e9}]{1,40}") {
            let escaped = text.replace('{', "{{").replace('}', "}}");
            proptest::prop_assume!(!text.trim().is_empty());
            proptest::prop_assert_eq!(Template::parse(&escaped).unwrap().fill(&FACTS), text);
        }
    }
}
