import type { Panel } from '../api/types';
import { columnLabel, columnRoles, formatCell } from '../format/cell';

const rowsMax = 100;

/** A chart's figures for those who don't see it: read aloud, in no one's way. */
export function HiddenFigures({ panel }: { panel: Panel }) {
  const roles = columnRoles(panel.columns, panel.rows);
  const rows = panel.rows.slice(0, rowsMax);
  return (
    <div className="visually-hidden">
      <table>
        <caption>{`Figures of ${panel.title}${panel.rows.length > rowsMax ? `, first ${rowsMax} rows` : ''}`}</caption>
        <thead>
          <tr>
            {panel.columns.map((column, index) => (
              <th key={index} scope="col">
                {columnLabel(column.name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {roles.map((role, index) => (
                <td key={index}>{formatCell(row[index], role)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
