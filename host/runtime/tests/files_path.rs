//! What a path in the workspace may look like: the table of cost-and-trust 9.2.

use gitlab_sync_host::files::{PathError, WorkspacePath};
use proptest::prelude::*;

const GOOD: &[&str] = &[
    "a",
    "a.md",
    "a/b",
    "a/b/c/d/e/f.md",
    "README.md",
    "readme.MD",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".gitlab-ci.yml",
    ".gitlab/issue_templates/bug.md",
    ".github/workflows/a.yml",
    "git",
    "git/config",
    "gitx~1",
    "git~",
    "git~1a",
    "git~x",
    "agit~1",
    "a.git",
    "a.git/config",
    "x/.gitlab-sync",
    "x/gitlab~1",
    ".gitlab-syncs",
    ".gitlab-sync.md",
    "...a",
    "..a",
    ".a",
    "a..b",
    " a",
    "a b",
    "~",
    "~root",
    "%2e%2e",
    "%2F",
    "--help",
    "-",
    "console",
    "con1",
    "com",
    "com10",
    "com1x.md",
    "lpt",
    "auxiliary.md",
    "null.md",
    "nul-x",
    "x.nul",
    "x.con",
    "$con",
    "a$b",
    "a&b",
    "a;b",
    "a'b",
    "a`b`",
    "a#b",
    "a@b",
    "a=b",
    "a+b",
    "a,b",
    "[a]",
    "{a}",
    "(a)",
    "!a",
    "^a",
    "ä",
    "a\u{308}",
    "日本語.md",
    "🦊/🦊.md",
    "\u{202e}dm.exe",
    "a\u{200c}b",
    "ﬁle",
];

#[test]
fn a_path_that_is_safe_everywhere_is_taken_as_it_is() {
    for text in GOOD {
        assert_eq!(WorkspacePath::parse(text).as_ref().map(WorkspacePath::as_str), Ok(*text));
    }
}

#[test]
fn a_path_that_is_unsafe_anywhere_is_refused_with_the_reason() {
    use PathError::{
        Absolute, Control, Device, Dots, Empty, EmptyPart, Forbidden, GitFolder, HostFolder, TrailingDotOrSpace,
    };
    let device = |name: &str| Device(name.to_owned());
    let git = |name: &str| GitFolder(name.to_owned());
    let host = |name: &str| HostFolder(name.to_owned());
    let trailing = |name: &str| TrailingDotOrSpace(name.to_owned());
    let table = [
        ("", Empty),
        ("/", Absolute),
        ("/a", Absolute),
        ("//a", Absolute),
        ("//server/share", Absolute),
        ("/etc/passwd", Absolute),
        ("a/", EmptyPart),
        ("a//b", EmptyPart),
        ("a/b//", EmptyPart),
        (".", Dots(".")),
        ("..", Dots("..")),
        ("./a", Dots(".")),
        ("../a", Dots("..")),
        ("a/.", Dots(".")),
        ("a/..", Dots("..")),
        ("a/./b", Dots(".")),
        ("a/../b", Dots("..")),
        ("a/../../etc/passwd", Dots("..")),
        ("../../../../etc/passwd", Dots("..")),
        ("...", trailing("...")),
        (".. ", trailing(".. ")),
        ("a/.. /b", trailing(".. ")),
        ("a\0", Control(0)),
        ("\0", Control(0)),
        ("a\0.md", Control(0)),
        ("a\nb", Control(10)),
        ("a\rb", Control(13)),
        ("a\tb", Control(9)),
        ("a\u{1b}[2Jb", Control(0x1b)),
        ("a\u{7f}", Control(0x7f)),
        ("a\u{85}b", Control(0x85)),
        ("a\\b", Forbidden('\\')),
        ("..\\a", Forbidden('\\')),
        ("\\\\server\\share", Forbidden('\\')),
        ("a\\..\\..\\b", Forbidden('\\')),
        (".git\\config", Forbidden('\\')),
        ("C:", Forbidden(':')),
        ("C:/a", Forbidden(':')),
        ("c:a", Forbidden(':')),
        ("a:b", Forbidden(':')),
        ("a.md::$DATA", Forbidden(':')),
        (".git::$INDEX_ALLOCATION/config", Forbidden(':')),
        ("https://gitlab.com/a", Forbidden(':')),
        ("a?.md", Forbidden('?')),
        ("*.md", Forbidden('*')),
        ("a<b", Forbidden('<')),
        ("a>b", Forbidden('>')),
        ("a|b", Forbidden('|')),
        ("a\"b", Forbidden('"')),
        ("a.", trailing("a.")),
        ("a ", trailing("a ")),
        ("a./b", trailing("a.")),
        ("a /b", trailing("a ")),
        ("a.md. .", trailing("a.md. .")),
        (" ", trailing(" ")),
        (".git", git(".git")),
        (".GIT", git(".GIT")),
        (".Git/config", git(".Git")),
        (".git/hooks/post-checkout", git(".git")),
        ("a/.git/config", git(".git")),
        ("a/b/.gIt", git(".gIt")),
        (".git.", git(".git.")),
        (".git ", git(".git ")),
        (".git . .", git(".git . .")),
        ("git~1", git("git~1")),
        ("GIT~1", git("GIT~1")),
        ("Git~2/config", git("Git~2")),
        ("a/git~1/config", git("git~1")),
        ("git~12", git("git~12")),
        (".g\u{200c}it", git(".g\u{200c}it")),
        ("\u{feff}.git", git("\u{feff}.git")),
        (".git\u{200d}", git(".git\u{200d}")),
        (".\u{202a}g\u{206f}I\u{200e}t", git(".\u{202a}g\u{206f}I\u{200e}t")),
        ("a/.g\u{206a}it/x", git(".g\u{206a}it")),
        (".gıt", git(".gıt")),
        (".gitlab-sync", host(".gitlab-sync")),
        (".gitlab-sync/journal", host(".gitlab-sync")),
        (".GitLab-Sync/journal", host(".GitLab-Sync")),
        (".gitlab-\u{17f}ync", host(".gitlab-\u{17f}ync")),
        (".gitlab\u{200c}-sync/x", host(".gitlab\u{200c}-sync")),
        ("gitlab~1", host("gitlab~1")),
        ("GITLAB~1/journal", host("GITLAB~1")),
        ("con", device("con")),
        ("CON", device("CON")),
        ("Con.md", device("Con.md")),
        ("con.a.b", device("con.a.b")),
        ("con .md", device("con .md")),
        ("a/con/b", device("con")),
        ("prn", device("prn")),
        ("aux.md", device("aux.md")),
        ("AUX", device("AUX")),
        ("nul", device("nul")),
        ("NUL.txt", device("NUL.txt")),
        ("nul  .txt", device("nul  .txt")),
        ("com0", device("com0")),
        ("com1", device("com1")),
        ("COM9.md", device("COM9.md")),
        ("com¹", device("com¹")),
        ("COM².md", device("COM².md")),
        ("lpt1", device("lpt1")),
        ("LPT9", device("LPT9")),
        ("lpt³.a", device("lpt³.a")),
        ("conin$", device("conin$")),
        ("CONOUT$.md", device("CONOUT$.md")),
    ];
    for (text, reason) in &table {
        assert_eq!(WorkspacePath::parse(text).as_ref(), Err(reason), "{text:?}");
        assert!(!reason.to_string().is_empty());
    }
    assert!(table.len() + GOOD.len() >= 160, "{} cases", table.len() + GOOD.len());
}

