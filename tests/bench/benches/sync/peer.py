"""The same jobs with python-gitlab, as a careful user writes them: one session, an archive to begin with, one commit for a push."""

import io
import json
import os
import sys
import tarfile

import gitlab

COMMIT = 1000  # Actions in one commit.

job, url, token, project_id, notes_file = sys.argv[1:6]
project = gitlab.Gitlab(url, private_token=token).projects.get(int(project_id), lazy=True)


def head():
    return project.branches.get("main").commit["id"]


def save(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def marks():
    found = {}
    for folder, _, names in os.walk("."):
        for name in names:
            path = os.path.join(folder, name)[2:]
            stat = os.stat(path)
            found[path] = [stat.st_mtime_ns, stat.st_size]
    return found


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def keep(commit):
    with open(notes_file, "w", encoding="utf-8") as file:
        json.dump({"head": commit, "marks": marks()}, file)


def known():
    with open(notes_file, encoding="utf-8") as file:
        return json.load(file)


def commit(action, paths):
    actions = [{"action": action, "file_path": path, "content": text(path)} for path in paths]
    return project.commits.create({"branch": "main", "commit_message": job, "actions": actions}).id


if job == "cold-pull":
    commit_id = head()
    archive = project.repository_archive(sha=commit_id, format="tar.gz")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as members:
        for member in members:
            if member.isfile():
                # Below a folder with the project's name and the commit.
                save(member.name.split("/", 1)[1], members.extractfile(member).read())
    keep(commit_id)
elif job in ("nothing-new", "pull-ten"):
    base, now = known()["head"], head()
    if base != now:
        for diff in project.repository_compare(base, now)["diffs"]:
            save(diff["new_path"], project.files.raw(file_path=diff["new_path"], ref=now))
        keep(now)
elif job == "push-ten":
    before, now = known()["marks"], marks()
    keep(commit("update", [path for path in now if before.get(path) != now[path]]))
elif job == "first-push":
    paths = sorted(marks())
    for start in range(0, len(paths), COMMIT):
        last = commit("create", paths[start : start + COMMIT])
    keep(last)
