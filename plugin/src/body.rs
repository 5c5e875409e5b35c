//! The body of a request, part of which is written out only while it is sent.
//!
//! A file's content goes into JSON in base64 or with escapes, a third longer than it is. Written out beside the content itself it would
//! fill half of a call's memory, so a large one is kept as it is. How long it becomes is known before, since GitLab wants to be told.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a content that are written out at a time: whole groups of base64, and what the host takes at once.
const PIECE: usize = 48 * 1024;
/// From so many bytes on a content is kept as it is. Each is a block of memory by itself, so that small ones would scatter it.
pub const LARGE: usize = 64 * 1024;

/// JSON, with contents in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    text: Vec<u8>,
    inserts: Vec<Insert>,
}

/// A content that stands at a place of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Insert {
    at: usize,
    content: Content,
}

/// What a file holds, and how that is written in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    bytes: Vec<u8>,
    spelling: Spelling,
    length: usize,
}

/// Between the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// With escapes.
    Text,
    /// Four letters for each three bytes.
    Base64,
}

impl Body {
    /// Its text, to be written on; an insert stays where it is.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// The text alone: the room that it takes can be used again.
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// A content at the end of the text, written out now.
    pub fn write(&mut self, content: &Content) {
        content.spelling.write(&content.bytes, &mut self.text);
    }

    /// A content at the end of the text, written out while it is sent.
    pub fn insert(&mut self, content: Content) {
        self.inserts.push(Insert { at: self.text.len(), content });
    }

    /// How long it is over the wire.
    pub fn length(&self) -> usize {
        self.text.len() + self.inserts.iter().map(|insert| insert.content.length).sum::<usize>()
    }

    /// As it goes over the wire, piece after piece, until `take` breaks.
    pub fn each_piece(&self, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        let (mut from, mut written) = (0, Vec::new());
        for Insert { at, content } in &self.inserts {
            take(&self.text[from..*at])?;
            from = *at;
            for piece in content.bytes.chunks(PIECE) {
                written.clear();
                content.spelling.write(piece, &mut written);
                take(&written)?;
            }
        }
        take(&self.text[from..])
    }

    /// The whole of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length());
        let _ = self.each_piece(&mut |piece| {
            bytes.extend_from_slice(piece);
            ControlFlow::Continue(())
        });
        bytes
    }
}

impl From<Vec<u8>> for Body {
    fn from(text: Vec<u8>) -> Self {
        Self { text, inserts: Vec::new() }
    }
}

impl Content {
    /// How long it becomes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How it is written.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// Whether writing it out beside itself would take much.
    pub fn is_large(&self) -> bool {
        self.bytes.len() >= LARGE
    }
}

impl From<Vec<u8>> for Content {
    /// As text, unless it is none or would be longer so.
    fn from(bytes: Vec<u8>) -> Self {
        let (spelling, length) = match escapes(&bytes).filter(|_| std::str::from_utf8(&bytes).is_ok()) {
            Some(escapes) => (Spelling::Text, bytes.len() + escapes),
            None => (Spelling::Base64, bytes.len().div_ceil(3) * 4),
        };
        Self { bytes, spelling, length }
    }
}

impl Spelling {
    /// At the end of what is there.
    fn write(self, bytes: &[u8], into: &mut Vec<u8>) {
        match self {
            Self::Text => write_text(bytes, into),
            Self::Base64 => {
                let start = into.len();
                into.resize(start + bytes.len().div_ceil(3) * 4, 0);
                let encoded = STANDARD.encode_slice(bytes, &mut into[start..]);
                encoded.expect("there is room for four letters for each three bytes");
            }
        }
    }
}

/// What lies between two escapes is copied as it is, also half a character at the end of a piece.
fn write_text(bytes: &[u8], into: &mut Vec<u8>) {
    let mut from = 0;
    let _ = each_escape(bytes, |at| {
        into.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        let digit = |number: u8| b"0123456789abcdef"[usize::from(number)];
        match escape(bytes[at]) {
            Some(b'u') | None => {
                into.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(bytes[at] >> 4), digit(bytes[at] & 15)]);
            }
            Some(letter) => into.extend_from_slice(&[b'\\', letter]),
        }
        ControlFlow::Continue(())
    });
    into.extend_from_slice(&bytes[from..]);
}

