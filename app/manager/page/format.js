// Numbers as people read them; what is not known is a dash.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

const known = (value) => value !== undefined && value !== null;

export function bytes(value) {
  if (!known(value)) return "–";
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${UNITS[unit]}`;
}

export const rate = (value) => (known(value) ? `${bytes(value)}/s` : "–");
export const whole = (value) => (known(value) ? String(Math.round(value)) : "–");
export const percent = (value) => (known(value) ? `${value.toFixed(1)} %` : "–");

export function span(seconds) {
  if (!known(seconds)) return "–";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

export const clock = (text) => new Date(text).toLocaleTimeString();

// What moves in a second, in the unit of an hour, where that is easier to grasp.
export function slope(metric, perSecond) {
  const perHour = perSecond * 3600;
  const sign = perHour < 0 ? "−" : "+";
  const size = Math.abs(perHour);
  if (metric === "memory_bytes") return `${sign}${bytes(size)}/h`;
  return metric === "cpu_percent" ? `${sign}${size.toFixed(1)} points/h` : `${sign}${size.toFixed(1)}/h`;
}
