// The controls: traffic, errors and delay of the service, by its control API.
// What is allowed the service decides; the page shows what it answers.

const $ = (id) => document.getElementById(id);

const rates = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const shares = [0, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100];

/** Example delays, from the plainest to the most harmful. */
const presets = [
  ["Constant", "constant(80ms)"],
  ["Normal", "normal(mean=120ms, sd=25ms)"],
  ["Lognormal", "lognormal(mean=120ms, cv=0.6)"],
  ["Exponential", "exponential(mean=80ms)"],
  ["Two peaks", "0.8*gamma(shape=9, scale=8ms) + 0.2*normal(mean=400ms, sd=40ms)"],
  ["Heavy tail", "pareto(scale=20ms, shape=1.5)"],
];

// The units, as they are spoken.
const perSecond = "requests a second";
const ofAnswers = "percent of answers";

const faults = "/control/faults";
const traffic = "/control/traffic";

/** Tells a screen reader; set by `start`. */
let announce = () => {};
/** What was refused for want of the token, to be tried again with it. */
let refused = null;

/** 401: the token is missing or wrong. */
class Refused extends Error {}
/** 403: access is not allowed from here. */
class Forbidden extends Error {}

/** Asks the control API; returns its state or throws what it said. */
async function ask(path, change) {
  const headers = {};
  const token = sessionStorage.getItem("control-token");
  if (token) headers.authorization = `Bearer ${token}`;
  if (change) headers["content-type"] = "application/json";
  const answer = await fetch(path, {
    method: change ? "PATCH" : "GET",
    headers,
    body: change && JSON.stringify(change),
  });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const detail = Array.isArray(body.detail)
    ? body.detail.map((problem) => problem.msg).join("; ")
    : (body.detail ?? `the service answered ${answer.status}`);
  if (answer.status === 401) throw new Refused(detail);
  if (answer.status === 403) throw new Forbidden(detail);
  throw new Error(detail);
}

function wantToken(again) {
  refused = again;
  $("token-control").hidden = false;
  const guessed = sessionStorage.getItem("control-token") !== null;
  say($("token"), guessed ? "Wrong control token." : "");
}

/** Disables the controls and shows the reason. */
function turnOff(reason) {
  $("controls-off").textContent = reason;
  for (const part of document.querySelectorAll(".control input, .control button")) part.disabled = true;
}

/** Writes a problem beside its field, or clears it. */
function say(field, problem) {
  $(`${field.id}-error`).textContent = problem;
  if (problem) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/** Writes a value into a field, unless someone is writing there. */
function fill(field, value) {
  if (document.activeElement !== field || field.value === "") field.value = value;
}

/** Puts a slider on the step nearest to a value. */
function slide(slider, steps, value, unit) {
  let nearest = 0;
  steps.forEach((step, i) => {
    if (Math.abs(step - value) < Math.abs(steps[nearest] - value)) nearest = i;
  });
  slider.value = nearest;
  speak(slider, value, unit);
}

/** Colours a slider up to its thumb and says what it stands at. */
function speak(slider, value, unit) {
  slider.style.setProperty("--filled", `${(100 * slider.value) / slider.max}%`);
  slider.setAttribute("aria-valuetext", `${value} ${unit}`);
}

function showTraffic({ rate }) {
  fill($("rate"), rate);
  slide($("rate-slider"), rates, rate, perSecond);
}

function showFaults({ error_rate: share, delay, mystery }) {
  const percent = Number((share * 100).toPrecision(6));
  fill($("error-rate"), percent);
  slide($("error-rate-slider"), shares, percent, ofAnswers);

  // A service with a mystery keeps its delay to itself: that is the exercise.
  const hidden = delay === null;
  $("delay").disabled = hidden;
  for (const button of $("delay-control").querySelectorAll("button")) button.disabled = hidden;
  $("delay-control").classList.toggle("mystery", hidden);
  if (hidden) {
    $("delay").value = "";
    $("delay").placeholder = `hidden${mystery ? ` (mystery ${mystery})` : ""}: recover it from the bars`;
  } else {
    fill($("delay"), delay);
  }
  for (const button of $("presets").children) {
    button.setAttribute("aria-pressed", String(button.dataset.delay === delay));
  }
}

/** Sends one change and shows its outcome beside `field`. */
async function change(field, path, body, show, told) {
  try {
    const state = await ask(path, body);
    say(field, "");
    show(state);
    announce(told(state));
  } catch (problem) {
    if (problem instanceof Refused) wantToken(() => change(field, path, body, show, told));
    else if (problem instanceof Forbidden) turnOff(problem.message);
    else say(field, problem.message);
  }
}

const setRate = (rate) =>
  change($("rate"), traffic, { rate }, showTraffic, (state) => `Traffic is ${state.rate} requests a second`);

const setShare = (percent) => {
  // In steps of a thousandth of a percent, as 0.07 is not exactly 7 / 100.
  const share = Number.isNaN(percent) ? null : Math.round(percent * 1e3) / 1e5;
  return change($("error-rate"), faults, { error_rate: share }, showFaults,
    (state) => `Errors are ${Number((state.error_rate * 100).toPrecision(6))} percent`);
};

const setDelay = (delay) =>
  change($("delay"), faults, { delay }, showFaults, (state) => `The delay is ${state.delay}`);

/** A number field with a slider beside it. */
function pair(form, field, slider, steps, unit, set) {
  slider.max = steps.length - 1;
  slider.step = 1;
  const send = () => set(field.value.trim() === "" ? NaN : Number(field.value));
  field.addEventListener("change", send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  slider.addEventListener("input", () => {
    field.value = steps[slider.value];
    speak(slider, field.value, unit);
  });
  slider.addEventListener("change", () => set(steps[slider.value]));
}

/** Reads what the service is set to. */
export async function refresh() {
  for (const [path, show] of [[traffic, showTraffic], [faults, showFaults]]) {
    try {
      show(await ask(path));
    } catch (problem) {
      if (problem instanceof Refused) wantToken(refresh);
      if (problem instanceof Forbidden) turnOff(problem.message);
      // Any other failure shows as a lost connection, which calls here again.
    }
  }
}

/** Makes the controls work; `tell` announces what a change has done. */
export function start(tell) {
  announce = tell;
  pair($("traffic-control"), $("rate"), $("rate-slider"), rates, perSecond, setRate);
  pair($("error-control"), $("error-rate"), $("error-rate-slider"), shares, ofAnswers, setShare);

  $("delay-control").addEventListener("submit", (event) => {
    event.preventDefault();
    setDelay($("delay").value);
  });
  for (const [name, delay] of presets) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.title = delay;
    button.dataset.delay = delay;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      $("delay").value = delay;
      setDelay(delay);
    });
    $("presets").append(button);
  }

  $("token-control").addEventListener("submit", async (event) => {
    event.preventDefault();
    sessionStorage.setItem("control-token", $("token").value);
    const again = refused;
    refused = null;
    await again?.();
    if (refused) return;
    $("token-control").hidden = true;
    $("rate").focus();
    await refresh();
  });
}
