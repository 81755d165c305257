// What only Grafana's plugins have, thinly: enough to see whether a picture is true, not what a
// pointer would show.
import { DataFrame, Field, GrafanaTheme2, formattedValueToString, getValueFormat } from '@grafana/data';
import { interpolateOranges } from 'd3';

interface Props {
  panel: any;
  data: DataFrame[];
  width: number;
  height: number;
  theme: GrafanaTheme2;
  from: number;
  to: number;
}

const LEFT = 60;
const BOTTOM = 22;

function Times({ from, to, width, height, theme, left }: any) {
  const ticks = [0.1, 0.3, 0.5, 0.7, 0.9].map((at) => ({ at, time: new Date(from + at * (to - from)) }));
  return ticks.map(({ at, time }) => (
    <text key={at} x={left + at * (width - left)} y={height - 6} fontSize={12} textAnchor="middle" fill={theme.colors.text.primary}>
      {time.toISOString().slice(11, 16)}
    </text>
  ));
}

const valueOf = (frame: DataFrame): Field => frame.fields[1];

// A column is a step, a row a bucket up to its bound; the colour's exponent is the panel's.
export function Heatmap({ panel, data, width, height, theme, from, to }: Props) {
  const { exponent, steps } = panel.options.color;
  const hidden = panel.options.filterValues?.le ?? 0;
  const all = data.flatMap((frame) => valueOf(frame).values.filter((value: any) => value > hidden));
  const most = Math.max(...all, 0);
  const h = (height - BOTTOM) / data.length;
  const format = getValueFormat(panel.options.yAxis.unit);
  const labelled = Math.ceil(data.length / ((height - BOTTOM) / 14));
  return (
    <svg width={width} height={height}>
      {data.map((frame, row) => {
        const times = frame.fields[0].values;
        const w = times.length > 1 ? ((times[1] - times[0]) / (to - from)) * (width - LEFT) : 4;
        const y = height - BOTTOM - (row + 1) * h;
        const bound = Number(frame.name);
        return (
          <g key={row}>
            {row % labelled === 0 && (
              <text x={LEFT - 6} y={y + 4} fontSize={12} textAnchor="end" fill={theme.colors.text.primary}>
                {Number.isFinite(bound) ? formattedValueToString(format(bound)) : '∞'}
              </text>
            )}
            {valueOf(frame).values.map((value: number | null, at: number) => {
              if (value === null || value <= hidden) {
                return null;
              }
              const share = Math.ceil(Math.pow(value / most, exponent) * steps) / steps;
              const x = LEFT + ((times[at] - from) / (to - from)) * (width - LEFT);
              return <rect key={at} x={x} y={y} width={Math.max(w - 1, 1)} height={Math.max(h - 1, 1)} fill={interpolateOranges(theme.isDark ? 1 - share : share)} />;
            })}
          </g>
        );
      })}
      <Times from={from} to={to} width={width} height={height} theme={theme} left={LEFT} />
    </svg>
  );
}

// A row for each series; equal values become one bar, as with mergeValues.
export function StateTimeline({ data, width, height, theme, from, to }: Props) {
  const left = 220;
  const h = (height - BOTTOM) / data.length;
  return (
    <svg width={width} height={height}>
      {data.map((frame, row) => {
        const times = frame.fields[0].values;
        const field = valueOf(frame);
        const place = (time: number) => left + ((time - from) / (to - from)) * (width - left);
        const bars: Array<{ start: number; end: number; value: number }> = [];
        const step = times.length > 1 ? times[1] - times[0] : to - from;
        field.values.forEach((value: number | null, at: number) => {
          const last = bars[bars.length - 1];
          if (value !== null && last?.value === value && last.end === times[at]) {
            last.end = times[at] + step;
          } else if (value !== null) {
            bars.push({ start: times[at], end: times[at] + step, value });
          }
        });
        const y = row * h + h * 0.1;
        return (
          <g key={row}>
            <text x={left - 8} y={row * h + h / 2 + 4} fontSize={12} textAnchor="end" fill={theme.colors.text.primary}>{frame.name}</text>
            {bars.map(({ start, end, value }) => {
              const display = field.display!(value);
              const [x, w] = [place(start), Math.min(place(end), width) - place(start)];
              return (
                <g key={start}>
                  <rect x={x} y={y} width={w} height={h * 0.8} fill={display.color} fillOpacity={0.8} />
                  {w > 50 && <text x={x + 6} y={row * h + h / 2 + 4} fontSize={12} fill={theme.colors.getContrastText(display.color!)}>{formattedValueToString(display)}</text>}
                </g>
              );
            })}
          </g>
        );
      })}
      <Times from={from} to={to} width={width} height={height} theme={theme} left={left} />
    </svg>
  );
}
