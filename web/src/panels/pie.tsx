import { useMemo } from 'react';

import type { Panel } from '../api/types';
import { formatCompact, formatNumber, formatShare } from '../format/number';
import { readPalette, useTheme, type Palette } from '../theme/theme';
import { Chart, fontFamily, tooltipBox, tooltipContent, type ChartOption } from './chart';
import { buildSlices, type Slice } from './series';

interface SlicePoint {
  dataIndex: number;
}

function pieOption(slices: Slice[], sum: number, palette: Palette): ChartOption {
  return {
    textStyle: { fontFamily },
    tooltip: {
      ...tooltipBox,
      trigger: 'item',
      formatter: ({ dataIndex }: SlicePoint) => {
        const slice = slices[dataIndex];
        if (!slice) return '';
        const text = `${formatNumber(slice.value)} · ${formatShare(slice.value, sum)}`;
        return tooltipContent(slice.label, [{ colour: palette.series[dataIndex]!, name: '', text }]);
      },
    },
    series: [
      {
        id: 'slices',
        type: 'pie',
        radius: ['62%', '94%'],
        data: slices.map((slice, index) => ({
          name: slice.label,
          value: slice.value,
          itemStyle: { color: palette.series[index]! },
        })),
        itemStyle: { borderColor: palette.surface, borderWidth: 2, borderRadius: 3 },
        label: { show: false },
        emphasis: { scale: false },
      },
    ],
  };
}

/** A ring, and beside it the figures themselves. */
export function PiePanel({ panel }: { panel: Panel }) {
  const theme = useTheme();
  const slices = useMemo(() => buildSlices(panel), [panel]);
  const palette = useMemo(readPalette, [theme]);
  const sum = slices.reduce((total, slice) => total + slice.value, 0);
  const option = useMemo(() => pieOption(slices, sum, palette), [slices, sum, palette]);
  if (slices.length === 0) return <p className="empty">A pie needs a column of names and a column of numbers above zero.</p>;
  return (
    <div className="pie">
      <div className="pie-ring">
        <Chart option={option} />
        <div className="pie-sum" aria-hidden="true">
          <b>{formatCompact(sum)}</b>
          <span>in all</span>
        </div>
      </div>
      <ul className="pie-figures" aria-hidden="true">
        {slices.map((slice, index) => (
          <li key={`${index} ${slice.label}`}>
            <i className="swatch" style={{ backgroundColor: palette.series[index] }} />
            <bdi title={slice.label}>{slice.label}</bdi>
            <data value={slice.value}>{formatNumber(slice.value)}</data>
            <span className="share">{formatShare(slice.value, sum)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
