/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

import { licenses } from './licenses';

// `npm run dev` shows the page from here with the data of a server: LEAT_URL names it.
const server = process.env.LEAT_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), licenses()],
  build: {
    target: 'es2021',
    // The server's Content-Security-Policy allows neither inline scripts nor inline styles, and
    // files under assets/ carry a hash in their name, so the server lets browsers keep them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: { manualChunks: { charts: ['echarts/core', 'echarts/charts', 'echarts/components'] } },
    },
  },
  server: {
    proxy: { '/v1': { target: server, changeOrigin: true } },
  },
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node' },
});
