import { beforeEach, describe, expect, it } from 'vitest';

import { LiveConnection, retryDelayMs, retryMsFirst, retryMsMax, silenceMsMax, type Connection, type Environment, type Events } from './live';
import type { Dashboard, Panel, Status } from './types';

class FakeEvents implements Events {
  closed = false;
  private readonly listeners = new Map<string, ((event: { data?: unknown }) => void)[]>();

  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }
  close(): void {
    this.closed = true;
  }
  emit(type: string, data?: unknown): void {
    const event = data === undefined ? {} : { data: typeof data === 'string' ? data : JSON.stringify(data) };
    for (const listener of this.listeners.get(type) ?? []) listener(event);
  }
}

class World implements Environment {
  time = 1_000;
  opened: FakeEvents[] = [];
  fetches = 0;
  answer: () => Promise<unknown> = () => Promise.resolve({ pipelines: ['users'], panels: [] });
  private timers: { at: number; action: () => void }[] = [];

  fetchDashboard(): Promise<unknown> {
    this.fetches += 1;
    return this.answer();
  }
  openEvents(): Events {
    const events = new FakeEvents();
    this.opened.push(events);
    return events;
  }
  now = () => this.time;
  random = () => 0;
  setTimer(action: () => void, ms: number): unknown {
    const timer = { at: this.time + ms, action };
    this.timers.push(timer);
    return timer;
  }
  clearTimer(timer: unknown): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }
  get events(): FakeEvents {
    return this.opened[this.opened.length - 1]!;
  }
  get timersWaiting(): number {
    return this.timers.length;
  }
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.time = next.at;
      this.clearTimer(next);
      next.action();
      await this.settle();
    }
    this.time = end;
  }
}

let world: World;
let states: Connection[];
let dashboards: Dashboard[];
let panels: Panel[];
let statuses: Status[];
let live: LiveConnection;

beforeEach(() => {
  world = new World();
  [states, dashboards, panels, statuses] = [[], [], [], []];
  live = new LiveConnection(
    {
      connection: (connection) => states.push(connection),
      dashboard: (dashboard) => dashboards.push(dashboard),
      panel: (panel) => panels.push(panel),
      status: (status) => statuses.push(status),
    },
    world,
  );
});

const state = () => states[states.length - 1];
const down = () => Promise.reject(new TypeError('Failed to fetch'));

async function connect(): Promise<void> {
  live.start();
  await world.settle();
  world.events.emit('open');
}

describe('a connection that holds', () => {
  it('reads the dashboard, then follows it', async () => {
    live.start();
    expect(state()).toEqual({ state: 'connecting' });
    await world.settle();
    expect(dashboards[0]!.pipelines).toEqual(['users']);
    world.events.emit('open');
    expect(state()).toEqual({ state: 'live' });
    world.events.emit('panel', { id: 'a', kind: 'stat', columns: [], rows: [[1]] });
    world.events.emit('status', { epoch: 7 });
    expect(panels[0]!.rows).toEqual([[1]]);
    expect(statuses[0]!.epoch).toBe(7);
  });

  it('leaves out a panel of an unknown kind', async () => {
    await connect();
    world.events.emit('panel', { id: 'a', kind: 'globe' });
    expect(panels).toEqual([]);
    expect(state()).toEqual({ state: 'live' });
  });

  it('stays while words keep coming', async () => {
    await connect();
    for (let second = 0; second < 60; second++) {
      await world.pass(1_000);
      world.events.emit('status', {});
    }
    expect(state()).toEqual({ state: 'live' });
    expect(world.opened).toHaveLength(1);
  });
});

describe('a connection that is lost', () => {
  it('says since when, and comes back by itself', async () => {
    await connect();
    await world.pass(3_000);
    world.answer = down;
    const lostAt = world.time;
    const first = world.events;
    first.emit('error');
    expect(first.closed).toBe(true);
    expect(state()).toEqual({ state: 'lost', since: lostAt });

    await world.pass(60_000);
    expect(state()).toEqual({ state: 'lost', since: lostAt });
    expect(world.fetches).toBeGreaterThan(10);

    world.answer = () => Promise.resolve({ pipelines: ['users', 'sensors'] });
    await world.pass(retryMsMax);
    world.events.emit('open');
    expect(state()).toEqual({ state: 'live' });
    expect(dashboards[dashboards.length - 1]!.pipelines).toEqual(['users', 'sensors']);
  });

  it('is noticed by silence', async () => {
    await connect();
    await world.pass(silenceMsMax - 1);
    expect(state()).toEqual({ state: 'live' });
    world.answer = down;
    await world.pass(1);
    expect(state()!.state).toBe('lost');
  });

  it('is noticed by a torn message', async () => {
    await connect();
    world.events.emit('panel', '{"id": "a", "ki');
    expect(state()!.state).toBe('lost');
  });

  it('has no since when there never was one', async () => {
    world.answer = down;
    live.start();
    await world.settle();
    expect(state()).toEqual({ state: 'lost', since: null });
  });

  it('ignores what a closed stream still says', async () => {
    await connect();
    const first = world.events;
    first.emit('error');
    const tries = states.length;
    first.emit('status', { epoch: 99 });
    first.emit('error');
    expect(statuses).toEqual([]);
    expect(states).toHaveLength(tries);
    expect(world.timersWaiting).toBe(1);
  });

  it('is tried at once when asked', async () => {
    world.answer = down;
    live.start();
    await world.pass(20_000);
    world.answer = () => Promise.resolve({});
    const before = world.fetches;
    live.retryNow();
    await world.settle();
    expect(world.fetches).toBe(before + 1);
    world.events.emit('open');
    expect(state()).toEqual({ state: 'live' });
    live.retryNow();
    expect(world.fetches).toBe(before + 1);
  });
});

it('leaves nothing behind when stopped', async () => {
  await connect();
  live.stop();
  expect(world.events.closed).toBe(true);
  expect(world.timersWaiting).toBe(0);
  live.retryNow();
  await world.pass(60_000);
  expect(world.fetches).toBe(1);
});

it('does not follow a dashboard that arrives after it was stopped', async () => {
  live.start();
  live.stop();
  await world.settle();
  expect(world.opened).toHaveLength(0);
  expect(dashboards).toHaveLength(0);
});

it('waits longer after each failure, within bounds, and not all pages alike', () => {
  expect(retryDelayMs(0, 0)).toBe(retryMsFirst);
  expect(retryDelayMs(1, 0)).toBe(2 * retryMsFirst);
  expect(retryDelayMs(1_000, 0)).toBe(retryMsMax);
  expect(retryDelayMs(1_000, 1)).toBe(retryMsMax / 2);
});
