// Asks for the past, listens to what arrives, and shows both. Holds no fact of its own.
import { confirm } from "./actions.js";
import { Detail } from "./detail.js";
import { bytes, clock, percent, rate, span, whole } from "./format.js";
import { Model } from "./model.js";
import { Table, isHot } from "./table.js";

const DRAW_EVERY_MS = 1000;
const ASK_EVERY_MS = 30_000;
const CONNECT_AGAIN_MS = 5000;

const by = (id) => document.getElementById(id);
const model = new Model();
const detail = new Detail();
const table = new Table(by("tasks"), (task, what) => confirm(task, what, ask), draw);

let samples = 0;
let missed = 0;
let changed = true;
let trouble = "";

// What a reader has chosen stays chosen.
for (const id of ["cpu-threshold", "memory-threshold", "minutes"]) {
  const field = by(id);
  field.value = localStorage.getItem(id) ?? field.value;
  field.addEventListener("change", () => {
    localStorage.setItem(id, field.value);
    if (id === "minutes") ask(); else draw();
  });
}
by("filter").addEventListener("input", draw);
by("ended").addEventListener("change", draw);
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select") || document.querySelector("dialog[open]");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    by("filter").focus();
  } else if (event.key === "Escape" && event.target === by("filter")) {
    by("filter").value = "";
    draw();
  }
});

async function ask() {
  try {
    const answer = await fetch(`/overview?minutes=${by("minutes").value}`);
    trouble = answer.ok ? "" : `the history cannot be read (status ${answer.status}); `;
    if (answer.ok) model.take(await answer.json());
    model.cut = null;
  } catch {
    trouble = "";
    model.cut ??= Date.now();
  }
  draw();
  route();
}

function route() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const id = asked.get("task");
  if (id === null) {
    detail.close();
    return;
  }
  const proplet = asked.get("proplet") ?? "";
  const name = JSON.stringify([id, proplet]);
  const task = model.tasks.get(name);
  const now = model.now();
  detail.show(id, proplet, task && model.status(task, now), Number(by("minutes").value), now);
}
addEventListener("hashchange", route);

let events;

function connect() {
  events = new EventSource("/live");
  events.onopen = () => { ask(); };
  events.onerror = () => {
    // The browser connects again by itself, unless it was answered with a refusal.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, CONNECT_AGAIN_MS);
    ask();
  };
  events.addEventListener("task_metrics", (event) => {
    samples += 1;
    model.sample(JSON.parse(event.data));
    changed = true;
  });
  events.addEventListener("metrics", () => { samples += 1; });
  events.addEventListener("alive", (event) => {
    const { proplet_id: proplet, status } = JSON.parse(event.data);
    if (!model.alive(proplet, status === "alive")) ask();
    changed = true;
  });
  events.addEventListener("missed", (event) => { missed += Number(event.data); });
}

function draw() {
  changed = false;
  const now = model.now();
  const thresholds = { cpu: Number(by("cpu-threshold").value), memory: Number(by("memory-threshold").value) };
  const all = [...model.tasks.values()].map((task) => Object.assign(task, { status: model.status(task, now) }));
  const words = by("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter((task) => {
    const text = `${task.task_id} ${task.proplet_id ?? ""} ${task.status.word}`.toLowerCase();
    return words.every((word) => text.includes(word)) && (by("ended").checked || !task.status.over);
  });
  by("tasks").hidden = shown.length === 0;
  by("no-tasks").hidden = all.length > 0;
  by("no-match").hidden = all.length === 0 || shown.length > 0;
  table.draw(model, shown, thresholds);
  totals(shown, thresholds);
  proplets(all, now);
  say();
}

function totals(tasks, thresholds) {
  const running = tasks.filter((task) => !task.status.over && task.sample);
  const sum = (of) => running.reduce((total, task) => total + (of(task) ?? 0), 0);
  const metric = (name) => sum((task) => task.sample.metrics[name]);
  const hot = running.filter((task) => ["cpu", "memory"].some((name) => isHot(name, task, thresholds)));
  const alive = [...model.proplets.values()].filter((proplet) => proplet.alive).length;
  const { tasks: all, proplets: known } = model.total;
  const more = all > model.tasks.size ? [["tasks shown", `${model.tasks.size} of ${all}`]] : [];
  const items = [
    ["proplets alive", model.blind ? "unknown" : `${alive} of ${Math.max(known, model.proplets.size)}`],
    ...more, ["running", whole(running.length)],
    ["ended or silent", whole(tasks.filter((task) => task.status.over).length)], ["marked", whole(hot.length)],
    ["CPU", percent(metric("cpu_percent"))], ["memory", bytes(metric("memory_bytes"))],
    ["disk", rate(sum((task) => task.rates.disk))], ["TCP", rate(sum((task) => task.rates.tcp))],
    ["threads", whole(metric("thread_count"))], ["files", whole(metric("file_descriptor_count"))],
  ];
  by("totals").replaceChildren(...items.map(([name, value]) => {
    const item = document.createElement("div");
    for (const [kind, text] of [["dt", name], ["dd", value]]) {
      const part = document.createElement(kind);
      part.textContent = text;
      item.append(part);
    }
    if (name === "marked" && hot.length) item.className = "hot";
    return item;
  }));
}

function proplets(tasks, now) {
  by("no-proplets").hidden = model.proplets.size > 0;
  const list = [...model.proplets.values()].map((proplet) => {
    const item = document.createElement("li");
    const its = tasks.filter((task) => task.proplet_id === proplet.id && !task.status.over && task.sample);
    const sum = (name) => its.reduce((total, task) => total + (task.sample.metrics[name] ?? 0), 0);
    const used = its.length ? `: ${percent(sum("cpu_percent"))}, ${bytes(sum("memory_bytes"))}` : "";
    const age = Math.max(0, (now - Date.parse(proplet.last_seen)) / 1000);
    const lives = proplet.alive && !model.blind;
    const silent = model.blind || !model.brokerConnected ? "unknown" : "silent";
    const heard = lives ? "alive" : `${silent}, last heard of ${span(age)} ago`;
    const name = document.createElement("strong");
    name.textContent = proplet.id;
    item.append(name, ` ${heard}; ${its.length || "no"} ${its.length === 1 ? "task" : "tasks"}${used}`);
    item.className = lives ? "alive" : "over";
    return item;
  });
  by("proplets").replaceChildren(...list);
}

function say() {
  const lost = missed > 0 ? `, ${missed} too many to show` : "";
  const deaf = model.brokerConnected ? "" : "the manager has no connection to its broker, and hears of nobody; ";
  if (model.cut !== null) {
    by("state").textContent = `no connection to the manager since ${clock(model.cut)}; what is shown is of before; reconnecting …`;
  } else if (events.readyState === EventSource.OPEN) {
    by("state").textContent = `${trouble}${deaf}listening; ${samples} samples since this page was opened${lost}`;
  } else {
    by("state").textContent = `${trouble}${deaf}no live updates (too many pages are open, perhaps); shown is every half minute`;
  }
}

connect();
// While nothing arrives because the manager is gone, time passes all the same.
setInterval(() => { if ((changed || model.cut !== null) && !document.hidden) draw(); }, DRAW_EVERY_MS);
// Time passes where nothing arrives, too: who has become silent is told.
setInterval(ask, ASK_EVERY_MS);
