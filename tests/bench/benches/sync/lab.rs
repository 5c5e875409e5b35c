//! The simulator behind the relay, and projects with N small Markdown files, made once and shared by hard links.
//!
//! A file has 0.5 to 3.5 KiB of words, a folder 100 files. One `git fast-import` makes the pack for a size; every project of that
//! size has the same pack.

use crate::relay::Relay;
use gitlab_sim::{
    AccessLevel, Action, Admin, CommitSpec, ProjectSpec, Running, Settings, Simulator, Source, TokenSpec, UserSpec,
};
use std::fs;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Files that change at a time.
pub(crate) const CHANGED: usize = 10;
/// The branch of every project.
pub(crate) const MAIN: &str = "main";
const FILES_PER_FOLDER: usize = 100;
const WORDS: [&str; 16] = [
    "sync", "branch", "handbook", "page", "table", "of", "the", "and", "reviewed", "by", "release", "notes", "weekly",
    "plan", "draft", "owner",
];

/// The instance, its one user and her token.
pub(crate) struct Lab {
    gitlab: Running,
    pub(crate) relay: Relay,
    pub(crate) token: String,
    alice: u64,
    folder: PathBuf,
    /// Where tools have their workspaces.
    pub(crate) homes: PathBuf,
    projects: u64,
}

/// A project as each tool names it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) id: u64,
    pub(crate) path: String,
}

/// Path and content of some files.
pub(crate) type Edits = Vec<(String, Vec<u8>)>;

impl Lab {
    /// With its repositories in this folder. The limits per minute are off: a benchmark asks for more archives than five.
    pub(crate) async fn start(folder: &Path, homes: &Path) -> Self {
        let mut settings = Settings::default();
        (settings.limits.archive, settings.limits.raw_blob) = (1_000_000, 0);
        let repositories = folder.join("repositories");
        fs::create_dir_all(&repositories).expect("a folder");
        let gitlab = Simulator::builder().settings(settings).repositories(repositories).start().await;
        let gitlab = gitlab.expect("a simulator");
        let address: SocketAddr = gitlab.url().trim_start_matches("http://").parse().expect("an address");
        let admin = gitlab.admin();
        let alice = admin.create_user(UserSpec::person("alice")).id;
        let token = admin.create_token(TokenSpec::personal(alice, &["api"])).secret;
        Self {
            relay: Relay::start(address),
            gitlab,
            token,
            alice,
            folder: folder.to_owned(),
            homes: homes.to_owned(),
            projects: 0,
        }
    }

    /// Where every tool reaches it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.relay.address())
    }

    pub(crate) fn admin(&self) -> Admin {
        self.gitlab.admin()
    }

    /// A private project without a commit.
    pub(crate) fn empty_project(&mut self) -> Place {
        self.projects += 1;
        let path = format!("bench/p{}", self.projects);
        let spec = ProjectSpec { creator_id: Some(self.alice), ..ProjectSpec::at(&path) };
        let id = self.admin().create_project(&spec).expect("a new path").id;
        self.admin().add_member(Source::Project(id), self.alice, AccessLevel::Maintainer);
        Place { id, path }
    }

    /// A private project with `files` files in one commit.
    pub(crate) fn project_of(&mut self, files: usize) -> Place {
        let template = self.template(files);
        let place = self.empty_project();
        let repository = self.repository(&place);
        let packs = repository.join("objects/pack");
        for entry in fs::read_dir(template.join("objects/pack")).expect("a pack").map(|entry| entry.expect("an entry"))
        {
            fs::hard_link(entry.path(), packs.join(entry.file_name())).expect("one file system");
        }
        let head = git(&template, &["rev-parse", MAIN]);
        git(&repository, &["update-ref", &format!("refs/heads/{MAIN}"), head.trim()]);
        place
    }

    /// The workspace of `files` files as a folder to be copied by hard links.
    pub(crate) fn sources(&self, files: usize) -> PathBuf {
        let folder = self.folder.join(format!("sources-{files}"));
        if !folder.exists() {
            for number in 0..files {
                write(&folder, &path(number), &content(number, 0));
            }
        }
        folder
    }

    /// Somebody changes ten files on the branch. `round` makes them different each time.
    pub(crate) fn change_branch(&self, place: &Place, edits: &Edits) {
        let spec =
            edits.iter().fold(CommitSpec::on(MAIN, "Change ten files").by(self.alice), |spec, (path, content)| {
                spec.action(Action::Update { path: path.clone(), content: content.clone() })
            });
        self.admin().commit(place.id, spec).expect("the files are there");
    }

    /// Whether the branch holds these contents.
    pub(crate) fn branch_holds(&self, place: &Place, edits: &Edits) -> bool {
        let repository = self.repository(place);
        edits.iter().all(|(path, content)| {
            git(&repository, &["show", &format!("{MAIN}:{path}")]).as_bytes() == content.as_slice()
        })
    }

    /// How many files the branch has.
    pub(crate) fn files_on_branch(&self, place: &Place) -> usize {
        git(&self.repository(place), &["ls-tree", "-r", "--name-only", MAIN]).lines().count()
    }

    fn repository(&self, place: &Place) -> PathBuf {
        self.admin().repository_path(place.id)
    }

    fn template(&self, files: usize) -> PathBuf {
        let folder = self.folder.join(format!("template-{files}.git"));
        if folder.exists() {
            return folder;
        }
        fs::create_dir_all(&folder).expect("a folder");
        git(&folder, &["init", "--quiet", "--bare", "--initial-branch", MAIN, "."]);
        let mut import = Command::new("git")
            .args(["-C", &folder.to_string_lossy(), "fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git starts");
        let mut stream = BufWriter::new(import.stdin.take().expect("it was piped"));
        write_import(&mut stream, files).expect("git reads it all");
        drop(stream);
        assert!(import.wait().expect("git ends").success(), "git fast-import failed");
        // As a server that is looked after has it: one pack, with its best deltas.
        git(&folder, &["repack", "-adq"]);
        folder
    }
}

