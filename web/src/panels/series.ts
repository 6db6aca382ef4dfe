// From the rows of a panel to what a chart draws. Pure.

import type { Cell, Panel } from '../api/types';
import { cleanText, columnLabel, columnRole, columnRoles, formatCell, type ColumnRole } from '../format/cell';
import { toNumber } from '../format/number';
import { parseTime, type Moment } from '../format/time';

/** More slices than this can't be told apart; the smallest become one. */
export const slicesMax = 8;
/** As many as there are colours that everybody can tell apart. */
export const seriesMax = 8;
export const barsMax = 50;
const labelLengthMax = 60;

export interface Slice {
  label: string;
  value: number;
}

function labelOf(value: Cell | undefined, role: ColumnRole): string {
  if (value === null || value === undefined) return 'none';
  return cleanText(formatCell(value, role), labelLengthMax) || '(empty)';
}

/** Every row is a slice: its first column names it, the next number is its size. Of a single row of
 * nothing but numbers, every column is one. */
function allSlices(panel: Panel): Slice[] {
  const roles = columnRoles(panel.columns, panel.rows);
  const [first] = panel.rows;
  if (first && panel.rows.length === 1 && roles.every((role) => role === 'number')) {
    return panel.columns.map((column, index) => ({ label: columnLabel(column.name), value: toNumber(first[index]) ?? 0 }));
  }
  const size = roles.findIndex((role, index) => role === 'number' && index > 0);
  if (size === -1) return [];
  return panel.rows.map((row) => ({ label: labelOf(row[0], roles[0]!), value: toNumber(row[size]) ?? 0 }));
}

export function buildSlices(panel: Panel): Slice[] {
  const slices = allSlices(panel).filter((slice) => slice.value > 0);
  if (slices.length <= slicesMax) return slices;
  const bySize = [...slices].sort((a, b) => b.value - a.value);
  const kept = new Set(bySize.slice(0, slicesMax - 1));
  const rest = bySize.slice(slicesMax - 1);
  const others = rest.reduce((sum, slice) => sum + slice.value, 0);
  return [...slices.filter((slice) => kept.has(slice)), { label: `${rest.length} others`, value: others }];
}

export interface Bars {
  categories: string[];
  series: { name: string; values: (number | null)[] }[];
  /** Text lies better beside a bar; times and numbers read from left to right. */
  horizontal: boolean;
  left: number;
}

export function buildBars(panel: Panel): Bars {
  const roles = columnRoles(panel.columns, panel.rows);
  const rows = panel.rows.slice(0, barsMax);
  const nameRole = roles[0] ?? 'text';
  const values = roles.flatMap((role, index) => (role === 'number' && index > 0 ? [index] : []));
  return {
    categories: rows.map((row) => labelOf(row[0], nameRole)),
    series: values.slice(0, seriesMax).map((index) => ({
      name: columnLabel(panel.columns[index]!.name),
      values: rows.map((row) => toNumber(row[index])),
    })),
    horizontal: nameRole === 'text' || nameRole === 'boolean' || nameRole === 'picture',
    left: panel.rows.length - rows.length,
  };
}

export type Axis = 'time' | 'value' | 'category';

export interface Lines {
  axis: Axis;
  /** On a time axis, how fine its points are. */
  precision: Moment['precision'];
  /** Years are written without grouping. */
  plainNumbers: boolean;
  /** On a category axis, its labels in order. */
  categories: string[];
  series: { name: string; points: [number, number | null][] }[];
  seriesLeft: number;
}

