(() => {
  const wrong = [], all = (selector) => [...document.querySelectorAll(selector)];
  const one = (selector) => { const count = all(selector).length; if (count !== 1) wrong.push(`${count} of ${selector}`); };
  for (const selector of ["h1", "main", "title", "html[lang]", "body > header"]) one(selector);
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1 || !heading.innerText.trim()) wrong.push(`${heading.tagName} after H${level}: ${heading.innerText}`);
    level = next;
  }
  const ids = all("[id]").map((it) => it.id);
  for (const id of ids) if (!id || ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`the id ${id} twice`);
  for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const it of all(`[${attribute}]`)) {
      for (const id of it.getAttribute(attribute).split(/\s+/)) if (!ids.includes(id)) wrong.push(`${attribute} of nothing: ${id}`);
    }
  }
  for (const field of all("input:not([type=hidden]), select, textarea")) {
    if (!field.labels?.length && !field.getAttribute("aria-label")) wrong.push(`a field without a label: ${field.name || field.id}`);
  }
  for (const nav of all("nav")) if (!nav.getAttribute("aria-label")) wrong.push("a nav without a name");
  for (const image of all("img")) if (!image.hasAttribute("alt")) wrong.push("an image without alt");
  for (const table of all("table")) {
    if (!table.querySelector("th[scope]")) wrong.push("a table without headings");
    const name = table.getAttribute("aria-label") || table.caption?.innerText || table.closest("[role=region]")?.getAttribute("aria-label");
    if (!name) wrong.push("a table without a name");
  }
  for (const it of all("[tabindex]")) if (Number(it.getAttribute("tabindex")) > 0) wrong.push("a tabindex above 0");
  for (const it of all("[style], [onclick], a:not([href]), font, center")) wrong.push(`not for us: ${it.outerHTML.slice(0, 80)}`);
  return wrong;
})()
