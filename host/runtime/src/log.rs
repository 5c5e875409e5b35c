//! What the connector says while it works, made safe to show.
//!
//! Decided here: how much of it is kept ([`CallLog`]), that no control character reaches a terminal, and that nothing that looks like a
//! GitLab secret, or is one of the vault's, gets through ([`Redactor`]). Not decided here: where it goes ([`LogSink`]).
//!
//! One pass over each text does all three, in this order at each place: a secret is replaced, a control character is escaped, and
//! what is past the limit is cut. So a cut never leaves half a secret, and an escape never hides one.

pub(crate) mod lend;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::redact::Needles;

/// Lines of one call.
pub const MOST_LINES: u32 = 1_000;

/// Bytes of one line: its message and fields together.
pub const MOST_LINE_BYTES: usize = 4 << 10;

/// What is looked at of one text, at most: secrets shrink, so more than a line may go into a line.
const MOST_READ_BYTES: usize = 64 << 10;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For developers.
    Debug,
    /// Normal.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// How bad it is.
    pub level: Level,
    /// A short sentence.
    pub message: String,
    /// Facts by name.
    pub fields: Vec<(String, String)>,
}

/// How far a long call is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// So many.
    pub done: u64,
    /// Of so many; 0 if not known.
    pub total: u64,
    /// Of what, in the plural.
    pub unit: String,
}

/// Where it goes. Called while the connector waits, so it should not take long.
pub trait LogSink: Send + Sync {
    /// Bounded, escaped and redacted.
    fn event(&self, event: Event);

    /// Likewise.
    fn progress(&self, progress: Progress);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl LogSink for Nowhere {
    fn event(&self, _: Event) {}

    fn progress(&self, _: Progress) {}
}

/// The log of one call: bounded, escaped, redacted, and then passed on.
pub struct CallLog {
    sink: Arc<dyn LogSink>,
    redactor: Redactor,
    lines: u32,
    progresses: u32,
    dropped: u64,
    /// What was not passed on, and is the newest.
    latest: Option<Progress>,
}

impl CallLog {
    /// For one call. The redactor knows the values of the call's connection.
    pub fn new(sink: Arc<dyn LogSink>, redactor: Redactor) -> Self {
        Self { sink, redactor, lines: 0, progresses: 0, dropped: 0, latest: None }
    }

    /// Passes one line on, if there is room for it.
    pub fn event(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        if self.lines == MOST_LINES {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        let mut left = MOST_LINE_BYTES;
        let message = self.redactor.clean(message, &mut left);
        let fields = fields
            .iter()
            .map_while(|(name, value)| {
                // Each costs a byte more than it has, so that empty ones end too.
                left = left.checked_sub(1)?;
                Some((self.redactor.clean(name, &mut left), self.redactor.clean(value, &mut left)))
            })
            .collect();
        self.sink.event(Event { level, message, fields });
    }

    /// Passes progress on; past as many as there may be lines, only the last one of the call.
    pub fn progress(&mut self, done: u64, total: u64, unit: &str) {
        let unit = self.redactor.clean(unit, &mut 64);
        let progress = Progress { done, total, unit };
        if self.progresses == MOST_LINES {
            self.latest = Some(progress);
            return;
        }
        self.progresses += 1;
        self.sink.progress(progress);
    }

    /// What this call's secrets are replaced with.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Says how much was dropped, once.
    pub fn finish(mut self) {
        if let Some(progress) = self.latest.take() {
            self.sink.progress(progress);
        }
        if self.dropped > 0 {
            let fields = vec![("dropped".to_owned(), self.dropped.to_string())];
            let message = format!("the call logged more than {MOST_LINES} lines; the rest was dropped");
            self.sink.event(Event { level: Level::Warn, message, fields });
        }
    }
}

impl fmt::Debug for CallLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLog").field("lines", &self.lines).field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

/// How GitLab's secrets begin (and Standard Webhooks'). What follows of letters that occur in them goes with it.
const PREFIXES: &[&str] = &[
    "glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "gloas-", "glsoat-", "glimt-", "glagent-",
    "glffct-", "whsec_",
];

/// Shorter than this after a prefix, it is someone talking about tokens.
const FEWEST_AFTER_PREFIX: usize = 4;

const REDACTED: &str = "[redacted]";

/// Finds secrets in text: by how GitLab's begin, and the exact values it was told. `Debug` shows none of them.
#[derive(Clone, Default)]
pub struct Redactor {
    values: Needles,
}

impl Redactor {
    /// Knows the prefixes only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also this value, in every spelling. What is too short to be kept as a secret is not looked for.
    pub fn add(&mut self, value: &[u8]) {
        self.values.add(value, 0);
    }

