// What the pager has, or that it cannot be reached: above the signals. While all is calm
// it is out of sight.

import { ago, news, showAges, showGroups, time, watchdogInWords } from "./alerts.js";

const pager = document.getElementById("pager");
const state = document.getElementById("pager-state");
const list = document.getElementById("alerts");

let told = { groups: [] };

/** Shows what the service was told by the pager; returns what to say aloud of it. */
export function showPager(now) {
  const wasReachable = !told.unreachable;
  // What the pager said last stays in sight: it may be true still.
  const groups = now.groups ?? told.groups;
  const lost = wasReachable && now.unreachable ? "The pager cannot be reached. " : "";
  const text = lost + news(told.groups, groups);
  told = { ...now, groups };
  pager.hidden = groups.length === 0 && !now.unreachable;
  showGroups(list, groups);
  refreshPager();
  return text;
}

/** Brings up to date how long ago everything was. */
export function refreshPager() {
  showAges(list);
  const { unreachable, watchdog } = told;
  if (unreachable) {
    state.dataset.state = "unreachable";
    state.textContent =
      `The pager at ${unreachable.pager} cannot be reached since ${time(unreachable.since)} ` +
      `(${ago(unreachable.since)}): ${unreachable.reason}. What fires is not known here.`;
  } else if (watchdog) {
    state.dataset.state = watchdog.state;
    state.textContent = watchdogInWords(watchdog);
  }
}
