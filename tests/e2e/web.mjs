// Opens the page of `mcpdump web` in Chromium while a capture grows, and judges what a reader meets.
//
//     node web.mjs MCPDUMP CAPTURES FOLDER             judges; screenshots go to FOLDER
//     node web.mjs MCPDUMP CAPTURES FOLDER PICTURE     writes the picture of docs/web.md
//
// Lines begin with ok or FAIL.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";

import { WIDTHS, axeFaults, check, checks, launch, must, runChecks, savePicture } from "./browser.mjs";

const [mcpdump, captures, folder, picture] = process.argv.slice(2).map((file) => path.resolve(file));
mkdirSync(folder, { recursive: true });
const browser = await launch();

/** Programs that run. */
const running = new Set();

/** Runs `mcpdump web`; returns the address of the page and a function that ends the program. */
const serve = async (...args) => {
  const child = spawn(mcpdump, ["web", ...args], { stdio: ["ignore", "pipe", "ignore"] });
  running.add(child);
  child.on("exit", () => running.delete(child));
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  const end = async () => {
    const exit = child.exitCode === null ? once(child, "exit") : [child.exitCode];
    child.kill("SIGINT");
    return (await exit)[0];
  };
  return { url, end };
};

/** A capture that grows: its first part is there, `grow` adds the rest up to a share of it. */
const growing = (name) => {
  const whole = readFileSync(path.join(captures, name));
  const file = path.join(folder, `growing-${Math.random().toString(36).slice(2)}.pcap`);
  let at = Math.floor(whole.length * 0.4);
  writeFileSync(file, whole.subarray(0, at));
  const grow = (share) => {
    const to = Math.floor(whole.length * share);
    appendFileSync(file, whole.subarray(at, to));
    at = to;
  };
  return { file, grow };
};

/** Opens a page; `faults` collects what the console and the policy say. */
const open = async (url, { width = 1280, scheme = "light" } = {}) => {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) faults.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
};

const status = (page) => page.locator(".live [role=status]").textContent();
const becomes = (page, text) =>
  page.waitForFunction((text) => document.querySelector(".live [role=status]").textContent.includes(text), text);
/** Exchanges that the page has. */
const total = (page) => page.evaluate(() => JSON.parse(document.getElementById("data").textContent).all);
const grows = (page, from) =>
  page.waitForFunction((from) => JSON.parse(document.getElementById("data").textContent).all > from, from);

