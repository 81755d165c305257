// A query that can be read and copied.

const tokens =
  /(?<string>"[^"]*")|(?<range>\[[^\]]*\])|(?<word>[a-z_]+)(?=\s*\()|(?<key>\bby\b)|(?<label>[a-z_]+)(?==)|(?<number>\b\d[\d.]*\b)/g;

/**
 * Shows in `host` those of `queries` that its `data-queries` names: the first, and
 * buttons to choose another. A button copies the one that is shown.
 */
export function showQueriesIn(host, queries) {
  const names = host.dataset.queries.split(" ");
  const show = (chosen) => {
    host.dataset.chosen = chosen;
    const code = highlighted(queries[chosen]);
    const side = document.createElement("div");
    if (names.length > 1) side.append(...names.map((name) => choice(name, chosen, show)));
    side.append(copyButton(queries[chosen], code));
    // Who has just chosen by keyboard goes on from there.
    const focused = host.contains(document.activeElement);
    host.replaceChildren(code, side);
    if (focused) side.querySelector("[aria-pressed=true]")?.focus();
  };
  show(host.dataset.chosen ?? names[0]);
}

function choice(name, chosen, show) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "choice";
  button.textContent = name;
  button.setAttribute("aria-label", `Show the PromQL of ${name}`);
  button.setAttribute("aria-pressed", String(name === chosen));
  button.addEventListener("click", () => show(name));
  return button;
}

function copyButton(text, code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy the PromQL ${text}`);
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text, code)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

function highlighted(text) {
  const code = document.createElement("code");
  let rest = 0;
  for (const match of text.matchAll(tokens)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    const part = document.createElement("span");
    part.className = `promql-${kind}`;
    part.textContent = match[0];
    code.append(...breakable(text.slice(rest, match.index)), part);
    rest = match.index + match[0].length;
  }
  code.append(...breakable(text.slice(rest)));
  return code;
}

/** Lets a line end after a bracket or a comma, rather than within a name. */
function breakable(text) {
  return text
    .split(/(?<=[({,])/)
    .flatMap((part) => (/[({,]$/.test(part) ? [part, document.createElement("wbr")] : [part]));
}

async function copied(text, code) {
  try {
    // Browsers offer this on https and on localhost only …
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // … so for a class that opens the teacher's machine by its address, select.
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}
