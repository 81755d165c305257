// The pager's page: what fires now, from GET /live, and what has fired, from GET /history.
// Holds no fact of its own.

import { showAges, showGroups, time, watchdogInWords } from "./alerts.js";

const $ = (id) => document.getElementById(id);

let watchdog = null;

const events = new EventSource("/live");
events.addEventListener("alerts", (event) => {
  const told = JSON.parse(event.data);
  watchdog = told.watchdog;
  $("quiet").hidden = told.groups.length > 0;
  showGroups($("alerts"), told.groups);
  const firing = told.groups.reduce((sum, group) => sum + group.firing, 0);
  document.title = firing > 0 ? `(${firing}) Pager` : "Pager";
  say();
  showHistory();
});
events.onopen = () => { $("state").textContent = "live"; };
events.onerror = () => { $("state").textContent = "no connection to the pager; reconnecting …"; };

function say() {
  if (!watchdog) return;
  $("watchdog").dataset.state = watchdog.state;
  $("watchdog").textContent = watchdogInWords(watchdog);
}

async function showHistory() {
  const answer = await fetch("/history");
  if (!answer.ok) return;
  const cell = (text) => {
    const made = document.createElement("td");
    made.textContent = text;
    return made;
  };
  const rows = (await answer.json()).map((event) => {
    const row = document.createElement("tr");
    const what = event.status === "firing" ? `firing (${event.firing})` : "resolved";
    row.append(cell(time(event.at)), cell(event.name), cell(what), cell(event.severity), cell(event.summary));
    return row;
  });
  $("none").hidden = rows.length > 0;
  $("history").hidden = rows.length === 0;
  $("history").querySelector("tbody").replaceChildren(...rows);
}

setInterval(() => {
  showAges($("alerts"));
  say();
}, 5_000);
