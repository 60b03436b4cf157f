// Drives pages of reports in Chromium, and prints what was seen as JSON: node drive.mjs CHROMIUM JOBS.json
// A job: {name, file, hash, width, scheme, do: [...]}; what is done is named, and told in the order in which it was.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [, , executablePath, jobs] = process.argv;
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const focused = page => page.evaluate(() => { const e = document.activeElement; return {tag: e.tagName, text: e.textContent.trim().slice(0, 80), id: e.id, href: e.getAttribute("href"), label: e.getAttribute("aria-label")}; });
async function tabTo(page, wanted, most = 150) {   // by the keyboard alone
  for (let n = 1; n <= most; n++) { await page.keyboard.press("Tab"); const at = await focused(page); if (wanted(at)) return {...at, presses: n}; }
  return null;
}

const ACTS = {
  names: (page, roles) => Promise.all(roles.map(([role, name]) => page.getByRole(role, {name: new RegExp(name)}).count())),
  text: page => page.locator("body").innerText(),
  axe: async page => { await page.evaluate(axe); const found = await page.evaluate(tags => axe.run({runOnly: tags}), TAGS); return found.violations.map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.target.join(" ")).join("; ")}`); },
  tab: (page, start) => tabTo(page, at => (at.label ?? at.text).startsWith(start)),
  press: async (page, key) => {   // and wait, for a second at most, until the focus has gone where it is to go
    const before = await page.evaluateHandle(() => document.activeElement);
    await page.keyboard.press(key);
    const moved = held => document.activeElement !== held && document.activeElement !== document.body;
    for (let n = 0; n < 50 && !(await page.evaluate(moved, before)); n++) await page.waitForTimeout(20);
    return focused(page);
  },
  click: async (page, [role, name]) => { await page.getByRole(role, {name: new RegExp(name)}).first().click(); return focused(page); },
  count: (page, selector) => page.locator(selector).count(),
  wide: page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  touched: page => page.evaluate(() => ({hit: window.hit ?? null, title: document.title, scripts: document.scripts.length, images: document.images.length})),
  timing: page => page.evaluate(() => { const t = performance.getEntriesByType("navigation")[0]; return t.loadEventEnd || t.domComplete; }),
  shot: async (page, path) => { await page.screenshot({path}); return path; },
};

const browser = await chromium.launch({executablePath, args: ["--no-sandbox", "--disable-gpu"]});
const told = [];
for (const job of JSON.parse(readFileSync(jobs, "utf8"))) {
  const page = await browser.newPage({viewport: {width: job.width ?? 1280, height: job.height ?? 900}, colorScheme: job.scheme ?? "light"});
  const errors = [], requests = [], seen = [];
  page.on("console", m => { if (m.type() === "error") errors.push(m.text()); });
  page.on("pageerror", e => errors.push(String(e)));
  page.on("dialog", d => { errors.push(`dialog ${d.message()}`); d.dismiss(); });
  page.on("request", r => { if (!r.url().startsWith("data:") && r.url() !== url.split("#")[0] && r.url() !== url) requests.push(r.url()); });
  const url = pathToFileURL(job.file).href + (job.hash ?? "");
  try {
    await page.goto(url, {waitUntil: "load"});
    for (const [act, ...given] of job.do ?? []) seen.push(await ACTS[act](page, ...given));
  } catch (error) { errors.push(String(error)); }
  told.push({name: job.name, seen, errors, requests});
  await page.close();
}
await browser.close();
process.stdout.write(JSON.stringify(told));
