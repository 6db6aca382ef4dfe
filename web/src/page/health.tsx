import { Fragment, type ReactNode } from 'react';

import { useStatus } from '../api/store';
import type { SourceStatus, Status, StreamStatus } from '../api/types';
import { cleanText } from '../format/cell';
import { formatNumber } from '../format/number';
import { formatDuration, formatMoment, parseTime } from '../format/time';
import { CheckIcon, WarningIcon } from './icons';

type Tone = 'good' | 'warn' | 'bad' | 'calm';

const stateTones: Record<string, Tone> = {
  reading: 'good',
  writing: 'good',
  waiting: 'good',
  retrying: 'warn',
  failed: 'bad',
  ended: 'calm',
};

function State({ state }: { state: string }) {
  return (
    <span className={`state ${stateTones[state] ?? 'calm'}`}>
      <i aria-hidden="true" />
      {cleanText(state, 30)}
    </span>
  );
}

function Name({ text }: { text: string }) {
  const name = cleanText(text, 120);
  return <bdi title={name}>{name}</bdi>;
}

/** What went wrong last, in a row of its own under the row it belongs to. */
function FailureRow({ text, columns }: { text: string; columns: number }) {
  if (!text) return null;
  const message = cleanText(text, 500);
  return (
    <tr>
      <td className="error-of-row" colSpan={columns}>
        <p className="last-error" title={message}>
          <bdi>{message}</bdi>
        </p>
      </td>
    </tr>
  );
}

interface CardProps {
  title: string;
  /** How much room it asks for beside the others. */
  size?: 'roomy' | 'wide';
  note?: string;
  columns: [name: string, kind: 'text' | 'number'][];
  children: ReactNode;
}

