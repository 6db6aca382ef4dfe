// Draws one ECharts option on a canvas, and keeps it at the size of its box. Only the parts of
// ECharts that the panels use are in the bundle.

import { BarChart, LineChart, PieChart } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';

import { useReducedMotion } from '../theme/theme';

echarts.use([BarChart, LineChart, PieChart, GridComponent, TooltipComponent, CanvasRenderer]);

export type ChartOption = echarts.EChartsCoreOption;

export const fontFamily = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

/** Values glide to their new place in this time; the first drawing stands at once. */
const updateMs = 250;

interface Props {
  option: ChartOption;
  className?: string;
}

/** The canvas is a picture to assistive technology: the panel gives its figures as a table too. */
export function Chart({ option, className }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const reducedMotion = useReducedMotion();

  useEffect(() => {
    const element = box.current!;
    const made = echarts.init(element, null, { renderer: 'canvas' });
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const motion: ChartOption = {
      animation: !reducedMotion,
      animationDuration: 0,
      animationDurationUpdate: updateMs,
      animationEasingUpdate: 'cubicOut',
    };
    chart.current?.setOption({ ...motion, ...option }, { replaceMerge: ['series'], lazyUpdate: true });
  }, [option, reducedMotion]);

  return <div ref={box} className={`chart ${className ?? ''}`} aria-hidden="true" />;
}

export interface TooltipLine {
  colour: string;
  name: string;
  text: string;
}

/** Built node by node: what data says is text here and never markup. */
export function tooltipContent(title: string, lines: TooltipLine[]): HTMLElement {
  const content = document.createElement('div');
  content.className = 'tooltip';
  const heading = content.appendChild(document.createElement('div'));
  heading.className = 'tooltip-title';
  heading.textContent = title;
  for (const line of lines) {
    const row = content.appendChild(document.createElement('div'));
    row.className = 'tooltip-line';
    const swatch = row.appendChild(document.createElement('i'));
    swatch.className = 'swatch';
    swatch.style.backgroundColor = line.colour;
    const name = row.appendChild(document.createElement('span'));
    name.textContent = line.name;
    const value = row.appendChild(document.createElement('b'));
    value.textContent = line.text;
  }
  return content;
}

/** The tooltip's box is our own style sheet's; ECharts only places it. */
export const tooltipBox = {
  confine: true,
  transitionDuration: 0,
  padding: 0,
  borderWidth: 0,
  backgroundColor: 'transparent',
  className: 'tooltip-box',
};
