import { useMemo } from 'react';

import type { Cell, Panel } from '../api/types';
import { cellText, cleanText, columnLabel, columnRoles, formatCell, textLengthMax, webAddress, type ColumnRole } from '../format/cell';
import { formatNumber, nothing } from '../format/number';
import { useColumnWidths } from './column_widths';
import { nameOfRow } from './initials';
import { Picture } from './picture';

/** More rows than anybody reads would only make the page slow. */
const rowsMax = 200;

interface CellProps {
  value: Cell | undefined;
  role: ColumnRole;
  rowName: string;
}

function TableCell({ value, role, rowName }: CellProps) {
  if (value === null || value === undefined) return <span className="null">{nothing}</span>;
  const address = webAddress(value);
  if (address && role === 'picture') return <Picture key={address.href} address={address} name={rowName} />;
  const text = formatCell(value, role);
  if (role === 'number') return <data value={String(value)}>{text}</data>;
  const whole = cleanText(cellText(value), textLengthMax);
  if (address) {
    return (
      <a href={address.href} title={whole} target="_blank" rel="noreferrer noopener">
        <bdi>{text}</bdi>
      </a>
    );
  }
  return <bdi title={whole}>{text}</bdi>;
}

/** A row is known by what it says, so that one which stays is not built again (nor its picture). */
function rowKeys(rows: Cell[][]): string[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const content = JSON.stringify(row).slice(0, 2_000);
    const count = seen.get(content) ?? 0;
    seen.set(content, count + 1);
    return `${content} ${count}`;
  });
}

interface Props {
  panel: Panel;
  /** What the scrolling region is called. */
  label: string;
}

export function TablePanel({ panel, label }: Props) {
  const { roles, rows, keys } = useMemo(() => {
    const shown = panel.rows.slice(0, rowsMax);
    return { roles: columnRoles(panel.columns, panel.rows), rows: shown, keys: rowKeys(shown) };
  }, [panel]);
  const shape = `${rows.length} ${panel.columns.map(({ name }) => name).join(' ')}`;
  const { widths, room } = useColumnWidths(shape);
  return (
    <>
      <div ref={room} className="table-room" role="region" aria-label={label} tabIndex={0}>
        <table className={widths ? 'fixed' : 'measured'} style={{ minWidth: widths?.reduce((sum, width) => sum + width, 0) ?? 0 }}>
          {widths && (
            <colgroup>
              {widths.map((width, index) => (
                <col key={index} style={{ width }} />
              ))}
            </colgroup>
          )}
          <thead>
            <tr>
              {panel.columns.map((column, index) => (
                <th key={index} scope="col" className={roles[index]} title={`${cleanText(column.name, 80)} ${column.type}`}>
                  {columnLabel(column.name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={keys[at]}>
                {panel.columns.map((_column, index) => (
                  <td key={index} className={roles[index]}>
                    <TableCell value={row[index]} role={roles[index]!} rowName={roles[index] === 'picture' ? nameOfRow(panel.columns, row) : ''} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {panel.rows.length > rows.length && (
        <p className="note">{`The first ${formatNumber(rows.length)} of ${formatNumber(panel.rows.length)} rows are shown.`}</p>
      )}
    </>
  );
}
