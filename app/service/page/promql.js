// A query that can be read and copied.

const tokens =
  /(?<string>"[^"]*")|(?<range>\[[^\]]*\])|(?<word>[a-z_]+)(?=\s*\()|(?<key>\bby\b)|(?<label>[a-z_]+)(?==)|(?<number>\b\d[\d.]*\b)/g;

/** Shows `text` in `host`, a `.query` element, with a button that copies it. */
export function showQuery(host, text) {
  if (host.dataset.text === text) return;
  host.dataset.text = text;
  const code = highlighted(text);
  host.replaceChildren(code, copyButton(text, code));
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
