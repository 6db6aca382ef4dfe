import { expect, it } from 'vitest';

import type { PanelKind } from '../api/types';
import { gridColumns, layOut } from './layout';

const item = (id: string, kind: PanelKind, columns: number) => ({ id, kind, columns });

it('fills every row from edge to edge', () => {
  const kinds: PanelKind[] = ['stat', 'pie', 'bar', 'line', 'table'];
  for (let seed = 0; seed < 500; seed++) {
    const items = Array.from({ length: seed % 11 }, (_, index) =>
      item(`${index}`, kinds[(seed * 7 + index * 3 + index * index) % 5]!, 1 + ((seed + index) % 7)),
    );
    let filled = 0;
    const placed = layOut(items);
    for (const { span } of placed) {
      expect(span).toBeGreaterThanOrEqual(2);
      filled += span;
      expect(filled).toBeLessThanOrEqual(gridColumns);
      if (filled === gridColumns) filled = 0;
    }
    expect(filled).toBe(0);
    expect(placed.map(({ id }) => id).sort()).toEqual(items.map(({ id }) => id).sort());
  }
});

it('puts figures first and keeps the order of the others', () => {
  const placed = layOut([item('pie', 'pie', 2), item('a', 'stat', 1), item('bar', 'bar', 2), item('b', 'stat', 1)]);
  expect(placed.map(({ id }) => id)).toEqual(['a', 'b', 'pie', 'bar']);
});
