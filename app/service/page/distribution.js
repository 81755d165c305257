// The distribution of the delays: one bar a bucket, and where the quantiles fall.
/* global uPlot */

import { axis, color, fill } from "./chart.js";
import { count, duration, percent, round } from "./format.js";

const quantiles = ["p50", "p95", "p99"];

export class Distribution {
  #host;
  #reading;
  #table;
  #plot = null;
  #release = () => {};
  #bounds = "";
  #now = { bounds: [], counts: [], quantiles: [] };

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
  draw(distribution) {
    this.#now = distribution;
    const { bounds, counts } = distribution;
    if (!bounds.length) return 0;
    const data = [bounds.map((_, i) => i + 0.5), counts];
    if (String(bounds) !== this.#bounds) {
      this.#bounds = String(bounds);
      this.#release();
      this.#plot?.destroy();
      this.#build(data);
    } else {
      this.#plot.setData(data);
    }
    this.#tell(this.#plot.cursor.idx ?? null);
    this.#tabulate();
    return counts.filter((answers) => answers > 0).length;
  }

  #build(data) {
    const buckets = data[0].length;
    this.#plot = new uPlot(
      {
        width: this.#host.clientWidth,
        height: this.#host.clientHeight,
        legend: { show: false },
        padding: [26, 14, 0, 0],
        cursor: { y: false, x: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, range: [0, buckets] },
          y: { range: (_, __, most) => [0, Math.max(4, (most ?? 0) * 1.08)] },
        },
        axes: [
          axis({
            size: 26,
            gap: 6,
            grid: { show: false },
            splits: (plot) => this.#edges(plot.bbox.width / devicePixelRatio),
            values: (_, splits) => splits.map((edge) => this.#edge(edge)),
          }),
          axis({ size: 48, gap: 6, space: 34, values: (_, splits) => splits.map(count) }),
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
    const every = Math.max(1, Math.ceil((buckets * 58) / width));
    const edges = [];
    for (let edge = every; edge < buckets; edge += every) edges.push(edge);
    return edges;
  }

  #edge(edge) {
    return edge === 0 ? "0" : round(duration(this.#now.bounds[edge - 1] ?? Infinity));
  }

  /** Where a duration lies on the axis, spread evenly inside its bucket. */
  #position(seconds) {
    const bounds = this.#now.bounds.map((bound) => bound ?? Infinity);
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    if (bucket < 0) return null;
    const from = bucket === 0 ? 0 : bounds[bucket - 1];
    if (bounds[bucket] === Infinity) return bucket;
    return bucket + (seconds - from) / (bounds[bucket] - from);
  }

  #paint(plot) {
    const { ctx, bbox } = plot;
    const { counts } = this.#now;
    const scale = devicePixelRatio;
    ctx.save();
    const marks = this.#now.quantiles.map((q) => (q === null ? null : this.#position(q)));
    const base = plot.valToPos(0, "y", true);
    counts.forEach((answers, i) => {
      const left = Math.round(plot.valToPos(i, "x", true)) + scale;
      const right = Math.round(plot.valToPos(i + 1, "x", true)) - scale;
      const top = plot.valToPos(answers, "y", true);
      if (base - top < 0.5) return;
      // A bucket has the colour of the highest quantile that it holds back.
      const zone = marks.findIndex((mark) => mark === null || i + 0.5 <= mark);
      ctx.fillStyle = color(`bar-${zone < 0 ? 3 : zone}`);
      ctx.beginPath();
      ctx.roundRect(left, top, right - left, base - top, [3 * scale, 3 * scale, 0, 0]);
      ctx.fill();
    });

    ctx.font = `600 ${11 * scale}px system-ui, sans-serif`;
    ctx.textBaseline = "bottom";
    ctx.textAlign = "left";
    ctx.lineWidth = 1.5 * scale;
    let free = -Infinity;
    marks.forEach((mark, i) => {
      if (mark === null) return;
      const x = plot.valToPos(mark, "x", true);
      ctx.strokeStyle = ctx.fillStyle = color(quantiles[i]);
      ctx.setLineDash([4 * scale, 3 * scale]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top - 4 * scale);
      ctx.lineTo(x, base);
      ctx.stroke();
      const width = ctx.measureText(quantiles[i]).width;
      const left = Math.max(x - width / 2, free);
      ctx.fillText(quantiles[i], left, bbox.top - 6 * scale);
      free = left + width + 6 * scale;
    });
    ctx.restore();
  }

  /** Says what a bucket holds, or how much was counted. */
  #tell(index) {
    const { counts, quantiles: values } = this.#now;
    const total = counts.reduce((sum, answers) => sum + answers, 0);
    const all = `${count(total)} answers in the last minute`;
    const text =
      index === null
        ? `${all}, by how long they took`
        : `${this.#edge(index)} to ${this.#edge(index + 1)}: ${count(counts[index])} ` +
          `of ${count(total)} answers, ${percent(total ? counts[index] / total : 0)}`;
    if (this.#reading.textContent !== text) this.#reading.textContent = text;
    const told = quantiles.map((name, i) => `${name} ${duration(values[i])}`).join(", ");
    this.#host.setAttribute("aria-label", `${all}; ${told}`);
  }

  #tabulate() {
    if (this.#table.hidden) return;
    const { counts } = this.#now;
    const total = counts.reduce((sum, answers) => sum + answers, 0);
    const html = document.createElement("table");
    html.createCaption().textContent = "Answers of the last minute by duration";
    const head = html.createTHead().insertRow();
    for (const text of ["longer than", "up to", "answers", "share"]) {
      const th = document.createElement("th");
      th.scope = "col";
      th.textContent = text;
      head.append(th);
    }
    const body = html.createTBody();
    counts.forEach((answers, i) => {
      if (answers < 0.5) return;
      const row = body.insertRow();
      const share = percent(total ? answers / total : 0);
      for (const text of [this.#edge(i), this.#edge(i + 1), count(answers), share]) {
        row.insertCell().textContent = text;
      }
    });
    this.#table.replaceChildren(html);
  }
}
