// Imports what `mcpdump export --to har` writes into the Network panel of Chromium's own DevTools, and compares what the
// panel has then with the archive.
//
//     node devtools.mjs MCPDUMP CAPTURES FOLDER             judges; archives go to FOLDER
//     node devtools.mjs MCPDUMP CAPTURES FOLDER PICTURE     writes the picture of docs/har.md
//
// Lines begin with ok, FAIL or skip.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { check, checks, launch, must, runChecks, savePicture } from "./browser.mjs";

const [mcpdump, captures, folder, picture] = process.argv.slice(2).map((file) => path.resolve(file));

/** The captures whose archives are imported. */
const CAPTURES = [
  "ts-sse/capture.pcap", "ts-streamable/capture.pcapng", "tls13-keylog/capture-dsb.pcapng", "slow-and-odd/capture.pcapng",
  "rev-2026-07-28/capture.pcapng", "zstd-py/capture.pcap", "stacks/supergateway-ws/capture.pcap", "damaged-ts-sse-dropped/capture.pcap",
  "demo.pcapng.zst", "h2-tls/capture-dsb.pcapng",
];
const PANEL = "devtools://devtools/bundled/devtools_app.html?panel=network";
/** Time limit of a step in ms: the panel takes a second, on a busy machine more. */
const STEP = 30_000;
/** DevTools keeps dates in ms, and differences of epoch seconds as doubles. */
const MS_OF_DATE = 1;
const MS_OF_DOUBLE = 0.001;

const archiveOf = (capture) => {
  const file = path.join(folder, `${capture.replaceAll("/", "-")}.har`);
  execFileSync(mcpdump, ["export", "--to", "har", "-o", file, path.join(captures, capture)], { timeout: 60_000, stdio: "pipe" });
  return file;
};

// --- The panel -------------------------------------------------------------------------------

const open = async (size) => {
  const context = await browser.newContext(size && { viewport: size });
  const page = await context.newPage();
  page.setDefaultTimeout(STEP);
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  await page.goto(PANEL, { timeout: STEP });
  return { page, faults, close: () => context.close() };
};

/** Imports an archive as a user does, and waits until the panel has it. Throws what DevTools says against it. */
const importArchive = async (page, file) => {
  const button = page.getByRole("button", { name: "Import HAR file" });
  await button.waitFor();
  // So that what is there then is new.
  await page.getByRole("button", { name: "Clear network log" }).click();
  // The first click has no effect while panels are still loaded.
  let chooser;
  for (const until = Date.now() + STEP; !chooser;) {
    must(Date.now() < until, "the panel opens no dialog for files");
    [chooser] = await Promise.all([page.waitForEvent("filechooser", { timeout: 5000 }).catch(() => undefined), button.click()]);
  }
  await chooser.setFiles(file);
  const refusal = await page.evaluate(async (until) => {
    const { Console } = await import("devtools://devtools/bundled/core/common/common.js");
    const { NetworkLog } = await import("devtools://devtools/bundled/models/logs/logs.js");
    for (;;) {
      const message = Console.Console.instance().messages().find(({ level }) => level === "error");
      if (message) return message.text;
      if (NetworkLog.NetworkLog.instance().requests().some((request) => request.isImportedHar())) return "";
      if (Date.now() > until) return "nothing was imported";
      await new Promise((done) => { setTimeout(done, 20); });
    }
  }, Date.now() + STEP);
  must(refusal === "", refusal);
};

/** What the panel has, as an archive has it. */
const imported = (page) => page.evaluate(async () => {
  const { NetworkLog } = await import("devtools://devtools/bundled/models/logs/logs.js");
  return Promise.all(NetworkLog.NetworkLog.instance().requests().map(async (request) => {
    const { timing } = request;
    const content = await request.requestContentData();
    return {
      url: request.url(),
      method: request.requestMethod,
      protocol: request.protocol,
      status: request.statusCode,
      type: request.resourceType().name(),
      mimeType: request.mimeType,
      requestHeaders: request.requestHeaders().map(({ name, value }) => [name, value]),
      responseHeaders: request.responseHeaders.map(({ name, value }) => [name, value]),
      postData: await request.requestFormData(),
      error: content.error ?? null,
      text: content.error ? "" : content.isTextContent ? content.text : content.base64,
      started: request.startTime * 1000,
      time: request.duration * 1000,
      headersAt: timing.receiveHeadersEnd,
      connect: [timing.connectStart, timing.connectEnd],
      ssl: [timing.sslStart, timing.sslEnd],
      events: request.eventSourceMessages().map(({ time, eventName, eventId, data }) => ({ time, eventName, eventId, data })),
      frames: request.frames().map(({ type, time, opCode, text }) => ({ type, time, opcode: opCode, data: text })),
    };
  }));
});

