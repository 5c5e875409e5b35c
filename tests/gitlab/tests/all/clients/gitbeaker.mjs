import assert from "node:assert/strict";
import { Gitlab } from "@gitbeaker/rest";

const { url, token, project, later } = JSON.parse(process.argv[2]);
const api = new Gitlab({ host: url, token });
const refused = async (promise, status, words) => {
  const error = await promise.then(() => assert.fail(`no error where ${status} was due`), (error) => error);
  assert.equal(error.cause?.response?.status, status, error);
  assert.match(String(error.cause.description), words);
};

assert.equal((await api.Users.showCurrentUser()).username, "alice");
assert.match((await api.Metadata.show()).version, /^18\.9/);
const shown = await api.Projects.show("demo/handbook");
assert.equal(shown.id, project);

const actions = Array.from({ length: 45 }, (_, n) => ({ action: "create", filePath: `dir/f${n}.md`, content: `# ${n}\n` }));
const commit = await api.Commits.create(project, "main", "many", actions);
assert.equal(commit.stats.additions, 45);
assert.equal((await api.Repositories.allRepositoryTrees(project, { recursive: true })).length, 47);
const keyset = await api.Repositories.allRepositoryTrees(project, { recursive: true, pagination: "keyset", perPage: 10 });
assert.equal(keyset.length, 47);

const file = await api.RepositoryFiles.show(project, "dir/f1.md", "main");
assert.equal(Buffer.from(file.content, "base64").toString(), "# 1\n");
await api.RepositoryFiles.edit(project, "dir/f1.md", "main", "changed\n", "change");
assert.equal(String(await api.RepositoryFiles.showRaw(project, "dir/f1.md", "main")), "changed\n");
await api.RepositoryFiles.remove(project, "dir/f2.md", "main", "remove");
await refused(api.RepositoryFiles.show(project, "dir/f2.md", "main"), 404, /404 File Not Found/);
await refused(api.Projects.show("no/such"), 404, /404 Project Not Found/);

await api.Branches.create(project, "topic/a", "main");
assert.deepEqual((await api.Branches.all(project)).map((branch) => branch.name), ["main", "topic/a"]);
await refused(api.Branches.create(project, "topic/a", "main"), 400, /Branch already exists/);
await api.Branches.remove(project, "topic/a");

const tag = await api.Tags.create(project, "v1", "main", { message: "One" });
assert.equal(tag.message, "One");
assert.equal((await api.Tags.all(project)).length, 1);
await api.Tags.remove(project, "v1");

const hook = await api.ProjectHooks.add(project, "http://127.0.0.1:9/hook", { pushEvents: true, token: "s3cret" });
assert.equal(hook.push_events, true);
await api.ProjectHooks.remove(project, hook.id);

const deploy = await api.DeployTokens.create("ci", ["read_repository"], { projectId: project });
assert.match(deploy.token, /^gldt-/);
const bot = await api.ProjectAccessTokens.create(project, "bot", ["api"], later, { accessLevel: 30 });
assert.equal((await new Gitlab({ host: url, token: bot.token }).Users.showCurrentUser()).bot, true);
assert.ok((await api.ProjectMembers.all(project)).some((member) => member.username === "alice"));
const compared = await api.Repositories.compare(project, commit.id, "main");
assert.ok(compared.diffs.some((diff) => diff.new_path === "dir/f1.md"));
const pages = await api.Projects.all({ pagination: "offset", perPage: 1, maxPages: 1, showExpanded: true });
assert.equal(pages.paginationInfo.perPage, 1);
console.log("gitbeaker is content");