#[test]
fn lengths_are_counted_in_bytes() {
    let part = |bytes: usize| "x".repeat(bytes);
    let wide = "ä".repeat(128);
    let whole = [part(255), part(255), part(255), part(255)].join("/");
    let table = [
        (part(255), None),
        (part(256), Some(PathError::LongPart(256))),
        (format!("a/{}", part(256)), Some(PathError::LongPart(256))),
        (wide[..254].to_owned(), None),
        (wide, Some(PathError::LongPart(256))),
        ([whole.as_str(); 4].join("/"), None),
        (format!("{}/{}", [whole.as_str(); 4].join("/"), part(1)), Some(PathError::Long(4097))),
        (["a"; 100].join("/"), None),
        (["a"; 101].join("/"), Some(PathError::Deep(101))),
    ];
    for (text, refused) in table {
        assert_eq!(WorkspacePath::parse(&text).err(), refused, "{} bytes", text.len());
    }
}

#[test]
fn a_path_knows_the_folders_it_is_in() {
    let path: WorkspacePath = "a/b/c.md".parse().unwrap();
    let folders: Vec<String> = path.ancestors().map(|folder| folder.to_string()).collect();
    assert_eq!(folders, ["a/b", "a"]);
    assert_eq!(path.name(), "c.md");
    let table = [("a", true), ("a/b", true), ("a/b/c.md", false), ("a/b/c", false), ("b", false)];
    for (folder, below) in table {
        assert_eq!(path.is_below(&folder.parse().unwrap()), below, "{folder}");
    }
}

proptest! {
    #[test]
    fn a_checked_path_never_leaves_its_root(text in "[a-zA-Z./~ :\\\\\u{200c}git-]{0,40}") {
        let Ok(path) = WorkspacePath::parse(&text) else { return Ok(()) };
        let joined = std::path::Path::new("root").join(path.as_str());
        let normal = joined.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        prop_assert!(normal && joined.starts_with("root"));
        prop_assert_eq!(joined.components().count(), path.parts().count() + 1);
        prop_assert!(!path.parts().any(|part| part.eq_ignore_ascii_case(".git")));
    }
}
