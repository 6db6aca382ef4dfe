// Keeps a table's columns where they are while its rows change every second: measured when the
// number of rows or the room changes, fixed in between. Longer text is cut, its title has it whole.

import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** The rows to come may say more than the measured ones. */
const spareRoom = 1.15;

/** Fills the room; where the columns need more than that, and so scroll, with some to spare. */
export function fitWidths(natural: number[], room: number): number[] {
  const sum = natural.reduce((total, width) => total + width, 0);
  const factor = sum > room ? spareRoom : room / sum;
  return natural.map((width) => Math.floor(width * factor));
}

interface Widths {
  /** Of each column, in pixels; null while the browser lays the table out freely to be measured. */
  widths: number[] | null;
  room: RefObject<HTMLDivElement | null>;
}

/** `shape` changes when the columns have to be measured anew. */
export function useColumnWidths(shape: string): Widths {
  const room = useRef<HTMLDivElement>(null);
  const [measured, setMeasured] = useState<{ shape: string; widths: number[] } | null>(null);
  const widths = measured?.shape === shape ? measured.widths : null;

  useLayoutEffect(() => {
    if (widths) return;
    const heads = room.current?.querySelectorAll('th') ?? [];
    const natural = Array.from(heads, (head) => head.getBoundingClientRect().width);
    if (natural.some((width) => width > 0)) setMeasured({ shape, widths: fitWidths(natural, room.current!.clientWidth) });
  }, [shape, widths]);

  useLayoutEffect(() => {
    let before = room.current?.clientWidth ?? 0;
    const observer = new ResizeObserver(([entry]) => {
      const now = Math.round(entry!.contentRect.width);
      if (Math.abs(now - before) < 2) return;
      before = now;
      setMeasured(null);
    });
    if (room.current) observer.observe(room.current);
    return () => observer.disconnect();
  }, []);

  return { widths, room };
}
