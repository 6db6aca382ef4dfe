interface Props {
  names: string[];
  colours: string[];
}

/** What each colour of a chart with several series means. */
export function Legend({ names, colours }: Props) {
  return (
    <ul className="legend">
      {names.map((name, index) => (
        <li key={`${index} ${name}`} title={name}>
          <i className="swatch" style={{ backgroundColor: colours[index % colours.length] }} />
          <bdi>{name}</bdi>
        </li>
      ))}
    </ul>
  );
}
