// The alerts that the pager has, as groups: on its own page and on the live page.

/** Shows the groups in `list`, a `ul`. */
export function showGroups(list, groups) {
  list.replaceChildren(...groups.map(group));
}

/** Brings up to date how long ago each alert began or ended. */
export function showAges(list) {
  for (const time of list.querySelectorAll("time")) time.textContent = ago(time.dateTime);
}

/** What to say aloud of groups that did not stand so `before`. */
export function news(before, groups) {
  const status = (group) => (group.firing > 0 ? "firing" : "resolved");
  const known = new Set(before.map((group) => group.name + status(group)));
  return groups
    .filter((group) => !known.has(group.name + status(group)))
    .map((group) => {
      const many = group.firing > 1 ? ` (${group.firing} alerts)` : "";
      return `Alert ${group.name} is ${status(group)}${many}.`;
    })
    .join(" ");
}

/** How the watchdog stands, in words. */
export function watchdogInWords(watchdog) {
  return {
    heard: `Watchdog heard ${ago(watchdog.last_heard)}: alerts reach the pager.`,
    waiting: "Waiting for the first Watchdog: whether alerts reach the pager is not known yet.",
    silent: `${watchdog.silent.join(" or ")} silent since ${time(watchdog.silent_since)}: what fires is not known.`,
    off: "The watchdog is off: nobody notices when alerts no longer reach the pager.",
  }[watchdog.state];
}

/** A moment as a time of day, with its date if that is not today. */
export function time(moment) {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return "";
  const today = at.toDateString() === new Date().toDateString();
  const clock = at.toLocaleTimeString([], { hour12: false });
  return today ? clock : `${at.toLocaleDateString()} ${clock}`;
}

/** How long ago a moment was. */
export function ago(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  return Number.isFinite(seconds) ? `${age(seconds)} ago` : "";
}

function age(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${rest} s`;
  return `${rest} s`;
}

// Text only ever enters as text: what an alert says is not ours.
function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function group({ name, firing, resolved, not_shown: hidden, alerts }) {
  const row = element("li", "group", "");
  if (firing + resolved > 1) {
    const counts = [[firing, "firing"], [resolved, "resolved"]];
    const text = counts.filter(([count]) => count > 0).map((count) => count.join(" ")).join(", ");
    row.append(element("p", "group-head", `${name}: ${text}`));
  }
  const list = element("ul", "", "");
  list.append(...alerts.map(item));
  row.append(list);
  if (hidden > 0) row.append(element("p", "group-more", `and ${hidden} more; Alertmanager shows all`));
  return row;
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
  const says = annotations.summary ?? annotations.description ?? annotations.message ?? alert.value;
  if (says) body.append(element("span", "", says));
  row.append(body, since(alert));

  for (const [text, url] of [
    ["query", alert.generator_url],
    ["dashboard", alert.dashboard_url],
    ["what to do", annotations.runbook_url],
  ]) {
    // Only a web address may become a link.
    if (!/^https?:\/\//.test(url ?? "")) continue;
    const link = element("a", "", text);
    link.href = url;
    link.rel = "noopener noreferrer";
    link.target = "_blank";
    row.append(link);
  }
  return row;
}

function since(alert) {
  const moment = alert.status === "resolved" ? alert.ends_at : alert.starts_at;
  const at = element("time", "since", ago(moment));
  at.dateTime = moment;
  return at;
}
