import base64
import json, sys
import gitlab

C = json.loads(sys.argv[1])
url, token, project_id = C["url"], C["token"], C["project"]
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
assert len(p.repository_tree(recursive=True, get_all=True)) == 48
assert len(list(p.repository_tree(recursive=True, iterator=True, pagination="keyset", per_page=10))) == 48
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

# Tags, a submodule that moves, and what history says.
tag = p.tags.create({"tag_name": "v1.9", "ref": "main"})
assert tag.target == tag.commit["id"] and tag.message == "", tag
note = p.tags.create({"tag_name": "v1.10", "ref": "main", "message": "Ten"})
assert note.message == "Ten" and note.target != note.commit["id"], note
assert [t.name for t in p.tags.list(order_by="version", sort="asc", get_all=True)] == ["v1.9", "v1.10"]
assert p.tags.get("v1.10").commit["id"] == p.branches.get("main").commit["id"]
assert p.commits.list(ref_name="v1.9")[0].id == tag.target
fence = p.protectedtags.create({"name": "v*", "create_access_level": "40"})
assert p.tags.get("v1.9").protected and fence.create_access_levels[0]["access_level"] == 40
fence.delete()
note.delete()
assert [t.name for t in p.tags.list(get_all=True)] == ["v1.9"]
try:
    p.tags.create({"tag_name": "v1.9", "ref": "main"})
    raise SystemExit("no error")
except gitlab.exceptions.GitlabCreateError as error:
    assert error.response_code == 400 and error.error_message == "Tag v1.9 already exists", error
moved = p.update_submodule(submodule="vendor/lib", branch="main", commit_sha="2" * 40, commit_message="Move")
assert moved["title"] == "Move", moved
assert [e["id"] for e in p.repository_tree(path="vendor")] == ["2" * 40]
assert p.repository_contributors()[0]["commits"] > 3
assert p.repository_merge_base(["main", commit.id])["id"] == commit.id
fork = p.forks.create({"path": "second", "name": "Second"})
assert fork.forked_from_project["id"] == p.id and [f.id for f in p.forks.list(get_all=True)] == [fork.id]
print("python-gitlab is content")
