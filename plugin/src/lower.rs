//! The small letter of each capital.
//!
//! The standard library's table takes 12 kB of the component for what takes 2 in runs of neighbours. It is the same table: a test holds
//! each character against the library's.

/// The first and the last capital of a run, and the small letter of the first. Where that is the next character, capitals and small letters
/// alternate; else they are in two rows. From `UnicodeData` 17, without ASCII.
#[rustfmt::skip]
const RUNS: &[(char, char, char)] = &[
    ('\u{c0}', '\u{d6}', '\u{e0}'), ('\u{d8}', '\u{de}', '\u{f8}'), ('\u{100}', '\u{12e}', '\u{101}'),
    ('\u{130}', '\u{130}', '\u{69}'), ('\u{132}', '\u{136}', '\u{133}'), ('\u{139}', '\u{147}', '\u{13a}'),
    ('\u{14a}', '\u{176}', '\u{14b}'), ('\u{178}', '\u{178}', '\u{ff}'), ('\u{179}', '\u{17d}', '\u{17a}'),
    ('\u{181}', '\u{181}', '\u{253}'), ('\u{182}', '\u{184}', '\u{183}'), ('\u{186}', '\u{186}', '\u{254}'),
    ('\u{187}', '\u{187}', '\u{188}'), ('\u{189}', '\u{18a}', '\u{256}'), ('\u{18b}', '\u{18b}', '\u{18c}'),
    ('\u{18e}', '\u{18e}', '\u{1dd}'), ('\u{18f}', '\u{18f}', '\u{259}'), ('\u{190}', '\u{190}', '\u{25b}'),
    ('\u{191}', '\u{191}', '\u{192}'), ('\u{193}', '\u{193}', '\u{260}'), ('\u{194}', '\u{194}', '\u{263}'),
    ('\u{196}', '\u{196}', '\u{269}'), ('\u{197}', '\u{197}', '\u{268}'), ('\u{198}', '\u{198}', '\u{199}'),
    ('\u{19c}', '\u{19c}', '\u{26f}'), ('\u{19d}', '\u{19d}', '\u{272}'), ('\u{19f}', '\u{19f}', '\u{275}'),
    ('\u{1a0}', '\u{1a4}', '\u{1a1}'), ('\u{1a6}', '\u{1a6}', '\u{280}'), ('\u{1a7}', '\u{1a7}', '\u{1a8}'),
    ('\u{1a9}', '\u{1a9}', '\u{283}'), ('\u{1ac}', '\u{1ac}', '\u{1ad}'), ('\u{1ae}', '\u{1ae}', '\u{288}'),
    ('\u{1af}', '\u{1af}', '\u{1b0}'), ('\u{1b1}', '\u{1b2}', '\u{28a}'), ('\u{1b3}', '\u{1b5}', '\u{1b4}'),
    ('\u{1b7}', '\u{1b7}', '\u{292}'), ('\u{1b8}', '\u{1b8}', '\u{1b9}'), ('\u{1bc}', '\u{1bc}', '\u{1bd}'),
    ('\u{1c4}', '\u{1c4}', '\u{1c6}'), ('\u{1c5}', '\u{1c5}', '\u{1c6}'), ('\u{1c7}', '\u{1c7}', '\u{1c9}'),
    ('\u{1c8}', '\u{1c8}', '\u{1c9}'), ('\u{1ca}', '\u{1ca}', '\u{1cc}'), ('\u{1cb}', '\u{1db}', '\u{1cc}'),
    ('\u{1de}', '\u{1ee}', '\u{1df}'), ('\u{1f1}', '\u{1f1}', '\u{1f3}'), ('\u{1f2}', '\u{1f4}', '\u{1f3}'),
    ('\u{1f6}', '\u{1f6}', '\u{195}'), ('\u{1f7}', '\u{1f7}', '\u{1bf}'), ('\u{1f8}', '\u{21e}', '\u{1f9}'),
    ('\u{220}', '\u{220}', '\u{19e}'), ('\u{222}', '\u{232}', '\u{223}'), ('\u{23a}', '\u{23a}', '\u{2c65}'),
    ('\u{23b}', '\u{23b}', '\u{23c}'), ('\u{23d}', '\u{23d}', '\u{19a}'), ('\u{23e}', '\u{23e}', '\u{2c66}'),
    ('\u{241}', '\u{241}', '\u{242}'), ('\u{243}', '\u{243}', '\u{180}'), ('\u{244}', '\u{244}', '\u{289}'),
    ('\u{245}', '\u{245}', '\u{28c}'), ('\u{246}', '\u{24e}', '\u{247}'), ('\u{370}', '\u{372}', '\u{371}'),
    ('\u{376}', '\u{376}', '\u{377}'), ('\u{37f}', '\u{37f}', '\u{3f3}'), ('\u{386}', '\u{386}', '\u{3ac}'),
    ('\u{388}', '\u{38a}', '\u{3ad}'), ('\u{38c}', '\u{38c}', '\u{3cc}'), ('\u{38e}', '\u{38f}', '\u{3cd}'),
    ('\u{391}', '\u{3a1}', '\u{3b1}'), ('\u{3a3}', '\u{3ab}', '\u{3c3}'), ('\u{3cf}', '\u{3cf}', '\u{3d7}'),
    ('\u{3d8}', '\u{3ee}', '\u{3d9}'), ('\u{3f4}', '\u{3f4}', '\u{3b8}'), ('\u{3f7}', '\u{3f7}', '\u{3f8}'),
    ('\u{3f9}', '\u{3f9}', '\u{3f2}'), ('\u{3fa}', '\u{3fa}', '\u{3fb}'), ('\u{3fd}', '\u{3ff}', '\u{37b}'),
    ('\u{400}', '\u{40f}', '\u{450}'), ('\u{410}', '\u{42f}', '\u{430}'), ('\u{460}', '\u{480}', '\u{461}'),
    ('\u{48a}', '\u{4be}', '\u{48b}'), ('\u{4c0}', '\u{4c0}', '\u{4cf}'), ('\u{4c1}', '\u{4cd}', '\u{4c2}'),
    ('\u{4d0}', '\u{52e}', '\u{4d1}'), ('\u{531}', '\u{556}', '\u{561}'), ('\u{10a0}', '\u{10c5}', '\u{2d00}'),
    ('\u{10c7}', '\u{10c7}', '\u{2d27}'), ('\u{10cd}', '\u{10cd}', '\u{2d2d}'), ('\u{13a0}', '\u{13ef}', '\u{ab70}'),
    ('\u{13f0}', '\u{13f5}', '\u{13f8}'), ('\u{1c89}', '\u{1c89}', '\u{1c8a}'), ('\u{1c90}', '\u{1cba}', '\u{10d0}'),
    ('\u{1cbd}', '\u{1cbf}', '\u{10fd}'), ('\u{1e00}', '\u{1e94}', '\u{1e01}'), ('\u{1e9e}', '\u{1e9e}', '\u{df}'),
    ('\u{1ea0}', '\u{1efe}', '\u{1ea1}'), ('\u{1f08}', '\u{1f0f}', '\u{1f00}'), ('\u{1f18}', '\u{1f1d}', '\u{1f10}'),
    ('\u{1f28}', '\u{1f2f}', '\u{1f20}'), ('\u{1f38}', '\u{1f3f}', '\u{1f30}'), ('\u{1f48}', '\u{1f4d}', '\u{1f40}'),
    ('\u{1f59}', '\u{1f59}', '\u{1f51}'), ('\u{1f5b}', '\u{1f5b}', '\u{1f53}'), ('\u{1f5d}', '\u{1f5d}', '\u{1f55}'),
    ('\u{1f5f}', '\u{1f5f}', '\u{1f57}'), ('\u{1f68}', '\u{1f6f}', '\u{1f60}'), ('\u{1f88}', '\u{1f8f}', '\u{1f80}'),
    ('\u{1f98}', '\u{1f9f}', '\u{1f90}'), ('\u{1fa8}', '\u{1faf}', '\u{1fa0}'), ('\u{1fb8}', '\u{1fb9}', '\u{1fb0}'),
    ('\u{1fba}', '\u{1fbb}', '\u{1f70}'), ('\u{1fbc}', '\u{1fbc}', '\u{1fb3}'), ('\u{1fc8}', '\u{1fcb}', '\u{1f72}'),
    ('\u{1fcc}', '\u{1fcc}', '\u{1fc3}'), ('\u{1fd8}', '\u{1fd9}', '\u{1fd0}'), ('\u{1fda}', '\u{1fdb}', '\u{1f76}'),
    ('\u{1fe8}', '\u{1fe9}', '\u{1fe0}'), ('\u{1fea}', '\u{1feb}', '\u{1f7a}'), ('\u{1fec}', '\u{1fec}', '\u{1fe5}'),
    ('\u{1ff8}', '\u{1ff9}', '\u{1f78}'), ('\u{1ffa}', '\u{1ffb}', '\u{1f7c}'), ('\u{1ffc}', '\u{1ffc}', '\u{1ff3}'),
    ('\u{2126}', '\u{2126}', '\u{3c9}'), ('\u{212a}', '\u{212a}', '\u{6b}'), ('\u{212b}', '\u{212b}', '\u{e5}'),
    ('\u{2132}', '\u{2132}', '\u{214e}'), ('\u{2160}', '\u{216f}', '\u{2170}'), ('\u{2183}', '\u{2183}', '\u{2184}'),
    ('\u{24b6}', '\u{24cf}', '\u{24d0}'), ('\u{2c00}', '\u{2c2f}', '\u{2c30}'), ('\u{2c60}', '\u{2c60}', '\u{2c61}'),
    ('\u{2c62}', '\u{2c62}', '\u{26b}'), ('\u{2c63}', '\u{2c63}', '\u{1d7d}'), ('\u{2c64}', '\u{2c64}', '\u{27d}'),
    ('\u{2c67}', '\u{2c6b}', '\u{2c68}'), ('\u{2c6d}', '\u{2c6d}', '\u{251}'), ('\u{2c6e}', '\u{2c6e}', '\u{271}'),
    ('\u{2c6f}', '\u{2c6f}', '\u{250}'), ('\u{2c70}', '\u{2c70}', '\u{252}'), ('\u{2c72}', '\u{2c72}', '\u{2c73}'),
    ('\u{2c75}', '\u{2c75}', '\u{2c76}'), ('\u{2c7e}', '\u{2c7f}', '\u{23f}'), ('\u{2c80}', '\u{2ce2}', '\u{2c81}'),
    ('\u{2ceb}', '\u{2ced}', '\u{2cec}'), ('\u{2cf2}', '\u{2cf2}', '\u{2cf3}'), ('\u{a640}', '\u{a66c}', '\u{a641}'),
    ('\u{a680}', '\u{a69a}', '\u{a681}'), ('\u{a722}', '\u{a72e}', '\u{a723}'), ('\u{a732}', '\u{a76e}', '\u{a733}'),
    ('\u{a779}', '\u{a77b}', '\u{a77a}'), ('\u{a77d}', '\u{a77d}', '\u{1d79}'), ('\u{a77e}', '\u{a786}', '\u{a77f}'),
    ('\u{a78b}', '\u{a78b}', '\u{a78c}'), ('\u{a78d}', '\u{a78d}', '\u{265}'), ('\u{a790}', '\u{a792}', '\u{a791}'),
    ('\u{a796}', '\u{a7a8}', '\u{a797}'), ('\u{a7aa}', '\u{a7aa}', '\u{266}'), ('\u{a7ab}', '\u{a7ab}', '\u{25c}'),
    ('\u{a7ac}', '\u{a7ac}', '\u{261}'), ('\u{a7ad}', '\u{a7ad}', '\u{26c}'), ('\u{a7ae}', '\u{a7ae}', '\u{26a}'),
    ('\u{a7b0}', '\u{a7b0}', '\u{29e}'), ('\u{a7b1}', '\u{a7b1}', '\u{287}'), ('\u{a7b2}', '\u{a7b2}', '\u{29d}'),
    ('\u{a7b3}', '\u{a7b3}', '\u{ab53}'), ('\u{a7b4}', '\u{a7c2}', '\u{a7b5}'), ('\u{a7c4}', '\u{a7c4}', '\u{a794}'),
    ('\u{a7c5}', '\u{a7c5}', '\u{282}'), ('\u{a7c6}', '\u{a7c6}', '\u{1d8e}'), ('\u{a7c7}', '\u{a7c9}', '\u{a7c8}'),
    ('\u{a7cb}', '\u{a7cb}', '\u{264}'), ('\u{a7cc}', '\u{a7da}', '\u{a7cd}'), ('\u{a7dc}', '\u{a7dc}', '\u{19b}'),
    ('\u{a7f5}', '\u{a7f5}', '\u{a7f6}'), ('\u{ff21}', '\u{ff3a}', '\u{ff41}'), ('\u{10400}', '\u{10427}', '\u{10428}'),
    ('\u{104b0}', '\u{104d3}', '\u{104d8}'), ('\u{10570}', '\u{1057a}', '\u{10597}'), ('\u{1057c}', '\u{1058a}', '\u{105a3}'),
    ('\u{1058c}', '\u{10592}', '\u{105b3}'), ('\u{10594}', '\u{10595}', '\u{105bb}'), ('\u{10c80}', '\u{10cb2}', '\u{10cc0}'),
    ('\u{10d50}', '\u{10d65}', '\u{10d70}'), ('\u{118a0}', '\u{118bf}', '\u{118c0}'), ('\u{16e40}', '\u{16e5f}', '\u{16e60}'),
    ('\u{16ea0}', '\u{16eb8}', '\u{16ebb}'), ('\u{1e900}', '\u{1e921}', '\u{1e922}'),
];

