import json, sys
import gitlab

C = json.loads(sys.argv[1])
url, token, project_id = C["url"], C["token"], C["project"]
receiver, records = C["receiver"], C["records"]
gl = gitlab.Gitlab(url, private_token=token)
p = gl.projects.get(int(project_id))
hook = p.hooks.create({"url": receiver, "push_events": True, "tag_push_events": True, "token": "s3cret",
    "custom_headers": [{"key": "X-Own", "value": "v"}], "push_events_branch_filter": "main"})
assert hook.push_events and not hook.issues_events and hook.alert_status == "executable", hook
hook.note_events = True
hook.save()
assert p.hooks.get(hook.id).note_events
assert [h.id for h in p.hooks.list(get_all=True)] == [hook.id]
hook.test("push_events")
try:
    hook.test("issues_events"); raise SystemExit("no error")
except gitlab.exceptions.GitlabHookTestError as error:
    assert error.response_code == 422 and "issues" in error.error_message, error
group = gl.groups.get("demo")
g = group.hooks.create({"url": receiver, "member_events": True})
assert g.group_id == group.id
g.delete()
try:
    p.hooks.create({"url": "nonsense"}); raise SystemExit("no error")
except gitlab.exceptions.GitlabCreateError as error:
    assert error.response_code == 422 and error.error_message == "Invalid url given", error

sha = p.commits.list()[0].id
p.commits.get(sha).statuses.create({"state": "running", "name": "sync"})
s = p.commits.get(sha).statuses.create({"state": "success", "name": "sync"})
assert s.status == "success" and [x.name for x in p.commits.get(sha).statuses.list()] == ["sync"]
assert p.pipelines.list(sha=sha)[0].source == "external"
assert p.pipelines.get(s.pipeline_id).status == "success"
d = p.deployments.create({"environment": "production", "sha": sha, "ref": "main", "tag": False, "status": "success"})
assert p.deployments.list(order_by="updated_at", updated_after="2020-01-01")[0].id == d.id

gl = gitlab.Gitlab(url, private_token=records)
r = gl.projects.get("acme/service-001")
rows = r.mergerequests.list(state="merged", order_by="updated_at", sort="asc", iterator=True, per_page=7)
assert len(rows) == rows.total and rows.total > 10, rows.total
seen = list(rows)
assert len(seen) == rows.total and [m.updated_at for m in seen] == sorted(m.updated_at for m in seen)
m = r.mergerequests.get(seen[0].iid)
assert m.merge_user and m.diff_refs["head_sha"] == m.sha and m.changes_count.isdigit()
assert len(m.notes.list(get_all=True)) == sum(len(x.attributes["notes"]) for x in m.discussions.list(get_all=True))
assert m.approvals.get().approved_by[0]["user"]["id"] == m.reviewers[0]["id"]
assert m.approval_state.get().rules[0]["rule_type"] == "any_approver"
assert len(gl.groups.get("acme").mergerequests.list(get_all=True)) == 60
assert len(gl.mergerequests.list(scope="all", get_all=True)) == 60
assert {x.name for x in r.labels.list(get_all=True)} >= {"bug", "docs"}
assert len(r.members_all.list(get_all=True)) == 12
print("python-gitlab is content")
