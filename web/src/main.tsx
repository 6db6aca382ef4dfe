import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './page/app';
import './theme/tokens.css';
import './theme/page.css';
import './theme/panels.css';
import './theme/tables.css';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
