// What the page says of a sink whose system goes away, comes back, and refuses a row.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, screenshot } from './browser.mjs';
import { eventually, freePort, getJson, LeatServer, project } from './leat_server.mjs';

let hook;
let port;
let server;
let browser;
let delivered = 0;

/** Takes every request but those with a negative amount. */
async function startHook() {
  hook = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const rows = JSON.parse(body || '[]');
    const bad = rows.find(({ amount }) => amount < 0);
    if (!bad) delivered += rows.length;
    response.writeHead(bad ? 422 : 200).end(bad ? 'a negative amount' : '');
  }).listen(port, '127.0.0.1');
  await once(hook, 'listening');
}

async function stopHook() {
  hook.closeAllConnections();
  hook.close();
  await once(hook, 'close');
}

async function push(...orders) {
  const response = await fetch(`${server.url}/v1/topics/orders/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(orders),
  });
  assert.equal(response.status, 200);
}

/** The sink's row as the page shows it, and the error below it. */
function readSink(page) {
  return page.$eval('tr[data-sink=hook]', (row) => {
    const [state, rows, waiting, refused] = [1, 3, 4, 5].map((at) => row.cells[at].textContent.trim());
    const below = row.nextElementSibling?.querySelector('.last-error');
    return { state, rows: Number(rows), waiting: Number(waiting), refused: Number(refused), error: below?.textContent ?? '' };
  });
}

function untilSink(page, what, good) {
  return eventually(what, async () => {
    const sink = await readSink(page);
    if (!good(sink)) throw new Error(JSON.stringify(sink));
    return sink;
  });
}

before(async () => {
  port = await freePort();
  await startHook();
  server = await LeatServer.start(`${project}/tests/web/outage.yaml`, { HOOK: `http://127.0.0.1:${port}/orders` });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  hook?.closeAllConnections();
  hook?.close();
});

test('a sink is shown as it is before, during and after an outage of its system', async () => {
  const page = await openPage(browser, server.url);
  await push({ id: 1, amount: 5 }, { id: 2, amount: 6 });
  await untilSink(page, 'two rows are written', (sink) => sink.state === 'waiting' && sink.rows === 2 && sink.waiting === 0);

  await stopHook();
  await push({ id: 3, amount: 7 }, { id: 4, amount: 8 }, { id: 5, amount: 9 });
  const away = await untilSink(page, 'the outage is shown', (sink) => sink.state === 'retrying' && sink.waiting === 3);
  assert.match(away.error, /127\.0\.0\.1/);
  assert.equal(away.refused, 0);
  await screenshot(page, 'outage');
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /^leat_sink_lag_rows\{sink="hook",connector="http"\} 3$/m);
  assert.match(metrics, /^leat_sink_failing\{sink="hook",connector="http"\} 1$/m);

  await startHook();
  const back = await untilSink(page, 'all is written', (sink) => sink.state === 'waiting' && sink.rows === 5 && sink.waiting === 0);
  assert.equal(back.error, '');
  assert.equal(delivered, 5);

  await push({ id: 6, amount: -1 }, { id: 7, amount: 1 });
  await untilSink(page, 'the refused row is counted', (sink) => sink.refused === 1 && sink.waiting === 0);
  const { records } = await getJson(`${server.url}/v1/topics/dead_letters/records?partition=1`);
  assert.deepEqual(records.map(({ value }) => value.row), [{ id: 6, amount: -1 }]);
  assert.deepEqual(page.faults, []);
});
