// Where each panel stands on a wide screen. Pure.

import type { PanelPlace } from '../api/store';

export interface Placed {
  id: string;
  span: number;
}

type Item = Omit<PanelPlace, 'pipeline'>;

export const gridColumns = 12;

/** The least room in which a kind is good to read. */
function leastSpan(item: Item): number {
  if (item.kind === 'stat') return Math.min(gridColumns, Math.max(3, item.columns * 2));
  if (item.kind === 'pie') return 4;
  if (item.kind === 'bar') return 4;
  if (item.kind === 'line') return 6;
  return item.columns <= 3 ? 4 : item.columns <= 6 ? 6 : gridColumns;
}

/** Widens the panels of a row until they fill it, each by its share. */
function fill(row: { id: string; least: number }[]): Placed[] {
  const sum = row.reduce((total, { least }) => total + least, 0);
  let used = 0;
  let least = 0;
  return row.map((item) => {
    least += item.least;
    const end = Math.round((least / sum) * gridColumns);
    const span = end - used;
    used = end;
    return { id: item.id, span };
  });
}

/** Figures first, then the rest in the file's order; every row is filled from edge to edge. */
export function layOut(items: Item[]): Placed[] {
  const figures = items.filter((item) => item.kind === 'stat');
  const others = items.filter((item) => item.kind !== 'stat');
  const placed: Placed[] = [];
  for (const group of [figures, others]) {
    let row: { id: string; least: number }[] = [];
    let room = gridColumns;
    for (const item of group) {
      const least = leastSpan(item);
      if (least > room) {
        placed.push(...fill(row));
        row = [];
        room = gridColumns;
      }
      row.push({ id: item.id, least });
      room -= least;
    }
    placed.push(...fill(row));
  }
  return placed;
}
