// Asks Prometheus as Grafana's data source does: step, $__rate_interval and alignment
// (https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/), and makes
// of each answer the frame that a panel would get.
import { DataFrame, FieldType, dateTime, rangeUtil } from '@grafana/data';

// What grafana/provisioning/datasources says, in seconds.
const SCRAPE_INTERVAL_S = 2;

export interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  format: string;
  instant: boolean;
  interval?: string;
}

export interface Selection {
  from: number; // ms
  to: number;
  variables: Record<string, string>;
}

interface Series {
  metric: Record<string, string>;
  values: Array<[number, string]>;
}

async function ask(path: string): Promise<Series[]> {
  // Chromium drops a request now and then while it skips time.
  const response = await fetch(path).catch(() => fetch(path)).catch(() => fetch(path));
  const body = await response.json();
  if (body.status !== 'success') {
    throw new Error(`${path}: ${body.error}`);
  }
  return body.data.result.map((series: any) => ({
    metric: series.metric,
    values: series.values ?? [series.value],
  }));
}

export async function run(target: Target, several: boolean, width: number, selection: Selection): Promise<DataFrame[]> {
  const smallest = target.interval ? parseInt(target.interval, 10) : SCRAPE_INTERVAL_S;
  const range = { from: dateTime(selection.from), to: dateTime(selection.to) };
  const calculated = rangeUtil.calculateInterval({ ...range, raw: range }, width, `${smallest}s`);
  const step = Math.max(Math.round(calculated.intervalMs / 1000), smallest);
  const rateInterval = Math.max(step + smallest, 4 * smallest);
  const rangeS = Math.round((selection.to - selection.from) / 1000);
  let expr = target.expr
    .replaceAll('$__rate_interval', `${rateInterval}s`)
    .replaceAll('$__range', `${rangeS}s`)
    .replaceAll('$__interval', `${step}s`);
  for (const [name, value] of Object.entries(selection.variables)) {
    expr = expr.replaceAll(`$${name}`, value);
  }
  const query = encodeURIComponent(expr);
  if (target.instant) {
    const series = await ask(`/api/v1/query?query=${query}&time=${selection.to / 1000}`);
    return target.format === 'table' ? [table(target, several, series)] : frames(target, series, []);
  }
  const start = Math.floor(selection.from / 1000 / step) * step;
  const end = Math.floor(selection.to / 1000 / step) * step;
  const series = await ask(`/api/v1/query_range?query=${query}&start=${start}&end=${end}&step=${step}`);
  const times: number[] = [];
  for (let time = start; time <= end; time += step) {
    times.push(time);
  }
  return frames(target, series, times);
}

function legend(target: Target, metric: Record<string, string>): string {
  return target.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

// Where a step has no sample there is a null, so that a line has a gap.
function frames(target: Target, series: Series[], times: number[]): DataFrame[] {
  let all = series.map(({ metric, values }) => {
    const at = new Map(values.map(([time, value]) => [time, number(value)]));
    const all = times.length > 0 ? times : values.map(([time]) => time);
    return { metric, times: all, values: all.map((time) => at.get(time) ?? null) };
  });
  if (target.format === 'heatmap') {
    const bound = (it: { metric: Record<string, string> }) => number(it.metric.le);
    all.sort((one, other) => bound(one) - bound(other));
    const below = all.map((it) => [...it.values]);
    all.forEach((it, index) => {
      it.values = it.values.map((value, at) =>
        value === null || index === 0 ? value : Math.max(0, value - (below[index - 1][at] ?? 0)));
    });
  }
  return all.map(({ metric, times, values }) => {
    const name = legend(target, metric);
    return {
      refId: target.refId,
      name,
      length: times.length,
      fields: [
        { name: 'Time', type: FieldType.time, values: times.map((time) => time * 1000), config: {} },
        { name: 'Value', type: FieldType.number, values, labels: metric, config: { displayNameFromDS: name } },
      ],
    };
  });
}

function table(target: Target, several: boolean, series: Series[]): DataFrame {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const value = several ? `Value #${target.refId}` : 'Value';
  return {
    refId: target.refId,
    length: series.length,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map(({ values }) => values[0][0] * 1000), config: {} },
      ...labels.map((name) => ({
        name, type: FieldType.string, config: {}, values: series.map(({ metric }) => metric[name] ?? ''),
      })),
      { name: value, type: FieldType.number, values: series.map(({ values }) => number(values[0][1])), config: {} },
    ],
  };
}

function number(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
