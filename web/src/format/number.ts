// Numbers as people read them. One set of Intl formats, so that a figure looks the same wherever
// it stands.

import type { Cell } from '../api/types';

export const nothing = '–';

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const significant = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const scientific = new Intl.NumberFormat(undefined, { notation: 'scientific', maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2, useGrouping: false });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A number of a cell, also one sent as text because it is too big; null when it is none. */
export function toNumber(value: Cell | undefined): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' && /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(value)) {
    const parsed = Number(value);
    return Number.isFinite(parsed) ? parsed : null;
  }
  return null;
}

/** Whole numbers in full; others with the digits that matter at their size. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return nothing;
  const size = Math.abs(value);
  if (size >= 1e15) return scientific.format(value);
  if (Number.isInteger(value) || size >= 10_000) return whole.format(value);
  if (size >= 100) return oneDigit.format(value);
  if (size >= 1) return twoDigits.format(value);
  return size < 1e-6 ? scientific.format(value) : significant.format(value);
}

/** As formatNumber, exact for whole numbers of any length that arrive as text. */
export function formatNumericCell(value: Cell | undefined): string {
  if (typeof value === 'string' && /^-?\d{16,}$/.test(value)) return whole.format(BigInt(value));
  const parsed = toNumber(value);
  return parsed === null ? nothing : formatNumber(parsed);
}

/** 1.2K, 3.4M: for axes and where there is little room. */
export function formatCompact(value: number): string {
  return Math.abs(value) < 10_000 ? formatNumber(value) : compact.format(value);
}

/** Without grouping: a year is 2026, not 2,026. */
export function formatPlain(value: number): string {
  return plain.format(value);
}

export function formatShare(part: number, sum: number): string {
  return sum > 0 ? percent.format(part / sum) : nothing;
}

/** A rate that jumps between 99.4 and 101.7 is read as about 100: no fraction above ten. */
export function formatRate(value: number): string {
  return Math.abs(value) >= 10 ? whole.format(value) : oneDigit.format(value);
}

export function formatBytes(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(undefined, {
    style: 'unit',
    unit: units[unit]!,
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}
