// The users pipeline's page in a real browser: its numbers are those that `leat sql` gives.
// With LEAT_URL, on the server that runs there; else on one started here.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, phone, readFigure, readPanel, screenshot, scrollsSideways } from './browser.mjs';
import { eventually, getJson, LeatServer, leatSql, project, RandomUsers } from './leat_server.mjs';

let users;
let server;
let browser;
let url;

before(async () => {
  browser = await openBrowser();
  url = process.env.LEAT_URL?.replace(/\/$/, '');
  if (url) return;
  users = await RandomUsers.start();
  server = await LeatServer.start(`${project}/pipelines/users.yaml`, { RANDOM_USER_URL: users.url });
  url = server.url;
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await users?.stop();
});

/** Whether a text of the page says a value of the answer, at the precision that the page writes. */
function says(text, value) {
  if (value === null) return text === '–';
  if (typeof value === 'number') {
    const shown = Number(text.replaceAll(',', ''));
    if (Number.isInteger(value)) return shown === value;
    return Math.abs(shown - value) <= Math.max(Math.abs(value) * 5e-4, 0.005 + 1e-9);
  }
  if (/^\d{4}-\d{2}-\d{2}([T ]|$)/.test(value)) {
    const told = value.length > 10 ? value.replace(' ', 'T').replace(/Z?$/, 'Z') : `${value}T00:00:00Z`;
    const second = Math.floor(Date.parse(told) / 1000);
    return Date.parse(`${text} UTC`) / 1000 === second || text === value;
  }
  return text === String(value).replace(/\s+/g, ' ').trim() || (text.endsWith('…') && value.startsWith(text.slice(0, -1)));
}

/** Rows in any order: equal ones may come in another order from each query. */
function difference(shown, expected) {
  if (shown.length !== expected.length) return `${shown.length} rows are shown, leat sql gives ${expected.length}`;
  const left = [...expected];
  for (const row of shown) {
    const at = left.findIndex((other) => other.length === row.length && other.every((value, index) => says(row[index], value)));
    if (at === -1) return `${JSON.stringify(row)} is shown; leat sql gives ${JSON.stringify(left.slice(0, 3))}…`;
    left.splice(at, 1);
  }
  return null;
}