/// One commit of all files.
fn write_import(stream: &mut impl Write, files: usize) -> std::io::Result<()> {
    write!(
        stream,
        "commit refs/heads/{MAIN}\ncommitter Alice <alice@example.com> 1795000000 +0000\ndata 6\nBegin\n\n"
    )?;
    for number in 0..files {
        let content = content(number, 0);
        write!(stream, "M 100644 inline {}\ndata {}\n", path(number), content.len())?;
        stream.write_all(&content)?;
        stream.write_all(b"\n")?;
    }
    stream.write_all(b"done\n")
}

/// The path of a file by its number.
fn path(number: usize) -> String {
    format!("docs/part-{:04}/page-{number:06}.md", number / FILES_PER_FOLDER)
}

/// Ten files in ten places and what they say in this round.
pub(crate) fn edits(files: usize, round: usize) -> Edits {
    (0..CHANGED)
        .map(|which| {
            let number = which * files / CHANGED + round % (files / CHANGED).max(1);
            (path(number), content(number, round + 1))
        })
        .collect()
}

/// Words by a small generator, so that every run has the same: 0.5 to 3.5 KiB. Versions differ in one line in the middle, as an
/// edit does.
fn content(number: usize, version: usize) -> Vec<u8> {
    let mut state = number as u64 + 1;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let size = 512 + usize::try_from(next(3_072)).expect("a small number");
    let mut text = format!("# Page {number}\n\n");
    let mut edited = false;
    while text.len() < size {
        if !edited && text.len() > size / 2 {
            text.push_str(&format!("\nversion {version} of this line\n"));
            edited = true;
        }
        let word = WORDS[usize::try_from(next(16)).expect("a small number")];
        text.push_str(word);
        text.push_str(&format!("{:x}", next(4_096)));
        text.push(if next(12) == 0 { '\n' } else { ' ' });
    }
    text.push('\n');
    text.into_bytes()
}

/// Writes a file by putting a new one in its place: a hard link's other names keep the old content. Dated back for every tool: a file that
/// was edited in the last seconds is looked at again later, in whichever round that falls.
pub(crate) fn write(folder: &Path, path: &str, content: &[u8]) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().expect("it is in the folder")).expect("a folder");
    let aside = file.with_extension("aside");
    fs::write(&aside, content).expect("room for a file");
    let dated = fs::File::options().write(true).open(&aside).expect("it was just written");
    dated.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("a date that any file may have");
    fs::rename(&aside, &file).expect("nothing is in its way");
}

/// Copies a folder of files by hard links.
pub(crate) fn link_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            link_all(&entry.path(), &target);
        } else {
            fs::hard_link(entry.path(), target).expect("one file system");
        }
    }
}

/// Markdown files below a folder.
pub(crate) fn count_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count_files(&entry.path()),
        _ => usize::from(entry.path().extension().is_some_and(|extension| extension == "md")),
    };
    entries.filter_map(Result::ok).map(count).sum()
}

/// Whether the folder holds these contents.
pub(crate) fn folder_holds(folder: &Path, edits: &Edits) -> bool {
    edits.iter().all(|(path, content)| fs::read(folder.join(path)).is_ok_and(|bytes| bytes == *content))
}

/// git in a folder, past every configuration of the machine.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
