// What the server sends, as docs/formats/http.md describes it, and the checks that turn parsed JSON
// into it. Every optional part is filled in here, so that no other file has to ask.

/** A value of a row. A whole number that a JavaScript number can't hold is its digits as text. */
export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };

export interface Column {
  name: string;
  /** A DuckDB type, such as `BIGINT` or `DECIMAL(10,2)`. */
  type: string;
}

export const panelKinds = ['stat', 'pie', 'bar', 'line', 'table'] as const;
export type PanelKind = (typeof panelKinds)[number];

export interface PanelError {
  code: string;
  message: string;
}

export interface Panel {
  id: string;
  pipeline: string;
  title: string;
  kind: PanelKind;
  sql: string;
  columns: Column[];
  rows: Cell[][];
  epoch: number;
  error: PanelError | null;
}

export interface SourceStatus {
  name: string;
  connector: string;
  topic: string;
  state: string;
  last_error: string;
  records: number;
}

export interface Expectation {
  name: string;
  /** What becomes of a row that doesn't meet it: quarantine, drop, warn or fail. */
  else: string;
  passed: number;
  refused: number;
}

/** accepted = out + filtered + late + dead_letters, always. */
export interface StreamStatus {
  name: string;
  accepted: number;
  out: number;
  filtered: number;
  late: number;
  dead_letters: number;
  /** Rows further ahead of the clock than may be: of the dead letters, or of the others where they are kept. */
  future: number;
  /** ISO 8601; empty without event time, and before anything has come. */
  watermark: string;
  /** The watermark's distance from now. */
  lag_seconds: number | null;
  expectations: Expectation[];
}

export interface TopicStatus {
  name: string;
  records: number;
  lag: number;
}

export interface ViewStatus {
  name: string;
  /** null: they are not kept. */
  rows: number | null;
  late: number;
}

export interface SinkStatus {
  name: string;
  connector: string;
  from: string;
  state: string;
  rows: number;
  lag: number;
  refused: number;
  last_error: string;
}

export interface Status {
  epoch: number;
  records_in: number;
  records_per_second: number;
  lag: number;
  dead_letters: number;
  memory_bytes: number;
  state_bytes: number;
  uptime_seconds: number;
  ready: boolean;
  /** Why the engine stopped; empty while it runs. */
  failure: string;
  sources: SourceStatus[];
  streams: StreamStatus[];
  topics: TopicStatus[];
  views: ViewStatus[];
  sinks: SinkStatus[];
}

export interface Dashboard {
  pipelines: string[];
  panels: Panel[];
  status: Status | null;
}

type Fields = Record<string, unknown>;

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list<T>(value: unknown, each: (item: Fields) => T): T[] {
  return Array.isArray(value) ? value.map((item) => each(fields(item))) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value);
}

function number(value: unknown): number {
  const parsed = typeof value === 'number' ? value : Number(value ?? 0);
  return Number.isFinite(parsed) ? parsed : 0;
}

function parseError(value: unknown): PanelError | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'string') return { code: '', message: value };
  const error = fields(value);
  return { code: text(error.code), message: text(error.message) };
}

/** Null when the message names no panel or a kind that this page doesn't know. */
export function parsePanel(value: unknown): Panel | null {
  const panel = fields(value);
  const kind = panelKinds.find((known) => known === panel.kind);
  const id = text(panel.id);
  if (!kind || !id) return null;
  const columns = list(panel.columns, (column) => ({ name: text(column.name), type: text(column.type) }));
  const rows = Array.isArray(panel.rows) ? panel.rows.filter(Array.isArray) : [];
  return {
    id,
    pipeline: text(panel.pipeline),
    title: text(panel.title),
    kind,
    sql: text(panel.sql),
    columns,
    rows: rows as Cell[][],
    epoch: number(panel.epoch),
    error: parseError(panel.error),
  };
}

export function parseStatus(value: unknown): Status {
  const status = fields(value);
  return {
    epoch: number(status.epoch),
    records_in: number(status.records_in),
    records_per_second: number(status.records_per_second),
    lag: number(status.lag),
    dead_letters: number(status.dead_letters),
    memory_bytes: number(status.memory_bytes),
    state_bytes: number(status.state_bytes),
    uptime_seconds: number(status.uptime_seconds),
    ready: status.ready === true,
    failure: text(status.failure),
    sources: list(status.sources, (source) => ({
      name: text(source.name),
      connector: text(source.connector),
      topic: text(source.topic),
      state: text(source.state),
      last_error: text(source.last_error),
      records: number(source.records),
    })),
    streams: list(status.streams, (stream) => ({
      name: text(stream.name),
      accepted: number(stream.accepted),
      out: number(stream.out),
      filtered: number(stream.filtered),
      late: number(stream.late),
      dead_letters: number(stream.dead_letters),
      future: number(stream.future),
      watermark: text(stream.watermark),
      lag_seconds: typeof stream.lag_seconds === 'number' ? stream.lag_seconds : null,
      expectations: list(stream.expectations, (expectation) => ({
        name: text(expectation.name),
        else: text(expectation.else),
        passed: number(expectation.passed),
        refused: number(expectation.refused),
      })),
    })),
    topics: list(status.topics, (topic) => ({
      name: text(topic.name),
      records: number(topic.records),
      lag: number(topic.lag),
    })),
    views: list(status.views, (view) => ({
      name: text(view.name),
      rows: view.rows === null ? null : number(view.rows),
      late: number(view.late),
    })),
    sinks: list(status.sinks, (sink) => ({
      name: text(sink.name),
      connector: text(sink.connector),
      from: text(sink.from),
      state: text(sink.state),
      rows: number(sink.rows),
      lag: number(sink.lag),
      refused: number(sink.refused),
      last_error: text(sink.last_error),
    })),
  };
}

export function parseDashboard(value: unknown): Dashboard {
  const dashboard = fields(value);
  const panels = Array.isArray(dashboard.panels) ? dashboard.panels.map(parsePanel) : [];
  return {
    pipelines: Array.isArray(dashboard.pipelines) ? dashboard.pipelines.map(text) : [],
    panels: panels.filter((panel): panel is Panel => panel !== null),
    status: dashboard.status ? parseStatus(dashboard.status) : null,
  };
}
