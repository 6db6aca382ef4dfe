import { describe, expect, it } from 'vitest';

import type { Cell, Column, Panel, PanelKind } from '../api/types';
import { initialsOf, nameOfRow, tintOf } from './initials';
import { buildBars, buildFigures, buildLines, buildSlices, seriesMax, slicesMax } from './series';

function panel(kind: PanelKind, columns: string[], rows: Cell[][]): Panel {
  const parsed: Column[] = columns.map((column) => {
    const [name, type] = column.split(':') as [string, string];
    return { name, type };
  });
  return { id: 'p', pipeline: 'x', title: 'T', kind, sql: '', columns: parsed, rows, epoch: 1, error: null };
}

describe('figures', () => {
  it('gives one figure a column', () => {
    const figures = buildFigures(panel('stat', ['users:BIGINT', 'average_age:DOUBLE', 'none:BIGINT'], [[1234, 41.239, null]]));
    expect(figures).toEqual([
      { label: 'Users', text: '1,234', value: '1234' },
      { label: 'Average age', text: '41.24', value: '41.239' },
      { label: 'None', text: '–', value: '' },
    ]);
  });

  it('gives one a row when the first column names them', () => {
    const figures = buildFigures(panel('stat', ['gender:VARCHAR', 'users:BIGINT'], [['female', 3], ['male', 2]]));
    expect(figures.map(({ label, text }) => [label, text])).toEqual([['female', '3'], ['male', '2']]);
  });
});

describe('slices', () => {
  it('keeps the order of the rows, and leaves out what has no size', () => {
    const slices = buildSlices(panel('pie', ['g:VARCHAR', 'n:BIGINT'], [['a', 2], ['b', 0], ['c', -1], [null, 5], ['d', null]]));
    expect(slices).toEqual([{ label: 'a', value: 2 }, { label: 'none', value: 5 }]);
  });

  it('adds up the smallest, so that the sum stays', () => {
    const rows: Cell[][] = Array.from({ length: 30 }, (_, index) => [`k${index}`, index + 1]);
    const slices = buildSlices(panel('pie', ['k:VARCHAR', 'n:BIGINT'], rows));
    expect(slices).toHaveLength(slicesMax);
    expect(slices[slicesMax - 1]!.label).toBe('23 others');
    expect(slices.reduce((sum, { value }) => sum + value, 0)).toBe((30 * 31) / 2);
  });

  it('takes the columns of a single row', () => {
    expect(buildSlices(panel('pie', ['male:BIGINT', 'female:BIGINT'], [[3, 4]]))).toEqual([
      { label: 'Male', value: 3 },
      { label: 'Female', value: 4 },
    ]);
  });
});

describe('bars', () => {
  it('lies down for text, in the order of the rows', () => {
    const bars = buildBars(panel('bar', ['country:VARCHAR', 'users:BIGINT'], [['Norway', 2], ['France', 9]]));
    expect(bars).toMatchObject({ horizontal: true, categories: ['Norway', 'France'], left: 0 });
    expect(bars.series).toEqual([{ name: 'Users', values: [2, 9] }]);
  });

  it('stands for years, which are no series', () => {
    const bars = buildBars(panel('bar', ['year:INTEGER', 'users:BIGINT'], [[2025, 2], [2026, null]]));
    expect(bars).toMatchObject({ horizontal: false, categories: ['2025', '2026'] });
    expect(bars.series).toEqual([{ name: 'Users', values: [2, null] }]);
  });
});

describe('lines', () => {
  const day = (text: string) => Date.parse(`${text}T00:00:00Z`);

  it('goes along text that is months', () => {
    const lines = buildLines(panel('line', ['month:VARCHAR', 'users:BIGINT'], [['2026-02', 5], ['2026-01', 3]]));
    expect(lines).toMatchObject({ axis: 'time', precision: 'month' });
    expect(lines.series).toEqual([{ name: 'Users', points: [[day('2026-01-01'), 3], [day('2026-02-01'), 5]] }]);
  });

  it('goes along timestamps that are days as days', () => {
    const rows: Cell[][] = [['2026-01-01T00:00:00.000Z', 1], ['2026-01-02T00:00:00.000Z', 2]];
    expect(buildLines(panel('line', ['at:TIMESTAMP', 'n:BIGINT'], rows)).precision).toBe('day');
    expect(buildLines(panel('line', ['at:TIMESTAMP', 'n:BIGINT'], [...rows, ['2026-01-02T09:00:00.000Z', 2]])).precision).toBe('time');
  });

  it('makes a series of each further column, with gaps for nulls', () => {
    const lines = buildLines(panel('line', ['n:INTEGER', 'a:DOUBLE', 'b:DOUBLE'], [[1, 1.5, null], [2, 2.5, 4], [null, 9, 9]]));
    expect(lines.axis).toBe('value');
    expect(lines.series).toEqual([
      { name: 'A', points: [[1, 1.5], [2, 2.5]] },
      { name: 'B', points: [[1, null], [2, 4]] },
    ]);
  });

  it('makes a series of each text in the second column', () => {
    const rows: Cell[][] = [['2026-01-01', 's1', 1], ['2026-01-01', 's2', 2], ['2026-01-02', 's1', 3]];
    const lines = buildLines(panel('line', ['at:DATE', 'sensor:VARCHAR', 'value:DOUBLE'], rows));
    expect(lines.series.map(({ name, points }) => [name, points.length])).toEqual([['s1', 2], ['s2', 1]]);
  });

  it('keeps categories in the order in which they come', () => {
    const lines = buildLines(panel('line', ['step:VARCHAR', 'n:BIGINT'], [['open', 9], ['buy', 2]]));
    expect(lines).toMatchObject({ axis: 'category', categories: ['open', 'buy'] });
  });

  it('draws the largest series and says how many it leaves', () => {
    const rows: Cell[][] = Array.from({ length: 12 }, (_, index) => ['2026-01-01', `s${index}`, index]);
    const lines = buildLines(panel('line', ['at:DATE', 's:VARCHAR', 'n:BIGINT'], rows));
    expect(lines.series).toHaveLength(seriesMax);
    expect(lines.series[0]!.name).toBe('s11');
    expect(lines.seriesLeft).toBe(4);
  });

  it('draws nothing of what it can not draw', () => {
    expect(buildLines(panel('line', ['at:DATE'], [['2026-01-01']])).series).toEqual([]);
    expect(buildLines(panel('line', ['at:DATE', 'x:VARCHAR'], [['2026-01-01', 'x']])).series).toEqual([]);
  });
});

describe('initials', () => {
  const columns = ['picture', 'first_name', 'last_name'].map((name) => ({ name, type: 'VARCHAR' }));

  it('are of the first and the last word, in any script', () => {
    expect(initialsOf('Ana María da Silva')).toBe('AS');
    expect(initialsOf('ольга')).toBe('О');
    expect(initialsOf('<<>> 42')).toBe('?');
  });

  it('are of the person of the row', () => {
    expect(nameOfRow(columns, ['https://a.example/1.jpg', 'Zoë', "O'Brien"])).toBe("Zoë O'Brien");
    expect(nameOfRow([{ name: 'x', type: '' }, { name: 'y', type: '' }], ['https://a.example/1.jpg', 'Emre'])).toBe('Emre');
    expect(nameOfRow(columns, [null, null, null])).toBe('');
    expect(tintOf('Emre')).toBe(tintOf('Emre'));
  });
});
