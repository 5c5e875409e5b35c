//! When two spellings may be one file: on Windows and macOS names differ neither by case nor by how their accents are encoded.
//!
//! Two texts fold alike if they are equal after each character was lower-cased (Unicode's simple mapping) and taken apart into
//! letter and marks (canonical decomposition). Covered are Latin with Vietnamese, Greek, Cyrillic, Arabic and kana by the
//! table below, and Hangul by its arithmetic. Not covered, since the full tables are 20 times as long: other scripts, marks
//! in an order that is neither NFC's nor NFD's, and case pairs of unequal length such as `ß` and `SS`. What is not covered is
//! taken for two files, which is what it is on Linux and in git.

use crate::lower::{MARK, TWOFOLD, lower};
use crate::order;
use std::sync::LazyLock;

/// By mark, the letters: each without it, then with it. From `UnicodeData` 15; lower case is enough.
#[rustfmt::skip]
const MARKS: &[(char, &str)] = &[
    ('\u{300}', "aàeèiìoòuùüǜnǹеѐиѝēḕōṑwẁâầăằêềôồơờưừyỳἀἂἁἃἐἒἑἓἠἢἡἣἰἲἱἳὀὂὁὃὐὒὑὓὠὢὡὣαὰεὲηὴιὶοὸυὺωὼ᾿῍ϊῒ"),
    ('\u{300}', "῾῝ϋῢ¨῭"),
    ('\u{301}', "aáeéiíoóuúyýcćlĺnńrŕsśzźüǘgǵåǻæǽøǿ¨΅ϊΐαάεέηήιίϋΰοόυύωώϒϓгѓкќçḉēḗïḯkḱmḿõṍōṓpṕũṹwẃâấăắ"),
    ('\u{301}', "êếôốơớưứἀἄἁἅἐἔἑἕἠἤἡἥἰἴἱἵὀὄὁὅὐὔὑὕὠὤὡὥ᾿῎῾῞"),
    ('\u{302}', "aâeêiîoôuûcĉgĝhĥjĵsŝwŵyŷzẑạậẹệọộ"),
    ('\u{303}', "aãnñoõiĩuũvṽâẫăẵeẽêễôỗơỡưữyỹ"),
    ('\u{304}', "aāeēiīoōuūüǖäǟȧǡæǣǫǭöȫõȭȯȱyȳиӣуӯgḡḷḹṛṝαᾱιῑυῡ"),
    ('\u{306}', "aăeĕgğiĭoŏuŭийуўжӂаӑеӗȩḝạặαᾰιῐυῠ"),
    ('\u{307}', "cċeėgġzżaȧoȯbḃdḋfḟhḣmṁnṅpṗrṙsṡśṥšṧṣṩtṫwẇxẋyẏſẛ"),
    ('\u{308}', "aäeëiïoöuüyÿιϊυϋϒϔеёіїаӓәӛжӝзӟиӥоӧөӫэӭуӱчӵыӹhḧõṏūṻwẅxẍtẗ"),
    ('\u{309}', "aảâẩăẳeẻêểiỉoỏôổơởuủưửyỷ"),
    ('\u{30a}', "aåuůwẘyẙ"),
    ('\u{30b}', "oőuűуӳ"),
    ('\u{30c}', "cčdďeělľnňrřsštťzžaǎiǐoǒuǔüǚgǧkǩʒǯjǰhȟ"),
    ('\u{30f}', "aȁeȅiȉoȍrȑuȕѵѷ"),
    ('\u{311}', "aȃeȇiȋoȏrȓuȗ"),
    ('\u{313}', "αἀεἐηἠιἰοὀυὐωὠρῤ"),
    ('\u{314}', "αἁεἑηἡιἱοὁυὑωὡρῥ"),
    ('\u{31b}', "oơuư"),
    ('\u{323}', "bḅdḍhḥkḳlḷmṃnṇrṛsṣtṭvṿwẉzẓaạeẹiịoọơợuụưựyỵ"),
    ('\u{324}', "uṳ"),
    ('\u{325}', "aḁ"),
    ('\u{326}', "sștț"),
    ('\u{327}', "cçgģkķlļnņrŗsştţeȩdḑhḩ"),
    ('\u{328}', "aąeęiįuųoǫ"),
    ('\u{32d}', "dḓeḙlḽnṋtṱuṷ"),
    ('\u{32e}', "hḫ"),
    ('\u{330}', "eḛiḭuṵ"),
    ('\u{331}', "bḇdḏkḵlḻnṉrṟtṯzẕhẖ"),
    ('\u{342}', "ἀἆἁἇἠἦἡἧἰἶἱἷὐὖὑὗὠὦὡὧαᾶ¨῁ηῆ᾿῏ιῖϊῗ῾῟υῦϋῧωῶ"),
    ('\u{345}', "ἀᾀἁᾁἂᾂἃᾃἄᾄἅᾅἆᾆἇᾇἠᾐἡᾑἢᾒἣᾓἤᾔἥᾕἦᾖἧᾗὠᾠὡᾡὢᾢὣᾣὤᾤὥᾥὦᾦὧᾧὰᾲαᾳάᾴᾶᾷὴῂηῃήῄῆῇὼῲωῳώῴῶῷ"),
    ('\u{653}', "\u{627}\u{622}"),
    ('\u{654}', "\u{627}\u{623}\u{648}\u{624}\u{64a}\u{626}\u{6d5}\u{6c0}\u{6c1}\u{6c2}\u{6d2}\u{6d3}"),
    ('\u{655}', "\u{627}\u{625}"),
    ('\u{3099}', "かがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてでとどはばひびふぶへべほぼうゔゝゞカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボ"),
    ('\u{3099}', "ウヴワヷヰヸヱヹヲヺヽヾ"),
    ('\u{309a}', "はぱひぴふぷへぺほぽハパヒピフプヘペホポ"),
];

