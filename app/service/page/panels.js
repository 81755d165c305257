// The four signals, the model and the process: which of the service's numbers goes where.

import { TimeChart } from "./chart.js";
import { Distribution } from "./distribution.js";
import { drawModel } from "./model.js";
import { age, bytes, count, duration, number, percent } from "./format.js";
import { showQueriesIn } from "./promql.js";

const $ = (id) => document.getElementById(id);

// Resources in the order of the legend; one that is not listed comes last.
const resources = ["concurrency", "queue", "cpu", "memory", "fds", "runtime"];

// What the strip says of the process: the key of the value, its name, its format.
const processRows = [
  ["cpu", "CPU", (value) => (value === null ? "–" : `${number(value)} cores`)],
  ["memory", "Memory (RSS)", bytes],
  ["threads", "Threads", count],
  ["fds", "Open files", count],
  ["uptime", "Uptime", age],
];

function chart(name, options) {
  return new TimeChart($(`${name}-chart`), $(`${name}-legend`), options);
}

/** A little air above the highest value, but never an axis of nothing. */
const above = (least) => (highest) => Math.max(least, highest * 1.12);

const latency = chart("latency", { title: "Latency", format: duration, top: above(0.01) });
const traffic = chart("traffic", {
  title: "Requests a second by status", format: number, top: above(1), stacked: true,
});
const errors = chart("errors", {
  title: "Share of failed requests", format: percent, filled: true,
  top: (highest) => Math.min(1, above(0.02)(highest)),
});
const saturation = chart("saturation", { title: "Saturation", format: percent, top: () => 1 });
const distribution = new Distribution(
  $("distribution-chart"), $("distribution-reading"), $("distribution-toggle"), $("distribution-table"),
);

/** Shows the PromQL of every panel. */
export function showQueries(queries) {
  for (const host of document.querySelectorAll(".query")) showQueriesIn(host, queries);
}

/** The strip of process metrics, one item for each. */
export function buildProcess() {
  for (const [key, name] of processRows) {
    const item = document.createElement("div");
    const term = document.createElement("dt");
    term.textContent = name;
    const value = document.createElement("dd");
    value.id = `process-${key}`;
    value.textContent = "–";
    const query = document.createElement("dd");
    query.className = "query";
    query.dataset.queries = key;
    item.append(term, value, query);
    $("process").append(item);
  }
}

/** Draws everything. `points` are the last two minutes, with nulls in gaps. */
export function draw(points, now) {
  drawLatency(points, now.distribution);
  drawTraffic(points);
  drawErrors(points);
  drawSaturation(points);
  drawModel(points, now.model);
  for (const [key, , format] of processRows) $(`process-${key}`).textContent = format(now.process[key]);
}

/** The current values in one sentence. */
export function inWords() {
  const value = (id) => $(id).textContent;
  return (
    `Latency ${value("latency-now")} at the 99th percentile. Traffic ${value("traffic-now")} ` +
    `requests a second. Errors ${value("errors-now")}. ` +
    `Saturation ${value("saturation-now")}, ${value("fullest")}. ` +
    `${value("model-now")} of the predictions by the rules. ${value("model-shift")} ${value("model-truth")}`
  );
}

function headline(id, value, format) {
  const data = $(`${id}-now`);
  data.value = value ?? "";
  data.textContent = format(value);
}

function drawLatency(points, counted) {
  const series = ["p50", "p95", "p99"].map((name) => ({
    name, color: name, values: points.map((point) => point[name] ?? null),
  }));
  const drawn = latency.draw(points, series);
  const buckets = distribution.draw(counted);
  headline("latency", points.at(-1)?.p99 ?? null, duration);
  $("latency").dataset.points = Math.min(drawn, buckets);
}

function drawTraffic(points) {
  // Every status that can occur has a series; those at zero throughout say nothing.
  const statuses = new Set(["200"]);
  for (const point of points) {
    for (const [status, rate] of Object.entries(point.traffic ?? {})) {
      if (rate > 0) statuses.add(status);
    }
  }
  const series = [...statuses].sort().map((status) => ({
    name: status, color: statusColor(status),
    values: points.map((point) => point.traffic?.[status] ?? null),
  }));
  const drawn = traffic.draw(points, series);
  const rates = Object.values(points.at(-1)?.traffic ?? {});
  headline("traffic", rates.length ? rates.reduce((sum, rate) => sum + rate, 0) : null, number);
  $("traffic").dataset.points = drawn;
}

function statusColor(status) {
  // 499: the client went away before the answer.
  if (status === "499") return "cancelled";
  if (status === "503") return "shed";
  if (status === "504") return "timeout";
  return { 2: "success", 4: "client-error", 5: "server-error" }[status[0]] ?? "cancelled";
}

function drawErrors(points) {
  const values = points.map((point) => point.errors ?? null);
  $("errors").dataset.points = errors.draw(points, [{ name: "5xx ÷ all", color: "server-error", values }]);
  headline("errors", points.at(-1)?.errors ?? null, percent);
}

function drawSaturation(points) {
  const now = points.at(-1)?.saturation ?? {};
  const names = [...new Set(points.flatMap((point) => Object.keys(point.saturation ?? {})))];
  const place = (name) => (resources.indexOf(name) + 1 || resources.length + 1);
  names.sort((a, b) => place(a) - place(b));
  const fullest = names.reduce((most, name) => ((now[name] ?? -1) > (now[most] ?? -1) ? name : most), names[0]);
  const series = names.map((name) => ({
    name, color: resources.includes(name) ? name : "cancelled", strong: name === fullest,
    values: points.map((point) => point.saturation?.[name] ?? null),
  }));
  $("saturation").dataset.points = saturation.draw(points, series);
  headline("saturation", now[fullest] ?? null, percent);
  $("fullest").textContent = fullest ?? "";
}
