import { useEffect, useMemo } from 'react';

import { store, useConnection, useLayout, useStatus } from '../api/store';
import { cleanText } from '../format/cell';
import { PanelFrame } from '../panels/panel';
import { ConnectionNotice } from './connection_notice';
import { Header } from './header';
import { Health } from './health';
import { layOut } from './layout';
import { StatusTiles } from './tiles';

function useLiveConnection(): void {
  useEffect(() => {
    const retry = () => {
      if (document.visibilityState === 'visible') store.live.retryNow();
    };
    store.live.start();
    window.addEventListener('online', retry);
    document.addEventListener('visibilitychange', retry);
    return () => {
      window.removeEventListener('online', retry);
      document.removeEventListener('visibilitychange', retry);
      store.live.stop();
    };
  }, []);
}

/** So that a tab among others says which server it shows, and that it is gone. */
function useTitle(): void {
  const { pipelines } = useLayout();
  const { state } = useConnection();
  useEffect(() => {
    const names = pipelines.map((pipeline) => cleanText(pipeline, 40)).join(', ');
    document.title = [state === 'lost' ? 'Offline' : '', names, 'Leat'].filter(Boolean).join(' · ');
  }, [pipelines, state]);
}

function PipelinePanels({ pipeline, titled }: { pipeline: string; titled: boolean }) {
  const { panels } = useLayout();
  const placed = useMemo(() => layOut(panels.filter((panel) => panel.pipeline === pipeline)), [panels, pipeline]);
  if (placed.length === 0) return null;
  return (
    <section aria-label={`Dashboard of ${pipeline}`}>
      {titled && (
        <h2>
          <bdi>{cleanText(pipeline, 80)}</bdi>
        </h2>
      )}
      <div className="panels">
        {placed.map(({ id, span }) => (
          <PanelFrame key={id} id={id} span={span} />
        ))}
      </div>
    </section>
  );
}

function Dashboard() {
  const { pipelines, panels, loaded } = useLayout();
  const { state } = useConnection();
  if (!loaded) return <p className="empty whole">{state === 'lost' ? 'Nothing to show yet.' : 'Connecting to the server…'}</p>;
  if (panels.length === 0) {
    return (
      <p className="empty whole">
        No panels yet. A <code>dashboard</code> section in the pipeline file puts them here.
      </p>
    );
  }
  const owners = [...new Set([...pipelines, ...panels.map(({ pipeline }) => pipeline)])];
  return owners.map((pipeline) => <PipelinePanels key={pipeline} pipeline={pipeline} titled={owners.length > 1} />);
}

function Starting() {
  const status = useStatus();
  const { state } = useConnection();
  if (!status || status.ready || status.failure || state !== 'live') return null;
  return (
    <p className="starting" role="status">
      The server is starting: it takes in what was stored before. Figures may still be behind.
    </p>
  );
}

export function App() {
  useLiveConnection();
  useTitle();
  const { state } = useConnection();
  return (
    <>
      <a className="skip" href="#main">
        Skip to the dashboard
      </a>
      <Header />
      <ConnectionNotice />
      <main id="main" tabIndex={-1} className={state === 'lost' ? 'stale' : ''}>
        <Starting />
        <StatusTiles />
        <Dashboard />
        <Health />
        <footer>
          <a href="/metrics">Metrics</a>
          <a href="/v1/openapi.json">API description</a>
          <a href="/licenses.txt">Licences of this page's parts</a>
          <span>Times of data are in UTC.</span>
        </footer>
      </main>
    </>
  );
}
