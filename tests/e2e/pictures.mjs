// Takes the pictures in docs/ that show what mcpdump wrote in programs of others. CONTRIBUTING.md says how to start them.
//
//     node pictures.mjs trace|otlp|prometheus URL PICTURE
//     tmux capture-pane -e -p | node pictures.mjs terminal TITLE PICTURE

import { readFileSync } from "node:fs";

import { launch, savePicture } from "./browser.mjs";

const [kind, url, picture] = process.argv.slice(2);
const SIZE = { trace: [1200, 860], otlp: [1200, 640], prometheus: [1200, 880], terminal: [1000, 600] };
/** Time limit of a step in ms. */
const STEP = 90_000;
const QUALITY = 75;

/** The calls by status: their rates, stacked. */
const QUERY = "sum by (mcpdump_status) (rate(mcpdump_operations_total[30s]))";

/** Until what moves has come to rest. */
const rest = (page) => page.waitForTimeout(3000);

/** Lines of a terminal with the colours of the basic palette as HTML. */
const terminal = (text, title) => {
  const escaped = text.trimEnd().replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const styles = { 1: "font-weight:bold", 2: "opacity:.6", 31: "color:#ff7b72", 32: "color:#7ee787", 33: "color:#e3b341",
    34: "color:#79c0ff", 35: "color:#d2a8ff", 36: "color:#76e3ea", 90: "color:#9198a1" };
  const spans = escaped.replaceAll(/\u001b\[([\d;]*)m/g, (_, codes) =>
    `</span><span style="${codes.split(";").map((code) => styles[Number(code)] ?? "").join(";")}">`);
  return `<body style="margin:0;display:inline-block;background:#0d1117;color:#e6edf3">
    <p style="margin:0;padding:7px;text-align:center;font:14px monospace;color:#9198a1;border-bottom:1px solid #3d444d">${title}</p>
    <pre style="margin:12px;font:15px/1.17 'DejaVu Sans Mono',monospace"><span>${spans}</span></pre>`;
};

const shows = {
  /** Perfetto: a call that asks the client for a model's answer, and its arguments. */
  async trace(page) {
    await page.goto(url);
    const search = page.getByPlaceholder(/^Search/);
    await search.waitFor();
    await rest(page);
    await search.fill("ask-model");
    await search.press("Enter");
    await rest(page);
    // "f" is for the tracks, where the mouse is.
    await page.mouse.move(700, 300);
    await page.keyboard.press("f");
    await rest(page);
    for (let step = 0; step < 4; step += 1) await page.keyboard.press("s", { delay: 250 });
    // Down to the arguments, and away from what has tooltips.
    await page.mouse.move(300, 700);
    await page.mouse.wheel(0, 230);
    await page.mouse.move(600, 5);
    await rest(page);
  },

  /** Phoenix: the trace at the URL, and the attributes of its call. */
  async otlp(page) {
    // It waits for hosts outside.
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await page.getByText("ask-model").first().waitFor();
    await page.getByRole("tab", { name: "Attributes" }).click();
    await rest(page);
  },

  /** The graph page of Prometheus, the last minutes. */
  async prometheus(page) {
    const graph = new URL("/classic/graph", url);
    for (const [key, value] of [["expr", QUERY], ["tab", "0"], ["range_input", "12m"], ["stacked", "1"]]) {
      graph.searchParams.set(`g0.${key}`, value);
    }
    await page.goto(graph.href);
    await page.locator(".legend .label").first().waitFor();
    await rest(page);
  },

  /** A terminal, as large as its text. */
  async terminal(page) {
    await page.setContent(terminal(readFileSync(0, "utf8"), url));
    const { width, height } = await page.locator("body").boundingBox();
    await page.setViewportSize({ width: Math.ceil(width), height: Math.ceil(height) });
  },
};

const browser = await launch();
const [width, height] = SIZE[kind];
const context = await browser.newContext({ viewport: { width, height }, serviceWorkers: "block" });
const page = await context.newPage();
page.setDefaultTimeout(STEP);
await shows[kind](page);
await savePicture(page, picture, QUALITY);
await browser.close();
