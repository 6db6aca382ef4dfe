import { useMemo } from 'react';

import type { Panel } from '../api/types';
import { formatCompact, formatNumber, formatPlain, nothing } from '../format/number';
import { formatMoment } from '../format/time';
import { readPalette, useTheme, type Palette } from '../theme/theme';
import { Chart, fontFamily, tooltipBox, tooltipContent, type ChartOption } from './chart';
import { Legend } from './legend';
import { buildLines, type Lines } from './series';

/** Above this many points a line is drawn through the ones that keep its shape. */
const pointsMax = 2_000;
const markedPointsMax = 40;

/** No hours between days, no days between months. */
const finestTickMs = { time: 1, day: 86_400_000, month: 28 * 86_400_000 };

interface AxisPoint {
  seriesIndex: number;
  value: [number, number | null];
}

function axisText(lines: Lines, x: number): string {
  if (lines.axis === 'time') return formatMoment({ ms: x, precision: lines.precision });
  if (lines.axis === 'category') return lines.categories[x] ?? '';
  return lines.plainNumbers ? formatPlain(x) : formatNumber(x);
}

function xAxis(lines: Lines, palette: Palette) {
  const label = { color: palette.muted, fontSize: 11, hideOverlap: true };
  const look = { axisLine: { lineStyle: { color: palette.line } }, axisTick: { show: false }, splitLine: { show: false } };
  if (lines.axis === 'category') return { ...look, type: 'category', data: lines.categories, boundaryGap: false, axisLabel: label };
  if (lines.axis === 'time') {
    const formatter = { year: '{yyyy}', month: '{MMM}', day: '{d} {MMM}', hour: '{HH}:{mm}', minute: '{HH}:{mm}' };
    return { ...look, type: 'time', minInterval: finestTickMs[lines.precision], axisLabel: { ...label, formatter } };
  }
  const formatter = lines.plainNumbers ? formatPlain : formatCompact;
  return {
    ...look,
    type: 'value',
    min: 'dataMin',
    max: 'dataMax',
    ...(lines.plainNumbers ? { minInterval: 1 } : {}),
    axisLabel: { ...label, formatter },
  };
}

function lineOption(lines: Lines, palette: Palette): ChartOption {
  const single = lines.series.length === 1;
  const colour = (index: number) => (single ? palette.accent : palette.series[index % palette.series.length]!);
  return {
    useUTC: true,
    textStyle: { fontFamily },
    grid: { left: 4, right: 20, top: 12, bottom: 4, containLabel: true },
    xAxis: xAxis(lines, palette),
    yAxis: {
      type: 'value',
      axisLabel: { color: palette.muted, fontSize: 11, formatter: formatCompact },
      splitLine: { lineStyle: { color: palette.line } },
      splitNumber: 4,
    },
    tooltip: {
      ...tooltipBox,
      trigger: 'axis',
      axisPointer: { type: 'line', lineStyle: { color: palette.muted, type: 'dashed' } },
      formatter: (points: AxisPoint[]) => {
        const rows = points.map((point) => ({
          colour: colour(point.seriesIndex),
          name: lines.series[point.seriesIndex]?.name ?? '',
          text: point.value[1] === null ? nothing : formatNumber(point.value[1]),
        }));
        return tooltipContent(points[0] ? axisText(lines, points[0].value[0]) : '', rows);
      },
    },
    series: lines.series.map((series, index) => ({
      id: `series ${index}`,
      type: 'line',
      data: series.points,
      showSymbol: series.points.length <= markedPointsMax,
      symbol: 'circle',
      symbolSize: 5,
      ...(series.points.length > pointsMax ? { sampling: 'lttb' } : {}),
      lineStyle: { color: colour(index), width: 2 },
      itemStyle: { color: colour(index) },
      ...(single ? { areaStyle: { color: colour(index), opacity: 0.1 } } : {}),
      emphasis: { disabled: true },
    })),
  };
}

export function LinePanel({ panel }: { panel: Panel }) {
  const theme = useTheme();
  const lines = useMemo(() => buildLines(panel), [panel]);
  const palette = useMemo(readPalette, [theme]);
  const option = useMemo(() => lineOption(lines, palette), [lines, palette]);
  if (lines.series.length === 0) {
    return <p className="empty">A line chart needs a column to go along and a column of numbers.</p>;
  }
  return (
    <>
      {lines.series.length > 1 && <Legend names={lines.series.map(({ name }) => name)} colours={palette.series} />}
      <div className="chart-room">
        <Chart option={option} key={lines.axis} />
      </div>
      {lines.seriesLeft > 0 && (
        <p className="note">{`The ${lines.series.length} largest series are drawn; ${formatNumber(lines.seriesLeft)} are not.`}</p>
      )}
    </>
  );
}
