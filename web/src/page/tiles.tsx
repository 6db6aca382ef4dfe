import type { ReactNode } from 'react';

import { rateHistoryMax, useRates, useStatus } from '../api/store';
import { formatBytes, formatNumber, formatRate } from '../format/number';
import { formatDuration } from '../format/time';
import { Sparkline } from './sparkline';

interface TileProps {
  label: string;
  /** What the figure means, for those who point at it. */
  hint: string;
  name: string;
  value: number;
  text: string;
  tone?: 'warn';
  children?: ReactNode;
}

function Tile({ label, hint, name, value, text, tone, children }: TileProps) {
  return (
    <div className={`tile ${tone ?? ''}`} title={hint}>
      <dt>{label}</dt>
      <dd>
        <data value={value} data-figure={name}>
          {text}
        </data>
        {children}
      </dd>
    </div>
  );
}

/** How the server is doing, in six figures. */
export function StatusTiles() {
  const status = useStatus();
  const rates = useRates();
  if (!status) return null;
  return (
    <dl className="tiles" aria-label="Server">
      <Tile label="Records in" hint="Records appended to topics since the start" name="records_in" value={status.records_in} text={formatNumber(status.records_in)} />
      <Tile label="Records per second" hint="Over the last second; the curve is the last minute" name="records_per_second" value={status.records_per_second} text={formatRate(status.records_per_second)}>
        <Sparkline values={rates} room={rateHistoryMax} />
      </Tile>
      <Tile label="Lag" hint="Records on disk that the engine has not read yet" name="lag" value={status.lag} text={formatNumber(status.lag)} />
      <Tile
        label="Dead letters"
        hint="Records and rows put aside with their reason"
        name="dead_letters"
        value={status.dead_letters}
        text={formatNumber(status.dead_letters)}
        {...(status.dead_letters > 0 ? { tone: 'warn' as const } : {})}
      />
      <Tile label="Memory" hint={`State on disk: ${formatBytes(status.state_bytes)}`} name="memory_bytes" value={status.memory_bytes} text={formatBytes(status.memory_bytes)} />
      <Tile label="Uptime" hint="Since this server started" name="uptime_seconds" value={Math.floor(status.uptime_seconds)} text={formatDuration(status.uptime_seconds)} />
    </dl>
  );
}
