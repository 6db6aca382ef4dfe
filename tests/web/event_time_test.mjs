// What the page says of event time: the watermark, and the rows that came behind it or far ahead of the clock.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, phone, screenshot, scrollsSideways } from './browser.mjs';
import { eventually, LeatServer, project } from './leat_server.mjs';

let server;
let browser;

async function push(...readings) {
  const response = await fetch(`${server.url}/v1/topics/readings/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(readings),
  });
  assert.equal(response.status, 200);
}

/** The rows of the page's table as text, by the stream's or view's name. */
function readRows(page, attribute) {
  return page.$$eval(`tr[${attribute}]`, (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
}

function untilShown(page, what, expected) {
  return eventually(what, async () => {
    const [row] = await readRows(page, 'data-event-time');
    assert.deepEqual([row?.[1], row?.[3], row?.[4]], expected);
    return true;
  });
}

before(async () => {
  server = await LeatServer.start(`${project}/tests/web/timed.yaml`);
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test('shows the watermark, late and future rows of streams with event time', async () => {
  const page = await openPage(browser, server.url);
  assert.deepEqual(await readRows(page, 'data-event-time'), [], 'nothing is said of streams before anything came');
  await push({ id: 1, at: '2026-01-01T12:00:30Z' }, { id: 2, at: '2026-01-01T12:05:10Z' });
  await untilShown(page, 'the watermark', ['Jan 1, 2026, 12:05:00', '0', '0']);
  await push({ id: 3, at: '2026-01-01T12:00:40Z' }, { id: 4, at: '2999-01-01T00:00:00Z' }, { id: 5, at: '2026-01-01T12:06:20Z' });
  await untilShown(page, 'a late row, and one of the future', ['Jan 1, 2026, 12:06:10', '1', '1']);
  const rows = await readRows(page, 'data-event-time');
  assert.deepEqual(rows.map(([name]) => name), ['readings_read'], 'a stream without event time is left out');
  assert.match(rows[0][2], /^\d+ (d|h|min|s)( \d+ (h|min|s))?$/, 'how far it is behind now');
  assert.deepEqual(await readRows(page, 'data-view'), [['per_minute', '2', '1']]);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('event time can be read in light, dark and on a phone', async () => {
  for (const [name, settings] of [
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: phone }],
  ]) {
    const page = await openPage(browser, server.url, settings);
    await page.waitForSelector('tr[data-event-time]');
    assert.equal(await scrollsSideways(page), false, `${name} does not scroll sideways`);
    await screenshot(page, `event_time-${name}`);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  }
});
