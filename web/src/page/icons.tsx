// Drawn here, so that nothing is asked of anybody else. Each takes the colour of its text.

import type { ReactNode } from 'react';

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {children}
    </svg>
  );
}

export const TableIcon = () => (
  <Icon>
    <rect x="2" y="3" width="12" height="10" rx="1.5" />
    <path d="M2 6.5h12M2 9.75h12M6.5 6.5V13" />
  </Icon>
);

export const CodeIcon = () => (
  <Icon>
    <path d="M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5" />
  </Icon>
);

export const WarningIcon = () => (
  <Icon>
    <path d="M8 2.2 14.6 13.5H1.4ZM8 6.5v3.2M8 11.6v.1" />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="m3 8.5 3.3 3.3L13 4.8" />
  </Icon>
);

export const SunIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="3" />
    <path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9" />
  </Icon>
);

export const MoonIcon = () => (
  <Icon>
    <path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z" />
  </Icon>
);

/** Leat's mark: the channel, and the wheel that it drives. */
export const Mark = () => (
  <svg className="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <rect className="mark-ground" width="32" height="32" rx="8" />
    <g className="mark-water" fill="none" strokeWidth="2.4" strokeLinecap="round">
      <path d="M5 9.5c3 0 3-2 6-2s3 2 6 2" />
      <path d="M5 15c2.6 0 2.6-2 5.2-2" />
      <circle cx="19.5" cy="19" r="6.3" />
      <path d="M19.5 12.7v12.6M13.200 19h12.6" strokeWidth="1.6" />
    </g>
  </svg>
);
