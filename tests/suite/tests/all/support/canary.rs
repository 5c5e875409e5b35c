//! A secret that is looked for wherever it must not be: as it is, encoded, and by halves.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hostile_guest::Needle;
use std::path::Path;

/// A secret of one test.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    secret: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// A secret that occurs nowhere else: `name` and 40 characters that no text has by chance.
    pub(crate) fn new(name: &str) -> Self {
        let noise: String =
            std::iter::successors(Some(name.bytes().fold(0x9e37_79b9_u64, step)), |state| Some(step(*state, 1)))
                .skip(1)
                .take(40)
                .map(|state| {
                    char::from(
                        b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789_-"[(state >> 33) as usize % 59],
                    )
                })
                .collect();
        Self::of(&format!("{name}-{noise}"))
    }

    /// This secret.
    pub(crate) fn of(secret: &str) -> Self {
        Self { forms: forms(secret.as_bytes()), secret: secret.into() }
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// For a guest to look for, which must not know what it looks for.
    pub(crate) fn needles(&self) -> String {
        self.forms.iter().map(|(_, form)| Needle::of(form).to_string()).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn count_of_forms(&self) -> usize {
        self.forms.len()
    }

    /// The forms in which it is in these bytes. One look at each pair of bytes for all forms together: files of many megabytes are
    /// searched by a program that is not optimised.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        let mut begins = vec![false; 1 << 16];
        self.forms.iter().for_each(|(_, form)| begins[pair(form)] = true);
        let mut found = vec![false; self.forms.len()];
        for at in 1..bytes.len() {
            if begins[usize::from(bytes[at - 1]) << 8 | usize::from(bytes[at])] {
                let here = self.forms.iter().map(|(_, form)| bytes[at - 1..].starts_with(form));
                found.iter_mut().zip(here).for_each(|(found, here)| *found |= here);
            }
        }
        self.forms.iter().zip(found).filter(|(_, found)| *found).map(|((name, _), _)| *name).collect()
    }

    /// The files below a folder that hold it, with the form, and names that do.
    pub(crate) fn found_below(&self, folder: &Path) -> Vec<String> {
        let mut found = vec![];
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = self.found_in(path.to_string_lossy().as_bytes());
            found.extend(name.into_iter().map(|form| format!("{} in a name: {form}", path.display())));
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                found.extend(self.found_below(&path));
            } else if kind.is_file() {
                let forms = self.found_in(&std::fs::read(&path).unwrap());
                found.extend(forms.into_iter().map(|form| format!("{}: {form}", path.display())));
            }
        }
        found
    }
}

fn step(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte)).wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f)
}

fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |encode: fn(&u8) -> String| secret.iter().map(encode).collect::<String>().into_bytes();
    let (first, second) = secret.split_at(secret.len() / 2);
    let mut forms = vec![
        ("as it is", secret.to_vec()),
        ("first half", first.to_vec()),
        ("second half", second.to_vec()),
        ("backwards", secret.iter().rev().copied().collect()),
        ("upper case", secret.to_ascii_uppercase()),
        ("hexadecimal", each(|byte| format!("{byte:02x}"))),
        ("upper-case hexadecimal", each(|byte| format!("{byte:02X}"))),
        ("percent-encoded", each(|byte| format!("%{byte:02x}"))),
        ("upper-case percent-encoded", each(|byte| format!("%{byte:02X}"))),
        ("JSON escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("list of numbers", secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()),
        ("UTF-16", secret.iter().flat_map(|byte| [*byte, 0]).collect()),
    ];
    // Base64 of a text with something before it has one of three alignments; its first and last letters mix with neighbours.
    for (before, name) in [(0, "base64"), (1, "base64 after one byte"), (2, "base64 after two bytes")] {
        let padded = [&[b':'; 2][..before], secret].concat();
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let inner = &encoded.as_bytes()[2 * usize::from(before > 0)..encoded.len() - 2];
            if !forms.iter().any(|(_, form)| form == inner) {
                forms.push((name, inner.to_vec()));
            }
        }
    }
    forms
}

#[test]
fn a_leak_is_found_in_every_form() {
    let canary = Canary::new("glpat-test");
    assert_ne!(canary.secret(), Canary::new("glpat-other").secret());
    assert_eq!(canary.found_in(b"nothing to see here"), Vec::<&str>::new());
    for (name, form) in &canary.forms {
        let leak = [b"log: ".as_slice(), form, b" end"].concat();
        assert!(canary.found_in(&leak).contains(name), "{name}");
    }
    let basic = STANDARD_NO_PAD.encode(format!("user:{}", canary.secret()));
    assert_eq!(canary.found_in(basic.as_bytes()), ["base64 after two bytes"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("below/leak"), canary.secret()).unwrap();
    assert_eq!(canary.found_below(folder.path()).len(), 3);
}
