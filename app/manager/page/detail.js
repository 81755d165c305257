// The page of one task: its history, its trend, what it is and why it ended.
import { bytes, clock, percent, rate, slope, span, whole } from "./format.js";
import { line } from "./spark.js";

// As many samples as the API gives at once.
const SAMPLES = 1000;

const metric = (name) => (sample) => sample.metrics[name];
const perSecond = (...names) => (sample, before) => {
  const values = names.map((name) => sample.metrics[name]);
  const seconds = before && (Date.parse(sample.timestamp) - Date.parse(before.timestamp)) / 1000;
  return !seconds || values.includes(undefined) ? undefined : values.reduce((a, b) => a + b) / seconds;
};

const CHARTS = [
  { title: "CPU", of: metric("cpu_percent"), show: percent },
  { title: "memory", of: metric("memory_bytes"), show: bytes },
  { title: "disk, read and written", of: perSecond("disk_read_bytes", "disk_write_bytes"), show: rate },
  { title: "TCP, its own, received and sent", of: perSecond("tcp_rx_bytes", "tcp_tx_bytes"), show: rate },
  { title: "network of its namespace", of: perSecond("network_rx_bytes", "network_tx_bytes"), show: rate },
  { title: "threads", of: metric("thread_count"), show: whole },
  { title: "open files", of: metric("file_descriptor_count"), show: whole },
];

const make = (name, text, kind) => {
  const made = document.createElement(name);
  made.textContent = text ?? "";
  if (kind) made.className = kind;
  return made;
};

async function get(path) {
  const answer = await fetch(path);
  return answer.ok ? answer.json() : null;
}

export class Detail {
  #dialog = document.getElementById("task");
  #shown = null;

  constructor() {
    document.getElementById("close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      this.#shown = null;
      if (location.hash) history.pushState(null, "", location.pathname + location.search);
    });
  }

  get open() {
    return this.#shown;
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  // `status` as of the model; undefined for a task that is not among its tasks. `now` is
  // the manager's.
  async show(id, proplet, status, minutes, now) {
    const name = JSON.stringify([id, proplet]);
    this.#shown = name;
    document.getElementById("task-heading").textContent = `${id} on ${proplet || "no proplet"}`;
    const since = status?.since ? ` since ${clock(status.since)}` : "";
    const why = status?.why ? `: ${status.why}` : "";
    document.getElementById("task-state").textContent = status ? `${status.word}${since}${why}` : "not seen lately";
    if (!this.#dialog.open) this.#dialog.showModal();
    const path = `/tasks/${encodeURIComponent(id)}`;
    const from = Math.floor(now / 1000) - minutes * 60;
    const [page, trend] = await Promise.all([
      get(`${path}/metrics?limit=${SAMPLES}&from=${from}`), get(`${path}/trend?from=${from}`),
    ]);
    // Another one may have been opened meanwhile.
    if (this.#shown !== name) return;
    const samples = (page?.metrics ?? []).filter((sample) => sample.proplet_id === proplet).reverse();
    this.#charts(samples, from * 1000, now);
    this.#trend(trend);
    const links = document.getElementById("task-links");
    const link = make("a", "samples as JSON");
    link.href = `${path}/metrics?limit=100`;
    const cut = page && page.total > SAMPLES ? `the newest ${SAMPLES} of ${page.total} samples; ` : "";
    links.replaceChildren(cut, link);
  }

  #charts(samples, from, to) {
    const first = samples.length ? Math.max(from, Date.parse(samples[0].timestamp)) : from;
    const charts = CHARTS.map(({ title, of, show }) => {
      const points = samples.flatMap((sample, n) => {
        const value = of(sample, samples[n - 1]);
        return value === undefined ? [] : [[Date.parse(sample.timestamp), value]];
      });
      const figure = make("figure");
      const top = Math.max(0, ...points.map(([, value]) => value));
      const latest = points.length ? show(points[points.length - 1][1]) : "not measured";
      figure.append(make("figcaption", `${title}: ${latest}${points.length ? `, at most ${show(top)}` : ""}`));
      const gap = Math.max((to - first) / 10, 0);
      figure.append(line(points, { from: first, to, top, width: 320, height: 70, gap, label: title }));
      figure.append(make("small", points.length ? `${clock(first)} to ${clock(to)}` : ""));
      return figure;
    });
    document.getElementById("charts").replaceChildren(...charts);
  }

  #trend(trend) {
    const rows = (trend?.trends ?? []).map((found) => {
      const row = make("tr");
      const fits = `${Math.round(found.r_squared * 100)} % explained by a line through ${found.samples} samples`;
      let when = "";
      if (found.limit_reached_at) {
        const left = (Date.parse(found.limit_reached_at) - Date.now()) / 1000;
        when = `reaches its limit of ${bytes(found.limit)} in ${span(Math.max(0, left))}`;
      }
      row.append(make("th", found.metric.replaceAll("_", " ")), make("td", slope(found.metric, found.slope_per_second)), make("td", fits), make("td", when, when ? "hot" : ""));
      return row;
    });
    if (!rows.length) rows.push(make("tr", "three samples are needed"));
    document.querySelector("#trend tbody").replaceChildren(...rows);
  }
}