    /// The text with every secret replaced and every control character escaped.
    pub fn text(&self, text: &str) -> String {
        let mut unbounded = usize::MAX;
        self.clean(text, &mut unbounded)
    }

    /// As [`Redactor::text`], with at most so many bytes; what is past that is cut.
    pub fn short(&self, text: &str, most: usize) -> String {
        let mut left = most;
        self.clean(text, &mut left)
    }

    /// Takes what it gives from `left`; past that it cuts, and says so if there is room.
    fn clean(&self, text: &str, left: &mut usize) -> String {
        let most = if *left == usize::MAX { text.len() } else { MOST_READ_BYTES };
        // A value that begins in what is read may end behind it.
        let read = &text.as_bytes()[..text.len().min(most.saturating_add(self.values.longest()))];
        let mut values = self.values.found(read).into_iter().map(|found| found.place).peekable();
        let mut clean = String::new();
        let mut at = 0;
        while let Some(char) = text[at..].chars().next() {
            let before = clean.len();
            let value = values.next_if(|value| value.start < at + char.len_utf8()).map_or(0, |value| value.end);
            // Of a value that is no text the last letter may be half another's.
            let secret = text.ceil_char_boundary(value.max(prefixed(&text[at..]) + at));
            if secret > at {
                clean.push_str(REDACTED);
            } else {
                escape(char, &mut clean);
            }
            if clean.len() > *left || at > most {
                clean.truncate(before);
                cut(&mut clean, *left);
                break;
            }
            at = secret.max(at + char.len_utf8());
        }
        *left = left.saturating_sub(clean.len());
        clean
    }
}

/// How many bytes the text begins with that look like a secret of GitLab.
fn prefixed(text: &str) -> usize {
    let Some(prefix) = PREFIXES.iter().find(|prefix| text.starts_with(**prefix)) else { return 0 };
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(byte);
    match text.bytes().skip(prefix.len()).take_while(letters).count() {
        after if after < FEWEST_AFTER_PREFIX => 0,
        after => prefix.len() + after,
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// Ends the text with a mark, which takes the place of what else would not fit.
fn cut(text: &mut String, limit: usize) {
    const MARK: &str = "[cut]";
    let end = limit.saturating_sub(MARK.len()).min(text.len());
    text.truncate((0..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default());
    if limit >= MARK.len() {
        text.push_str(MARK);
    }
}

/// Anything that moves a cursor, ends a line, or turns the direction of writing.
fn escape(char: char, into: &mut String) {
    let is_control = char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    match char {
        '\n' => into.push_str("\\n"),
        '\r' => into.push_str("\\r"),
        '\t' => into.push_str("\\t"),
        _ if is_control => into.extend(char.escape_unicode()),
        _ => into.push(char),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<(Vec<Event>, Vec<Progress>)>);

    impl LogSink for Kept {
        fn event(&self, event: Event) {
            self.0.lock().unwrap().0.push(event);
        }

        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().1.push(progress);
        }
    }

    fn logged(redactor: Redactor, act: impl FnOnce(&mut CallLog)) -> (Vec<Event>, Vec<Progress>) {
        let sink = Arc::new(Kept::default());
        let mut log = CallLog::new(sink.clone(), redactor);
        act(&mut log);
        log.finish();
        std::mem::take(&mut sink.0.lock().unwrap())
    }

    fn size(event: &Event) -> usize {
        let fields = event.fields.iter().map(|(name, value)| name.len() + value.len());
        event.message.len() + fields.sum::<usize>()
    }

    const SECRET: &str = "s3cr3t/v+lue=\"ä";

    fn knowing(value: &str) -> Redactor {
        let mut redactor = Redactor::new();
        redactor.add(value.as_bytes());
        redactor
    }

    #[test]
    fn a_flood_of_lines_is_cut_and_counted_once() {
        let (events, _) = logged(Redactor::new(), |log| {
            (0..5_000).for_each(|number| log.event(Level::Info, &number.to_string(), &[]));
        });
        assert_eq!(events.len(), 1_001);
        assert_eq!(events[999].message, "999");
        assert_eq!(events[1_000].fields, [("dropped".to_owned(), "4000".to_owned())]);
        let (events, _) = logged(Redactor::new(), |log| {
            (0..1_000).for_each(|number| log.event(Level::Info, &number.to_string(), &[]));
        });
        assert_eq!(events.len(), 1_000, "nothing was dropped, so nothing is said");
    }

    #[test]
    fn of_a_flood_of_progress_the_last_one_gets_through() {
        let (_, progress) =
            logged(Redactor::new(), |log| (0..5_000).for_each(|done| log.progress(done, 5_000, "files")));
        assert_eq!(progress.len(), 1_001);
        assert_eq!(progress[1_000].done, 4_999);
    }

    #[test]
    fn a_line_has_4_kib_however_it_is_filled() {
        let many = |text: &str| text.repeat(100_000);
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let table = [
            (many("x"), vec![]),
            (many("\u{1b}"), vec![]),
            (many("ä"), vec![field("a", "b")]),
            (many("🦊"), vec![]),
            (many("glpat-aaaaaaaa "), vec![]),
            ("short".to_owned(), vec![field("a", &many("x")), field("b", "c")]),
            ("short".to_owned(), vec![field(&many("\n"), "a")]),
            (String::new(), vec![field("", ""); 100_000]),
            (many("x")[..MOST_LINE_BYTES - 2].to_owned(), vec![field("name", "value")]),
        ];
        for (message, fields) in table {
            let (events, _) = logged(Redactor::new(), |log| log.event(Level::Info, &message, &fields));
            assert!(size(&events[0]) <= MOST_LINE_BYTES, "{} bytes", size(&events[0]));
            assert!(events[0].fields.len() <= MOST_LINE_BYTES);
        }
        let (events, _) = logged(Redactor::new(), |log| log.event(Level::Info, &many("x"), &[]));
        assert!(events[0].message.ends_with("xx[cut]") && size(&events[0]) == MOST_LINE_BYTES);
        let exact = &many("x")[..MOST_LINE_BYTES];
        let (events, _) = logged(Redactor::new(), |log| log.event(Level::Info, exact, &[]));
        assert_eq!(events[0].message, exact);
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        let table = [
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\u{7}\0", "\\u{1b}[2J\\u{7}\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\u{202e}b\u{2066}c\u{2028}d", "a\\u{202e}b\\u{2066}c\\u{2028}d"),
            ("ünï 日本 🦊", "ünï 日本 🦊"),
        ];
        for (text, clean) in table {
            assert_eq!(Redactor::new().text(text), clean);
            let (events, progress) = logged(Redactor::new(), |log| {
                log.event(Level::Warn, text, &[(text.to_owned(), text.to_owned())]);
                log.progress(1, 2, text);
            });
            assert_eq!(events[0].message, clean);
            assert_eq!(events[0].fields, [(clean.to_owned(), clean.to_owned())]);
            assert_eq!(progress[0].unit, clean);
        }
    }

    #[test]
    fn what_looks_like_a_secret_of_gitlab_is_not_shown() {
        for prefix in PREFIXES {
            let text = format!("token {prefix}AbC-12_3.xyz, and ({prefix}0000) in {prefix} {prefix}abc");
            let clean = format!("token [redacted], and ([redacted]) in {prefix} {prefix}abc");
            assert_eq!(Redactor::new().text(&text), clean);
        }
        assert_eq!(Redactor::new().text("https://oauth2:glpat-abcdefgh@host/x"), "https://oauth2:[redacted]@host/x");
        assert_eq!(Redactor::new().text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=="), "[redacted]");
    }

    #[test]
    fn an_exact_value_is_not_shown() {
        let redactor = knowing(SECRET);
        for spelling in [SECRET, "s3cr3t%2Fv%2Blue%3D%22%C3%A4", "s3cr3t/v+lue=\\\"\\u00e4", "OnMzY3IzdC92K2x1ZT0iw6Q6"]
        {
            let clean = redactor.text(&format!("a {spelling} b"));
            assert!(clean.contains(REDACTED) && clean.len() < 26, "{spelling} leaves {clean}");
        }
        assert!(!format!("{redactor:?}").contains("s3cr3t"));
        assert_eq!(knowing("abc").text("abc abcdef"), "abc abcdef", "a short value is not looked for");
        let mut no_text = Redactor::new();
        no_text.add(&[b"\xa4 is no text".as_slice(), b"\xc3"].concat());
        assert_eq!(no_text.text("<ä is no textä>"), "<[redacted]>", "no letter is cut in two");
    }

    proptest! {
        #[test]
        fn no_cut_leaves_a_part_of_a_secret(before in 3_900_usize..4_200, times in 1_usize..9) {
            let text = format!("{}{}", "x".repeat(before), "CANARY-0123456789".repeat(times));
            let (events, _) = logged(knowing("CANARY-0123456789"), |log| log.event(Level::Info, &text, &[]));
            prop_assert!(!events[0].message.contains("CAN"), "{}", &events[0].message[3_800..]);
            prop_assert!(size(&events[0]) <= MOST_LINE_BYTES);
        }

        #[test]
        fn a_clean_text_stays_as_it_is(text in "[ -~äß日🦊]{0,200}") {
            prop_assume!(!PREFIXES.iter().any(|prefix| text.contains(prefix)));
            prop_assert_eq!(knowing(SECRET).text(&text), text);
        }
    }
}
