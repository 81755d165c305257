// The live page: connects, keeps the last two minutes, and has them drawn.

import * as controls from "./controls.js";
import { refreshPager, showPager } from "./pager.js";
import { buildProcess, draw, inWords, showQueries } from "./panels.js";
import { watch } from "./stream.js";

const $ = (id) => document.getElementById(id);

const shown = 120_000; // ms
// Farther apart than this, two points are not neighbours: the line breaks.
const gap = 2_500; // ms

let points = [];
let now = null;
let fresh = true;
let paused = false;
let close = () => {};

function announce(text) {
  $("announcement").textContent = text;
}

function state(name) {
  const shows = paused && name === "live" ? "paused" : name;
  const connection = $("connection");
  if (connection.dataset.state === shows) return;
  connection.dataset.state = shows;
  $("connection-text").textContent = {
    live: "Live", paused: "Paused", lost: "Connection lost, reconnecting…",
  }[shows];
  document.body.classList.toggle("stale", shows === "lost");
}

function take(event) {
  // After a restart on a machine whose clock was set back, begin anew.
  if (fresh && (event.points.at(-1)?.at ?? 0) < (points.at(-1)?.at ?? 0)) points = [];
  fresh = false;
  for (const point of event.points) {
    const last = points.at(-1)?.at;
    if (last !== undefined && point.at <= last) continue;
    if (last !== undefined && point.at - last > gap) points.push({ at: last + 1 });
    points.push(point);
  }
  const newest = points.at(-1)?.at ?? 0;
  points = points.filter((point) => point.at >= newest - shown);
  now = event;
  if (!paused) draw(points, now);
}

function connect() {
  close();
  points = [];
  close = watch($("range").value, {
    state,
    view(view) {
      fresh = true;
      showQueries(view.queries);
      controls.refresh();
    },
    points: take,
    alerts(told) {
      const text = showPager(told);
      if (text) announce(text);
    },
  });
}

$("range").addEventListener("change", connect);

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Resume" : "Pause";
  if ($("connection").dataset.state !== "lost") state("live");
  if (!paused && now) draw(points, now);
});

$("announce").addEventListener("click", () => {
  // Emptied first, so that the same sentence is read again.
  announce("");
  setTimeout(() => announce(inWords()), 50);
});

// An alert says how long ago it began: that changes without news.
setInterval(refreshPager, 10_000);

buildProcess();
controls.start(announce);
connect();
