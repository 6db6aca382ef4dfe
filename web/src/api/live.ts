// The live connection: reads the dashboard once, then follows its server-sent events, and begins
// again by itself whenever the server goes away. A browser's own EventSource retries only some
// failures and never says when it gave up, so each failure closes it here and the next try is ours.
//
// One owner; `start` and `stop` may follow each other (React mounts twice in development).

import { parseExact } from './exact_json';
import { parseDashboard, parsePanel, parseStatus, type Dashboard, type Panel, type Status } from './types';

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  /** `since`: when it was lost, in ms since 1970; null when the server was never reached. */
  | { state: 'lost'; since: number | null };

export interface Listener {
  connection(connection: Connection): void;
  dashboard(dashboard: Dashboard): void;
  panel(panel: Panel): void;
  status(status: Status): void;
}

/** The part of EventSource that is used, so that tests can stand in for a browser. */
export interface Events {
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
  close(): void;
}

export interface Environment {
  fetchDashboard(): Promise<unknown>;
  openEvents(): Events;
  now(): number;
  random(): number;
  setTimer(action: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

export const retryMsFirst = 500;
export const retryMsMax = 5_000;
/** The server sends its status each second; this long without a word means that it is gone. */
export const silenceMsMax = 10_000;

/** Doubles from the first to the last, less up to half at random, so that many open pages don't
 * all come back in the same instant. */
export function retryDelayMs(attempt: number, random: number): number {
  const full = Math.min(retryMsMax, retryMsFirst * 2 ** Math.min(attempt, 10));
  return Math.round(full * (1 - random / 2));
}

export class LiveConnection {
  private readonly listener: Listener;
  private readonly environment: Environment;
  private events: Events | null = null;
  private timer: unknown = null;
  private attempt = 0;
  private lostAt: number | null = null;
  private everLive = false;
  private live = false;
  /** Rises with each try and with stop, so that answers to an earlier one are recognised. */
  private generation = 0;

  constructor(listener: Listener, environment: Environment) {
    this.listener = listener;
    this.environment = environment;
  }

  start(): void {
    this.stop();
    this.attempt = 0;
    this.listener.connection({ state: 'connecting' });
    void this.connect();
  }

  stop(): void {
    this.generation += 1;
    this.live = false;
    this.close();
  }

  /** Tries at once instead of waiting out the delay; does nothing while connected. */
  retryNow(): void {
    if (this.live || this.timer === null) return;
    this.attempt = 0;
    this.close();
    void this.connect();
  }

  private async connect(): Promise<void> {
    const generation = ++this.generation;
    this.watchSilence(generation);
    let answer: unknown;
    try {
      answer = await this.environment.fetchDashboard();
    } catch {
      if (generation === this.generation) this.failed();
      return;
    }
    if (generation !== this.generation) return;
    this.listener.dashboard(parseDashboard(answer));
    this.follow(generation);
  }

  private follow(generation: number): void {
    const events = this.environment.openEvents();
    this.events = events;
    const on = (type: string, handle: (data: unknown) => void) =>
      events.addEventListener(type, (event) => {
        if (generation !== this.generation) return;
        this.heard(generation);
        if (typeof event.data !== 'string') return;
        try {
          handle(parseExact(event.data));
        } catch {
          this.failed(); // a torn message: what follows can't be trusted either
        }
      });
    on('panel', (data) => {
      const panel = parsePanel(data);
      if (panel) this.listener.panel(panel);
    });
    on('status', (data) => this.listener.status(parseStatus(data)));
    events.addEventListener('open', () => {
      if (generation === this.generation) this.heard(generation);
    });
    events.addEventListener('error', () => {
      if (generation === this.generation) this.failed();
    });
    this.watchSilence(generation);
  }

  private heard(generation: number): void {
    this.watchSilence(generation);
    if (this.live) return;
    this.live = true;
    this.everLive = true;
    this.attempt = 0;
    this.lostAt = null;
    this.listener.connection({ state: 'live' });
  }

  private failed(): void {
    this.generation += 1;
    this.close();
    if (this.live) this.lostAt = this.environment.now();
    this.live = false;
    this.listener.connection({ state: 'lost', since: this.everLive ? this.lostAt : null });
    const delay = retryDelayMs(this.attempt++, this.environment.random());
    this.timer = this.environment.setTimer(() => {
      this.timer = null;
      void this.connect();
    }, delay);
  }

  private watchSilence(generation: number): void {
    if (this.timer !== null) this.environment.clearTimer(this.timer);
    this.timer = this.environment.setTimer(() => {
      this.timer = null;
      if (generation === this.generation) this.failed();
    }, silenceMsMax);
  }

  private close(): void {
    this.events?.close();
    this.events = null;
    if (this.timer !== null) this.environment.clearTimer(this.timer);
    this.timer = null;
  }
}

export const browserEnvironment: Environment = {
  async fetchDashboard() {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), silenceMsMax);
    try {
      const response = await fetch('/v1/dashboard', {
        headers: { Accept: 'application/json' },
        cache: 'no-store',
        signal: abort.signal,
      });
      if (!response.ok) throw new Error(`/v1/dashboard answered ${response.status}`);
      return parseExact(await response.text());
    } finally {
      clearTimeout(timer);
    }
  },
  openEvents: () => new EventSource('/v1/dashboard/events') as Events,
  now: () => Date.now(),
  random: () => Math.random(),
  setTimer: (action, ms) => setTimeout(action, ms),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};
