//! Text with colours, which is safe to show whoever wrote it.
//!
//! Decided here: what never reaches a terminal. Names, purposes and messages come from strangers' files and servers; every one of them
//! becomes a span of a `Text`, and a span has no control characters and none that turn the writing direction.

use gitlab_sync_host::connection_id::ConnectionId;
use std::fmt::Write;

/// Of one span: a stranger's text must not push everything else off the screen. JSON has it whole.
const MOST_LETTERS: usize = 2_000;

/// Stands in the program's own words after its name, where the connection may have to be named. No stranger's text has it.
const NAMED: char = '\u{1}';

/// How a span looks where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
    Accent,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
            Self::Accent => "36",
        }
    }
}

/// Whether to write colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Colors,
    Plain,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    spans: Vec<(Style, String)>,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a span.
    pub(crate) fn with(mut self, style: Style, text: impl AsRef<str>) -> Self {
        self.spans.push((style, clean(text.as_ref())));
        self
    }

    pub(crate) fn plain(self, text: impl AsRef<str>) -> Self {
        self.with(Style::Plain, text)
    }

    pub(crate) fn bold(self, text: impl AsRef<str>) -> Self {
        self.with(Style::Bold, text)
    }

    pub(crate) fn dim(self, text: impl AsRef<str>) -> Self {
        self.with(Style::Dim, text)
    }

    /// The same for the program's own words: commands in them are for the connection that was named.
    pub(crate) fn own(mut self, style: Style, words: impl AsRef<str>) -> Self {
        self.spans.push((style, told_for(&clean(words.as_ref()), &NAMED.to_string())));
        self
    }

    /// Adds a span with blanks up to `width` letters, and two more.
    pub(crate) fn column(self, style: Style, text: impl AsRef<str>, width: usize) -> Self {
        let blanks = width.saturating_sub(clean(text.as_ref()).chars().count()) + 2;
        self.with(style, text).plain(" ".repeat(blanks))
    }

    /// The line without its end.
    pub(crate) fn render(&self, paint: Paint) -> String {
        self.render_for(None, paint)
    }

    /// The same for somebody who named this connection.
    pub(crate) fn render_for(&self, connection: Option<&ConnectionId>, paint: Paint) -> String {
        let mut line = String::new();
        let named = named(connection);
        for (style, text) in &self.spans {
            let text = &text.replace(NAMED, &named);
            match (paint, style.code()) {
                (Paint::Plain, _) | (_, "") => line.push_str(text),
                (Paint::Colors, code) => {
                    let _ = write!(line, "\u{1b}[{code}m{text}\u{1b}[0m");
                }
            }
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::new().plain(text)
    }
}

/// Several lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    lines: Vec<Text>,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn line(&mut self, line: impl Into<Text>) {
        self.lines.push(line.into());
    }

    /// An empty line and a heading.
    pub(crate) fn heading(&mut self, heading: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Text::new());
        }
        self.lines.push(Text::new().bold(heading));
    }

    /// Puts the other's lines after its own.
    pub(crate) fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// The same, further to the right.
    #[cfg(feature = "demo")]
    pub(crate) fn indented(&self, blanks: usize) -> Self {
        let indented = |line: &Text| {
            let mut spans = vec![(Style::Plain, " ".repeat(blanks))];
            spans.extend(line.spans.iter().cloned());
            Text { spans }
        };
        Self { lines: self.lines.iter().map(indented).collect() }
    }

    #[cfg(test)]
    pub(crate) fn render(&self, paint: Paint) -> String {
        self.render_for(None, paint)
    }

    pub(crate) fn render_for(&self, connection: Option<&ConnectionId>, paint: Paint) -> String {
        self.lines.iter().map(|line| line.render_for(connection, paint) + "\n").collect()
    }
}

fn named(connection: Option<&ConnectionId>) -> String {
    connection.map_or(" ".into(), |name| format!(" -c {name} "))
}

/// The program's own words, whose commands are for this connection.
pub(crate) fn own_words(words: &str, connection: Option<&ConnectionId>) -> String {
    told_for(words, &named(connection))
}

/// Words that say of themselves which connection they are for stay as they are.
fn told_for(words: &str, named: &str) -> String {
    if words.contains(" --connection ") {
        words.into()
    } else {
        words.replace("gitlab-sync ", &format!("gitlab-sync{named}"))
    }
}

/// Lines of at most `width` letters, cut between words. A longer word has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// Whether a letter could do something to a terminal or its reader: control characters, line separators, and everything invisible
/// that changes the direction or the shape of other letters.
pub(crate) fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(letter, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn clean(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if is_unsafe(letter) { '\u{fffd}' } else { letter });
    let mut clean: String = letters.by_ref().take(MOST_LETTERS).collect();
    if letters.next().is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_letters_cannot_command_the_terminal() {
        let table = [
            ("plain, ünïcode, 漢字", "plain, ünïcode, 漢字"),
            ("\u{1b}[2Jgone", "\u{fffd}[2Jgone"),
            ("two\nlines\r\t", "two\u{fffd}lines\u{fffd}\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("\u{7f}\u{0}", "\u{fffd}\u{fffd}"),
            ("safe\u{202e}exe.txt", "safe\u{fffd}exe.txt"),
            ("zero\u{200b}width", "zero\u{fffd}width"),
        ];
        for (given, shown) in table {
            assert_eq!(Text::from(given).render(Paint::Plain), shown);
            assert_eq!(Text::from(given).render(Paint::Colors), shown, "plain spans have no colours");
        }
    }

    #[test]
    fn the_programs_own_commands_are_for_the_connection_that_was_named() {
        let second = ConnectionId::parse("second").unwrap();
        let table = [
            ("do it: gitlab-sync sync", "do it: gitlab-sync -c second sync"),
            ("`gitlab-sync disconnect --connection third`", "`gitlab-sync disconnect --connection third`"),
        ];
        for (words, shown) in table {
            let text = Text::new().own(Style::Plain, words);
            assert_eq!(text.render_for(Some(&second), Paint::Plain), shown);
            assert_eq!(text.render(Paint::Plain), words);
            assert_eq!(own_words(words, Some(&second)), shown);
        }
    }

    #[test]
    fn a_strangers_text_ends_somewhere() {
        let shown = Text::from("ä".repeat(1 << 20)).render(Paint::Plain);
        assert_eq!(shown.chars().count(), MOST_LETTERS + 1);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn columns_are_as_wide_as_their_letters() {
        let line = Text::new().column(Style::Bold, "ä", 3).plain("b");
        assert_eq!(line.render(Paint::Plain), "ä    b");
        assert_eq!(line.render(Paint::Colors), "\u{1b}[1mä\u{1b}[0m    b");
    }

    #[test]
    fn lines_are_cut_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible word", 5), ["incomprehensible", "word"]);
        assert!(wrapped("  ", 5).is_empty());
    }
}
