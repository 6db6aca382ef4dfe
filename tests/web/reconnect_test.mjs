// The page while its server is killed and started again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, phone, readFigure, screenshot, scrollsSideways } from './browser.mjs';
import { eventually, getJson, LeatServer, project, RandomUsers } from './leat_server.mjs';

let users;
let server;
let browser;

before(async () => {
  users = await RandomUsers.start();
  server = await LeatServer.start(`${project}/pipelines/users.yaml`, { RANDOM_USER_URL: users.url });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await users?.stop();
});

test('says when the server is gone, and comes back by itself with nothing lost', async () => {
  const page = await openPage(browser, server.url);
  await eventually('users', async () => (await readFigure(page, 'records_in')) >= 200);
  await page.evaluate(() => (window.sameDocument = true));
  assert.equal(await page.locator('.notice').count(), 0);
  const total = (await getJson(`${server.url}/v1/topics`)).topics.find(({ name }) => name === 'user_events').records;

  const before = new Date();
  await server.kill();
  const notice = await page.waitForSelector('.notice');
  const told = /^Connection to the server was lost at (\d\d):(\d\d):(\d\d)\. Trying again…$/.exec(await notice.$eval('span', (span) => span.textContent));
  assert.ok(told, await notice.textContent());
  const at = Date.UTC(before.getUTCFullYear(), before.getUTCMonth(), before.getUTCDate(), ...told.slice(1).map(Number));
  assert.ok(Math.abs(at - before.getTime()) < 10_000 || Math.abs(at - before.getTime()) > 86_390_000, told[0]);
  assert.equal(await page.textContent('[data-connection]'), 'Offline');
  assert.ok(Number(await page.$eval('main', (main) => getComputedStyle(main).opacity)) < 0.7, 'what is stale is dimmed');
  assert.ok((await page.locator('.panel').count()) > 5, 'what was known stays');
  assert.equal(await notice.evaluate((element) => element.closest('[aria-live=polite]') !== null), true);
  await screenshot(page, 'lost');

  await server.startAgain();
  await page.waitForSelector('[data-connection=live]', { timeout: 15_000 });
  assert.equal(await page.locator('.notice').count(), 0);
  assert.equal(await page.$eval('main', (main) => getComputedStyle(main).opacity), '1');
  await eventually('the records from before', async () => {
    const topic = Number(await page.getAttribute('[data-topic=user_events] data', 'value'));
    return topic >= total;
  });
  await eventually('new records', async () => Number(await page.getAttribute('[data-topic=user_events] data', 'value')) > total);
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  await page.context().close();
});

test('says so on a phone too, at every try anew', async () => {
  const page = await openPage(browser, server.url, { viewport: phone, colorScheme: 'dark' });
  for (let round = 0; round < 2; round++) {
    await server.kill();
    await page.waitForSelector('.notice');
    assert.equal(await scrollsSideways(page), false);
    await page.waitForTimeout(1_500); // some tries must fail
    await page.click('.notice button');
    assert.match(await page.textContent('.notice'), /^Connection to the server was lost at/);
    await server.startAgain();
    await page.waitForSelector('[data-connection=live]', { timeout: 15_000 });
  }
  await page.context().close();
});