function Card({ title, size, note, columns, children }: CardProps) {
  return (
    <section className={`panel card ${size ?? ''}`} aria-label={title}>
      <header className="panel-head">
        <h3>{title}</h3>
        {note && <p className="note">{note}</p>}
      </header>
      <div className="table-room" role="region" aria-label={`${title} of the pipelines`} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map(([name, kind]) => (
                <th key={name} scope="col" className={kind}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </div>
    </section>
  );
}

function Figure({ value }: { value: number }) {
  return (
    <td className="number">
      <data value={value}>{formatNumber(value)}</data>
    </td>
  );
}

function Sources({ sources }: { sources: SourceStatus[] }) {
  return (
    <Card title="Sources" size="roomy" columns={[['Source', 'text'], ['State', 'text'], ['Topic', 'text'], ['Records', 'number']]}>
      {sources.map((source) => (
        <Fragment key={source.name}>
          <tr data-source={source.name} className={source.last_error ? 'with-error' : ''}>
            <td className="text">
              <Name text={source.name} /> <span className="aside">{cleanText(source.connector, 30)}</span>
            </td>
            <td>
              <State state={source.state} />
            </td>
            <td className="text">
              <Name text={source.topic} />
            </td>
            <Figure value={source.records} />
          </tr>
          <FailureRow text={source.last_error} columns={4} />
        </Fragment>
      ))}
    </Card>
  );
}

function Balance({ stream }: { stream: StreamStatus }) {
  const off = stream.accepted - stream.out - stream.filtered - stream.late - stream.dead_letters;
  return off === 0 ? (
    <span className="state good">
      <CheckIcon />
      balanced
    </span>
  ) : (
    <span className="state bad">
      <WarningIcon />
      {`off by ${formatNumber(off)}`}
    </span>
  );
}

function Expectations({ stream }: { stream: StreamStatus }) {
  const refusing = stream.expectations.filter((expectation) => expectation.refused > 0);
  if (refusing.length === 0) return null;
  return (
    <p className="aside">
      {refusing.map((expectation, index) => (
        <span key={expectation.name}>
          {index > 0 && ', '}
          <Name text={expectation.name} />
          {` refused ${formatNumber(expectation.refused)} (${cleanText(expectation.else, 20)})`}
        </span>
      ))}
    </p>
  );
}

const identity: CardProps['columns'] = [
  ['Stream', 'text'],
  ['Accepted', 'number'],
  ['= Out', 'number'],
  ['+ Filtered', 'number'],
  ['+ Late', 'number'],
  ['+ Dead letters', 'number'],
  ['Sum', 'text'],
];

/** The identity of each stream, as numbers under its own words. */
function Streams({ streams }: { streams: StreamStatus[] }) {
  return (
    <Card title="Streams" size="wide" note="accepted = out + filtered + late + dead letters" columns={identity}>
      {streams.map((stream) => (
        <tr key={stream.name} data-stream={stream.name}>
          <td className="text">
            <Name text={stream.name} />
            <Expectations stream={stream} />
          </td>
          <Figure value={stream.accepted} />
          <Figure value={stream.out} />
          <Figure value={stream.filtered} />
          <Figure value={stream.late} />
          <Figure value={stream.dead_letters} />
          <td>
            <Balance stream={stream} />
          </td>
        </tr>
      ))}
    </Card>
  );
}

const progress: CardProps['columns'] = [
  ['Stream', 'text'],
  ['Watermark', 'text'],
  ['Behind now', 'number'],
  ['Late', 'number'],
  ['Future', 'number'],
];

function Watermark({ stream }: { stream: StreamStatus }) {
  const moment = parseTime(stream.watermark);
  if (!moment) return <span className="aside">nothing yet</span>;
  return <time dateTime={stream.watermark}>{formatMoment(moment)}</time>;
}

/** How far each stream's event time has come, and how many rows came behind it or far ahead of the clock. */
function EventTime({ streams }: { streams: StreamStatus[] }) {
  return (
    <Card title="Event time" size="roomy" note="windows close when the watermark passes their end" columns={progress}>
      {streams.map((stream) => (
        <tr key={stream.name} data-event-time={stream.name}>
          <td className="text">
            <Name text={stream.name} />
          </td>
          <td className="text">
            <Watermark stream={stream} />
          </td>
          <td className="number">{stream.lag_seconds === null ? '–' : formatDuration(stream.lag_seconds)}</td>
          <Figure value={stream.late} />
          <Figure value={stream.future} />
        </tr>
      ))}
    </Card>
  );
}

/** Without a watermark a stream has no event time, or only rows that do not move it. */
function isTimed(stream: StreamStatus): boolean {
  return stream.watermark !== '' || stream.late > 0 || stream.future > 0;
}

function Stores({ status }: { status: Status }) {
  return (
    <>
      {status.topics.length > 0 && (
        <Card title="Topics" columns={[['Topic', 'text'], ['Records', 'number'], ['Lag', 'number']]}>
          {status.topics.map((topic) => (
            <tr key={topic.name} data-topic={topic.name}>
              <td className="text">
                <Name text={topic.name} />
              </td>
              <Figure value={topic.records} />
              <Figure value={topic.lag} />
            </tr>
          ))}
        </Card>
      )}
      {status.views.length > 0 && (
        <Card title="Views" columns={[['View', 'text'], ['Rows', 'number'], ['Late', 'number']]}>
          {status.views.map((view) => (
            <tr key={view.name} data-view={view.name}>
              <td className="text">
                <Name text={view.name} />
              </td>
              {view.rows === null ? <td className="number aside">not kept</td> : <Figure value={view.rows} />}
              <Figure value={view.late} />
            </tr>
          ))}
        </Card>
      )}
      {status.sinks.length > 0 && (
        <Card
          title="Sinks"
          columns={[['Sink', 'text'], ['State', 'text'], ['From', 'text'], ['Rows', 'number'], ['Waiting', 'number'], ['Refused', 'number']]}
        >
          {status.sinks.map((sink) => (
            <Fragment key={sink.name}>
              <tr data-sink={sink.name} className={sink.last_error ? 'with-error' : ''}>
                <td className="text">
                  <Name text={sink.name} /> <span className="aside">{cleanText(sink.connector, 30)}</span>
                </td>
                <td>
                  <State state={sink.state} />
                </td>
                <td className="text">
                  <Name text={sink.from} />
                </td>
                <Figure value={sink.rows} />
                <Figure value={sink.lag} />
                <Figure value={sink.refused} />
              </tr>
              <FailureRow text={sink.last_error} columns={6} />
            </Fragment>
          ))}
        </Card>
      )}
    </>
  );
}

export function Health() {
  const status = useStatus();
  if (!status) return null;
  const timed = status.streams.filter(isTimed);
  return (
    <section className="health" aria-labelledby="health">
      <h2 id="health">Pipeline health</h2>
      {status.failure && (
        <div className="panel panel-error" role="alert">
          <p>
            <WarningIcon />
            <strong>The engine has stopped.</strong>
          </p>
          <p>
            <bdi>{cleanText(status.failure, 1_000)}</bdi>
          </p>
        </div>
      )}
      <div className="health-grid">
        {status.streams.length > 0 && <Streams streams={status.streams} />}
        {timed.length > 0 && <EventTime streams={timed} />}
        {status.sources.length > 0 && <Sources sources={status.sources} />}
        <Stores status={status} />
      </div>
    </section>
  );
}
