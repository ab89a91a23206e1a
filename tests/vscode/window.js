// Licensed under the Apache License, Version 2.0 (the "License"); you may
// not use this file except in compliance with the License. You may obtain
// a copy of the License at
//
//      http://www.apache.org/licenses/LICENSE-2.0
//
// Unless required by applicable law or agreed to in writing, software
// distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
// WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
// License for the specific language governing permissions and limitations
// under the License.

// node window.js HOME URL: be a person in front of VS Code. Each line on stdin
// is an order, answered by a line on stdout:
//
//   rows             the rows of the call stack view, as JSON
//   picture FILE     take a picture
//   terminal TEXT    type into a terminal of VS Code
//   up TURNS         go back in that, by the wheel of the mouse

'use strict';

const readline = require('readline');

const [home, url] = process.argv.slice(2);
const { chromium } = require(`${home}/node_modules/playwright-core`);

const QUIET = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const ROWS = '.debug-call-stack .monaco-list-row';

async function main() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });
  const page = await browser.newPage({ viewport: { width: 1360, height: 800 } });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.monaco-workbench .activitybar', { timeout: 60000 });
  await page.keyboard.press('Control+Shift+D');
  await page.waitForSelector('.debug-viewlet', { timeout: 30000 });
  await arrange(page);
  console.log('OPEN');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [order, ...words] = line.split(' ');
    console.log(await ORDERS[order](page, words.join(' ')) ?? 'DONE');
  }
  await browser.close();
}

// Room for what is looked at: a wide side bar, and nothing else in it.
async function arrange(page) {
  const bar = await page.locator('.part.sidebar').boundingBox();
  await drag(page, bar.x + bar.width, bar.y + 300, bar.x + 470, bar.y + 300);
  for (const name of ['Watch', 'Breakpoints']) {
    await page.locator(`.pane-header[aria-label^="${name}"].expanded`).click();
    await page.waitForSelector(`.pane-header[aria-label^="${name}"]:not(.expanded)`);
  }
  const watch = await page.locator('.pane-header[aria-label^="Watch"]').boundingBox();
  await drag(page, watch.x + 200, watch.y, watch.x + 200, 280);
}

async function drag(page, x, y, toX, toY) {
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(toX, toY, { steps: 5 });
  await page.mouse.up();
}

// Those out of sight are not in the page: look from top to bottom.
async function allRows(page) {
  const found = new Set();
  if (!await page.isVisible('.debug-call-stack')) return [];
  await page.hover('.debug-call-stack');
  for (let turn = 0; turn < 10; turn += 1) {
    await page.waitForTimeout(50); // until it has been painted
    const rows = await page.$$eval(ROWS, (all) => all.map((row) => row.innerText));
    rows.forEach((row) => found.add(row));
    await page.mouse.wheel(0, 200);
  }
  await page.mouse.wheel(0, -10000);
  return [...found];
}

const ORDERS = {
  rows: async (page) => JSON.stringify(await allRows(page)),
  picture: async (page, file) => {
    await page.waitForTimeout(1000); // until it has been painted
    await page.screenshot({ path: file });
  },
  terminal: async (page, text) => {
    if (!await page.isVisible('.xterm-screen')) {
      await page.keyboard.press('Control+`');
      // Its first prompt.
      await page.waitForSelector('.terminal-command-decoration', { timeout: 30000 });
      const panel = await page.locator('.part.panel').boundingBox();
      await drag(page, panel.x + 400, panel.y, panel.x + 400, 300);
    }
    await page.click('.xterm-screen');
    await page.keyboard.type(`${text}\n`);
  },
  up: async (page, turns) => {
    await page.waitForTimeout(1000); // until all of it has been painted
    await page.hover('.xterm-screen');
    for (let turn = 0; turn < turns; turn += 1) await page.mouse.wheel(0, -500);
  },
};

main().catch((error) => {
  console.log(`FAILED ${error}`);
  process.exit(1);
});
