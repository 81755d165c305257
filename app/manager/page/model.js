// What is known of proplets and tasks: the history as of the opening and every half
// minute, and what arrives in between. Holds no element of the page.

// Samples that are kept between two looks at the history.
const MAX_RECENT = 600;

// Tasks that are kept between two looks, beyond which what arrives of others is passed over.
const MAX_TASKS = 1000;

// Without a connection for this long nothing is known any more.
const CUT_MS = 10_000;

// A task is late when this many of its intervals passed without a sample, and a little.
const MISSED = 3;
const SLACK_S = 10;

const key = (task, proplet) => JSON.stringify([task, proplet]);
const sum = (a, b) => (a === undefined || b === undefined ? undefined : a + b);

export class Model {
  tasks = new Map();
  proplets = new Map();
  from = 0;
  to = 0;
  // Of tasks and proplets in all, as far as the manager says.
  total = { tasks: 0, proplets: 0 };
  // Whether the manager hears of anybody.
  brokerConnected = true;
  // Since when there is no connection to the manager, by this browser's clock.
  cut = null;
  // The manager's clock less this browser's, which may be wrong.
  #ahead = 0;

  now() {
    return Date.now() + this.#ahead;
  }

  // Whether what is shown may be of long ago.
  get blind() {
    return this.cut !== null && Date.now() - this.cut > CUT_MS;
  }

  // An answer of `/overview` replaces everything but what came since.
  take(overview) {
    this.from = Date.parse(overview.from);
    this.to = Date.parse(overview.to);
    this.#ahead = this.to - Date.now();
    this.total = { tasks: overview.total_tasks, proplets: overview.total_proplets };
    this.brokerConnected = overview.broker_connected;
    this.proplets = new Map(overview.proplets.map((proplet) => [proplet.id, proplet]));
    const before = this.tasks;
    this.tasks = new Map(overview.tasks.map((task) => {
      const known = before.get(key(task.task_id, task.proplet_id));
      const at = task.sample ? Date.parse(task.sample.timestamp) : 0;
      const recent = (known?.recent ?? []).filter((point) => point.at > at);
      const newer = known?.sample && Date.parse(known.sample.timestamp) > at;
      // The first sample since the page was opened has nothing to be a rate from.
      const past = last(task.lines);
      const rates = { disk: known?.rates.disk ?? past.disk, tcp: known?.rates.tcp ?? past.tcp };
      return [key(task.task_id, task.proplet_id), { ...task, recent, rates, sample: newer ? known.sample : task.sample }];
    }));
  }

  sample(sample) {
    const name = key(sample.task_id, sample.proplet_id);
    if (!this.tasks.has(name) && this.tasks.size >= MAX_TASKS) return;
    const task = this.tasks.get(name) ?? {
      task_id: sample.task_id, proplet_id: sample.proplet_id, interval_seconds: 0, lines: {}, recent: [], rates: {},
    };
    const at = Date.parse(sample.timestamp);
    const before = task.sample ? Date.parse(task.sample.timestamp) : undefined;
    if (before !== undefined && at <= before) return;
    const m = sample.metrics;
    const seconds = before === undefined ? undefined : (at - before) / 1000;
    const perSecond = (count) => (count === undefined || !seconds ? undefined : count / seconds);
    task.rates = {
      disk: perSecond(sum(m.disk_read_bytes, m.disk_write_bytes)),
      tcp: perSecond(sum(m.tcp_rx_bytes, m.tcp_tx_bytes)),
    };
    task.interval_seconds = seconds ?? task.interval_seconds;
    task.sample = sample;
    if (task.ended && at > Date.parse(task.ended.at)) delete task.ended;
    task.recent.push({ at, cpu: m.cpu_percent, memory: m.memory_bytes, ...task.rates });
    if (task.recent.length > MAX_RECENT) task.recent.shift();
    this.tasks.set(name, task);
  }

  alive(proplet, lives) {
    const known = this.proplets.get(proplet);
    if (known) {
      known.alive = lives;
      known.last_seen = new Date(this.now()).toISOString();
    }
    return known !== undefined;
  }

  // What a task is now, and why: one word, and a sentence where there is more.
  status(task, now) {
    if (task.ended) {
      const { at, results, error } = task.ended;
      return { word: error ? "failed" : results || "ended", why: error, since: at, over: true };
    }
    const since = task.sample?.timestamp;
    if (this.blind) return { word: "unknown", why: "no connection to the manager", since, over: true };
    if (!task.sample) return { word: task.state ?? "unknown", over: false };
    const silent = (why) => (this.brokerConnected
      ? { word: "silent", why, since, over: true }
      : { word: "unknown", why: "the manager has no connection to its broker", since, over: true });
    if (this.proplets.get(task.proplet_id)?.alive === false) return silent(`proplet ${task.proplet_id} is not alive`);
    const age = (now - Date.parse(since)) / 1000;
    if (age > MISSED * task.interval_seconds + SLACK_S) return silent("no samples");
    return { word: "running", over: false };
  }

  // One line of a task: points of the history, then those that came since.
  line(task, name) {
    const values = task.lines[LINES[name]] ?? [];
    const part = (this.to - this.from) / (values.length || 1);
    const points = values.flatMap((value, n) => (value === null ? [] : [[this.from + (n + 0.5) * part, value]]));
    const end = points.length ? points[points.length - 1][0] : 0;
    const since = task.recent.filter((point) => point.at > end && point[name] !== undefined);
    return points.concat(since.map((point) => [point.at, point[name]]));
  }
}

export const LINES = {
  cpu: "cpu_percent", memory: "memory_bytes", disk: "disk_bytes_per_second", tcp: "tcp_bytes_per_second",
};

// The rates of a task's past end where its last sample was.
function last(lines) {
  const of = (values) => (values ?? []).findLast((value) => value !== null) ?? undefined;
  return { disk: of(lines.disk_bytes_per_second), tcp: of(lines.tcp_bytes_per_second) };
}
