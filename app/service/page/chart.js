// Graphs over the last two minutes, by uPlot, with a legend that is a table.
/* global uPlot */

import { clock, round } from "./format.js";

const shown = 120; // seconds
const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

let colors = new Map();
const redraws = new Set();

/** A colour by its name in colors.css, in the light or dark that is on. */
export function color(name) {
  if (!colors.has(name)) {
    const style = getComputedStyle(document.documentElement);
    colors.set(name, style.getPropertyValue(`--${name}`).trim());
  }
  return colors.get(name);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colors = new Map();
  for (const redraw of redraws) redraw();
});

/** Makes `plot` fill `host` whenever its size changes. */
export function fill(host, plot) {
  const observer = new ResizeObserver(() => {
    plot.setSize({ width: host.clientWidth, height: host.clientHeight });
  });
  observer.observe(host);
  const redraw = () => plot.redraw();
  redraws.add(redraw);
  return () => {
    observer.disconnect();
    redraws.delete(redraw);
  };
}

/** What the axes of all graphs have in common. */
export function axis(more) {
  return {
    font,
    stroke: () => color("muted"),
    grid: { stroke: () => color("grid"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

function ago(seconds) {
  if (seconds === 0) return "now";
  const minutes = Math.floor(-seconds / 60);
  const rest = String(-seconds % 60).padStart(2, "0");
  return `−${minutes}:${rest}`;
}

export class TimeChart {
  #host;
  #legend;
  #options;
  #names = "";
  #plot = null;
  #release = () => {};
  #points = [];
  #series = [];

  /**
   * `options.format` writes a value; `options.top` gives the upper end of the
   * axis for the highest value; `options.stacked` piles the series up,
   * `options.filled` fills below them; `options.title` names the legend's table.
   */
  constructor(host, legend, options) {
    this.#host = host;
    this.#legend = legend;
    this.#options = options;
  }

  /**
   * Draws `series`, each `{ name, color, values, strong }` with one value (or
   * null) for each of `points`. Returns how many values were drawn.
   */
  draw(points, series) {
    this.#points = points;
    this.#series = series;
    const newest = points.at(-1)?.at ?? 0;
    const times = points.map((point) => (point.at - newest) / 1000);
    // The pile is drawn from its top, so that what is below stays in sight.
    const lines = this.#options.stacked ? stack(series).reverse() : series.map((one) => one.values);
    const names = series.map((one) => `${one.name} ${one.strong}`).join();
    if (names !== this.#names || !this.#plot) {
      this.#names = names;
      this.#rebuild([times, ...lines]);
    } else {
      this.#plot.setData([times, ...lines]);
    }
    this.#tell(this.#plot.cursor.idx ?? null);
    return series.flatMap((one) => one.values).filter((value) => value !== null).length;
  }

  #rebuild(data) {
    this.#release();
    this.#plot?.destroy();
    const { format, stacked, filled } = this.#options;
    const lines = this.#series.map((one) => ({
      label: one.name,
      stroke: () => color(one.color),
      fill: stacked || filled ? () => color(`${one.color}-fill`) : undefined,
      width: one.strong ? 2.5 : 1.75,
      points: { show: false },
    }));
    if (stacked) lines.reverse();
    this.#plot = new uPlot(
      {
        width: this.#host.clientWidth,
        height: this.#host.clientHeight,
        legend: { show: false },
        padding: [10, 14, 0, 0],
        cursor: {
          y: false,
          drag: { x: false, y: false },
          points: { size: 7, width: 2 },
          sync: { key: "signals" },
        },
        scales: {
          x: { time: false, range: [-shown, 0] },
          y: { range: (_, __, highest) => [0, this.#options.top(highest ?? 0)] },
        },
        axes: [
          axis({
            size: 26,
            gap: 6,
            splits: () => [-120, -90, -60, -30, 0],
            values: (_, splits) => splits.map(ago),
          }),
          axis({ size: 58, gap: 6, space: 34, values: (_, splits) => splits.map((value) => round(format(value))) }),
        ],
        series: [{}, ...lines],
        // Each area ends at the line below it; the lowest at zero.
        bands: stacked ? lines.slice(1).map((_, i) => ({ series: [i + 1, i + 2] })) : [],
        hooks: { setCursor: [(plot) => this.#tell(plot.cursor.idx ?? null)] },
      },
      data,
      this.#host,
    );
    this.#release = fill(this.#host, this.#plot);
  }

  /** Writes the legend: the values at `index`, or the newest. */
  #tell(index) {
    const { format, title } = this.#options;
    const at = index === null ? this.#points.length - 1 : index;
    const when = index === null ? "now" : clock(this.#points[at]?.at);
    const rows = this.#series.map((one) => {
      const known = one.values.filter((value) => value !== null);
      const mean = known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
      const most = known.length ? Math.max(...known) : null;
      return { ...one, cells: [one.values[at] ?? null, mean, most].map(format) };
    });
    table(this.#legend, `${title}, the last two minutes`, [when, "mean", "max"], rows);
    const newest = rows.map((row) => `${row.name} ${row.cells[0]}`).join(", ");
    if (index === null) this.#host.setAttribute("aria-label", `${title} over two minutes; now: ${newest}`);
  }
}

/** Writes a table into `host`, touching only what has changed. */
function table(host, caption, heads, rows) {
  const shape = rows.map((row) => `${row.name} ${row.strong}`).join();
  if (host.dataset.shape !== shape) {
    host.dataset.shape = shape;
    const html = document.createElement("table");
    html.createCaption().textContent = caption;
    const head = html.createTHead().insertRow();
    for (const text of ["", ...heads]) {
      const th = document.createElement(text === "" ? "td" : "th");
      if (text) th.scope = "col";
      head.append(th);
    }
    const body = html.createTBody();
    for (const row of rows) {
      const tr = body.insertRow();
      if (row.strong) tr.className = "strong";
      const th = document.createElement("th");
      th.scope = "row";
      const swatch = document.createElement("i");
      swatch.className = `swatch swatch-${row.color}`;
      th.append(swatch, row.name);
      tr.append(th);
      for (const _ of row.cells) tr.insertCell();
    }
    host.replaceChildren(html);
  }
  const html = host.firstElementChild;
  heads.forEach((text, i) => write(html.tHead.rows[0].cells[i + 1], text));
  rows.forEach((row, r) => {
    row.cells.forEach((text, i) => write(html.tBodies[0].rows[r].cells[i + 1], text));
  });
}

function write(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

/** Each series on top of those before it. */
function stack(series) {
  const sums = [];
  return series.map((one) =>
    one.values.map((value, i) => {
      if (value !== null) sums[i] = (sums[i] ?? 0) + value;
      return value === null ? null : sums[i];
    }),
  );
}