/// Bytes that all escapes add. None: they are more than a third, or it is no text.
fn escapes(bytes: &[u8]) -> Option<usize> {
    let mut sum = 0;
    let end = each_escape(bytes, |at| {
        sum += added(bytes[at]);
        if bytes[at] == 0 || sum > bytes.len() / 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    end.is_continue().then_some(sum)
}

/// Calls `found` with the place of each byte that cannot stand for itself. Eight at a time: byte by byte this took half of what a commit
/// takes.
fn each_escape(bytes: &[u8], mut found: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut start = 0;
    for word in words {
        let mut here = escapes_in(u64::from_le_bytes(*word));
        while here != 0 {
            found(start + here.trailing_zeros() as usize / 8)?;
            here &= here - 1;
        }
        start += 8;
    }
    for byte in rest {
        if escape(*byte).is_some() {
            found(start)?;
        }
        start += 1;
    }
    ControlFlow::Continue(())
}

/// The highest bit of each byte that cannot stand for itself.
fn escapes_in(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    // No sum of two bytes without their highest bits reaches into the next byte.
    let is_below = |word: u64, limit: u64| !(((word & !HIGH) + ONES * (0x80 - limit)) | word) & HIGH;
    let is_one = |byte: u8| is_below(word ^ (ONES * u64::from(byte)), 1);
    is_below(word, 0x20) | is_one(b'"') | is_one(b'\\')
}

/// Bytes that its escape adds.
fn added(byte: u8) -> usize {
    match escape(byte) {
        Some(b'u') => 5,
        letter => usize::from(letter.is_some()),
    }
}

/// The letter after the backslash, of a byte that cannot stand for itself.
fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0..0x20 => Some(b'u'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> String {
        serde_json::from_slice(bytes).unwrap()
    }

    fn quoted(content: &Content, inserted: bool) -> Body {
        let mut body = Body::from(vec![b'"']);
        match inserted {
            true => body.insert(content.clone()),
            false => body.write(content),
        }
        body.text().push(b'"');
        body
    }

    fn comes_back(bytes: &[u8]) {
        let content = Content::from(bytes.to_vec());
        for inserted in [false, true] {
            let body = quoted(&content, inserted);
            let sent = body.to_bytes();
            assert_eq!((sent.len(), sent.len()), (body.length(), content.length() + 2));
            let back = match content.spelling() {
                Spelling::Text => read(&sent).into_bytes(),
                Spelling::Base64 => STANDARD.decode(read(&sent)).unwrap(),
            };
            assert!(back == bytes, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn a_content_comes_back_as_it_was_at_any_length_and_with_any_byte() {
        for length in [0, 1, 2, 3, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 5] {
            comes_back(&vec![0xfe; length]);
            comes_back("ä\"b\u{1F600} c".repeat(length / 12 + 1).as_bytes());
        }
        for byte in 0..=0xff {
            comes_back(&[b'a', b'b', b'c', b'd', b'e', b'f', byte]);
            comes_back(&[b"0123456789abcdefghi".as_slice(), &[byte, 0x7f, 0x20, byte], b"jklmnopqrst"].concat());
            comes_back(&[vec![b'a'; 20], vec![byte], vec![b'b'; PIECE]].concat());
        }
    }

    #[test]
    fn what_is_no_text_or_shorter_in_base64_is_written_so() {
        let table: [(&[u8], Spelling); 6] = [
            (b"", Spelling::Text),
            (b"text\n", Spelling::Text),
            (b"\n\n\n", Spelling::Base64),
            (b"a\0b", Spelling::Base64),
            (b"\xff", Spelling::Base64),
            (&[7; 12], Spelling::Base64),
        ];
        for (bytes, spelling) in table {
            assert_eq!(Content::from(bytes.to_vec()).spelling(), spelling, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_file_holds_comes_back(bytes: Vec<u8>, text: String) {
            comes_back(&bytes);
            comes_back(text.as_bytes());
        }
    }

    #[test]
    fn what_breaks_ends_the_writing() {
        let body = quoted(&vec![b'x'; 3 * PIECE].into(), true);
        let mut pieces = 0;
        let end = body.each_piece(&mut |_| {
            pieces += 1;
            if pieces == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((end, pieces), (ControlFlow::Break(()), 2));
    }
}
