import json, sys, time
import gitlab

C = json.loads(sys.argv[1])
url, token = C["url"], C["token"]
gl = gitlab.Gitlab(url, private_token=token)

# Offset pages: totals, the next page, and a list that reads itself to its end.
pages = gl.projects.list(iterator=True, per_page=7, order_by="id", sort="asc")
assert (pages.per_page, pages.total, pages.total_pages, pages.next_page) == (7, C["count"], -(-C["count"] // 7), 2)
ids = [p.id for p in pages]
assert ids == sorted(ids) and len(ids) == C["count"]
assert [p.id for p in gl.projects.list(page=2, per_page=7, order_by="id", sort="asc", get_all=False)] == ids[7:14]

# Keyset pages: only a link, and the same projects.
keyset = gl.projects.list(iterator=True, per_page=5, order_by="id", sort="asc", pagination="keyset")
assert keyset.total is None and [p.id for p in keyset] == ids

# 429 with Retry-After is waited out; 502 is tried again when asked for; without either it is an error.
assert gl.http_get("/version")["version"] == "18.9.0-ee"
try:
    gl.http_get("/metadata", obey_rate_limit=False)
    raise SystemExit("no error")
except gitlab.exceptions.GitlabHttpError as error:
    assert error.response_code == 429, error
patient = gitlab.Gitlab(url, private_token=token, retry_transient_errors=True)
assert patient.http_get("/user")["username"] == "alice"

# GraphQL by a library of its own.
graph = gitlab.GraphQL(url, token=token)
answer = graph.execute('query { currentUser { username } project(fullPath: "demo/handbook") { id fullPath } }')
assert answer["currentUser"]["username"] == "alice", answer
assert answer["project"]["id"] == f"gid://gitlab/Project/{C['project']}", answer
assert graph.execute('query { project(fullPath: "no/such") { id } }')["project"] is None
try:
    gitlab.GraphQL(url, token="glpat-wrong").execute("query { currentUser { username } }")
except Exception as error:
    assert "Invalid token" in str(error), error
else:
    raise SystemExit("no error")
print("python-gitlab is content")
