//! python-gitlab, a client that nobody here wrote. Installed into a virtual environment below the target folder; skipped,
//! loudly, where that is not possible.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::support::Lab;

const VERSION: &str = "python-gitlab==6.5.0";

const SCRIPT: &str = r##"
import sys, base64, gitlab
url, token, project_id = sys.argv[1:4]
gl = gitlab.Gitlab(url, private_token=token)
gl.auth()
assert gl.user.username == "alice", gl.user
assert gl.version()[0].startswith("18."), gl.version()
assert gl.personal_access_tokens.get("self").active
p = gl.projects.get(int(project_id))
assert gl.projects.get("demo/handbook").id == p.id
commit = p.commits.create({"branch": "main", "commit_message": "many", "actions": [
    {"action": "create", "file_path": f"dir/f{n}.md", "content": f"# {n}\n"} for n in range(45)]})
assert commit.stats["additions"] == 45, commit.stats
assert len(p.repository_tree(recursive=True, get_all=True)) == 46
assert len(list(p.repository_tree(recursive=True, iterator=True, pagination="keyset", per_page=10))) == 46
f = p.files.get(file_path="dir/f1.md", ref="main")
assert f.decode() == b"# 1\n", f.decode()
f.content = "changed\n"
f.save(branch="main", commit_message="change")
assert p.files.raw(file_path="dir/f1.md", ref="main") == b"changed\n"
p.files.create({"file_path": "x/ü.md", "branch": "main", "content": base64.b64encode(b"\x00\xff").decode(), "encoding": "base64", "commit_message": "c"})
assert p.files.get("x/ü.md", ref="main").decode() == b"\x00\xff"
p.files.delete(file_path="x/ü.md", commit_message="d", branch="main")
b = p.branches.create({"branch": "topic/a", "ref": "main"})
assert p.branches.get("topic/a").commit["id"] == b.commit["id"]
b.delete()
assert [x.name for x in p.branches.list(get_all=True)] == ["main"]
pb = p.protectedbranches.create({"name": "release/*", "merge_access_level": 30})
assert p.protectedbranches.get("release/*").name == "release/*"
pb.delete()
diff = p.repository_compare(commit.id, "main")
assert any(d["new_path"] == "dir/f1.md" for d in diff["diffs"]), diff
assert len(p.commits.list(get_all=True)) >= 4
assert p.commits.get(commit.id).diff()
assert p.repository_archive(format="zip")[:2] == b"PK"
assert p.repository_blob(p.repository_tree()[-1]["id"]) if p.repository_tree()[-1]["type"] == "blob" else True
t = p.access_tokens.create({"name": "bot", "scopes": ["api"], "access_level": 30})
bot = gitlab.Gitlab(url, private_token=t.token); bot.auth()
assert bot.user.bot and bot.projects.list(membership=True)[0].id == p.id
new = p.access_tokens.rotate(t.id) if hasattr(p.access_tokens, "rotate") else None
m = p.members_all.list(get_all=True)
assert {x.username for x in m} >= {"alice"}, m
made = gl.projects.create({"name": "From Python", "initialize_with_readme": True})
assert made.path == "from-python" and made.default_branch == "main"
assert len(list(gl.projects.list(iterator=True, order_by="id", sort="asc", pagination="keyset", per_page=1, owned=True))) >= 1
for call, status in [(lambda: gl.projects.get("no/such"), 404),
                     (lambda: p.files.get("nope", ref="main"), 404),
                     (lambda: p.commits.create({"branch": "main", "commit_message": "m", "actions": [{"action": "delete", "file_path": "nope"}]}), 400)]:
    try:
        call(); raise SystemExit("no error")
    except gitlab.exceptions.GitlabError as error:
        assert error.response_code == status, error
        assert error.error_message, error
g = gl.groups.create({"name": "Py", "path": "py"})
assert gl.groups.get("py").id == g.id and gl.namespaces.list(search="py")[0].kind == "group"
print("python-gitlab is content")
"##;

/// A Python with python-gitlab in it, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    // One test installs while another waits.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-gitlab");
    let python = folder.join("bin/python");
    if folder.join("complete").exists() {
        return Ok(python);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    };
    run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()])?;
    run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VERSION])?;
    std::fs::write(folder.join("complete"), VERSION).map_err(|error| error.to_string())?;
    Ok(python)
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_cannot_tell_the_difference() {
    let python = match tokio::task::block_in_place(python) {
        Ok(python) => python,
        Err(why) => {
            println!(
                "SKIPPED: python-gitlab could not be installed, so a client that we did not write WAS NOT RUN: {why}"
            );
            return;
        }
    };
    let lab = Lab::with(gitlab_sim::Settings::default(), "/gitlab").await;
    lab.admin().commit(lab.project, gitlab_sim::CommitSpec::on("main", "first")).unwrap();
    let project = lab.project.to_string();
    let run = || Command::new(python).args(["-c", SCRIPT, lab.gitlab.url(), &lab.token, &project]).output().unwrap();
    let output = tokio::task::block_in_place(run);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("content"), "{out}{err}");
}
