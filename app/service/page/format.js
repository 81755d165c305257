// Numbers as people read them. Every function takes null for "not known".

const unknown = "–";

/** A number with about three significant digits, always as many as its size asks for. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return unknown;
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 100 ? count(value) : value.toFixed(size >= 10 ? 1 : 2);
}

/** A whole number. */
export function count(value) {
  return value === null || value === undefined ? unknown : Math.round(value).toLocaleString("en");
}

/** What a format says of a round value, without the zeros: 7.50 ms is 7.5 ms. */
export function round(text) {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

/** Seconds as a duration of three significant digits. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return unknown;
  if (!Number.isFinite(seconds)) return "∞";
  if (seconds === 0) return "0 ms";
  if (seconds < 0.001) return `${number(seconds * 1e6)} µs`;
  if (seconds < 1) return `${number(seconds * 1e3)} ms`;
  return `${number(seconds)} s`;
}

/** A share 0..1 as a percentage. */
export function percent(share) {
  if (share === null || share === undefined) return unknown;
  const value = share * 100;
  if (value > 0 && value < 0.1) return "<0.1 %";
  return `${value === 0 ? "0" : value.toFixed(value >= 10 ? 0 : 1)} %`;
}

/** Bytes in binary units. */
export function bytes(value) {
  if (value === null || value === undefined) return unknown;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${number(value / 1024 ** step)} ${units[step]}`;
}

/** Seconds as the time someone has been at work. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return unknown;
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${rest} s`;
  return `${rest} s`;
}

/** Milliseconds since the epoch as a time of day. */
export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}
