//! Chromium without a window, driven by the `DevTools` protocol over two pipes: no socket, no driver, no other program.

use super::clients;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far longer than anything here takes; past it the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser that is there, or Debian's; none is said loudly.
pub(super) fn program() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "chromium-headless-shell", "google-chrome"];
    let had = names.into_iter().find_map(clients::on_path).map_or_else(
        || {
            let package = "chromium-headless-shell";
            clients::program_with_libraries(package, &format!("usr/lib/chromium/{package}"))
        },
        Ok,
    );
    clients::or_skip("chromium", had)
}

/// One process.
pub(super) struct Chromium {
    child: Child,
    wire: Arc<Wire>,
    _profile: tempfile::TempDir,
}

struct Wire {
    to: Mutex<ChildStdin>,
    next: Mutex<i64>,
    answers: Mutex<HashMap<i64, Sender<Value>>>,
    events: Mutex<HashMap<String, Vec<Value>>>,
}

impl Chromium {
    pub(super) fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken on the descriptors 3 and 4. Without its sandbox, since tests may run as root; nothing but a server of
        // this test is visited.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 1>/dev/null 2>&1"]).arg(program()?);
        command.args([
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--headless",
            "--no-first-run",
        ]);
        command.args(["--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let wire = Arc::new(Wire {
            to: Mutex::new(child.stdin.take().unwrap()),
            next: Mutex::new(0),
            answers: Mutex::default(),
            events: Mutex::default(),
        });
        let (from, hears) = (child.stdout.take().unwrap(), wire.clone());
        std::thread::spawn(move || hears.hear(BufReader::new(from)));
        Some(Self { child, wire, _profile: profile })
    }

    /// A tab of its own, which shares no cookie with others.
    pub(super) fn tab(&self, width: u32, height: u32) -> Tab {
        let call = |method: &str, parameters: Value| self.wire.call(None, method, &parameters);
        let context = call("Target.createBrowserContext", json!({}))["browserContextId"].clone();
        let target = call("Target.createTarget", json!({ "url": "about:blank", "browserContextId": context.clone() }));
        let attached = call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let tab = Tab { wire: self.wire.clone(), session, context };
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility", "DOM"] {
            tab.call(&format!("{domain}.enable"), &json!({}));
        }
        tab.call("Page.setLifecycleEventsEnabled", &json!({ "enabled": true }));
        tab.size(width, height);
        tab
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Wire {
    fn hear(&self, mut from: impl BufRead) {
        let mut message = Vec::new();
        while from.read_until(0, &mut message).is_ok_and(|count| count > 0) {
            message.pop();
            let Ok(value) = serde_json::from_slice::<Value>(&message) else { break };
            message.clear();
            match value["id"].as_i64() {
                Some(id) => {
                    let waiting = self.answers.lock().unwrap().remove(&id);
                    waiting.map(|sender| sender.send(value));
                }
                None => {
                    let session = value["sessionId"].as_str().unwrap_or_default().to_owned();
                    self.events.lock().unwrap().entry(session).or_default().push(value);
                }
            }
        }
        // Whoever waits for an answer learns that there is none.
        self.answers.lock().unwrap().clear();
    }

    fn call(&self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        let answer = self.try_call(session, method, parameters);
        assert!(answer["error"].is_null(), "{method} {parameters}: {answer}");
        answer["result"].clone()
    }

    fn try_call(&self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        let id = {
            let mut next = self.next.lock().unwrap();
            *next += 1;
            *next
        };
        let (sender, receiver): (_, Receiver<Value>) = channel();
        self.answers.lock().unwrap().insert(id, sender);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.to.lock().unwrap().write_all(format!("{message}\0").as_bytes()).unwrap();
        receiver.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{method}: no answer: {error}"))
    }
}

/// One page, with its own cookies.
pub(super) struct Tab {
    wire: Arc<Wire>,
    session: String,
    context: Value,
}

impl Tab {
    pub(super) fn call(&self, method: &str, parameters: &Value) -> Value {
        self.wire.call(Some(&self.session), method, parameters)
    }

    pub(super) fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Nobody is asked whether a page may use the clipboard.
    pub(super) fn may_copy(&self) {
        let permissions = json!(["clipboardReadWrite", "clipboardSanitizedWrite"]);
        let granted = json!({ "permissions": permissions, "browserContextId": self.context });
        self.wire.call(None, "Browser.grantPermissions", &granted);
    }

