import { useConnection, useLayout, useStatus } from '../api/store';
import { cleanText } from '../format/cell';
import { formatNumber, formatRate } from '../format/number';
import { toggleTheme, useTheme } from '../theme/theme';
import { Mark, MoonIcon, SunIcon } from './icons';

const connectionWords = { connecting: 'Connecting', live: 'Live', lost: 'Offline' } as const;

function ThemeToggle() {
  const dark = useTheme() === 'dark';
  const label = dark ? 'Use light colours' : 'Use dark colours';
  return (
    <button type="button" className="theme-toggle" title={label} aria-label={label} onClick={toggleTheme}>
      {dark ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}

export function Header() {
  const { state } = useConnection();
  const { pipelines } = useLayout();
  const status = useStatus();
  return (
    <header className="bar">
      <div className="bar-inside">
        <h1>
          <Mark />
          Leat
        </h1>
        <ul className="pipelines" aria-label="Pipelines">
          {pipelines.map((pipeline) => (
            <li key={pipeline}>
              <bdi>{cleanText(pipeline, 60)}</bdi>
            </li>
          ))}
        </ul>
        <div className="bar-end">
          {status && (
            <p className="bar-figures">
              <span>
                <b data-figure="rate">{formatRate(status.records_per_second)}</b> records/s
              </span>
              <span>
                epoch <b data-figure="epoch">{formatNumber(status.epoch)}</b>
              </span>
            </p>
          )}
          <span className={`live ${state}`} data-connection={state}>
            <i aria-hidden="true" />
            {connectionWords[state]}
          </span>
          <ThemeToggle />
        </div>
      </div>
    </header>
  );
}
