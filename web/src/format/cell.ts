// What a column holds, and how one of its cells is written.

import type { Cell, Column } from '../api/types';
import { formatNumericCell, formatPlain, nothing, toNumber } from './number';
import { formatMoment, parseTime } from './time';

export type ColumnRole = 'number' | 'year' | 'time' | 'picture' | 'boolean' | 'text';

/** Longer text is cut before it reaches the page: one hostile field must not weigh it down. */
export const textLengthMax = 300;

const numericType = /^(u?(tiny|small|big|huge)int|u?integer|int\d*|u?int\d+|decimal|numeric|real|float\d*|double|bignum|varint)\b/i;
const timeType = /^(timestamp|date|datetime)/i;
const pictureName = /(^|_)(picture|photo|image|avatar|thumbnail|portrait|icon|logo)(_url)?$/i;
const picturePath = /\.(jpe?g|png|gif|webp|avif|svg)$/i;

/** Only http and https: nothing else becomes a link or a picture. */
export function webAddress(value: Cell | undefined): URL | null {
  if (typeof value !== 'string' || value.length > 2048 || !/^https?:\/\//i.test(value)) return null;
  try {
    return new URL(value);
  } catch {
    return null;
  }
}

function isPicture(column: Column, samples: Cell[]): boolean {
  if (samples.length === 0) return false;
  const addresses = samples.map(webAddress);
  if (addresses.some((address) => address === null)) return false;
  return pictureName.test(column.name) || addresses.every((address) => picturePath.test(address!.pathname));
}

/** Judged by the type; text is also looked at, in its first 20 values. */
export function columnRole(column: Column, values: Cell[]): ColumnRole {
  const samples = values.filter((value) => value !== null && value !== undefined).slice(0, 20);
  if (numericType.test(column.type) && !/[[\]]$/.test(column.type)) {
    return /(^|_)year$/i.test(column.name) ? 'year' : 'number';
  }
  if (timeType.test(column.type) && !/[[\]]$/.test(column.type)) return 'time';
  if (/^bool/i.test(column.type)) return 'boolean';
  if (isPicture(column, samples)) return 'picture';
  if (column.type === '' && samples.length > 0 && samples.every((value) => typeof value === 'number')) return 'number';
  return 'text';
}

export function columnRoles(columns: Column[], rows: Cell[][]): ColumnRole[] {
  return columns.map((column, index) => columnRole(column, rows.slice(0, 20).map((row) => row[index] ?? null)));
}

/** Characters that turn the direction of the text after them, or that can't be seen at all. */
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** One line, without what would disturb its neighbours, not longer than `length` characters. */
export function cleanText(text: string, length: number): string {
  const line = text.slice(0, length * 4 + 16).replace(/\s+/g, ' ').replace(invisible, '').trim();
  const characters = Array.from(line.slice(0, length * 2 + 2));
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : line;
}

export function cellText(value: Cell | undefined): string {
  if (value === null || value === undefined) return nothing;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function formatCell(value: Cell | undefined, role: ColumnRole): string {
  if (value === null || value === undefined) return nothing;
  if (role === 'number' && toNumber(value) !== null) return formatNumericCell(value);
  if (role === 'year') {
    const year = toNumber(value);
    if (year !== null) return formatPlain(year);
  }
  if (role === 'time' && typeof value === 'string') {
    const moment = parseTime(value);
    if (moment) return formatMoment(moment);
  }
  return cleanText(cellText(value), textLengthMax);
}

/** `first_name` → `First name`. */
export function columnLabel(name: string): string {
  const words = cleanText(name, 80).replace(/_+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