/** Text that is a date in every row is a time too: `2026-03` from strftime. */
function axisOf(panel: Panel): { axis: Axis; precision: Moment['precision'] } {
  const values = panel.rows.map((row) => row[0] ?? null).filter((value) => value !== null);
  const role = columnRole(panel.columns[0]!, values);
  if (role === 'number' || role === 'year') return { axis: 'value', precision: 'time' };
  const moments = values.map((value) => (typeof value === 'string' ? parseTime(value) : null));
  if (values.length > 0 && moments.every((moment) => moment !== null)) {
    const finest = (precision: Moment['precision']) => moments.some((moment) => moment!.precision === precision);
    const sameClock = moments.every((moment) => moment!.ms % 86_400_000 === 0);
    if (finest('time') && !sameClock) return { axis: 'time', precision: 'time' };
    const firstOfMonth = moments.every((moment) => new Date(moment!.ms).getUTCDate() === 1);
    return { axis: 'time', precision: moments.length > 1 && firstOfMonth ? 'month' : 'day' };
  }
  return { axis: 'category', precision: 'time' };
}

export function buildLines(panel: Panel): Lines {
  const empty: Lines = {
    axis: 'category',
    precision: 'time',
    plainNumbers: false,
    categories: [],
    series: [],
    seriesLeft: 0,
  };
  if (panel.columns.length < 2) return empty;
  const roles = columnRoles(panel.columns, panel.rows);
  const { axis, precision } = axisOf(panel);
  const categories: string[] = [];
  const positions = new Map<string, number>();
  const xOf = (value: Cell | undefined): number | null => {
    if (axis === 'value') return toNumber(value);
    if (axis === 'time') return typeof value === 'string' ? (parseTime(value)?.ms ?? null) : null;
    const label = labelOf(value, roles[0]!);
    const known = positions.get(label);
    if (known !== undefined) return known;
    positions.set(label, categories.length);
    return categories.push(label) - 1;
  };

  const series = new Map<string, [number, number | null][]>();
  const add = (name: string, x: number, y: number | null) => {
    const points = series.get(name);
    if (points) points.push([x, y]);
    else series.set(name, [[x, y]]);
  };
  const number = (index: number) => roles[index] === 'number';
  const byText = panel.columns.length >= 3 && !number(1) && number(2);
  for (const row of panel.rows) {
    const x = xOf(row[0]);
    if (x === null) continue;
    if (byText) {
      add(labelOf(row[1], roles[1]!), x, toNumber(row[2]));
    } else {
      for (let index = 1; index < panel.columns.length; index++) {
        if (number(index)) add(columnLabel(panel.columns[index]!.name), x, toNumber(row[index]));
      }
    }
  }

  const all = [...series].map(([name, points]) => ({ name, points: points.sort((a, b) => a[0] - b[0]) }));
  const weight = (points: [number, number | null][]) => points.reduce((sum, [, y]) => sum + Math.abs(y ?? 0), 0);
  const kept =
    all.length <= seriesMax
      ? all
      : [...all].sort((a, b) => weight(b.points) - weight(a.points)).slice(0, seriesMax);
  return {
    axis,
    precision,
    plainNumbers: roles[0] === 'year',
    categories,
    series: kept,
    seriesLeft: all.length - kept.length,
  };
}

export interface Figure {
  label: string;
  text: string;
  /** For machines: the value as it came. */
  value: string;
}

const figuresMax = 12;

/** One figure a column of the first row; or a row each, where the first column names it. */
export function buildFigures(panel: Panel): Figure[] {
  const roles = columnRoles(panel.columns, panel.rows);
  const figure = (label: string, value: Cell | undefined, role: ColumnRole): Figure => ({
    label,
    text: formatCell(value, role),
    value: value === null || value === undefined ? '' : cleanText(String(value), 100),
  });
  if (panel.rows.length > 1 && panel.columns.length === 2 && roles[0] === 'text') {
    return panel.rows.slice(0, figuresMax).map((row) => figure(labelOf(row[0], 'text'), row[1], roles[1]!));
  }
  const row = panel.rows[0];
  if (!row) return [];
  return panel.columns
    .slice(0, figuresMax)
    .map((column, index) => figure(columnLabel(column.name), row[index], roles[index]!));
}
