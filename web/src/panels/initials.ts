// The letters that stand in for a picture.

import type { Cell, Column } from '../api/types';
import { cleanText } from '../format/cell';

/** The first letters of the first and the last word, in any script; `?` when there is none. */
export function initialsOf(name: string): string {
  const words = name.match(/\p{L}[\p{L}\p{M}\p{N}'’]*/gu) ?? [];
  const letter = (word: string | undefined) => (word ? Array.from(word.normalize('NFC'))[0]!.toLocaleUpperCase() : '');
  const last = words.length > 1 ? letter(words[words.length - 1]) : '';
  return letter(words[0]) + last || '?';
}

/** One of five tints, the same for the same name. */
export function tintOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return (hash % 5) + 1;
}

/** Whom a row is about: its first and last name, or its name, or its first text. */
export function nameOfRow(columns: Column[], row: Cell[]): string {
  const named = (pattern: RegExp) => {
    const index = columns.findIndex((column) => pattern.test(column.name));
    const value = index === -1 ? null : row[index];
    return typeof value === 'string' ? value : '';
  };
  const both = `${named(/^(first_?name|given_?name)$/i)} ${named(/^(last_?name|family_?name|surname)$/i)}`.trim();
  const one = both || named(/^(full_?)?name$/i) || named(/^(user(_?name)?|login|email|title)$/i);
  const text = one || row.find((value): value is string => typeof value === 'string' && !/^https?:/i.test(value));
  return cleanText(text ?? '', 80);
}