/// The small letter of a capital, or the character itself. Of `İ` the `i`, which [`MARK`] belongs to.
pub(crate) fn lower(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let after = RUNS.partition_point(|(first, ..)| *first <= character);
    let Some((first, last, small)) = after.checked_sub(1).map(|at| RUNS[at]) else { return character };
    let (distance, shift) = (character as u32 - first as u32, (small as u32).wrapping_sub(first as u32));
    let is_in_between = shift == 1 && distance % 2 == 1;
    if character > last || is_in_between {
        return character;
    }
    char::from_u32(small as u32 + distance).unwrap_or(character)
}

/// Whether it has a small letter.
pub(crate) fn is_capital(character: char) -> bool {
    lower(character) != character
}

/// The capital of which the small letter is two characters, and the second one of them.
pub(crate) const TWOFOLD: char = '\u{130}';
/// See [`TWOFOLD`].
pub(crate) const MARK: char = '\u{307}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_the_small_letter_that_the_standard_library_gives_it() {
        for character in '\0'..=char::MAX {
            let theirs: Vec<char> = character.to_lowercase().collect();
            let ours = if character == TWOFOLD { vec![lower(character), MARK] } else { vec![lower(character)] };
            assert_eq!(ours, theirs, "{character:?}");
        }
    }
}