    pub(super) fn dark(&self) {
        let features = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    pub(super) fn without_script(&self) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// Opens an address and waits until all of it is there.
    pub(super) fn open(&self, address: &str) {
        self.arrive(|| {
            self.call("Page.navigate", &json!({ "url": address }));
        });
    }

    /// Does something that leads to another page, and waits until that is there.
    pub(super) fn arrive(&self, act: impl FnOnce()) {
        let before = self.count("Page.loadEventFired");
        act();
        self.until("the next page", || self.count("Page.loadEventFired") > before);
    }

    /// Waits for the event, not for the time.
    pub(super) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        self.wait_for(what, || holds().then_some(()));
    }

    fn wait_for<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} did not come; the page is:\n{}", self.text("body"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the page says so, also if it loads itself anew meanwhile.
    pub(super) fn until_text(&self, selector: &str, words: &str) {
        self.until(words, || self.text(selector).contains(words));
    }

    fn count(&self, method: &str) -> usize {
        self.events(method).len()
    }

    pub(super) fn events(&self, method: &str) -> Vec<Value> {
        let events = self.wire.events.lock().unwrap();
        let own = events.get(&self.session).into_iter().flatten();
        own.filter(|event| event["method"] == method).map(|event| event["params"].clone()).collect()
    }

    /// The value of an expression. While a page goes away there is none.
    pub(super) fn value(&self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let answer = self.wire.try_call(Some(&self.session), "Runtime.evaluate", &parameters);
        assert!(answer["result"]["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["result"]["value"].clone()
    }

    /// What a person reads there; empty if there is no such element.
    pub(super) fn text(&self, selector: &str) -> String {
        let expression = format!(
            "[...document.querySelectorAll({})].map((element) => element.innerText).join('\\n')",
            json!(selector)
        );
        self.value(&expression).as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn has(&self, selector: &str) -> bool {
        self.value(&format!("document.querySelector({}) !== null", json!(selector))) == true
    }

    pub(super) fn path(&self) -> String {
        self.value("location.pathname").as_str().unwrap_or_default().to_owned()
    }

    /// Types into a field as a person does, in place of what is in it.
    pub(super) fn fill(&self, selector: &str, text: &str) {
        let selected = format!(
            "(() => {{ const it = document.querySelector({}); it.focus(); it.select(); return true; }})()",
            json!(selector)
        );
        assert_eq!(self.value(&selected), true, "{selector}");
        if text.is_empty() {
            self.press("Backspace");
        } else {
            self.call("Input.insertText", &json!({ "text": text }));
        }
    }

    /// Opens an address and gives the value of an expression there, as text.
    pub(super) fn open_and_read(&self, address: &str, expression: &str) -> String {
        self.open(address);
        self.value(&format!("(() => {{ try {{ return {expression} }} catch {{ return document.body.innerText }} }})()"))
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Sends a form from the page that is open, and gives the status of the answer; 200 after a redirect.
    pub(super) fn post(&self, address: &str, fields: &[(&str, &str)]) -> u64 {
        let script = format!(
            "fetch({}, {{ method: 'POST', body: new URLSearchParams({}) }}).then((answer) => answer.status)",
            json!(address),
            json!(fields)
        );
        self.value(&script).as_u64().unwrap_or_default()
    }

    /// As the browser sends it.
    pub(super) fn cookie(&self) -> String {
        let cookies = self.call("Network.getCookies", &json!({}))["cookies"].clone();
        let pair =
            |cookie: &Value| format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
        cookies.as_array().unwrap().iter().map(pair).collect::<Vec<_>>().join("; ")
    }

    /// Clicks on the first control with these words, as soon as it is there: a page that makes itself anew has none for a moment.
    pub(super) fn click(&self, words: &str) {
        let script = format!(
            "(() => {{ const it = [...document.querySelectorAll('main a, main button, header a, header button, summary, label')]
                .find((it) => it.innerText.trim().startsWith({})); if (!it) return false; it.scrollIntoView(); it.click(); return true; }})()",
            json!(words)
        );
        self.until(words, || self.value(&script) == true);
    }

    /// Clicks, and waits for the page it leads to: of a link, for that page and no other.
    pub(super) fn follow(&self, words: &str) {
        let leads_to = self.link(words);
        if leads_to.is_empty() {
            return self.arrive(|| self.click(words));
        }
        let clicked = Cell::new(self.count("Page.loadEventFired"));
        self.click(words);
        self.until(words, || {
            let loaded = self.count("Page.loadEventFired");
            let here = self.value("document.readyState === 'complete' ? location.href : null");
            let is_new = loaded > clicked.get();
            if is_new && here.is_string() && here != *leads_to {
                // The page before made itself anew in this very moment, and that took the click back.
                clicked.set(loaded);
                self.click(words);
            }
            is_new && here == *leads_to
        });
    }

    /// Where the first control with these words leads, as soon as it is there; empty if it is a button.
    fn link(&self, words: &str) -> String {
        let script = format!(
            "(() => {{ const it = [...document.querySelectorAll('main a, header a, main button, header button')]
                .find((it) => it.innerText.trim().startsWith({})); return it && (it.href ?? ''); }})()",
            json!(words)
        );
        self.wait_for(words, || self.value(&script).as_str().map(str::to_owned))
    }

    pub(super) fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            "Backspace" => (8, ""),
            "ArrowDown" => (40, ""),
            _ => panic!("{key}"),
        };
        let event =
            |kind: &str| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", &event(if text.is_empty() { "rawKeyDown" } else { "keyDown" }));
        self.call("Input.dispatchKeyEvent", &event("keyUp"));
    }

    /// Goes on with the Tab key until the control with these words has the focus; `#` before a selector. Whether it ever has.
    pub(super) fn walk_to(&self, words: &str) -> bool {
        const MOST_STEPS: usize = 60;
        let script = match words.strip_prefix('#') {
            Some(selector) => format!("document.activeElement.matches({})", json!(selector)),
            None => format!("document.activeElement.innerText.trim().startsWith({})", json!(words)),
        };
        (0..MOST_STEPS).any(|_| {
            self.press("Tab");
            self.value(&script) == true && self.value("document.activeElement !== document.body") == true
        })
    }

    /// Whether one sees where one is.
    pub(super) fn focused_is_visible(&self) -> bool {
        let script = "(() => { const it = document.activeElement, box = it.getBoundingClientRect(), style = getComputedStyle(it);
            return box.width > 0 && box.left >= 0 && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; })()";
        self.value(script) == true
    }

    /// Texts with less contrast than 4.5 to 1 (3 to 1 where they are large), as WCAG 2 counts it.
    pub(super) fn faint(&self) -> Vec<String> {
        let found = self.value(include_str!("contrast.js"));
        found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Every control that a screen reader would come to, by role and name.
    pub(super) fn controls(&self) -> Vec<(String, String)> {
        const ROLES: [&str; 11] = [
            "button",
            "link",
            "textbox",
            "searchbox",
            "combobox",
            "checkbox",
            "radio",
            "switch",
            "listbox",
            "DisclosureTriangle",
            "progressbar",
        ];
        self.read().into_iter().filter(|(role, _)| ROLES.contains(&role.as_str())).collect()
    }

    /// The role of everything that a screen reader reads.
    pub(super) fn roles(&self) -> Vec<String> {
        self.read().into_iter().map(|(role, _)| role).collect()
    }

    fn read(&self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let seen = nodes.filter(|node| node["ignored"] != true);
        seen.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
    }

    /// What the browser complained about: scripts that failed, policies that were broken. Answers that are no 200 are no complaint.
    pub(super) fn complaints(&self) -> Vec<String> {
        let entries = self.events("Log.entryAdded").into_iter().map(|event| event["entry"].clone());
        let logged = entries
            .filter(|entry| entry["source"] != "network" && (entry["level"] == "warning" || entry["level"] == "error"))
            .map(|entry| entry.to_string());
        let thrown = self.events("Runtime.exceptionThrown").into_iter().map(|event| event.to_string());
        let said = self.events("Runtime.consoleAPICalled").into_iter().map(|event| event.to_string());
        logged.chain(thrown).chain(said).collect()
    }

    /// For a person to look at, in the folder that the variable names.
    pub(super) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("GITLAB_SYNC_PICTURES").map(PathBuf::from) else { return };
        use base64::Engine as _;
        std::fs::create_dir_all(&folder).unwrap();
        let taken = self.call(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": true, "clip": self.whole() }),
        );
        let bytes = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    fn whole(&self) -> Value {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 })
    }
}
