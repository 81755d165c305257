// A dashboard in its grid, drawn by Grafana's own libraries: value formats, overrides, reducers,
// transformations, legends, thresholds, time series, big values, bar gauges and tables. What
// Grafana's panel plugins alone do, and no library has, is written thinly in own.tsx: heatmaps,
// state timelines, and which value a stat shows.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import {
  DataFrame, FieldConfigOptionsRegistry, LoadingState, ThemeContext, applyFieldOverrides, createTheme, dateTime,
  getDisplayValueAlignmentFactors, getFieldDisplayValues, identityOverrideProcessor, renderMarkdown, standardTransformers,
  standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, Table, TimeSeries } from '@grafana/ui';
import { BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode } from '@grafana/ui';
import { VizOrientation } from '@grafana/data';
import { Heatmap, StateTimeline } from './own';
import { Selection, run } from './query';

declare global {
  interface Window {
    dashboard: any;
    selection: Selection;
    mode: 'dark' | 'light';
  }
}

// Of a grid cell, and between cells, as in Grafana (GRID_CELL_HEIGHT, GRID_CELL_VMARGIN).
const CELL = 30;
const MARGIN = 8;
const WIDTH = 1440;

const theme = createTheme({ colors: { mode: window.mode } });

const property = (id: string) => ({
  id, path: id.replace('custom.', ''), name: id, isCustom: id.startsWith('custom.'),
  process: identityOverrideProcessor, shouldApply: () => true, override: null, editor: null, settings: {},
});
const CUSTOM = window.dashboard.panels.flatMap((panel: any) => Object.keys(panel.fieldConfig?.defaults.custom ?? {}));
const registry = new FieldConfigOptionsRegistry(() =>
  [...new Set<string>([...CUSTOM, 'cellOptions', 'lineStyle'])].map((id) => `custom.${id}`)
    .concat(['unit', 'decimals', 'min', 'max', 'color', 'mappings', 'thresholds', 'noValue', 'displayName'])
    .map(property) as any);
standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((it) =>
    ({ id: it.id, name: it.name, transformation: it, editor: () => null }) as any));

const replaceVariables = (text?: string) =>
  Object.entries(window.selection.variables).reduce(
    (text, [name, value]) => text.replaceAll(`$${name}`, value === '.*' ? 'All' : value), text ?? '');

async function load(panel: any, width: number): Promise<DataFrame[]> {
  const targets = panel.targets ?? [];
  const answers = await Promise.all(
    targets.map((target: any) => run(target, targets.length > 1, width, window.selection)));
  const frames: DataFrame[] = answers.flat();
  const transformed = panel.transformations?.length
    ? await lastValueFrom(transformDataFrame(panel.transformations, frames))
    : frames;
  // As Grafana migrates what 9.3 called displayMode.
  for (const override of panel.fieldConfig.overrides) {
    for (const property of override.properties) {
      if (property.id === 'custom.displayMode') {
        Object.assign(property, { id: 'custom.cellOptions', value: { type: property.value } });
      }
    }
  }
  return applyFieldOverrides({
    data: transformed, fieldConfig: panel.fieldConfig, replaceVariables, theme, timeZone: 'utc',
    fieldConfigRegistry: registry,
  });
}

function Stat({ panel, data, width, height }: any) {
  const values = displayed(panel, data);
  const w = width / Math.max(values.length, 1);
  return (
    <div style={{ display: 'flex' }}>
      {values.map((it: any, index: number) => (
        <BigValue key={index} theme={theme} value={it.display} width={w} height={height}
          colorMode={panel.options.colorMode as BigValueColorMode} graphMode={BigValueGraphMode.None}
          justifyMode={BigValueJustifyMode.Auto} textMode={values.length > 1 ? BigValueTextMode.ValueAndName : BigValueTextMode.Value} />
      ))}
    </div>
  );
}

function displayed(panel: any, data: DataFrame[]) {
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables, theme, data,
    timeZone: 'utc',
  });
}

function Bars({ panel, data, width, height }: any) {
  const values = displayed(panel, data);
  const each = Math.min(40, Math.floor(height / Math.max(values.length, 1)));
  return (
    <>
      {values.map((it: any, index: number) => (
        <div key={index} style={{ height: each, overflow: 'hidden' }}>
        <BarGauge theme={theme} value={it.display} display={it.view?.getFieldDisplayProcessor?.(it.colIndex)}
          field={it.field} width={width} height={each - 4} itemSpacing={4} orientation={VizOrientation.Horizontal}
          displayMode={panel.options.displayMode} showUnfilled={panel.options.showUnfilled}
          alignmentFactors={getDisplayValueAlignmentFactors(values)} />
        </div>
      ))}
    </>
  );
}

function Content({ panel, width, height }: any) {
  const [data, setData] = useState<DataFrame[]>();
  const [error, setError] = useState('');
  useEffect(() => {
    load(panel, width).then(setData, (error) => setError(String(error)));
  }, []);
  if (panel.type === 'text') {
    return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(replaceVariables(panel.options.content)) }} />;
  }
  if (error) {
    return <div style={{ color: 'red' }}>{error}</div>;
  }
  if (!data) {
    return <div>…</div>;
  }
  const empty = data.every((frame) => frame.length === 0);
  if (empty && panel.type !== 'stat') {
    const text = panel.fieldConfig.defaults.noValue ?? 'No data';
    return <div data-empty style={{ display: 'flex', height, alignItems: 'center', justifyContent: 'center' }}>{text}</div>;
  }
  const { from, to } = window.selection;
  const timeRange = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };
  const size = { panel, data, width, height, theme, from, to };
  switch (panel.type) {
    case 'stat': return <Stat {...size} />;
    case 'bargauge': return <Bars {...size} />;
    case 'heatmap': return <Heatmap {...size} />;
    case 'state-timeline': return <StateTimeline {...size} />;
    case 'table': return <Table data={data[0]} width={width} height={height} initialSortBy={panel.options.sortBy} />;
    case 'timeseries': return (
      <TimeSeries frames={data} structureRev={1} timeRange={timeRange} timeZone="utc" width={width} height={height}
        legend={panel.options.legend} options={panel.options} />
    );
    default: return <div>{panel.type} is not drawn here</div>;
  }
}

function Panel({ panel }: any) {
  const { x, y, w, h } = panel.gridPos;
  const column = (WIDTH - 23 * MARGIN) / 24;
  const place = {
    position: 'absolute' as const, left: x * (column + MARGIN), top: 40 + y * (CELL + MARGIN),
    width: w * column + (w - 1) * MARGIN, height: h * CELL + (h - 1) * MARGIN,
  };
  if (panel.type === 'row') {
    return <div style={{ ...place, fontWeight: 500, fontSize: 16, paddingTop: 4 }}>⌄ {panel.title}</div>;
  }
  return (
    <div style={place}>
      <PanelChrome title={replaceVariables(panel.title)} width={place.width} height={place.height} loadingState={LoadingState.Done}>
        {(width, height) => <Content panel={panel} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

const { dashboard } = window;
createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ fontSize: 18, padding: 6 }}>{dashboard.title}</div>
    {dashboard.panels.map((panel: any) => <Panel key={panel.id} panel={panel} />)}
  </ThemeContext.Provider>,
);
