// The distribution of the scores: one bar a bucket, and a mark where the reference has it.
/* global uPlot */

import { axis, color, fill } from "./chart.js";
import { count, percent } from "./format.js";

export class Scores {
  #host;
  #reading;
  #table;
  #plot = null;
  #release = () => {};
  #now = { bounds: [], counts: [], reference: [] };

  constructor(host, reading, toggle, table) {
    this.#host = host;
    this.#reading = reading;
    this.#table = table;
    toggle.addEventListener("click", () => {
      table.hidden = !table.hidden;
      toggle.setAttribute("aria-expanded", String(!table.hidden));
      this.#tabulate();
    });
  }

  /** Draws what the service counted. Returns how many buckets hold something. */
  draw(now) {
    const shape = String(now.bounds) !== String(this.#now.bounds);
    this.#now = now;
    if (now.bounds.length) {
      const data = [now.bounds.map((_, i) => i + 0.5), this.#shares().map((share) => share ?? 0)];
      if (shape || !this.#plot) {
        this.#release();
        this.#plot?.destroy();
        this.#build(data);
      } else {
        this.#plot.setData(data);
      }
    }
    this.#tell(this.#plot?.cursor.idx ?? null);
    this.#tabulate();
    return now.counts.filter((scores) => scores > 0).length;
  }

  #total() {
    return this.#now.counts.reduce((sum, scores) => sum + scores, 0);
  }

  /** The share of each bucket; null where nothing was counted. */
  #shares() {
    const total = this.#total();
    return this.#now.counts.map((scores) => (total ? scores / total : null));
  }

  #build(data) {
    const buckets = data[0].length;
    const most = Math.max(...this.#now.reference);
    this.#plot = new uPlot(
      {
        width: this.#host.clientWidth,
        height: this.#host.clientHeight,
        legend: { show: false },
        padding: [10, 14, 0, 0],
        cursor: { y: false, x: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, range: [0, buckets] },
          y: { range: (_, __, highest) => [0, Math.min(1, Math.max(most, highest ?? 0) * 1.3)] },
        },
        axes: [
          axis({
            size: 26,
            gap: 6,
            grid: { show: false },
            splits: (plot) => this.#edges(plot.bbox.width / devicePixelRatio),
            values: (_, splits) => splits.map((edge) => this.#edge(edge)),
          }),
          axis({ size: 48, gap: 6, space: 34, values: (_, splits) => splits.map(percent) }),
        ],
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: {
          draw: [(plot) => this.#paint(plot)],
          setCursor: [(plot) => this.#tell(plot.cursor.idx ?? null)],
        },
      },
      data,
      this.#host,
    );
    this.#release = fill(this.#host, this.#plot);
  }

  /** Which edges between buckets have room for a label. */
  #edges(width) {
    const buckets = this.#now.bounds.length;
    const every = Math.max(1, Math.ceil((buckets * 44) / width));
    const edges = [];
    for (let edge = every; edge < buckets; edge += every) edges.push(edge);
    return edges;
  }

  /** A score: from 0, and in the last bucket up to 1. */
  #edge(edge) {
    if (edge === 0) return "0";
    const bound = this.#now.bounds[edge - 1] ?? 1;
    return String(Number(bound.toFixed(2)));
  }

  #paint(plot) {
    const { ctx } = plot;
    const scale = devicePixelRatio;
    const base = plot.valToPos(0, "y", true);
    const shares = this.#shares();
    ctx.save();
    this.#now.bounds.forEach((_, i) => {
      const left = Math.round(plot.valToPos(i, "x", true)) + scale;
      const right = Math.round(plot.valToPos(i + 1, "x", true)) - scale;
      const top = plot.valToPos(shares[i] ?? 0, "y", true);
      if (base - top >= 0.5) {
        ctx.fillStyle = color("score");
        ctx.beginPath();
        ctx.roundRect(left, top, right - left, base - top, [3 * scale, 3 * scale, 0, 0]);
        ctx.fill();
      }
      const mark = plot.valToPos(this.#now.reference[i] ?? 0, "y", true);
      ctx.fillStyle = color("reference");
      ctx.fillRect(left, mark - scale, right - left, 2 * scale);
    });
    ctx.restore();
  }

  /** Says what a bucket holds, or how much was counted. */
  #tell(index) {
    const { counts, reference } = this.#now;
    const total = this.#total();
    const shares = this.#shares();
    const all = total
      ? `${count(total)} scores in two minutes; marks: wines held out`
      : "No predictions in two minutes; marks: wines held out";
    const text =
      index === null || index >= counts.length || !total
        ? all
        : `${this.#edge(index)} to ${this.#edge(index + 1)}: ${percent(shares[index])} ` +
          `of the scores, ${percent(reference[index])} of wines held out`;
    if (this.#reading.textContent !== text) this.#reading.textContent = text;
    this.#host.setAttribute("aria-label", `Scores by bucket. ${all}`);
  }

  #tabulate() {
    if (this.#table.hidden) return;
    const { counts, reference } = this.#now;
    const shares = this.#shares();
    const html = document.createElement("table");
    html.createCaption().textContent = "Predictions of two minutes by score";
    const head = html.createTHead().insertRow();
    for (const text of ["above", "up to", "predictions", "share", "held out"]) {
      const th = document.createElement("th");
      th.scope = "col";
      th.textContent = text;
      head.append(th);
    }
    const body = html.createTBody();
    counts.forEach((scores, i) => {
      const row = body.insertRow();
      const cells = [this.#edge(i), this.#edge(i + 1), count(scores), percent(shares[i]), percent(reference[i])];
      for (const text of cells) row.insertCell().textContent = text;
    });
    this.#table.replaceChildren(html);
  }
}
