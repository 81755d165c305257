// The model: who answers, how the scores are distributed, and what has come out.

import { TimeChart } from "./chart.js";
import { count, duration, number, percent } from "./format.js";
import { Scores } from "./scores.js";

const $ = (id) => document.getElementById(id);

const fallback = new TimeChart($("fallback-chart"), $("fallback-legend"), {
  title: "Share of predictions by the rules", format: percent, filled: true,
  top: (highest) => Math.min(1, Math.max(0.1, highest * 1.12)),
});
const scores = new Scores($("scores-chart"), $("scores-reading"), $("scores-toggle"), $("scores-table"));

/** Draws it. `points` are the last two minutes, `now` what was counted in them. */
export function drawModel(points, now) {
  const values = points.map((point) => point.fallback ?? null);
  const drawn = fallback.draw(points, [{ name: "rules ÷ all", color: "rules", values }]);
  const buckets = scores.draw(now);
  const share = points.at(-1)?.fallback ?? null;
  $("model-now").value = share ?? "";
  $("model-now").textContent = percent(share);
  write($("model-shift"), shift(now));
  write($("model-truth"), truth(now));
  $("model").dataset.points = Math.min(drawn, buckets);
}

function shift({ distance, chance }) {
  if (distance === null || chance === null) {
    return "No predictions in two minutes: nothing is known of their distance from the reference.";
  }
  const verdict = distance > chance ? "more than chance explains" : "chance explains it";
  return `Distance from the reference (Kolmogorov-Smirnov) ${number(distance)}, by chance up to ` +
    `${number(chance)}: ${verdict}.`;
}

function truth({ accuracy, labels, label_delay: delay }) {
  if (!labels || accuracy === null) {
    return "No labels of the model's predictions in two minutes: whether they were right is not known.";
  }
  return `${percent(accuracy)} of the labelled predictions of the model were right: ${count(labels)} labels ` +
    `in two minutes, half of them within ${duration(delay)}.`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
