// What pages do beyond forms and links: copy, live progress, and a button that says that it works. Without it everything else still does.
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const words = button.firstChild;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard.writeText(field.value);
    words.textContent = "Copied";
    setTimeout(() => { words.textContent = "Copy"; }, 2000);
  });
}

for (const field of document.querySelectorAll("input[data-select]")) {
  field.addEventListener("focus", () => field.select());
}

// A second click on a slow button would ask twice.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    busy(event.submitter);
  });
}
for (const link of document.querySelectorAll("a[data-busy]")) link.addEventListener("click", () => busy(link));

function busy(control) {
  if (!control) return;
  if (control.dataset.busy) control.textContent = control.dataset.busy;
  control.setAttribute("aria-disabled", "true");
}

// A page that comes back out of the browser's memory is as it was left.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// A page that made itself anew leaves whoever is on it where they were, and tells a screen reader what has changed. Any other page begins
// with what went wrong or was done.
const left = JSON.parse(sessionStorage.getItem("left"));
sessionStorage.removeItem("left");
const problem = document.querySelector(".problem[role=alert]");
if (left && left.path === location.pathname) stay(left);
else if (problem && document.querySelector("main form[method=post]")) problem.focus();
else document.querySelector(".notice")?.focus();

function called(control) {
  return `${control.tagName} ${control.innerText.trim()}`;
}

function stay(left) {
  [...document.querySelectorAll("a, button, summary")].find((it) => called(it) === left.called)?.focus();
  scrollTo(0, left.top);
  const said = document.getElementById("said");
  // Words that are there from the beginning are not told.
  if (said) setTimeout(() => { said.textContent = said.dataset.words; }, 300);
}

const live = document.querySelector("[data-live]");
if (live) follow(live);

function follow(live) {
  const words = document.getElementById("progress-words");
  const bar = live.querySelector("progress");
  const source = new EventSource(live.dataset.live);
  let told = 0;
  source.addEventListener("message", (event) => {
    const seen = JSON.parse(event.data);
    // It began or ended, maybe both since the page was made: a new page says more about that than we could.
    if (String(seen.running) !== live.dataset.running || seen.mark !== live.dataset.mark) {
      source.close();
      sessionStorage.setItem("left", JSON.stringify({ path: location.pathname, called: called(document.activeElement), top: scrollY }));
      return location.replace(location.pathname);
    }
    if (seen.total > 0) { bar.max = seen.total; bar.value = seen.done; } else { bar.removeAttribute("value"); }
    // A screen reader reads each change to its end.
    const now = performance.now();
    if (now - told > 2000 || seen.done === seen.total) { words.textContent = seen.words; told = now; }
  });
  // Whoever is on the way to another page is not brought back here.
  const leave = (event) => { if (event.type !== "click" || event.target.closest("a")) source.close(); };
  for (const kind of ["click", "submit", "pagehide"]) addEventListener(kind, leave);
}
