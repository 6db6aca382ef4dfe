import { useMemo } from 'react';

import type { Panel } from '../api/types';
import { formatCompact, formatNumber, nothing } from '../format/number';
import { readPalette, useTheme, type Palette } from '../theme/theme';
import { Chart, fontFamily, tooltipBox, tooltipContent, type ChartOption } from './chart';
import { Legend } from './legend';
import { buildBars, type Bars } from './series';

interface AxisPoint {
  dataIndex: number;
}

function barOption(bars: Bars, palette: Palette): ChartOption {
  const single = bars.series.length === 1;
  const colour = (index: number) => (single ? palette.accent : palette.series[index % palette.series.length]!);
  const categoryAxis = {
    type: 'category',
    data: bars.categories,
    inverse: bars.horizontal, // the first row on top
    axisLine: { show: !bars.horizontal, lineStyle: { color: palette.line } },
    axisTick: { show: false },
    axisLabel: {
      color: palette.text,
      fontSize: 12,
      hideOverlap: true,
      ...(bars.horizontal ? { width: 128, overflow: 'truncate', interval: 0 } : {}),
    },
  };
  const valueAxis = {
    type: 'value',
    axisLabel: { show: !(bars.horizontal && single), color: palette.muted, fontSize: 11, formatter: formatCompact, hideOverlap: true },
    splitLine: { show: !(bars.horizontal && single), lineStyle: { color: palette.line } },
    splitNumber: 4,
    ...(bars.horizontal && single ? { max: 'dataMax' } : {}),
  };
  return {
    textStyle: { fontFamily },
    grid: { left: 4, right: bars.horizontal && single ? 64 : 16, top: 6, bottom: 4, containLabel: true },
    xAxis: bars.horizontal ? valueAxis : categoryAxis,
    yAxis: bars.horizontal ? categoryAxis : valueAxis,
    tooltip: {
      ...tooltipBox,
      trigger: 'axis',
      axisPointer: { type: 'shadow', shadowStyle: { color: palette.line, opacity: 0.35 } },
      formatter: (points: AxisPoint[]) => {
        const at = points[0]?.dataIndex ?? 0;
        const lines = bars.series.map((series, index) => {
          const value = series.values[at] ?? null;
          return { colour: colour(index), name: series.name, text: value === null ? nothing : formatNumber(value) };
        });
        return tooltipContent(bars.categories[at] ?? '', lines);
      },
    },
    series: bars.series.map((series, index) => ({
      id: `series ${index}`,
      type: 'bar',
      // Known by its place: when two names change places, each bar takes its name's new length.
      data: series.values.map((value, at) => ({ id: String(at), value })),
      barMaxWidth: 22,
      barCategoryGap: '32%',
      itemStyle: { color: colour(index), borderRadius: bars.horizontal ? [0, 3, 3, 0] : [3, 3, 0, 0] },
      emphasis: { disabled: true },
      label: {
        show: single && bars.horizontal,
        position: 'right',
        color: palette.text,
        fontSize: 12,
        formatter: ({ value }: { value: number }) => formatCompact(value),
      },
    })),
  };
}

export function BarPanel({ panel }: { panel: Panel }) {
  const theme = useTheme();
  const bars = useMemo(() => buildBars(panel), [panel]);
  const palette = useMemo(readPalette, [theme]);
  const option = useMemo(() => barOption(bars, palette), [bars, palette]);
  const rows = Math.max(1, bars.categories.length) * Math.max(1, bars.series.length);
  const height = bars.horizontal ? Math.max(220, Math.min(1400, rows * 28 + 24)) : 260;
  if (bars.series.length === 0) return <p className="empty">A bar chart needs a column of names and a column of numbers.</p>;
  return (
    <>
      {bars.series.length > 1 && <Legend names={bars.series.map(({ name }) => name)} colours={palette.series} />}
      <div className="chart-room" style={{ minHeight: height }}>
        <Chart option={option} />
      </div>
      {bars.left > 0 && <p className="note">{`${formatNumber(bars.left)} more rows are not drawn.`}</p>}
    </>
  );
}
