// What the judges of pages share: the browser, pictures, accessibility, and how verdicts are printed.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Widths at which pages are looked at, in pixels. */
export const WIDTHS = [390, 820, 1280];

const browserPath = () => {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const places = (process.env.PATH ?? "").split(path.delimiter).flatMap((place) => names.map((name) => path.join(place, name)));
  const found = process.env.CHROMIUM ?? places.find((place) => existsSync(place));
  if (!found) throw new Error("Chromium is missing: apt-get install chromium, or set CHROMIUM to a browser of its kind");
  return found;
};

export const launch = () => chromium.launch({ executablePath: browserPath(), args: ["--no-sandbox"] });

/** Writes what a page shows as WebP, the format of docs/screens. The quality is 0 to 100. */
export const savePicture = async (page, file, quality = 80) => {
  const devtools = await page.context().newCDPSession(page);
  const { data } = await devtools.send("Page.captureScreenshot", { format: "webp", quality });
  writeFileSync(file, Buffer.from(data, "base64"));
};

/** Serious violations that axe-core finds. It runs in a world of its own, as the page's policy wants. */
export const axeFaults = async (page) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)} (${nodes.length})`);
};

/** Throws what is wrong. */
export const must = (condition, what) => {
  if (!condition) throw new Error(what);
};

/** Judges by name: each throws what is wrong. */
export const checks = [];
export const check = (name, judge) => checks.push([name, judge]);

/** Runs the judges, and prints a line for each. */
export const runChecks = async () => {
  for (const [name, judge] of checks) {
    try {
      await judge();
      console.log(`ok   ${name}`);
    } catch (error) {
      console.log(`FAIL ${name}: ${String(error.message).split("\n")[0]}`);
    }
  }
};