test('counts up without a reload', async () => {
  const page = await openPage(browser, url);
  await page.evaluate(() => (window.sameDocument = true));
  const total = await eventually('a panel with a figure', async () =>
    (await getJson(`${url}/v1/dashboard`)).panels.find(({ kind, rows }) => kind === 'stat' && rows.length > 0),
  );
  const first = await readFigure(page, 'records_in');
  const panel = await readPanel(page, total.id);
  await eventually('more records', async () => (await readFigure(page, 'records_in')) > first);
  await eventually('another figure', async () => String(await readPanel(page, total.id)) !== String(panel));
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('shows in every panel what leat sql answers', async () => {
  // Nothing more comes in, so that the page and the query are about the same rows.
  await users?.stop();
  const page = await openPage(browser, url);
  const { panels } = await getJson(`${url}/v1/dashboard`);
  assert.ok(panels.length >= 7, `${panels.length} panels`);
  assert.deepEqual([...new Set(panels.map(({ kind }) => kind))].sort(), ['bar', 'line', 'pie', 'stat', 'table']);
  for (const { id, sql, title } of panels) {
    let fault;
    await eventually(`the figures of ${title}`, async () => {
      const { rows } = await leatSql(url, sql);
      fault = rows.length === 0 ? 'no rows' : difference(await readPanel(page, id), rows.slice(0, 100));
      return fault === null;
    }).catch((error) => assert.fail(`${error.message}: ${fault}`));
  }
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('shows the pipeline’s health', async () => {
  const page = await openPage(browser, url);
  await eventually('the status of the server', async () => {
    const status = await getJson(`${url}/v1/status`);
    for (const name of ['records_in', 'lag', 'dead_letters']) {
      if ((await readFigure(page, name)) !== status[name]) return false;
    }
    for (const { name, rows } of status.views) {
      if (Number(await page.getAttribute(`[data-view="${name}"] data`, 'value')) !== rows) return false;
    }
    return true;
  });
  const { streams } = await getJson(`${url}/v1/status`);
  assert.ok(streams.length > 0);
  for (const { name } of streams) {
    const values = await page.$$eval(`[data-stream="${name}"] data`, (cells) => cells.map(({ value }) => Number(value)));
    const [accepted, ...parts] = values;
    assert.ok(accepted > 0);
    assert.equal(parts.length, 4);
    assert.equal(accepted, parts.reduce((sum, part) => sum + part, 0));
    assert.match(await page.textContent(`[data-stream="${name}"]`), /balanced/);
  }
  // A source that gets no answer goes from one state to the next while the page is read.
  await eventually('the states of the sources', async () => {
    const { sources } = await getJson(`${url}/v1/status`);
    assert.ok(sources.length > 0);
    const shown = await Promise.all(sources.map(({ name }) => page.textContent(`[data-source="${name}"]`)));
    return sources.every(({ name, state }, index) => new RegExp(`${name}.*${state}`).test(shown[index]));
  });
  await page.context().close();
});

test('asks for pictures lazily, without a referrer, and shows initials without them', async () => {
  const page = await openPage(browser, url);
  const { panels } = await getJson(`${url}/v1/dashboard`);
  const table = panels.find(({ columns }) => columns.some(({ name }) => /picture/.test(name)));
  assert.ok(table, 'a panel with pictures');
  const cells = page.locator(`[data-panel="${table.id}"] td.picture`);
  await cells.first().scrollIntoViewIfNeeded();
  await eventually('initials', async () => (await cells.locator('img').count()) < (await cells.count()));
  assert.ok(page.pictures > 0, 'a picture was asked for');
  assert.match(await cells.locator('.initials > span').first().textContent(), /^\p{L}{1,2}$|^\?$/u);
  assert.match(await cells.locator('a').first().getAttribute('href'), /^https?:/);
  const images = await page.$$eval('td.picture img', (all) => all.every((image) => image.loading === 'lazy' && image.referrerPolicy === 'no-referrer'));
  assert.ok(images);
  await page.context().close();
});

test('runs under a policy without inline scripts and styles', async () => {
  const response = await fetch(url);
  const policy = response.headers.get('content-security-policy');
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
});

test('looks right in light, dark and on a phone', async () => {
  for (const [name, options] of [
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: phone }],
    ['phone-dark', { viewport: phone, colorScheme: 'dark' }],
  ]) {
    const page = await openPage(browser, url, options);
    await page.waitForSelector('.panel canvas');
    await page.waitForTimeout(300); // charts take their size a frame after the canvas is there
    assert.equal(await scrollsSideways(page), false, `${name} scrolls sideways`);
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const bright = ground.match(/\d+/g).every((part) => Number(part) > 200);
    assert.equal(bright, options.colorScheme !== 'dark', `${name} has the ground ${ground}`);
    const drawn = await page.$$eval('.panel canvas', (all) => all.map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((part) => part !== 0);
    }));
    assert.ok(drawn.length > 0 && drawn.every(Boolean), `${name} has an empty chart`);
    await screenshot(page, `users-${name}`);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  }
});

test('remembers the chosen colours', async () => {
  const page = await openPage(browser, url);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.click('.theme-toggle');
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(), dark);
  await page.context().close();
});

test('works by keyboard', async () => {
  const page = await openPage(browser, url);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  const canvases = await page.locator('.kind-bar canvas').count();
  const focused = () => page.evaluate(() => document.activeElement.closest('.kind-bar') && document.activeElement.title);
  for (let key = 0; key < 200 && (await focused()) !== 'Show as a table'; key++) await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Show as a table');
  await page.keyboard.press('Enter');
  await eventually('the table', async () => (await page.locator('.kind-bar .table-room').count()) === 1);
  assert.equal(await page.locator('.kind-bar canvas').count(), canvases - 1);
  const unnamed = await page.$$eval('button, a[href], [tabindex="0"]', (all) =>
    all.filter((element) => !(element.getAttribute('aria-label') || element.textContent.trim())).map(({ outerHTML }) => outerHTML),
  );
  assert.deepEqual(unnamed, []);
  await page.context().close();
});
