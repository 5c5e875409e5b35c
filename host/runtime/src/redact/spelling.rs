//! How a secret may be written where it should not be. Pure.
//!
//! As it is; in JSON, with and without the escapes that writers differ in (Rails escapes `<>&`, Python everything that is not ASCII, PHP
//! the slash); percent-encoded as paths, queries, forms and JavaScript do it, in both cases; in HTML; with every byte as a number (in
//! hexadecimal, as `%XX` or as `\u00XX`); and in base64 of both alphabets with any bytes before and after it.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

type Spelling = Zeroizing<Vec<u8>>;

const HEX: &[u8; 16] = b"0123456789abcdef";
const HEX_CAPITALS: &[u8; 16] = b"0123456789ABCDEF";

/// Every spelling, each once.
pub(super) fn spellings(secret: &[u8]) -> Vec<Spelling> {
    let mut all = vec![secret.to_vec().into()];
    // GitLab's tokens are of these letters: only what changes every letter changes them.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    if !secret.iter().all(plain) {
        all.extend(percent(secret));
        all.extend(str::from_utf8(secret).into_iter().flat_map(|text| json(text).chain(html(text))));
    }
    for before in ["", "%", "\\u00"] {
        all.extend([HEX, HEX_CAPITALS].map(|digits| hex(secret, before.as_bytes(), digits)));
    }
    for before in 0..3 {
        all.extend([STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| base64_core(&engine, before, secret)));
    }
    all.sort_by(|one, other| one[..].cmp(&other[..]));
    all.dedup();
    all
}

/// What each writer leaves as it is, beside letters and digits: RFC 3986, the same in a query, forms, JavaScript.
const LEFT_BY_PERCENT: [&[u8]; 4] = [b"-._~", b"-._~/?", b"-._*", b"-._~!*'()"];

fn percent(secret: &[u8]) -> impl Iterator<Item = Spelling> {
    let spaces = if secret.contains(&b' ') { &["%20", "+"][..] } else { &["%20"] };
    let writers = LEFT_BY_PERCENT.into_iter().flat_map(|left| [HEX, HEX_CAPITALS].map(|digits| (left, digits)));
    writers.flat_map(|writer| spaces.iter().map(move |space| (writer, *space))).map(|((left, digits), space)| {
        written(secret.iter().copied(), secret.len(), |byte, out| match byte {
            b' ' => out.extend(space.as_bytes()),
            _ if byte.is_ascii_alphanumeric() || left.contains(&byte) => out.push(byte),
            _ => out.extend([b'%', digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]),
        })
    })
}

/// The inside of a JSON string.
fn json(text: &str) -> impl Iterator<Item = Spelling> {
    let (is_html, is_ascii) = (|letter| matches!(letter, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'), text.is_ascii());
    let [slashes, htmls] = [text.contains('/'), text.contains(is_html)];
    // Only writers that write this text in different ways.
    let differ = [slashes, htmls, !is_ascii, htmls || !is_ascii || text.contains(char::is_control)];
    let writers = (0..16).filter(move |writer| (0..4).all(|bit| differ[bit] || writer >> bit & 1 == 0));
    writers.map(move |writer| {
        let [slash, html, ascii, upper] = [1, 2, 4, 8].map(|bit| writer & bit != 0);
        written(text.chars(), text.len(), |letter, out| {
            let escape = match letter {
                '"' => "\\\"",
                '\\' => "\\\\",
                '/' if slash => "\\/",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                _ => "",
            };
            let by_number = letter < ' ' || html && is_html(letter) || ascii && !letter.is_ascii();
            match escape {
                "" if by_number => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    let number = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                    out.extend(number.into_bytes());
                }),
                "" => out.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                escape => out.extend(escape.as_bytes()),
            }
        })
    })
}

fn html(text: &str) -> impl Iterator<Item = Spelling> {
    let has = |letters: &[char]| text.contains(letters);
    let writers = if has(&['"', '\'']) { 5 } else { usize::from(has(&['&', '<', '>'])) };
    let quotes = [("&quot;", "&#39;"), ("&quot;", "&#x27;"), ("&quot;", "&apos;"), ("&#34;", "&#39;"), ("\"", "'")];
    quotes.into_iter().take(writers).map(|(double, single)| {
        written(text.chars(), text.len(), |letter, out| match letter {
            '&' => out.extend(b"&amp;"),
            '<' => out.extend(b"&lt;"),
            '>' => out.extend(b"&gt;"),
            '"' => out.extend(double.as_bytes()),
            '\'' => out.extend(single.as_bytes()),
            _ => out.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        })
    })
}

/// Every byte as a number, with this before each.
fn hex(secret: &[u8], before: &[u8], digits: &[u8; 16]) -> Spelling {
    written(secret.iter().copied(), secret.len(), |byte, out| {
        out.extend(before);
        out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
    })
}

/// The digits that depend on the secret only, when `before` other bytes stand before it (as in `user:secret`) and any after it.
fn base64_core(engine: &impl base64::Engine, before: usize, secret: &[u8]) -> Spelling {
    let bytes = Zeroizing::new([&[0; 2][..before], secret].concat());
    let mut digits = Zeroizing::new(vec![0; bytes.len() * 4 / 3 + 4]);
    engine.encode_slice(&bytes[..], &mut digits).expect("there is room for all digits");
    digits[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_vec().into()
}

/// In a buffer that never has to grow, so that no half of it is left behind in memory: no letter needs more than six bytes for each of
/// its own.
fn written<T>(letters: impl Iterator<Item = T>, bytes: usize, write: impl Fn(T, &mut Vec<u8>)) -> Spelling {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes * 6));
    letters.for_each(|letter| write(letter, &mut out));
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_token_of_plain_letters_has_few_spellings() {
        assert!(spellings(b"glpat-AbC_123-xyz").len() <= 13);
    }

    #[test]
    fn each_writer_is_known() {
        let secret = "a/b+c=\"d\" <é>&'~\n";
        let all = spellings(secret.as_bytes());
        for writer in [
            secret,
            r#"a/b+c=\"d\" <é>&'~\n"#,
            r#"a\/b+c=\"d\" <\u00e9>&'~\n"#,
            r#"a/b+c=\"d\" \u003cé\u003e\u0026'~\n"#,
            r#"a/b+c=\"d\" \u003C\u00E9\u003E\u0026'~\n"#,
            "a%2Fb%2Bc%3D%22d%22%20%3C%C3%A9%3E%26%27~%0A",
            "a%2fb%2bc%3d%22d%22%20%3c%c3%a9%3e%26%27~%0a",
            "a%2Fb%2Bc%3D%22d%22+%3C%C3%A9%3E%26%27%7E%0A",
            "a/b%2Bc%3D%22d%22%20%3C%C3%A9%3E%26%27~%0A",
            "a%2Fb%2Bc%3D%22d%22%20%3C%C3%A9%3E%26'~%0A",
            "a/b+c=&quot;d&quot; &lt;é&gt;&amp;&#39;~\n",
            "a/b+c=&#34;d&#34; &lt;é&gt;&amp;&#39;~\n",
            "612f622b633d226422203cc3a93e26277e0a",
            "%61%2f%62%2b%63%3d%22%64%22%20%3c%c3%a9%3e%26%27%7e%0a",
            r"\u0061\u002F\u0062\u002B\u0063\u003D\u0022\u0064\u0022\u0020\u003C\u00C3\u00A9\u003E\u0026\u0027\u007E\u000A",
        ] {
            assert!(all.iter().any(|known| known[..] == *writer.as_bytes()), "{writer}");
        }
    }
}
