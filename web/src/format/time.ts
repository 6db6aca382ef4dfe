// Times as people read them.

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

export function formatClock(ms: number): string {
  return clock.format(ms);
}

/** The two largest units: 12 s, 4 min 10 s, 3 h 5 min, 12 d 4 h. */
export function formatDuration(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => total >= size);
  if (first === -1) return '0 s';
  const [size, name] = units[first]!;
  const head = `${Math.floor(total / size)} ${name}`;
  const next = units[first + 1];
  const rest = next ? Math.floor((total % size) / next[0]) : 0;
  return next && rest > 0 ? `${head} ${rest} ${next[1]}` : head;
}

const isoTime =
  /^(-?\d{4,6})-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?)?$/i;

export interface Moment {
  ms: number;
  /** What the text told: a month, a day, or a time of day. */
  precision: 'month' | 'day' | 'time';
}

/** Reads ISO 8601 months, dates and timestamps, with T or a space; null for anything else. */
export function parseTime(text: string): Moment | null {
  const match = isoTime.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day ?? 1),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
    Math.floor(Number(`0.${fraction ?? 0}`) * 1000),
  );
  const read = new Date(ms);
  // Date.UTC takes the 31st of February for the 3rd of March; that is no date.
  if (Number.isNaN(ms) || read.getUTCMonth() + 1 !== Number(month)) return null;
  if (day !== undefined && read.getUTCDate() !== Number(day)) return null;
  return {
    ms: ms - zoneOffsetMs(zone),
    precision: hour !== undefined ? 'time' : day !== undefined ? 'day' : 'month',
  };
}

function zoneOffsetMs(zone: string | undefined): number {
  if (!zone || zone.toUpperCase() === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

const month = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', timeZone: 'UTC' });
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric', timeZone: 'UTC' });
const time = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZone: 'UTC',
});

/** In UTC, as `leat sql` writes it and as the pipeline's SQL cuts its days and months. */
export function formatMoment(moment: Moment): string {
  if (moment.precision === 'month') return month.format(moment.ms);
  if (moment.precision === 'day') return day.format(moment.ms);
  return time.format(moment.ms);
}