// --- What is compared ------------------------------------------------------------------------

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** What differs between an entry of an archive and what the panel made of it. */
const differences = (entry, request) => {
  const { request: asked, response, timings } = entry;
  const faults = [];
  const same = (what, have, want) => {
    if (!isSame(have, want)) faults.push(`${what} is ${JSON.stringify(have)?.slice(0, 80)} instead of ${JSON.stringify(want)?.slice(0, 80)}`);
  };
  const near = (what, have, want, by) => {
    if (!(Math.abs(have - want) <= by)) faults.push(`${what} is ${have} ms instead of ${want}`);
  };
  const pairs = (headers) => headers.map(({ name, value }) => [name, value]).sort();
  same("method", request.method, asked.method);
  same("status", request.status, response.status);
  same("type", request.type, entry._resourceType);
  same("version", request.protocol, response.httpVersion.toLowerCase().replace("http/2.0", "h2"));
  same("request fields", request.requestHeaders.sort(), pairs(asked.headers));
  same("response fields", request.responseHeaders.sort(), pairs(response.headers));
  same("request body", request.postData ?? "", asked.postData?.text ?? "");
  same("error of the body", request.error, null);
  same("body", request.text, response.content.text ?? "");
  same("events", request.events, entry._eventSourceMessages ?? []);
  same("messages of the WebSocket", request.frames, entry._webSocketMessages ?? []);
  near("start", request.started, Date.parse(entry.startedDateTime), MS_OF_DATE);
  near("time", request.time, entry.time, MS_OF_DOUBLE);
  // Phases of DevTools lie on one axis from the start; -1 if a phase does not apply.
  const parts = (...names) => names.reduce((sum, name) => sum + Math.max(timings[name] ?? 0, 0), 0);
  near("first byte of the response", request.headersAt, parts("blocked", "dns", "connect", "send", "wait"), MS_OF_DOUBLE);
  if (timings.connect >= 0) near("connect", request.connect[1] - request.connect[0], timings.connect, MS_OF_DOUBLE);
  if (timings.ssl >= 0) near("ssl", request.ssl[1] - request.ssl[0], timings.ssl, MS_OF_DOUBLE);
  return faults.map((fault) => `${asked.method} ${asked.url}: ${fault}`);
};

/** What differs between an archive and the panel. The panel orders requests by itself, and may drop what it cannot show. */
const compare = (entries, requests) => {
  const faults = entries.length === requests.length ? [] : [`${requests.length} of ${entries.length} entries`];
  const key = (url, method, time, status, body) => JSON.stringify([url, method, time, status, body]);
  const rest = new Map();
  for (const request of requests) {
    const name = key(request.url, request.method, Math.round(request.started), request.status, request.postData ?? "");
    rest.set(name, [...rest.get(name) ?? [], request]);
  }
  for (const entry of entries) {
    const { request, response, startedDateTime } = entry;
    const url = request.url.split("#")[0];
    const found = rest.get(key(url, request.method, Date.parse(startedDateTime), response.status, request.postData?.text ?? "")) ?? [];
    // Those of one millisecond.
    const all = found.map((one) => differences(entry, one));
    const best = all.findIndex((one) => one.length === Math.min(...all.map(({ length }) => length)));
    if (best < 0) {
      faults.push(`${request.method} ${request.url} at ${startedDateTime} is missing`);
    } else {
      faults.push(...all[best]);
      found.splice(best, 1);
    }
  }
  return faults;
};

/** Waits until the bar below the list tells so many requests. It follows the list after a while. */
const tells = async (page, count) => {
  const bar = page.locator(".network-summary-bar").getByText(new RegExp(`^${count} requests?$`));
  await bar.first().waitFor().catch(() => { throw new Error(`the panel does not tell ${count} requests`); });
};

