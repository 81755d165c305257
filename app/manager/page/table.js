// The table of tasks: sorted, filtered, one row each. Rows are made once and changed, so
// that what is focused or selected stays so.
import { bytes, clock, percent, rate, span, whole } from "./format.js";
import { LINES } from "./model.js";
import { line } from "./spark.js";

// More rows than this nobody reads: the filter finds the others.
const MAX_ROWS = 200;

const text = (a, b) => String(a ?? "").localeCompare(String(b ?? ""));
const number = (a, b) => (a ?? -1) - (b ?? -1);
const metric = (name) => (task) => task.sample?.metrics[name];

const COLUMNS = [
  { name: "task", of: (task) => task.task_id, by: text, first: 1 },
  { name: "proplet", of: (task) => task.proplet_id, by: text, first: 1 },
  { name: "state", of: (task) => task.status.word, by: text, first: 1 },
  { name: "CPU", of: metric("cpu_percent"), show: percent, line: "cpu" },
  { name: "memory", of: metric("memory_bytes"), show: bytes, line: "memory" },
  { name: "disk", of: (task) => task.rates.disk, show: rate, line: "disk" },
  { name: "TCP", of: (task) => task.rates.tcp, show: rate, line: "tcp" },
  { name: "threads", of: metric("thread_count"), show: whole },
  { name: "files", of: metric("file_descriptor_count"), show: whole },
  { name: "age", of: metric("uptime_seconds"), show: span },
];

export class Table {
  #table;
  #rows = new Map();
  #sort = { column: COLUMNS[0], way: 1 };
  #act;

  // `act(task, what)` is asked to start or stop a task.
  constructor(table, act, changed) {
    this.#table = table;
    this.#act = act;
    const head = table.tHead.rows[0];
    for (const column of COLUMNS) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.className = column.show ? "number" : "";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.name;
      button.addEventListener("click", () => {
        const way = column.first ?? -1;
        this.#sort = { column, way: this.#sort.column === column ? -this.#sort.way : way };
        changed();
      });
      cell.append(button);
      head.append(cell);
      column.head = cell;
    }
    head.append(document.createElement("th"));
  }

  // `tasks` have their `status`; `thresholds` in percent.
  draw(model, tasks, thresholds) {
    const { column, way } = this.#sort;
    for (const { head } of COLUMNS) head.removeAttribute("aria-sort");
    column.head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    const by = column.by ?? number;
    tasks.sort((a, b) => way * by(column.of(a), column.of(b)) || text(a.task_id, b.task_id));
    const shown = tasks.slice(0, MAX_ROWS);
    const drawn = new Map(shown.map((task) => [task, {}]));
    const tops = {};
    for (const name of Object.keys(LINES)) {
      for (const task of shown) drawn.get(task)[name] = model.line(task, name);
      tops[name] = Math.max(0, ...shown.flatMap((task) => drawn.get(task)[name].map(([, value]) => value)));
    }
    const to = Math.max(model.to, model.now());
    const scale = { from: to - (model.to - model.from), to, width: 96, height: 24, thresholds };
    const rows = shown.map((task) => {
      const name = JSON.stringify([task.task_id, task.proplet_id]);
      const row = this.#rows.get(name) ?? this.#row(task);
      this.#rows.set(name, row);
      this.#fill(row, task, drawn.get(task), tops, scale);
      return row.element;
    });
    const body = this.#table.tBodies[0];
    // Moving a row would take the focus from it.
    if (rows.length !== body.rows.length || rows.some((row, n) => row !== body.rows[n])) body.replaceChildren(...rows);
    for (const [name, row] of this.#rows) if (!row.element.isConnected) this.#rows.delete(name);
  }

  #row(task) {
    const element = document.createElement("tr");
    const cells = COLUMNS.map((column) => {
      const cell = document.createElement("td");
      cell.dataset.label = column.name;
      cell.className = column.show ? "number" : "";
      const value = document.createElement(column.name === "task" ? "a" : "span");
      cell.append(value);
      element.append(cell);
      return { cell, value };
    });
    cells[0].value.href = `#${new URLSearchParams({ task: task.task_id, proplet: task.proplet_id ?? "" })}`;
    const action = document.createElement("button");
    action.type = "button";
    const last = document.createElement("td");
    last.append(action);
    element.append(last);
    const row = { element, cells, action };
    action.addEventListener("click", () => this.#act(row.task, row.what));
    return row;
  }

  #fill(row, task, lines, tops, scale) {
    row.task = task;
    const { status } = task;
    row.element.className = status.over ? "over" : "";
    COLUMNS.forEach((column, n) => {
      const { cell, value } = row.cells[n];
      let shown = column.show ? column.show(column.of(task)) : column.of(task) ?? "–";
      if (column.name === "memory" && task.sample?.metrics.memory_percent !== undefined) {
        shown += ` (${task.sample.metrics.memory_percent.toFixed(1)} %)`;
      }
      if (column.name === "state" && status.since) {
        shown += ` ${clock(status.since)}`;
        if (status.why) shown += `: ${status.why}`;
      }
      if (value.textContent !== shown) value.textContent = shown;
      cell.classList.toggle("hot", !status.over && isHot(column.line, task, scale.thresholds));
      if (column.line) {
        const points = lines[column.line].filter(([at]) => at >= scale.from);
        const gap = Math.max((scale.to - scale.from) / 20, 4000 * task.interval_seconds);
        const label = `${column.name} of ${task.task_id}`;
        const drawn = line(points, { ...scale, top: tops[column.line], gap, label });
        cell.querySelector("svg")?.remove();
        cell.append(drawn);
      }
    });
    row.what = ["pending", "starting", "running"].includes(task.state) ? "stop" : "start";
    row.action.hidden = task.state === undefined;
    row.action.textContent = row.what;
    row.action.setAttribute("aria-label", `${row.what} ${task.task_id}`);
  }
}

export function isHot(name, task, thresholds) {
  const m = task.sample?.metrics ?? {};
  return (name === "cpu" && m.cpu_percent >= thresholds.cpu) || (name === "memory" && m.memory_percent >= thresholds.memory);
}
