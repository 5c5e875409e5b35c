//! What went wrong, and what to do about it: the sentence, the remedy, and the line to add where the operator has to allow something.

use super::{Markup, html};
use crate::text::is_unsafe;

/// For the person who can change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// As the connector or the server says it.
    pub(crate) sentence: String,
    pub(crate) remedies: Vec<String>,
    /// For the operator of the server: what to write into its settings.
    pub(crate) lines: Vec<Line>,
}

/// A line to add to the server's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `[network]`.
    pub(crate) section: &'static str,
    /// `private-addresses = ["10.20.0.7/32"]`.
    pub(crate) text: String,
}

impl Problem {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), ..Self::default() }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    pub(crate) fn line(mut self, section: &'static str, text: impl Into<String>) -> Self {
        self.lines.push(Line { section, text: text.into() });
        self
    }

    /// A box that assistive technology reads at once.
    pub(crate) fn html(&self) -> Markup {
        html! {
            div.problem role="alert" tabindex="-1" {
                p.sentence { (sentence(&self.sentence)) }
                @for remedy in &self.remedies { p { (sentence(remedy)) } }
                @for line in &self.lines {
                    p { "The operator of this server can allow it. Line to add to the server’s settings file, under " code { (line.section) } ":" }
                    pre { code { (line.text) } }
                }
            }
        }
    }
}

/// With a capital letter and a full stop; names in backticks become code.
pub(crate) fn sentence(text: &str) -> Markup {
    let mut letters = text.trim().chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let mut text = first + letters.as_str();
    if !text.ends_with(['.', '!', '?', ':', '…']) {
        text.push('.');
    }
    coded(&text)
}

/// As it is; names in backticks become code.
pub(crate) fn coded(text: &str) -> Markup {
    let text: String = text.chars().map(|letter| if is_unsafe(letter) { '\u{fffd}' } else { letter }).collect();
    let parts: Vec<_> = text.split('`').collect();
    // An odd backtick is only a letter.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_of_the_library_becomes_one_for_people() {
        let table = [
            ("no token was given", "No token was given."),
            ("the connection `a<b` is gone", "The connection <code>a&lt;b</code> is gone."),
            ("an odd ` stays", "An odd ` stays."),
            ("Done!", "Done!"),
            ("`main` is protected", "<code>main</code> is protected."),
        ];
        for (text, expected) in table {
            assert_eq!(sentence(text).into_string(), expected);
        }
    }
}
