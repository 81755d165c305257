// The table of tasks: one row each, the latest sample in it.

// More rows than this nobody reads; those that were silent longest go first.
const MAX_ROWS = 200;
const SHOWN_MS = 120_000;
const WIDTH = 120;
const HEIGHT = 24;
const SVG = "http://www.w3.org/2000/svg";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytes(value) {
  if (value === undefined) return "–";
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${UNITS[unit]}`;
}

function age(seconds) {
  if (seconds === undefined) return "–";
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

const whole = (value) => (value === undefined ? "–" : String(value));
const percent = (value) => (value === undefined ? "–" : `${value.toFixed(1)} %`);

export class Rows {
  #table;
  #none;
  #rows = new Map();
  #alive = new Map();
  #changed = false;

  constructor(table, none) {
    this.#table = table;
    this.#none = none;
  }

  take(sample) {
    const key = JSON.stringify([sample.task_id, sample.proplet_id]);
    const row = this.#rows.get(key) ?? { points: [] };
    const at = Date.parse(sample.timestamp);
    if (sample.metrics.cpu_percent !== undefined) {
      row.points.push([at, sample.metrics.cpu_percent]);
      row.points = row.points.filter(([time]) => time > at - SHOWN_MS);
    }
    row.sample = sample;
    row.seen = Date.now();
    // Behind all others: the first is the one that was silent longest.
    this.#rows.delete(key);
    this.#rows.set(key, row);
    if (this.#rows.size > MAX_ROWS) this.#rows.delete(this.#rows.keys().next().value);
    this.#changed = true;
  }

  live(proplet, lives) {
    this.#alive.set(proplet, lives);
    this.#changed = true;
  }

  draw() {
    if (!this.#changed) return;
    this.#changed = false;
    this.#none.hidden = this.#rows.size > 0;
    this.#table.hidden = this.#rows.size === 0;
    const name = ({ sample }) => `${sample.proplet_id} ${sample.task_id}`;
    const rows = [...this.#rows.values()].sort((a, b) => name(a).localeCompare(name(b)));
    this.#table.tBodies[0].replaceChildren(...rows.map((row) => this.#row(row)));
  }

  #row({ sample, points }) {
    const row = document.createElement("tr");
    const silent = this.#alive.get(sample.proplet_id) === false;
    row.className = silent ? "silent" : "";
    const cell = (content, kind) => {
      const made = document.createElement("td");
      made.className = kind ?? "";
      made.append(content);
      row.append(made);
    };
    const m = sample.metrics;
    cell(sample.task_id);
    cell(silent ? `${sample.proplet_id} (silent)` : sample.proplet_id);
    cell(percent(m.cpu_percent), "number");
    cell(spark(points));
    const memory = m.memory_percent === undefined ? "" : ` (${m.memory_percent.toFixed(1)} %)`;
    cell(bytes(m.memory_bytes) + memory, "number");
    for (const key of ["disk_read_bytes", "disk_write_bytes", "network_rx_bytes", "network_tx_bytes"]) {
      cell(bytes(m[key]), "number");
    }
    cell(whole(m.thread_count), "number");
    cell(whole(m.file_descriptor_count), "number");
    cell(age(m.uptime_seconds), "number");
    return row;
  }
}

function spark(points) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "CPU over the last two minutes");
  if (points.length > 1) {
    const last = points[points.length - 1][0];
    const most = Math.max(1, ...points.map(([, value]) => value));
    const line = document.createElementNS(SVG, "polyline");
    const place = ([at, value]) => {
      const x = WIDTH * (1 - (last - at) / SHOWN_MS);
      const y = HEIGHT - 1 - (HEIGHT - 2) * (value / most);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    };
    line.setAttribute("points", points.map(place).join(" "));
    svg.append(line);
  }
  return svg;
}
