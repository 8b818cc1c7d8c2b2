// Opens the pages of `mcpdump report --format html` in Chromium, and judges what a reader meets.
//
//     node page.mjs MCPDUMP CAPTURES FOLDER             judges; screenshots and pages go to FOLDER
//     node page.mjs MCPDUMP CAPTURES FOLDER PICTURE     writes the picture of docs/report-html.md
//
// Lines begin with ok or FAIL.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { WIDTHS, axeFaults, check, checks, launch, must, runChecks, savePicture } from "./browser.mjs";

const [mcpdump, captures, folder, picture] = process.argv.slice(2).map((file) => path.resolve(file));

/** The pages that are judged, by name: the captures that each is made of. */
const PAGES = {
  odd: ["slow-and-odd/capture.pcapng"],
  losses: ["damaged-ts-sse-dropped/capture.pcap"],
  load: ["load-sse/capture.pcap"],
  demo: ["demo.pcapng.zst"],
  files: ["hackernews-sse.pcapng", "hackernews-streamable.pcapng", "hackernews-2026.pcapng"],
};
/** Elements of a page with 10,000 exchanges, and rows of its list. */
const MOST_ELEMENTS = 2500;
const MOST_ROWS = 60;
/** Text that would run, if it were not text. */
const EVIL = `"><script>window.hit=1</script><img src=x onerror="window.hit=1">'</script><!--${"\u202e"}`;

const makePage = (name, files) => {
  const file = path.join(folder, `${name}.html`);
  execFileSync(mcpdump, ["report", "--format", "html", "--security", "-o", file, ...files], { timeout: 60_000, stdio: "pipe" });
  return file;
};

const browser = await launch();

/** Opens a page; `faults` collects what the console and the policy say. */
const open = async (file, { width = 1280, scheme = "light", scripts = true, hash = "" } = {}) => {
  const context = await browser.newContext({
    viewport: { width, height: 900 }, colorScheme: scheme, javaScriptEnabled: scripts, reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:") || request.url().split("#")[0] !== `file://${file}`) faults.push(`request: ${request.url()}`);
  });
  await page.goto(`file://${file}${hash}`);
  return { page, faults, close: () => context.close() };
};

// --- Captures that are made here -------------------------------------------------------------

/** A capture (pcap, raw IPv4) of one connection: what each side sends, in turn. */
const capture = (turns) => {
  const packets = [];
  const sequence = [1000, 5000];
  let us = 0;
  const packet = (from, payload, flags) => {
    const tcp = Buffer.alloc(20);
    tcp.writeUInt16BE(from === 0 ? 40000 : 3000, 0);
    tcp.writeUInt16BE(from === 0 ? 3000 : 40000, 2);
    tcp.writeUInt32BE(sequence[from], 4);
    tcp.writeUInt32BE(flags === 2 ? 0 : sequence[1 - from], 8);
    tcp[12] = 0x50;
    tcp[13] = flags;
    tcp.writeUInt16BE(65535, 14);
    const ip = Buffer.alloc(20);
    ip[0] = 0x45;
    ip.writeUInt16BE(40 + payload.length, 2);
    ip[8] = 64;
    ip[9] = 6;
    ip.set(from === 0 ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1], 12);
    const data = Buffer.concat([ip, tcp, payload]);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(1_795_337_355, 0);
    head.writeUInt32LE((us += 700), 4);
    head.writeUInt32LE(data.length, 8);
    head.writeUInt32LE(data.length, 12);
    packets.push(head, data);
    sequence[from] += payload.length + (flags & 2 ? 1 : 0);
  };
  packet(0, Buffer.alloc(0), 2);
  packet(1, Buffer.alloc(0), 18);
  packet(0, Buffer.alloc(0), 16);
  for (const [from, text] of turns) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 1400) packet(from, bytes.subarray(at, at + 1400), 24);
  }
  const file = Buffer.alloc(24);
  file.writeUInt32LE(0xa1b2c3d4, 0);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65535, 16);
  file.writeUInt32LE(101, 20);
  return Buffer.concat([file, ...packets]);
};

