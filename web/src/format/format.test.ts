import { describe, expect, it } from 'vitest';

import { cleanText, columnLabel, columnRole, formatCell, webAddress } from './cell';
import { formatBytes, formatCompact, formatNumber, formatNumericCell, formatPlain, formatRate, formatShare, nothing, toNumber } from './number';
import { formatDuration, formatMoment, parseTime } from './time';

const column = (name: string, type: string) => ({ name, type });

describe('numbers', () => {
  it.each([
    [0, '0'],
    [1234567, '1,234,567'],
    [-1234.5678, '-1,234.6'],
    [41.23456, '41.23'],
    [0.123456, '0.123'],
    [12345.678, '12,346'],
    [NaN, nothing],
    [Infinity, nothing],
  ])('writes %s as %s', (value, text) => expect(formatNumber(value)).toBe(text));

  it('writes every digit of long whole numbers', () => {
    expect(formatNumericCell('9007199254740993')).toBe('9,007,199,254,740,993');
    expect(formatNumericCell('-170141183460469231731687303715884105728')).toBe('-170,141,183,460,469,231,731,687,303,715,884,105,728');
  });

  it('takes only numbers for numbers', () => {
    expect(toNumber('12.5')).toBe(12.5);
    expect(toNumber('-1e3')).toBe(-1000);
    for (const value of ['', ' ', '0x10', '12px', 'NaN', null, true, [], {}, undefined]) expect(toNumber(value as never)).toBeNull();
  });

  it('has short forms', () => {
    expect(formatCompact(9_999)).toBe('9,999');
    expect(formatCompact(4_700_000)).toBe('4.7M');
    expect(formatPlain(2026)).toBe('2026');
    expect(formatShare(1, 3)).toBe('33.3%');
    expect(formatShare(0, 0)).toBe(nothing);
    expect(formatRate(99.6)).toBe('100');
    expect(formatRate(9.64)).toBe('9.6');
    expect(formatBytes(131_400_000)).toBe('131 MB');
    expect(formatBytes(1_250_000_000)).toBe('1.3 GB');
  });
});

describe('times', () => {
  it('reads months, days and times, with and without a zone', () => {
    expect(parseTime('2026-03')).toEqual({ ms: Date.UTC(2026, 2, 1), precision: 'month' });
    expect(parseTime('2026-03-04')).toEqual({ ms: Date.UTC(2026, 2, 4), precision: 'day' });
    expect(parseTime('2026-03-04 05:06:07.25')!.ms).toBe(Date.UTC(2026, 2, 4, 5, 6, 7, 250));
    expect(parseTime('2026-03-04T05:06:07.000Z')!.ms).toBe(Date.UTC(2026, 2, 4, 5, 6, 7));
    expect(parseTime('2026-03-04T05:06:07+05:30')!.ms).toBe(Date.UTC(2026, 2, 3, 23, 36, 7));
  });

  it.each(['2026-13', '2026-02-30', '2026', '12:00', 'March', '2026-03-04x', ''])('takes %j for no time', (text) =>
    expect(parseTime(text)).toBeNull());

  it('writes times as they stand, in UTC', () => {
    expect(formatMoment(parseTime('2026-03-04T23:59:58.000Z')!)).toMatch(/Mar.*4.*2026.*23:59:58/);
    expect(formatMoment(parseTime('2026-03')!)).toBe('Mar 2026');
  });

  it('writes durations with two units', () => {
    expect(formatDuration(0.4)).toBe('0 s');
    expect(formatDuration(59)).toBe('59 s');
    expect(formatDuration(250)).toBe('4 min 10 s');
    expect(formatDuration(3 * 3600)).toBe('3 h');
    expect(formatDuration(12 * 86_400 + 4 * 3600 + 59)).toBe('12 d 4 h');
  });
});

describe('columns', () => {
  it('knows what a type holds', () => {
    for (const type of ['BIGINT', 'integer', 'HUGEINT', 'UBIGINT', 'DECIMAL(18,3)', 'DOUBLE', 'FLOAT']) {
      expect(columnRole(column('x', type), [1]), type).toBe('number');
    }
    expect(columnRole(column('x', 'INTEGER[]'), [[1]])).toBe('text');
    expect(columnRole(column('x', 'INTERVAL'), ['1 day'])).toBe('text');
    expect(columnRole(column('year', 'BIGINT'), [2026])).toBe('year');
    expect(columnRole(column('at', 'TIMESTAMP WITH TIME ZONE'), [])).toBe('time');
    expect(columnRole(column('flag', 'BOOLEAN'), [true])).toBe('boolean');
    expect(columnRole(column('code', 'VARCHAR'), ['1', '2'])).toBe('text');
  });

  it('knows pictures by their address', () => {
    const addresses = ['https://a.example/1.jpg', null, 'https://a.example/2.PNG?size=2'];
    expect(columnRole(column('x', 'VARCHAR'), addresses)).toBe('picture');
    expect(columnRole(column('avatar', 'VARCHAR'), ['https://a.example/1'])).toBe('picture');
    expect(columnRole(column('page', 'VARCHAR'), ['https://a.example/1'])).toBe('text');
    expect(columnRole(column('picture', 'VARCHAR'), ['javascript:alert(1)//.jpg'])).toBe('text');
    expect(columnRole(column('picture', 'VARCHAR'), [])).toBe('text');
  });

  it('links to the web alone', () => {
    expect(webAddress('https://a.example/?q=<b>')!.host).toBe('a.example');
    for (const value of ['javascript:alert(1)', ' https://a.example', 'data:text/html,x', '//a.example', 'https://', 7, null]) {
      expect(webAddress(value), String(value)).toBeNull();
    }
  });

  it('writes cells', () => {
    expect(formatCell(null, 'number')).toBe(nothing);
    expect(formatCell(1234, 'number')).toBe('1,234');
    expect(formatCell(2026, 'year')).toBe('2026');
    expect(formatCell(false, 'boolean')).toBe('false');
    expect(formatCell({ a: [1, null] }, 'text')).toBe('{"a":[1,null]}');
    expect(columnLabel('first_name')).toBe('First name');
  });
});

describe('hostile text', () => {
  it('is cut', () => {
    expect(cleanText('x'.repeat(10_000), 300)).toHaveLength(300);
    expect(formatCell('x'.repeat(1_000_000), 'text').length).toBeLessThanOrEqual(300);
    expect(Array.from(cleanText('😀'.repeat(50), 10))).toHaveLength(10);
  });

  it('loses what turns or hides the text after it', () => {
    expect(cleanText('a\u202egpj.exe\u2066b\u0000c\u200bd\ufeff', 50)).toBe('agpj.exebcd');
    expect(cleanText('one\n\ttwo   three', 50)).toBe('one two three');
  });

  it('stays as it is where it is only markup', () => {
    expect(cleanText('<b onclick="x">&amp;', 50)).toBe('<b onclick="x">&amp;');
  });
});