/// With the mark, without it, the mark; in order of the first.
static COMPOSED: LazyLock<Vec<(char, char, char)>> = LazyLock::new(|| {
    let mut composed = Vec::with_capacity(512);
    for (mark, letters) in MARKS {
        let mut letters = letters.chars();
        while let (Some(plain), Some(marked)) = (letters.next(), letters.next()) {
            composed.push((marked, plain, *mark));
        }
    }
    order::sort(&mut composed);
    composed
});

/// Calls `emit` with each character of the folded form of `character`.
pub fn fold(character: char, emit: &mut impl FnMut(char)) {
    if character.is_ascii() {
        return emit(character.to_ascii_lowercase());
    }
    take_apart(lower(character), emit);
    if character == TWOFOLD {
        emit(MARK);
    }
}

/// Whether both texts fold alike.
pub fn folds_alike(one: &str, other: &str) -> bool {
    one == other || folded(one) == folded(other)
}

/// The folded form.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    text.chars().for_each(|character| fold(character, &mut |folded_character| folded.push(folded_character)));
    folded
}

fn take_apart(character: char, emit: &mut impl FnMut(char)) {
    if take_hangul_apart(character, emit) {
        return;
    }
    match COMPOSED.binary_search_by_key(&character, |(marked, _, _)| *marked) {
        Ok(found) => {
            let (_, plain, mark) = COMPOSED[found];
            take_apart(plain, emit);
            emit(mark);
        }
        Err(_) => emit(character),
    }
}

/// Unicode, section 3.12: 19 leading consonants, 21 vowels, 27 trailing consonants or none.
fn take_hangul_apart(character: char, emit: &mut impl FnMut(char)) -> bool {
    if !matches!(character, '\u{ac00}'..='\u{d7a3}') {
        return false;
    }
    let index = character as u32 - 0xac00;
    let (leading, vowel, trailing) = (index / (21 * 28), index / 28 % 21, index % 28);
    let jamo = [0x1100 + leading, 0x1161 + vowel, 0x11a7 + trailing];
    let count = if trailing == 0 { 2 } else { 3 };
    jamo[..count].iter().copied().filter_map(char::from_u32).for_each(emit);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_some_platform_takes_for_one_file_fold_alike() {
        let table = [
            ("README.md", "readme.MD"),
            ("\u{e9}t\u{e9}", "e\u{301}te\u{301}"),
            ("\u{c9}", "e\u{301}"),
            ("Vi\u{1ec7}t", "vie\u{323}\u{302}t"),
            ("\u{130}", "i\u{307}"),
            ("\u{212b}", "a\u{30a}"),
            ("\u{3ae}", "\u{397}\u{301}"),
            ("\u{419}", "\u{438}\u{306}"),
            ("\u{d55c}\u{ae00}", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("\u{304c}", "\u{304b}\u{3099}"),
        ];
        for (one, other) in table {
            assert!(folds_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn other_names_do_not() {
        for (one, other) in
            [("a", "b"), ("e", "\u{e9}"), ("stra\u{df}e", "strasse"), ("a/b", "a-b"), ("\u{ac00}", "\u{ac01}")]
        {
            assert!(!folds_alike(one, other), "{one} {other}");
        }
    }
}