/** Calls whose every text is markup, code or an escape. */
const hostile = () => {
  const turns = [];
  const id = EVIL.replace("\u202e", "");
  const call = (message, answer) => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    const result = JSON.stringify({ jsonrpc: "2.0", id: message.id, ...answer });
    turns.push([0, `POST /mcp${encodeURI(EVIL)} HTTP/1.1\r\nHost: ${id}\r\nMcp-Session-Id: ${id}\r\nAccept: application/json, text/event-stream\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`]);
    turns.push([1, `HTTP/1.1 200 OK\r\nMcp-Session-Id: ${id}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(result)}\r\n\r\n${result}`]);
  };
  const info = { name: EVIL, version: EVIL };
  call({ id: EVIL, method: "initialize", params: { protocolVersion: EVIL, capabilities: { [EVIL]: {} }, clientInfo: info } },
    { result: { protocolVersion: EVIL, capabilities: { [EVIL]: {} }, serverInfo: info } });
  call({ id: 2, method: "tools/list" }, { result: { tools: [{ name: EVIL, description: EVIL, inputSchema: {} }] } });
  call({ id: `${EVIL}3`, method: "tools/call", params: { name: EVIL, arguments: {} } }, { error: { code: -1, message: EVIL } });
  call({ id: `${EVIL}4`, method: EVIL }, { result: { isError: true } });
  call({ id: `${EVIL}5`, method: "resources/read", params: { uri: `javascript:${EVIL}` } }, { result: {} });
  return capture(turns);
};

/** A page with 10,000 exchanges: those of another, several times. */
const grown = (file) => {
  const html = readFileSync(file, "utf8");
  const [head, rest] = html.split('id="data">');
  const end = rest.indexOf("</script>");
  const data = JSON.parse(rest.slice(0, end));
  const rows = [];
  for (let n = 1; n <= 10_000; n += 1) rows.push([n, ...data.rows[(n - 1) % data.rows.length].slice(1)]);
  data.rows = rows;
  data.all = rows.length;
  const out = path.join(folder, "grown.html");
  writeFileSync(out, `${head}id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}${rest.slice(end)}`);
  return out;
};

// --- What is judged --------------------------------------------------------------------------

mkdirSync(folder, { recursive: true });
const pages = Object.fromEntries(Object.entries(PAGES).map(([name, files]) =>
  [name, makePage(name, files.map((file) => path.join(captures, file)))]));

