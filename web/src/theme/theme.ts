// Light or dark: the system's choice until the reader makes one, which is then remembered.
// public/theme.js applies a remembered choice before the first paint.

import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const storageKey = 'leat-theme';
const listeners = new Set<() => void>();
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
const lessMotion = window.matchMedia('(prefers-reduced-motion: reduce)');

function notify(): void {
  for (const listener of listeners) listener();
}
systemDark.addEventListener('change', notify);
lessMotion.addEventListener('change', notify);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return systemDark.matches ? 'dark' : 'light';
}

export function toggleTheme(): void {
  const next: Theme = currentTheme() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(storageKey, next);
  } catch {
    // Storage may be closed to the page; the choice then lasts until it is left.
  }
  notify();
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, currentTheme);
}

export function useReducedMotion(): boolean {
  return useSyncExternalStore(subscribe, () => lessMotion.matches);
}

/** The colours that a canvas needs by value. */
export interface Palette {
  surface: string;
  line: string;
  text: string;
  muted: string;
  accent: string;
  series: string[];
}

/** As the style sheet has them now; call it again when the theme changes. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    surface: colour('surface'),
    line: colour('line'),
    text: colour('text'),
    muted: colour('muted'),
    accent: colour('accent'),
    series: Array.from({ length: 8 }, (_, index) => colour(`series-${index + 1}`)),
  };
}
