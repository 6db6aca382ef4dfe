// What the page knows, kept outside React: a panel's message re-renders that panel alone.

import { useSyncExternalStore } from 'react';

import { browserEnvironment, LiveConnection, type Connection, type Environment } from './live';
import type { Dashboard, Panel, PanelKind, Status } from './types';

/** How many seconds of records per second the header's curve shows. */
export const rateHistoryMax = 60;

/** What decides where a panel stands; it stays the same while only rows change. */
export interface PanelPlace {
  id: string;
  pipeline: string;
  kind: PanelKind;
  columns: number;
}

export interface Layout {
  pipelines: string[];
  /** In the order of the pipeline files. */
  panels: PanelPlace[];
  loaded: boolean;
}

function placeOf({ id, pipeline, kind, columns }: Panel): PanelPlace {
  return { id, pipeline, kind, columns: columns.length };
}

export class DashboardStore {
  private connection: Connection = { state: 'connecting' };
  private layout: Layout = { pipelines: [], panels: [], loaded: false };
  private panels = new Map<string, Panel>();
  private status: Status | null = null;
  private rates: readonly number[] = [];
  private readonly listeners = new Set<() => void>();
  readonly live: LiveConnection;

  constructor(environment: Environment) {
    this.live = new LiveConnection(
      {
        connection: (connection) => this.change(() => (this.connection = connection)),
        dashboard: (dashboard) => this.change(() => this.takeDashboard(dashboard)),
        panel: (panel) => this.change(() => this.takePanel(panel)),
        status: (status) => this.change(() => this.takeStatus(status)),
      },
      environment,
    );
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getConnection = (): Connection => this.connection;
  getLayout = (): Layout => this.layout;
  getStatus = (): Status | null => this.status;
  getRates = (): readonly number[] => this.rates;
  getPanel = (id: string): Panel | undefined => this.panels.get(id);

  private change(apply: () => void): void {
    apply();
    for (const listener of this.listeners) listener();
  }

  private takeDashboard(dashboard: Dashboard): void {
    this.panels = new Map(dashboard.panels.map((panel) => [panel.id, panel]));
    this.layout = {
      pipelines: dashboard.pipelines,
      panels: dashboard.panels.map(placeOf),
      loaded: true,
    };
    if (dashboard.status) this.status = dashboard.status;
  }

  private takePanel(panel: Panel): void {
    const before = this.panels.get(panel.id);
    this.panels.set(panel.id, panel);
    if (!before) {
      this.layout = { ...this.layout, panels: [...this.layout.panels, placeOf(panel)] };
    } else if (before.kind !== panel.kind || before.columns.length !== panel.columns.length) {
      const panels = this.layout.panels.map((place) => (place.id === panel.id ? placeOf(panel) : place));
      this.layout = { ...this.layout, panels };
    }
  }

  private takeStatus(status: Status): void {
    this.status = status;
    this.rates = [...this.rates, status.records_per_second].slice(-rateHistoryMax);
  }
}

export const store = new DashboardStore(browserEnvironment);

export function useConnection(): Connection {
  return useSyncExternalStore(store.subscribe, store.getConnection);
}

export function useLayout(): Layout {
  return useSyncExternalStore(store.subscribe, store.getLayout);
}

export function useStatus(): Status | null {
  return useSyncExternalStore(store.subscribe, store.getStatus);
}

export function useRates(): readonly number[] {
  return useSyncExternalStore(store.subscribe, store.getRates);
}

export function usePanel(id: string): Panel | undefined {
  return useSyncExternalStore(store.subscribe, () => store.getPanel(id));
}
