// Debian's Chromium, and what a test reads off the page.

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { project } from './leat_server.mjs';

const { chromium } = createRequire(join(project, 'web', 'package.json'))('playwright-core');

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const desktop = { width: 1440, height: 900 };
export const phone = { width: 360, height: 740 };

export function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
}

/** A page of its own context, with everything that went wrong in it as `page.faults`. Pictures are
 * elsewhere and never asked for here: the test needs no network, and `page.pictures` counts them. */
export async function openPage(browser, url, { viewport = desktop, colorScheme = 'light', reducedMotion = 'reduce' } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion, locale: 'en-US', timezoneId: 'UTC' });
  const page = await context.newPage();
  page.faults = [];
  page.pictures = 0;
  await page.route(
    (address) => address.origin !== new URL(url).origin,
    (route) => {
      if (route.request().resourceType() === 'image') page.pictures += 1;
      else page.faults.push(`asked for ${route.request().url()}`);
      return route.abort();
    },
  );
  page.on('pageerror', (error) => page.faults.push(error.message));
  page.on('console', (message) => {
    // A refused picture or a dead server is told to the console by the browser itself.
    if (message.type() === 'error' && !/^Failed to load resource: net::ERR_/.test(message.text())) page.faults.push(message.text());
  });
  await page.goto(url);
  await page.waitForSelector('[data-connection=live]');
  return page;
}

/** The figures of a panel as text, row by row: what a screen reader finds under every chart, the
 * rows of a table, or the figures of a stat. */
export function readPanel(page, id) {
  return page.$eval(`[data-panel="${id}"]`, (panel) => {
    const texts = (cells) => [...cells].map((cell) => cell.textContent.trim());
    if (panel.classList.contains('kind-stat')) return [texts(panel.querySelectorAll('data'))];
    return [...panel.querySelectorAll('tbody tr')].map((row) =>
      [...row.cells].map((cell) => cell.querySelector('a.picture')?.getAttribute('href') ?? cell.textContent.trim()),
    );
  });
}

export async function readFigure(page, name) {
  return Number(await page.getAttribute(`data[data-figure=${name}]`, 'value'));
}

export function scrollsSideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
}

export async function screenshot(page, name) {
  const folder = join(project, 'build', 'screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
