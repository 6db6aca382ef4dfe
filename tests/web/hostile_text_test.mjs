// Text that wants to be markup, a script, a link or a wall stays text.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, phone, readPanel, screenshot, scrollsSideways } from './browser.mjs';
import { eventually, getJson, LeatServer, project } from './leat_server.mjs';

const markup = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
const texts = [
  markup,
  '"><svg onload=window.hacked=1>',
  'javascript:window.hacked=1',
  '{a|rich} {b} {{value}} ${window.hacked=1}',
  '\u202egnp.exe\u202d \u2066\u200b turned',
  'x'.repeat(10_000),
  'line one\nline two\u0007',
  '',
];

let server;
let browser;

before(async () => {
  browser = await openBrowser();
  server = await LeatServer.start(`${project}/tests/web/notes.yaml`);
  const pictures = ['https://pictures.invalid/a.png?"><script>window.hacked=1</script>', 'javascript:window.hacked=1//.png', null];
  const notes = texts.flatMap((text, index) =>
    ['2026-01-01', '2026-01-02'].map((day, later) => ({ note: text, series: markup, picture: pictures[index % 3], day, amount: 10 * (index + 1) + later })),
  );
  const response = await fetch(`${server.url}/v1/topics/notes/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(notes),
  });
  assert.equal(response.status, 200, await response.text());
  await eventually('the notes', async () => (await getJson(`${server.url}/v1/views/amounts`)).rows.length === texts.length);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test('shows hostile text as text, in every kind of panel', async () => {
  const page = await openPage(browser, server.url);
  const { panels } = await getJson(`${server.url}/v1/dashboard`);
  assert.equal(panels.length, 5);
  for (const { id, kind } of panels) {
    const rows = await readPanel(page, id);
    if (kind !== 'stat') assert.ok(rows.length >= texts.length, `${kind} has ${rows.length} rows`);
    for (const text of rows.flat()) assert.ok(text.length <= 2_048, `${kind} shows ${text.length} characters`);
    if (kind !== 'stat') assert.ok(rows.flat().includes(markup), `${kind} shows the markup itself`);
    assert.doesNotMatch(rows.flat().join(''), /[\u0007\u200b\u202a-\u202e\u2066]/, kind);
  }
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator('main script, main [onerror], main [onload], main b:has-text("Shares")').count(), 0);
  const links = await page.$$eval('main a', (all) => all.map(({ protocol }) => protocol));
  assert.ok(links.length > 0 && links.every((protocol) => /^https?:$/.test(protocol)), links.join());
  await screenshot(page, 'hostile-text');
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('shows hostile text as text in the charts’ tooltips', async () => {
  const page = await openPage(browser, server.url);
  for (const [kind, x, y] of [['bar', 0.6, 0.06], ['line', 0.5, 0.5], ['pie', 0.5, 0.1]]) {
    const canvas = page.locator(`.kind-${kind} canvas`);
    await canvas.scrollIntoViewIfNeeded();
    const { width, height } = await canvas.boundingBox();
    await canvas.hover({ position: { x: width * x, y: height * y } });
    const tooltip = page.locator(`.kind-${kind} .tooltip`);
    await tooltip.waitFor();
    assert.ok((await tooltip.textContent()).length > 3);
    assert.equal(await tooltip.locator('img, script, svg').count(), 0, kind);
  }
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('keeps its width on a phone', async () => {
  const page = await openPage(browser, server.url, { viewport: phone });
  await page.waitForSelector('.panel canvas');
  assert.equal(await scrollsSideways(page), false);
  await page.context().close();
});
