const width = 96;
const height = 28;

/** The last values as a small curve from zero up; what it shows is written beside it. */
export function Sparkline({ values, room }: { values: readonly number[]; room: number }) {
  if (values.length < 2) return null;
  const top = Math.max(...values, 1e-9);
  const step = width / (room - 1);
  const first = width - (values.length - 1) * step;
  const points = values.map((value, index) => {
    const y = height - 2 - (Math.max(0, value) / top) * (height - 4);
    return `${(first + index * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  const line = `M${points.join('L')}`;
  return (
    <svg className="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path className="sparkline-area" d={`${line}L${width} ${height}L${first.toFixed(1)} ${height}Z`} />
      <path className="sparkline-line" d={line} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
