import json, sys
import gitlab

C = json.loads(sys.argv[1])
url, token, project_id = C["url"], C["token"], C["project"]


def refused(call, status, words):
    try:
        call()
    except gitlab.exceptions.GitlabError as error:
        assert error.response_code == status, (error.response_code, error)
        assert words in str(error.error_message), error
        return
    raise SystemExit(f"no error where {status} {words} was due")


gl = gitlab.Gitlab(url, private_token=token)
gl.auth()
p = gl.projects.get(project_id)

# Users.
bob = gl.users.list(username="bob")[0]
assert gl.users.get(bob.id).name == "bob" and not gl.users.list(username="nobody")

# Groups and members, with a membership that ends.
top = gl.groups.create({"name": "Top", "path": "top", "visibility": "private"})
sub = gl.groups.create({"name": "Sub", "path": "sub", "parent_id": top.id})
assert sub.full_path == "top/sub" and [g.id for g in top.subgroups.list()] == [sub.id]
assert [g.id for g in top.descendant_groups.list()] == [sub.id]
m = top.members.create({"user_id": bob.id, "access_level": gitlab.const.AccessLevel.DEVELOPER, "expires_at": "2999-01-31"})
assert m.expires_at == "2999-01-31", m
m.access_level = gitlab.const.AccessLevel.REPORTER
m.save()
assert top.members.get(bob.id).access_level == 20
assert {x.username for x in sub.members_all.list(get_all=True)} == {"alice", "bob"}
assert [x.username for x in sub.members.list(get_all=True)] == ["alice"]
refused(lambda: top.members.create({"user_id": bob.id, "access_level": 30}), 409, "Member already exists")
m.delete()
refused(lambda: top.members.get(bob.id), 404, "404 Not found")
top.description = "changed"
top.save()
assert gl.groups.get("top").description == "changed"

# Project and group tokens.
t = p.access_tokens.create({"name": "sync", "scopes": ["api"], "access_level": 30, "expires_at": C["later"]})
assert [x.id for x in p.access_tokens.list(state="active")] == [t.id]
assert t.expires_at == C["later"] and p.access_tokens.get(t.id).active
t.rotate()
second = t.token
bot = gitlab.Gitlab(url, private_token=second)
bot.auth()
assert bot.user.bot and bot.user.username.startswith(f"project_{project_id}_bot_")
refused(lambda: bot.projects.get(project_id).access_tokens.create({"name": "x", "scopes": ["api"]}), 400, "permission to create")
for x in p.access_tokens.list(state="active"):
    x.delete()
refused(bot.auth, 401, "")
g = top.access_tokens.create({"name": "group", "scopes": ["read_api"], "access_level": 20})
reader = gitlab.Gitlab(url, private_token=g.token)
reader.auth()
assert reader.user.username.startswith(f"group_{top.id}_bot_")
refused(lambda: reader.projects.create({"name": "x"}), 403, "insufficient_scope")

# The token in use.
own = gl.personal_access_tokens.get("self")
assert own.active and own.scopes == ["api"] and own.user_id == gl.user.id
assert [x.id for x in gl.personal_access_tokens.list(user_id=gl.user.id, state="active")]

# Deploy tokens.
d = p.deploytokens.create({"name": "ci", "scopes": ["read_repository"], "expires_at": "2999-01-01"})
assert d.username == f"gitlab+deploy-token-{d.id}" and d.token.startswith("gldt-"), d
assert p.deploytokens.get(d.id).scopes == ["read_repository"] and not hasattr(p.deploytokens.get(d.id), "token")
named = top.deploytokens.create({"name": "g", "scopes": ["read_repository", "read_registry"], "username": "machine"})
assert named.username == "machine" and [x.id for x in top.deploytokens.list()] == [named.id]
refused(lambda: p.deploytokens.create({"name": "x", "scopes": ["write_repository"]}), 400, "scopes does not have a valid value")
refused(lambda: gitlab.Gitlab(url, private_token=d.token).auth(), 401, "401 Unauthorized")
d.delete()
refused(lambda: p.deploytokens.get(d.id), 404, "404 Not found")

# Service accounts and their tokens.
account = top.service_accounts.create({"name": "robot", "username": "robot"})
keys = f"/groups/{top.id}/service_accounts/{account.id}/personal_access_tokens"
key = gl.http_post(keys, post_data={"name": "k", "scopes": ["api"]})
robot = gitlab.Gitlab(url, private_token=key["token"])
robot.auth()
assert robot.user.username == "robot" and robot.user.bot
assert [x["id"] for x in gl.http_list(keys)] == [key["id"]]
gl.http_post(f"{keys}/{key['id']}/rotate")
refused(robot.auth, 401, "")
account.delete()
assert not top.service_accounts.list()

# An OAuth token is told apart by what it may not ask.
oauth = gitlab.Gitlab(url, oauth_token=C["oauth"])
oauth.auth()
assert oauth.user.username == "alice"
refused(lambda: oauth.personal_access_tokens.get("self"), 400, "requires token type to be a personal access token")

# Applications are for administrators.
refused(lambda: gl.applications.create({"name": "n", "redirect_uri": "http://127.0.0.1/", "scopes": "api"}), 403, "403 Forbidden")
root = gitlab.Gitlab(url, private_token=C["root"])
app = root.applications.create({"name": "n", "redirect_uri": "http://127.0.0.1/", "scopes": "api", "confidential": True})
assert app.secret.startswith("gloas-") and [a.id for a in root.applications.list()] == [app.id]
app.delete()
refused(lambda: root.http_get("/user", sudo="bob"), 403, "insufficient_scope")
sudo = gitlab.Gitlab(url, private_token=C["sudo"])
assert sudo.http_get("/user", sudo="bob")["username"] == "bob"
refused(lambda: gl.http_get("/user", sudo="bob"), 403, "Must be admin to use sudo")
print("python-gitlab is content")
