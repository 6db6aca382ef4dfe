import { useState } from 'react';

import { initialsOf, tintOf } from './initials';

interface Props {
  address: URL;
  /** Whose picture it is: its initials stand in for a picture that can't be had. */
  name: string;
}

/** Addresses that failed, so that a row that comes again doesn't ask again. Bounded. */
const failed = new Set<string>();
const failedMax = 2_000;

function remember(address: string): void {
  if (failed.size >= failedMax) failed.clear();
  failed.add(address);
}

/** Pictures are elsewhere: asked for when they come into sight, and without saying from where. */
export function Picture({ address, name }: Props) {
  const href = address.href;
  const [broken, setBroken] = useState(address.protocol !== 'https:' || failed.has(href));
  return (
    <a className="picture" href={href} title={href} target="_blank" rel="noreferrer noopener">
      <span className={`initials tint-${tintOf(name)}`}>
        <span aria-hidden="true">{initialsOf(name)}</span>
        {!broken && (
          <img
            src={href}
            alt=""
            loading="lazy"
            decoding="async"
            referrerPolicy="no-referrer"
            onError={() => {
              remember(href);
              setBroken(true);
            }}
          />
        )}
      </span>
      <span className="visually-hidden">{`Picture of ${name}`}</span>
    </a>
  );
}
