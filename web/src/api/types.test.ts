import { expect, it } from 'vitest';

import { parseExact } from './exact_json';
import { parseDashboard, parsePanel, parseStatus } from './types';

it('fills in what a status leaves out or has as null', () => {
  const status = parseStatus({ epoch: 3, failure: null, sources: [{ name: 'a', last_error: null, records: 2 }] });
  expect(status.failure).toBe('');
  expect(status.sources).toEqual([{ name: 'a', connector: '', topic: '', state: '', last_error: '', records: 2 }]);
  expect(status.streams).toEqual([]);
});

it('survives what is no dashboard', () => {
  for (const value of [null, 7, 'x', [], { panels: 'x' }, { panels: [null, { id: 'a' }] }]) {
    expect(parseDashboard(value).panels).toEqual([]);
  }
});

it('keeps the error of a panel', () => {
  const panel = parsePanel({ id: 'a', kind: 'bar', error: { code: 'query-timeout', message: 'too slow' }, rows: [] });
  expect(panel!.error).toEqual({ code: 'query-timeout', message: 'too slow' });
});

it('reads long whole numbers exactly where the browser can', () => {
  const text = '{"rows":[[9007199254740993, 12, -170141183460469231731687303715884105728, 0.1234567890123456789, "9007199254740993"]]}';
  const [row] = (parseExact(text) as { rows: unknown[][] }).rows;
  const hasSource = JSON.parse('1', (_key, _value, context?: { source?: string }) => context?.source) === '1';
  const rounded = [9007199254740992, 12, -1.7014118346046923e38, 0.12345678901234568, '9007199254740993'];
  const exact = ['9007199254740993', 12, '-170141183460469231731687303715884105728', 0.12345678901234568, '9007199254740993'];
  expect(row).toEqual(hasSource ? exact : rounded);
});