for (const [name, file] of Object.entries(pages)) {
  check(`${name}: three widths`, async () => {
    const schemes = name === "demo" || name === "odd" ? ["light", "dark"] : ["light"];
    for (const scheme of schemes) {
      for (const width of WIDTHS) {
        const { page, faults, close } = await open(file, { width, scheme });
        await page.evaluate(() => document.querySelectorAll("details").forEach((it) => { it.open = true; }));
        await page.locator("#rows tbody tr[id]").nth(3).click();
        await page.screenshot({ path: path.join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        must(wide <= width, `${wide} pixels wide at ${width}`);
        const cut = await page.evaluate(() => [...document.querySelectorAll("#rows :is(.n, .time, .status, .session)")]
          .filter((cell) => cell.offsetWidth > 0 && cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent));
        must(cut.length === 0, `cut at ${width}: ${cut.slice(0, 3).join(", ")}`);
        must(faults.length === 0, faults.join("; "));
        await close();
      }
    }
  });

  check(`${name}: accessible (axe-core)`, async () => {
    const views = name === "odd" ? [[1280, "light"], [1280, "dark"], [390, "light"]] : [[1280, "light"]];
    for (const [width, scheme] of views) {
      const { page, close } = await open(file, { width, scheme });
      await page.evaluate(() => document.querySelectorAll("details").forEach((it) => { it.open = true; }));
      await page.locator("#rows tbody tr[id]").first().click();
      const found = await axeFaults(page);
      must(found.length === 0, `${width} ${scheme}: ${found.join("; ")}`);
      await close();
    }
  });

  check(`${name}: readable without scripts`, async () => {
    const { page, faults, close } = await open(file, { scripts: false });
    for (const id of ["summary", "findings", "latency", "exchanges", "slowest", "sessions", "terms"]) {
      must(await page.locator(`#${id}`).isVisible(), `${id} is not there`);
    }
    const rows = await page.locator("#rows tbody tr").count();
    must(rows > 0 && rows <= 100, `${rows} rows`);
    must(await page.locator("#rows .timeline svg").first().isVisible(), "no timelines");
    must(!(await page.locator("#controls").isVisible()), "controls that do nothing");
    must(faults.length === 0, faults.join("; "));
    await page.screenshot({ path: path.join(folder, `${name}-without-scripts.png`), fullPage: true });
    await page.emulateMedia({ media: "print" });
    await page.pdf({ path: path.join(folder, `${name}.pdf`), format: "A4" });
    await close();
  });
}

check("by keyboard alone", async () => {
  const { page, faults, close } = await open(pages.odd);
  const focus = () => page.evaluate(() => {
    const it = document.activeElement;
    return { id: it.id, text: it.textContent.slice(0, 40), outline: getComputedStyle(it).outlineStyle };
  });
  const chosen = () => page.locator("#rows").getAttribute("aria-activedescendant");
  const counted = () => page.locator("#count").textContent();
  await page.keyboard.press("Tab");
  must((await focus()).text.startsWith("Skip"), "the first stop is no skip link");
  await page.keyboard.press("/");
  must((await focus()).id === "filter", "/ does not lead to the filter");
  await page.keyboard.type("method:tools/call not status:ok");
  await page.waitForFunction(() => document.getElementById("count").textContent.includes(" of "));
  await page.keyboard.press("Enter");
  const list = await focus();
  must(list.id === "rows" && list.outline !== "none", `Enter leads to ${JSON.stringify(list)}`);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const second = await chosen();
  must(second !== null && await page.locator(`#${second}`).getAttribute("aria-selected") === "true", "nothing is chosen");
  must(await page.locator("#exchange .diagram li").count() >= 2, "no messages");
  await page.keyboard.press("+");
  must((await counted()).includes("shown"), "+ does not zoom");
  await page.keyboard.press("0");
  must(!(await counted()).includes("shown"), "0 does not show the whole time");
  await page.keyboard.press("Enter");
  must((await focus()).id === "exchange-title", "Enter does not lead to the exchange");
  await page.keyboard.press("/");
  await page.keyboard.press("Escape");
  must(!(await counted()).includes(" of "), "Escape does not clear the filter");
  must(faults.length === 0, faults.join("; "));
  await close();
});

check("filters say what is wrong, and what cannot be known", async () => {
  const { page, close } = await open(pages.odd);
  const message = () => page.locator("#message").textContent();
  const before = await page.locator("#count").textContent();
  for (const [text, wanted] of [["dur>5", "the unit is missing"], ["(a", "unclosed"], ["statsu:ok", "did you mean `status`?"], ["body:x", "not in this page"]]) {
    await page.fill("#filter", text);
    await page.waitForFunction((wanted) => document.getElementById("message").textContent.includes(wanted), wanted);
    must((await page.locator("#count").textContent()) === before, `${text}: another choice`);
  }
  must((await message()).includes("mcpdump report --format html --filter"), "no way out is told");
  const found = await axeFaults(page);
  must(found.length === 0, found.join("; "));
  await close();
});

check("links lead to exchanges", async () => {
  const { page, close } = await open(pages.odd, { hash: "#x12" });
  must(await page.locator("#x12[aria-selected=true]").isVisible(), "#x12 is not chosen");
  await page.locator("#slowest a").first().click();
  const n = await page.locator("#slowest a").first().textContent();
  await page.waitForSelector(`#x${n}[aria-selected=true]`);
  await page.locator("#latency a[data-filter]").first().click();
  const wanted = await page.locator("#latency tbody tr").first().locator("td").first().textContent();
  must((await page.locator("#count").textContent()).startsWith(`${wanted} of`), "the link filters something else");
  await close();
});

check("a span of the map is zoomed to", async () => {
  const { page, close } = await open(pages.load);
  await page.locator("#heat .area").scrollIntoViewIfNeeded();
  const box = await page.locator("#heat .area").boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
  await page.mouse.up();
  const counted = await page.locator("#count").textContent();
  must(counted.includes("shown") && counted.includes(" of "), counted);
  await page.locator("#heat .area").dblclick();
  must(!(await page.locator("#count").textContent()).includes("shown"), "a double click does not show all");
  await close();
});

check("hostile text stays text", async () => {
  const raw = path.join(folder, "hostile.pcap");
  writeFileSync(raw, hostile());
  const file = makePage("hostile", [raw]);
  for (const scripts of [true, false]) {
    const { page, faults, close } = await open(file, { scripts });
    must(await page.locator("#rows tbody tr[id]").count() >= 5, "exchanges are missing");
    if (scripts) {
      await page.evaluate(() => document.querySelectorAll("details").forEach((it) => { it.open = true; }));
      for (let at = 0; at < 5; at += 1) await page.locator("#rows tbody tr[id]").nth(at).click();
      await page.locator("#latency a[data-filter]").first().click();
      must(!(await page.locator("#count").textContent()).startsWith("0 "), "a link to hostile text finds nothing");
      must(await page.evaluate(() => window.hit === undefined), "text ran");
      await page.selectOption("#order", "session");
    }
    must(await page.locator("img, iframe, object, embed, link, base").count() === 0, "elements came from text");
    must(await page.locator("script").count() === 2, "a script came from text");
    must(faults.length === 0, faults.join("; "));
    must(!(await page.content()).includes("\u202e"), "a direction override is written");
    await close();
  }
});

check("10,000 exchanges are not drawn at once", async () => {
  const { page, faults, close } = await open(grown(pages.load));
  const size = async (what) => {
    const [elements, rows] = await page.evaluate(() =>
      [document.querySelectorAll("*").length, document.querySelectorAll("#rows tbody tr").length]);
    must(elements <= MOST_ELEMENTS && rows <= MOST_ROWS, `${what}: ${elements} elements, ${rows} rows`);
  };
  must((await page.locator("#count").textContent()).startsWith("10,000"), "not all are there");
  await size("at first");
  await page.focus("#rows");
  await page.keyboard.press("End");
  must(await page.locator("#x10000[aria-selected=true]").isVisible(), "the last one cannot be reached");
  await size("at the end");
  for (const order of ["duration", "session", "time"]) {
    await page.selectOption("#order", order);
    await size(order);
  }
  await page.fill("#filter", "dur>10ms or status:error");
  await page.waitForFunction(() => document.getElementById("count").textContent.includes(" of "));
  await size("filtered");
  must(faults.length === 0, faults.join("; "));
  await close();
});

if (picture) {
  const { page, close } = await open(pages.demo, { width: 1100, hash: "#x36" });
  await page.setViewportSize({ width: 1100, height: 1280 });
  // A shorter list, and nothing else.
  await page.evaluate(() => {
    document.querySelectorAll("nav, header, main > section:not(#exchanges)").forEach((it) => it.remove());
    document.getElementById("list").style.maxHeight = "340px";
    document.getElementById("exchanges").style.marginTop = "0";
    scrollTo(0, 0);
  });
  await savePicture(page, picture);
  await close();
  checks.length = 0;
}
await runChecks();
await browser.close();
