// The pager: the alerts that Alertmanager has delivered.

import { age } from "./format.js";

const pager = document.getElementById("pager");
const list = document.getElementById("alerts");

/** Shows the alerts; with none, the pager is out of sight. */
export function showAlerts(alerts) {
  pager.hidden = alerts.length === 0;
  list.replaceChildren(...alerts.map(item));
}

/** Brings up to date how long ago each alert began or ended. */
export function showAges() {
  for (const time of list.querySelectorAll("time")) time.textContent = ago(time.dateTime);
}

/** What to say aloud of alerts that were not there `before`. */
export function news(before, alerts) {
  const known = new Set(before.map((alert) => alert.fingerprint + alert.status));
  return alerts
    .filter((alert) => !known.has(alert.fingerprint + alert.status))
    .map((alert) => `Alert ${alert.labels.alertname ?? ""} is ${alert.status}.`)
    .join(" ");
}

// Text only ever enters as text: what an alert says is not ours.
function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function item(alert) {
  const { labels, annotations } = alert;
  const row = element("li", `alert alert-${alert.status}`, "");
  row.dataset.severity = labels.severity ?? "";

  const level = labels.level ? `level ${labels.level}` : "";
  const badge = [labels.severity, level].filter(Boolean).join(" · ");
  row.append(element("span", "badge", alert.status === "resolved" ? "resolved" : badge || "firing"));

  const body = element("div", "alert-body", "");
  body.append(element("strong", "", labels.alertname ?? "Alert"));
  const says = annotations.summary ?? annotations.description ?? annotations.message;
  if (says) body.append(element("span", "", says));
  row.append(body, since(alert));

  // Its query in Prometheus; only a web address may become a link.
  if (/^https?:\/\//.test(alert.generator_url)) {
    const link = element("a", "", "query");
    link.href = alert.generator_url;
    link.rel = "noopener noreferrer";
    link.target = "_blank";
    row.append(link);
  }
  return row;
}

function since(alert) {
  const moment = alert.status === "resolved" ? alert.ends_at : alert.starts_at;
  const time = element("time", "since", ago(moment));
  time.dateTime = moment;
  return time;
}

function ago(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  return Number.isFinite(seconds) ? `${age(seconds)} ago` : "";
}
