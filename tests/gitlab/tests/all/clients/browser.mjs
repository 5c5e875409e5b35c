import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const { url, chromium, client, back, device } = JSON.parse(process.argv[2]);
// Without its sandbox, since tests may run as root; nothing but this instance is visited.
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  const page = await browser.newPage();
  // Nobody listens where the codes go: the address is all that is looked at.
  const arrived = async (click) => {
    const [request] = await Promise.all([page.waitForRequest((request) => request.url().startsWith(back)), click()]);
    return new URL(request.url()).searchParams;
  };
  const challenge = "2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U";
  const query = new URLSearchParams({
    client_id: client, redirect_uri: back, response_type: "code", state: "xyz", scope: "read_user",
    code_challenge: challenge, code_challenge_method: "S256",
  });
  const ask = async () => {
    await page.goto(`${url}/oauth/authorize?${query}`);
    assert.equal(await page.$eval("h1", (node) => node.textContent), "Authorize Sync <tool> to use your account?");
    assert.match(await page.$eval("main", (node) => node.textContent), /read_user/);
    await page.select("select[name=username]", "alice");
  };
  await ask();
  const granted = await arrived(() => page.click("button[value=authorize]"));
  assert.equal(granted.get("state"), "xyz");
  await ask();
  const denied = await arrived(() => page.click("button[value=deny]"));
  assert.equal(denied.get("error"), "access_denied");

  await page.goto(`${url}/oauth/device`);
  await page.type("input[name=user_code]", device);
  await Promise.all([page.waitForNavigation(), page.click("button")]);
  await page.select("select[name=username]", "alice");
  await Promise.all([page.waitForNavigation(), page.click("button[value=authorize]")]);
  assert.match(await page.$eval("main", (node) => node.textContent), /Device successfully authorized/);
  console.log(JSON.stringify({ code: granted.get("code") }));
} finally {
  await browser.close();
}
