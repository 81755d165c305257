// Listens to what arrives and shows it. Holds no fact of its own.
import { Rows } from "./rows.js";

const state = document.getElementById("state");
const latest = document.getElementById("latest");
const rows = new Rows(document.getElementById("tasks"), document.getElementById("no-tasks"));

// A reader's eye needs no more than this many changes a second.
const DRAW_EVERY_MS = 250;

let samples = 0;
let missed = 0;
let newest = null;

const events = new EventSource("/live");
events.onopen = () => say();
events.onerror = () => { state.textContent = "no connection to the manager; reconnecting …"; };
events.addEventListener("task_metrics", (event) => {
  const sample = JSON.parse(event.data);
  samples += 1;
  newest = sample;
  rows.take(sample);
});
events.addEventListener("metrics", (event) => {
  samples += 1;
  newest = JSON.parse(event.data);
});
events.addEventListener("alive", (event) => {
  const { proplet_id: proplet, status } = JSON.parse(event.data);
  rows.live(proplet, status === "alive");
});
events.addEventListener("missed", (event) => { missed += Number(event.data); });

function say() {
  const lost = missed > 0 ? `, ${missed} too many to show` : "";
  state.textContent = `listening; ${samples} samples since this page was opened${lost}`;
}

setInterval(() => {
  if (events.readyState === EventSource.OPEN) say();
  if (newest) latest.textContent = JSON.stringify(newest, null, 2);
  newest = null;
  rows.draw();
}, DRAW_EVERY_MS);
