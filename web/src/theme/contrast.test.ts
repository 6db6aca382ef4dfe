// Reads the colours from the style sheet itself and measures them: WCAG 2.2 AA, and whether people
// who see fewer colours can tell the series apart.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Colours = Record<string, string>;
type Rgb = [number, number, number];

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const blocks = [...css.matchAll(/\{([^{}]*)\}/g)].map((block) =>
  Object.fromEntries([...block[1]!.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((rule) => [rule[1]!, rule[2]!])),
);
const [light, darkBySystem, darkByChoice] = blocks as [Colours, Colours, Colours];

function linear(hex: string): Rgb {
  return [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [red, green, blue] = linear(hex);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (bright + 0.05) / (dim + 0.05);
}

// Machado, Oliveira and Fernandes 2009, severity 1, in linear RGB.
const sights: Record<string, number[][]> = {
  common: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function oklab(hex: string, sight: number[][]): Rgb {
  const rgb = linear(hex);
  const [r, g, b] = sight.map((row) =>
    Math.min(1, Math.max(0, row[0]! * rgb[0] + row[1]! * rgb[1] + row[2]! * rgb[2])),
  ) as Rgb;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function difference(a: string, b: string, sight: number[][]): number {
  const [x, y] = [oklab(a, sight), oklab(b, sight)];
  return 100 * Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

it('has one dark set, written twice', () => {
  expect(blocks).toHaveLength(3);
  expect(Object.keys(darkByChoice).length).toBeGreaterThan(20);
  expect(darkBySystem).toEqual(darkByChoice);
});

describe.each([
  ['light', light],
  ['dark', darkByChoice],
])('%s colours', (_name, colours) => {
  it.each(['text', 'muted', 'accent', 'good', 'warn', 'bad'])('reads %s as text on each ground', (name) => {
    for (const ground of ['page', 'surface', 'raised']) {
      expect(contrast(colours[name]!, colours[ground]!), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it.each(['accent', 'good', 'warn', 'bad'])('reads %s on its own soft ground', (name) => {
    expect(contrast(colours[name]!, colours[`${name}-soft`]!)).toBeGreaterThanOrEqual(4.5);
  });

  const series = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => colours[`series-${number}`]!);

  it('shows every series against the surface', () => {
    for (const colour of series) expect(contrast(colour, colours.surface!), colour).toBeGreaterThanOrEqual(3);
  });

  it.each(Object.keys(sights))('keeps the first five series apart in %s sight', (sight) => {
    for (let a = 0; a < 5; a++) {
      for (let b = a + 1; b < 5; b++) {
        expect(difference(series[a]!, series[b]!, sights[sight]!), `${a + 1} and ${b + 1}`).toBeGreaterThan(8);
      }
    }
  });

  it.each(Object.keys(sights))('keeps neighbouring series apart in %s sight', (sight) => {
    for (let a = 0; a + 1 < series.length; a++) {
      expect(difference(series[a]!, series[a + 1]!, sights[sight]!), `${a + 1} and ${a + 2}`).toBeGreaterThan(8);
    }
  });
});
