//! Text and links that somebody else wrote: names of projects, branches, files and people, and addresses from GitLab.

use super::{Markup, html};
use crate::text::is_unsafe;
use url::Url;

/// Of one name: a stranger's text must not push everything else off the page.
const MOST_LETTERS: usize = 500;

/// Text that stays where it stands: isolated in its direction, without letters that are not seen.
pub(crate) fn name(text: &str) -> Markup {
    html! { bdi { (clean(text, MOST_LETTERS)) } }
}

/// The same within an attribute or an option.
pub(crate) fn plain(text: &str) -> String {
    clean(text, MOST_LETTERS)
}

fn clean(text: &str, most: usize) -> String {
    let mut letters = text.chars().map(|letter| if is_unsafe(letter) { '\u{fffd}' } else { letter });
    let mut clean: String = letters.by_ref().take(most).collect();
    if letters.next().is_some() {
        clean.push('…');
    }
    clean
}

/// A link to GitLab, if it leads into the web: no `javascript:`, whoever says so.
pub(crate) fn web_link(address: &str, words: Markup) -> Markup {
    match Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => {
            html! { a href=(url) rel="noreferrer noopener" { (words) } }
        }
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_is_text_and_nothing_else() {
        let table = [
            ("docs & <b>more</b>", "<bdi>docs &amp; &lt;b&gt;more&lt;/b&gt;</bdi>"),
            ("\"'><script>alert(1)</script>", "<bdi>&quot;'&gt;&lt;script&gt;alert(1)&lt;/script&gt;</bdi>"),
            ("safe\u{202e}gpj.exe", "<bdi>safe\u{fffd}gpj.exe</bdi>"),
            ("größe ändern", "<bdi>größe ändern</bdi>"),
        ];
        for (text, expected) in table {
            assert_eq!(name(text).into_string(), expected);
        }
        assert!(name(&"x".repeat(1 << 20)).into_string().len() < 600);
    }

    #[test]
    fn a_link_leads_into_the_web_or_is_none() {
        let link = |address| web_link(address, html! { "go" }).into_string();
        let expected = "<a href=\"https://gitlab.com/a%20b?x=%22\" rel=\"noreferrer noopener\">go</a>";
        assert_eq!(link("https://gitlab.com/a b?x=\""), expected);
        for address in ["javascript:alert(1)", "data:text/html,x", "//gitlab.com", "", "JaVaScRiPt:alert(1)"] {
            assert_eq!(link(address), "go");
        }
    }
}