check("a capture that was read: complete, at three widths", async () => {
  const { url, end } = await serve("--security", path.join(captures, "slow-and-odd/capture.pcapng"));
  for (const scheme of ["light", "dark"]) {
    for (const width of WIDTHS) {
      const { page, faults, close } = await open(url, { width, scheme });
      await becomes(page, "complete");
      must(await page.locator("#rows tbody tr[id]").count() > 10, "no exchanges");
      must(await page.locator(".live button").count() === 0, "there is nothing to pause");
      await page.screenshot({ path: path.join(folder, `complete-${width}-${scheme}.png`), fullPage: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      must(wide <= width, `${wide} pixels wide at ${width}`);
      must(faults.length === 0, faults.join("; "));
      await close();
    }
  }
  must(await end() === 0, "Ctrl-C is an error");
});

check("a capture that grows: the page grows, the reader's view stays", async () => {
  const { file, grow } = growing("load-sse/capture.pcap");
  const { url, end } = await serve("--follow", file);
  const { page, faults, close } = await open(url);
  await becomes(page, "live");
  await page.waitForSelector("#rows tbody tr[id]");
  must((await page.locator("header").textContent()).includes("so far"), "it does not say that the capture goes on");
  await page.screenshot({ path: path.join(folder, "growing.png"), fullPage: true });

  // A filter with the caret in it, an order, a span of time, a choice, a place on the page.
  await page.fill("#filter", "method:tools/call");
  await page.selectOption("#order", "duration");
  await page.focus("#rows");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("+");
  await page.evaluate(() => document.getElementById("exchange-title").scrollIntoView());
  await page.focus("#filter");
  await page.evaluate(() => document.getElementById("filter").setSelectionRange(3, 3));
  const view = () => page.evaluate(() => ({
    filter: document.getElementById("filter").value,
    caret: document.getElementById("filter").selectionStart,
    order: document.getElementById("order").value,
    chosen: document.getElementById("rows").getAttribute("aria-activedescendant"),
    focus: document.activeElement.id,
    top: Math.round(document.getElementById("filter").getBoundingClientRect().top),
    shown: document.getElementById("count").textContent.split(", ").at(-1),
  }));
  const before = await view();
  must(before.chosen && before.shown.includes("shown"), JSON.stringify(before));
  const had = await total(page);
  grow(0.7);
  await grows(page, had);
  const after = await view();
  // What is above may have grown, what is read stays in its place.
  must(Math.abs(after.top - before.top) <= 2, `moved from ${before.top} to ${after.top}`);
  must(JSON.stringify({ ...after, top: 0 }) === JSON.stringify({ ...before, top: 0 }), `${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  must(await page.locator("#exchange .diagram li").count() >= 2, "the chosen exchange is not shown");

  // The list, too, keeps the focus; and keys do one thing, not one for each page so far.
  await page.keyboard.press("Escape");
  await page.selectOption("#order", "time");
  await page.focus("#rows");
  await page.keyboard.press("Home");
  grow(0.8);
  await grows(page, await total(page));
  must((await view()).focus === "rows", `the focus went to ${(await view()).focus}`);
  const first = await page.locator("#rows tbody tr[id]").nth(1).getAttribute("id");
  await page.keyboard.press("ArrowDown");
  must((await view()).chosen === first, `down leads to ${(await view()).chosen}, not ${first}`);
  must(faults.length === 0, faults.join("; "));
  await close();
  must(await end() === 0, "Ctrl-C is an error");
});

check("nothing moves while it is paused, text is selected or a span is drawn", async () => {
  const { file, grow } = growing("load-sse/capture.pcap");
  const { url, end } = await serve("--follow", file);
  const { page, faults, close } = await open(url);
  await page.waitForSelector("#rows tbody tr[id]");
  await becomes(page, "live");
  let had;
  /** Whether the page is still the same after more than two updates were told. */
  const stays = async () => {
    await page.waitForTimeout(2500);
    return await total(page) === had;
  };

  // By keyboard: the button is the stop after the skip link.
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  must(await page.evaluate(() => document.activeElement.textContent) === "Pause", "the second stop is not Pause");
  await page.keyboard.press("Enter");
  must(await status(page) === "paused", await status(page));
  had = await total(page);
  must(await page.locator(".live button").getAttribute("aria-pressed") === "true", "the button does not say so");
  grow(0.6);
  must(await stays(), "it went on");
  await page.keyboard.press("Enter");
  await grows(page, had);

  await page.locator("#summary").selectText();
  had = await total(page);
  grow(0.7);
  must(await stays(), "a selection was lost");
  await page.evaluate(() => getSelection().removeAllRanges());
  await grows(page, had);

  const box = await page.evaluate(() => {
    const area = document.querySelector("#heat .area");
    area.scrollIntoView({ block: "center" });
    const { x, y, width } = area.getBoundingClientRect();
    return { x, y, width };
  });
  await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
  had = await total(page);
  grow(0.8);
  must(await stays(), "a drag was lost");
  await page.mouse.up();
  must((await page.locator("#count").textContent()).includes("shown"), "the span is not shown");
  await grows(page, had);
  must((await page.locator("#count").textContent()).includes("shown"), "the span is lost");
  const found = await axeFaults(page);
  must(found.length === 0, found.join("; "));
  must(faults.length === 0, faults.join("; "));
  await close();
  await end();
});

check("an update takes nothing out of the reader's hands", async () => {
  const { file, grow } = growing("load-sse/capture.pcap");
  const { url, end } = await serve("--follow", file);
  const { page, faults, close } = await open(url);
  await page.waitForSelector("#rows tbody tr[id]");
  await becomes(page, "live");
  /** What the list shows, without the number of all exchanges. */
  const shown = () => page.locator("#count").textContent();
  const update = async (share) => {
    const had = await total(page);
    grow(share);
    await grows(page, had);
  };

  // A filter that is no expression yet: what was shown stays.
  await page.fill("#filter", "method:initialize");
  await page.waitForFunction(() => document.getElementById("count").textContent.includes(" of "));
  const few = Number((await shown()).split(" ")[0].replaceAll(",", ""));
  await page.fill("#filter", "method:initialize and dur>");
  await page.waitForFunction(() => document.getElementById("message").textContent !== "");
  await update(0.5);
  const later = Number((await shown()).split(" ")[0].replaceAll(",", ""));
  must(few > 0 && later >= few && later < await total(page) / 2, `${few} exchanges became ${later}`);
  must(await page.inputValue("#filter") === "method:initialize and dur>", "what was typed is lost");
  must(await page.locator("#message").textContent() !== "", "the fault is not told any more");
  await page.keyboard.press("Escape");

  // The focus on a link.
  const link = page.locator("nav a").nth(2);
  await link.focus();
  const where = await link.getAttribute("href");
  await update(0.6);
  must(await page.evaluate(() => document.activeElement.getAttribute("href")) === where, "a link lost the focus");

  // A list of choices that is open.
  await page.locator("#order").click();
  if (await page.evaluate(() => CSS.supports("selector(select:open)") && document.querySelector("select:open") !== null)) {
    const had = await total(page);
    grow(0.7);
    await page.waitForTimeout(2500);
    must(await total(page) === had, "a list of choices was closed");
    await page.keyboard.press("Escape");
    await grows(page, had);
  }
  must(faults.length === 0, faults.join("; "));
  await close();
  await end();
});

check("the page says when the program has ended", async () => {
  const { file } = growing("ts-sse/capture.pcap");
  const { url, end } = await serve("--follow", file);
  const { page, close } = await open(url);
  await becomes(page, "live");
  await end();
  await becomes(page, "does not answer");
  must(await page.locator("#rows tbody tr[id]").count() > 0, "what was told is gone");
  await close();
});

check("pages of others cannot read it", async () => {
  const { url, end } = await serve(path.join(captures, "ts-sse/capture.pcap"));
  const other = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<title>other</title><iframe src="${url}"></iframe>`);
  });
  await new Promise((done) => other.listen(0, "127.0.0.1", done));
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  must(await page.evaluate((url) => fetch(url).then(() => "read", () => "refused"), url) === "refused", "fetch reads it");
  const embedded = await page.evaluate((url) => new Promise((done) => {
    const script = document.createElement("script");
    script.src = `${url}page.js`;
    script.onload = () => done("ran");
    script.onerror = () => done("refused");
    document.head.append(script);
  }), url);
  must(embedded === "refused", "its script runs elsewhere");
  must(!page.frames().some((frame) => frame.url() === url), "it is shown in a frame");
  await context.close();
  other.close();
  await end();
});

if (picture) {
  // A capture that ends while calls wait.
  const { file, grow } = growing("load-sse/capture.pcap");
  const { url, end } = await serve("--follow", file);
  const { page, close } = await open(url, { width: 1100 });
  for (let share = 0.41; await page.locator("#waiting").count() === 0; share += 0.01) {
    const had = await total(page);
    grow(share);
    await grows(page, had);
  }
  await page.setViewportSize({ width: 1100, height: 760 });
  await page.evaluate(() => {
    document.querySelector("h1").textContent = "lo";
    scrollTo(0, 0);
  });
  await savePicture(page, picture);
  await close();
  await end();
  checks.length = 0;
}
await runChecks();
// Those of judges that failed.
for (const child of running) child.kill("SIGKILL");
await browser.close();