// --- The judges ------------------------------------------------------------------------------

mkdirSync(folder, { recursive: true });
let browser;
try {
  browser = await launch();
} catch (error) {
  if (!/missing/.test(error.message)) throw error;
  console.log(`skip ${error.message}`);
  process.exit(0);
}

const shared = await open();
let all = 0;
let events = 0;
for (const capture of CAPTURES) {
  check(`DevTools imports ${capture}`, async () => {
    const file = archiveOf(capture);
    const { entries } = JSON.parse(readFileSync(file, "utf8")).log;
    must(entries.length > 0, "the archive has no entries");
    const { page, faults } = shared;
    await importArchive(page, file);
    const differing = compare(entries, await imported(page));
    must(differing.length === 0, `${differing.length} differences, first: ${differing[0]}`);
    await tells(page, entries.length);
    must(faults.length === 0, faults.join("; "));
    all += entries.length;
    events += entries.reduce((sum, entry) => sum + (entry._eventSourceMessages?.length ?? 0), 0);
  });
}

/** Opens the request with this name, and one of its tabs. */
const show = async (page, name, tab) => {
  const row = page.locator("td.name-column", { hasText: name }).first();
  // The list has the rows that can be seen.
  for (const until = Date.now() + STEP; await row.count() === 0 && Date.now() < until;) {
    await page.locator("td.name-column").first().hover();
    await page.mouse.wheel(0, -400);
  }
  await row.click();
  await page.getByRole("tab", { name: tab, exact: true }).click();
};

check("DevTools shows events and messages in tabs", async () => {
  const rows = async (capture, name, tab, text) => {
    await importArchive(shared.page, archiveOf(capture));
    await show(shared.page, name, tab);
    await shared.page.getByText(text).first().waitFor();
  };
  await rows("ts-sse/capture.pcap", "sse", "EventStream", "model said: hello");
  await rows("stacks/supergateway-ws/capture.pcap", "127.0.0.1", "Messages", "initialize");
});

check("a broken archive is refused or noticed", async () => {
  const file = archiveOf(CAPTURES[0]);
  const text = readFileSync(file, "utf8");
  const { entries } = JSON.parse(text).log;
  const broken = {
    cut: text.slice(0, text.length / 2),
    undated: text.replace(entries[3].startedDateTime, "yesterday"),
    headless: text.replace('"log"', '"log2"'),
  };
  for (const [name, content] of Object.entries(broken)) {
    const { page, close } = await open();
    const bad = path.join(folder, `${name}.har`);
    writeFileSync(bad, content);
    const refusal = await importArchive(page, bad).then(() => "", ({ message }) => message);
    must(/Failed to load HAR/.test(refusal), `${name}: ${refusal || "it was imported"}`);
    await close();
  }
  // What differs, if what is imported is not what is compared with.
  const changed = {
    entry: (log) => log.entries.pop(),
    time: (log) => { log.entries[1].timings.wait += 1; log.entries[1].time += 1; },
    url: (log) => { log.entries[1].request.url += "x"; },
    event: (log) => log.entries.find((entry) => entry._eventSourceMessages)._eventSourceMessages.pop(),
    body: (log) => { log.entries[1].response.content.text += "x"; },
  };
  const { page, close } = await open();
  for (const [name, change] of Object.entries(changed)) {
    const { log } = JSON.parse(text);
    change(log);
    const bad = path.join(folder, `${name}.har`);
    writeFileSync(bad, JSON.stringify({ log }));
    await importArchive(page, bad);
    must(compare(entries, await imported(page)).length > 0, `another ${name} is not noticed`);
  }
  await close();
});

check("enough was imported", async () => must(all > 300 && events > 300, `${all} entries, ${events} events`));

if (picture) {
  const { page, close } = await open({ width: 1100, height: 500 });
  await importArchive(page, archiveOf("ts-sse/capture.pcap"));
  await show(page, "sse", "EventStream");
  await page.getByText("model said: hello").first().waitFor();
  await savePicture(page, picture, 70);
  await close();
  checks.length = 0;
}
await runChecks();
await browser.close();
