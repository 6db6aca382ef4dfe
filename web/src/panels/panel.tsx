import { memo, useId, useState, type ReactNode } from 'react';

import { usePanel } from '../api/store';
import type { Panel } from '../api/types';
import { cleanText } from '../format/cell';
import { CodeIcon, TableIcon, WarningIcon } from '../page/icons';
import { BarPanel } from './bar';
import { HiddenFigures } from './figures';
import { LinePanel } from './line';
import { PiePanel } from './pie';
import { StatPanel } from './stat';
import { TablePanel } from './table';

function isChart(panel: Panel): boolean {
  return panel.kind === 'pie' || panel.kind === 'bar' || panel.kind === 'line';
}

function Drawing({ panel }: { panel: Panel }): ReactNode {
  switch (panel.kind) {
    case 'stat':
      return <StatPanel panel={panel} />;
    case 'pie':
      return <PiePanel panel={panel} />;
    case 'bar':
      return <BarPanel panel={panel} />;
    case 'line':
      return <LinePanel panel={panel} />;
    case 'table':
      return <TablePanel panel={panel} label={`Rows of ${panel.title}`} />;
  }
}

function Body({ panel, asTable }: { panel: Panel; asTable: boolean }): ReactNode {
  if (panel.error) {
    return (
      <div className="panel-error">
        <p>
          <WarningIcon />
          <strong>This panel's query failed.</strong>
        </p>
        <p>
          <bdi>{cleanText(panel.error.message, 500)}</bdi>
          {panel.error.code && <code>{cleanText(panel.error.code, 60)}</code>}
        </p>
      </div>
    );
  }
  if (panel.rows.length === 0) return <p className="empty">No rows yet. They appear here as records arrive.</p>;
  if (!isChart(panel)) return <Drawing panel={panel} />;
  if (asTable) return <TablePanel panel={panel} label={`Figures of ${panel.title}`} />;
  return (
    <>
      <Drawing panel={panel} />
      <HiddenFigures panel={panel} />
    </>
  );
}

interface Props {
  id: string;
  /** How many of twelve columns it takes on a wide screen. */
  span: number;
}

export const PanelFrame = memo(function PanelFrame({ id, span }: Props) {
  const panel = usePanel(id);
  const heading = useId();
  const [asTable, setAsTable] = useState(false);
  const [showSql, setShowSql] = useState(false);
  if (!panel) return null;
  const title = cleanText(panel.title, 120);
  return (
    <section className={`panel kind-${panel.kind} span-${span}`} aria-labelledby={heading} data-panel={panel.id}>
      <header className="panel-head">
        <h3 id={heading} title={title}>
          <bdi>{title}</bdi>
        </h3>
        <div className="panel-tools">
          {isChart(panel) && (
            <button type="button" aria-pressed={asTable} title="Show as a table" onClick={() => setAsTable(!asTable)}>
              <TableIcon />
              <span className="visually-hidden">{`Show ${title} as a table`}</span>
            </button>
          )}
          <button type="button" aria-pressed={showSql} title="Show the query" onClick={() => setShowSql(!showSql)}>
            <CodeIcon />
            <span className="visually-hidden">{`Show the query of ${title}`}</span>
          </button>
        </div>
      </header>
      {showSql && (
        <pre className="sql" tabIndex={0}>
          <code>{panel.sql}</code>
        </pre>
      )}
      <div className="panel-body">
        <Body panel={panel} asTable={asTable} />
      </div>
    </section>
  );
});
