import type { Panel } from '../api/types';
import { buildFigures } from './series';

export function StatPanel({ panel }: { panel: Panel }) {
  const figures = buildFigures(panel);
  if (figures.length === 1) {
    const figure = figures[0]!;
    return (
      <p className="stat-alone" title={figure.label}>
        <data value={figure.value}>
          <bdi>{figure.text}</bdi>
        </data>
      </p>
    );
  }
  return (
    <dl className="stats">
      {figures.map((figure, index) => (
        <div key={`${index} ${figure.label}`}>
          <dt>
            <bdi>{figure.label}</bdi>
          </dt>
          <dd title={figure.text}>
            <data value={figure.value}>
              <bdi>{figure.text}</bdi>
            </data>
          </dd>
        </div>
      ))}
    </dl>
  );
}
