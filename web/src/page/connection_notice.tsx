import { store, useConnection } from '../api/store';
import { formatClock } from '../format/time';
import { WarningIcon } from './icons';

function sentence(since: number | null): string {
  return since === null
    ? "The server can't be reached. Trying again…"
    : `Connection to the server was lost at ${formatClock(since)}. Trying again…`;
}

/** Says that the server is gone while it is. The live region stays on the page, so that its words
 * are read aloud when they come. */
export function ConnectionNotice() {
  const connection = useConnection();
  const lost = connection.state === 'lost';
  return (
    <div className="notice-place" role="status" aria-live="polite">
      {lost && (
        <div className="notice">
          <WarningIcon />
          <span>{sentence(connection.since)}</span>
          <button type="button" className="quiet" onClick={() => store.live.retryNow()}>
            Try now
          </button>
        </div>
      )}
    </div>
  );
}
