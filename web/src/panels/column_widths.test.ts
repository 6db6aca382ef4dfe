import { expect, it } from 'vitest';

import { fitWidths } from './column_widths';

it('fills the room', () => {
  expect(fitWidths([100, 300], 800)).toEqual([200, 600]);
});

it('leaves some to spare where the columns scroll anyway', () => {
  expect(fitWidths([100, 300], 399)).toEqual([114, 345]);
});
