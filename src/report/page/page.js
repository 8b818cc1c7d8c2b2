
/**
 * Replaces the first exchanges, which are in the HTML, by all that the page holds: filter, map of
 * durations, list with timelines, and the messages of the chosen one.
 *
 * The list draws the rows that can be seen and no others, so that its size does not depend on the
 * number of exchanges. Text enters the page as text, never as markup.
 *
 * `startPage(view)` returns `stop`, which removes what listens to the whole page, and `save`, which
 * returns the view: filter, order, span of time, choice. A page with newer data starts with it.
 */
const startPage = (view = null) => {
  /** Rows of a long table that are shown at first, as in the style sheet. */
  const FOLDED = 20;

  /** Ends what listens to the document, the window or the size of elements. */
  const listening = new AbortController();
  const { signal } = listening;

  const tables = [...document.querySelectorAll("#latency table, #sessions table")];
  /** Tables that were unfolded, by their place on the page. */
  const unfolded = new Set(view?.unfolded);
  for (const [at, table] of tables.entries()) {
    const rows = table.tBodies[0].rows.length;
    if (rows <= FOLDED + 5 || unfolded.has(at)) continue;
    const unfold = document.createElement("button");
    unfold.type = "button";
    unfold.className = "unfold";
    unfold.textContent = `Show all ${rows} rows`;
    unfold.addEventListener("click", () => {
      table.classList.remove("folded");
      unfolded.add(at);
      unfold.remove();
    });
    table.classList.add("folded");
    table.parentElement.after(unfold);
  }

  const data = Filter.read(JSON.parse(document.getElementById("data").textContent));
  if (data.exchanges.length === 0) {
    return { stop: () => {}, save: () => view ?? { unfolded: [...unfolded] } };
  }

  /** Height of a row in pixels; measured when the first is drawn. */
  let ROW = 28;
  /** Height of the list in pixels, as in the style sheet. */
  const LIST = 520;
  /** Rows beyond the visible ones, so that scrolling by keys shows no gap. */
  const SPARE = 6;
  /** Width of a timeline, and the least width of a part that is drawn. */
  const WIDTH = 10_000;
  const LEAST = 20;
  /** The shortest span of time that can be shown, in nanoseconds. */
  const SHORTEST = 1_000;
  /** Steps of a diagram. */
  const STEPS = 60;
  /** Sessions and clients that can be chosen from a list. */
  const CHOICES = 500;
  /** Rows on paper. */
  const PRINTED = 200;

  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);

  /** Makes an element. Children are nodes, or texts. */
  const make = (tag, attributes = {}, ...children) => {
    const node = tag === "svg" || tag === "rect" || tag === "path"
      ? document.createElementNS(SVG, tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };

  // --- Formats: the same as in the rest of the page (src/base/units.rs) ------------------------

  const scaled = (size, unit, name) => {
    for (const [decimals, below] of [[2, 10], [1, 100]]) {
      const step = 10 ** decimals;
      const parts = Math.floor((size * step + unit / 2) / unit);
      if (parts < below * step) return `${(parts / step).toFixed(decimals)} ${name}`;
    }
    return `${Math.floor((size + unit / 2) / unit)} ${name}`;
  };

  const duration = (ns) => {
    const size = Math.abs(ns);
    const sign = ns < 0 ? "-" : "";
    const pad = (number) => String(number).padStart(2, "0");
    if (size === 0) return "0";
    if (size < 1e3) return `${sign}${size} ns`;
    if (size < 999_500) return sign + scaled(size, 1e3, "\u00b5s");
    if (size < 999_500_000) return sign + scaled(size, 1e6, "ms");
    if (size < 59_950_000_000) return sign + scaled(size, 1e9, "s");
    const seconds = Math.floor((size + 5e8) / 1e9);
    const [minutes, hours] = [Math.floor((seconds + 30) / 60), Math.floor((seconds + 1800) / 3600)];
    if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
    if (seconds < 86_400) return `${sign}${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
    return `${sign}${Math.floor(hours / 24)} d ${pad(hours % 24)} h`;
  };

  const bytes = (size) => {
    if (size < 1e3) return `${size} B`;
    for (const [unit, name] of [[1e3, "kB"], [1e6, "MB"], [1e9, "GB"]]) {
      if (size < unit * 999.5) return scaled(size, unit, name);
    }
    return scaled(size, 1e12, "TB");
  };

  /** Time of day in UTC of nanoseconds after the first request. */
  const timeOfDay = (after) => {
    const ms = (data.base + BigInt(Math.round(after))) / 1_000_000n;
    const ofDay = Number(((ms % 86_400_000n) + 86_400_000n) % 86_400_000n);
    return new Date(ofDay).toISOString().slice(11, 23);
  };

  const several = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

  // --- Times of an exchange, in nanoseconds after the first request ---------------------------

  const ns = (value) => Number(value ?? 0);
  const startOf = (it) => it.start;
  const sentAt = (it) => it.start + ns(it.request.took);
  const answeredAt = (it) => sentAt(it) + ns(it.response.after);
  const endOf = (it) => {
    if (it.response) return answeredAt(it) + ns(it.response.took);
    return Math.max(sentAt(it), it.waited ? it.start + ns(it.waited[0]) : 0);
  };
  const isOpen = (it) => !it.response;
  const elapsedOf = (it) => {
    if (it.status === "cancelled" || !it.response) return it.waited ? ns(it.waited[0]) : null;
    return endOf(it) - it.start;
  };
  const elapsedText = (it) => {
    const elapsed = elapsedOf(it);
    if (elapsed === null) return "";
    const isLeast = it.status === "cancelled" || (it.status === "unanswered" && it.cause !== "no_response");
    return (isLeast ? "\u2265" : "") + duration(elapsed);
  };
  const hasFailed = (it) => it.tone === "bad" || it.tone === "warn";

  /** The whole time. */
  const all = { from: Infinity, to: -Infinity };
  for (const it of data.exchanges) {
    all.from = Math.min(all.from, startOf(it));
    all.to = Math.max(all.to, endOf(it));
  }
  all.to = Math.max(all.to, all.from + SHORTEST);

  const index = new Map(data.exchanges.map((it) => [it.n, it]));
  const children = new Map();
  for (const it of data.exchanges) {
    if (it.parent !== null) children.set(it.parent, [...(children.get(it.parent) ?? []), it]);
  }

  const state = {
    /** Those that match the filter. */
    matching: data.exchanges,
    /** The items of the list: exchanges, and sessions above theirs. */
    items: [],
    /** The span of time that timelines show. */
    from: all.from,
    to: all.to,
    order: "time",
    chosen: null,
    /** The expression that was applied last: what is typed may be none yet. */
    applied: "",
  };

  // --- Controls ------------------------------------------------------------------------------

  const controls = byId("controls");
  const message = byId("message");
  const input = make("input", {
    id: "filter", type: "text", spellcheck: "false", autocomplete: "off", autocapitalize: "off",
    placeholder: "dur>500ms or status:error", "aria-describedby": "message",
  });
  const sessions = make("select", { id: "session-choice" }, make("option", { value: "" }, "all sessions"));
  const clients = make("select", { id: "client-choice" }, make("option", { value: "" }, "all clients"));
  const order = make("select", { id: "order" },
    make("option", { value: "time" }, "by time"),
    make("option", { value: "session" }, "by session"),
    make("option", { value: "duration" }, "longest first"));
  const button = (label, text, act) => {
    const node = make("button", { type: "button", "aria-label": label, title: label }, text);
    node.addEventListener("click", act);
    return node;
  };
  const count = make("span", { class: "count", id: "count", role: "status" });

  const fillChoices = () => {
    const named = data.sessions.slice().sort((a, b) => a.number - b.number);
    for (const it of named.slice(0, CHOICES)) {
      const ends = `${it.clientName ?? it.client} \u2192 ${it.serverName ?? it.server}`;
      sessions.append(make("option", { value: `session:s${it.number}` }, `s${it.number}  ${ends}`));
    }
    const addresses = new Map();
    for (const it of data.exchanges) {
      const end = data.end(it.client);
      if (end && !addresses.has(end.text)) addresses.set(end.text, it.session.clientName);
    }
    for (const [address, name] of [...addresses].slice(0, CHOICES)) {
      clients.append(make("option", { value: `client:${address}` }, name ? `${address}  ${name}` : address));
    }
    sessions.parentElement.hidden = named.length < 2;
    clients.parentElement.hidden = addresses.size < 2;
  };

  const buildControls = () => {
    const field = (label, node) => make("label", {}, make("span", {}, label), node);
    controls.append(
      make("label", { class: "filter" }, make("span", {}, "filter"), input),
      field("session", sessions),
      field("client", clients),
      field("order", order),
      make("div", { class: "zoom", role: "group", "aria-label": "Time" },
        button("Earlier", "\u2190", () => pan(-0.5)),
        button("Zoom in", "+", () => zoom(0.5)),
        button("Zoom out", "\u2212", () => zoom(2)),
        button("Later", "\u2192", () => pan(0.5)),
        button("Show all", "all", () => show(all.from, all.to))),
      count,
    );
    controls.hidden = false;
    fillChoices();
    input.addEventListener("input", () => schedule(applyFilter));
    sessions.addEventListener("change", applyFilter);
    clients.addEventListener("change", applyFilter);
    order.addEventListener("change", () => {
      state.order = order.value;
      update();
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") setFilter("");
      if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        table.focus();
      }
    });
  };

  /** Sets the expression, and shows everything else again. */
  const setFilter = (text) => {
    input.value = text;
    sessions.value = "";
    clients.value = "";
    for (const choice of [sessions, clients]) {
      const has = [...choice.options].some((option) => option.value === text);
      if (text !== "" && has) {
        choice.value = text;
        input.value = "";
      }
    }
    state.from = all.from;
    state.to = all.to;
    applyFilter();
  };

  const say = (...parts) => message.replaceChildren(...parts);

  const applyFilter = () => {
    const tests = [];
    input.removeAttribute("aria-invalid");
    say();
    try {
      if (input.value.trim() !== "") tests.push(Filter.parse(input.value, data));
    } catch (error) {
      if (error instanceof Filter.NotHere) {
        say(make("strong", {}, "Not applied: "), `${error.message}. Narrow the page instead: `,
          make("code", {}, `mcpdump report --format html --filter '${input.value}'`));
      } else if (error instanceof Filter.Fault) {
        const at = Math.min(error.at, input.value.length);
        say(make("strong", {}, `${error.message}`), error.hint ? `; ${error.hint}` : "",
          make("code", { class: "fault" }, input.value.slice(0, at),
            make("mark", {}, input.value.slice(at, at + 1) || "\u2423"), input.value.slice(at + 1)));
      } else {
        throw error;
      }
      input.setAttribute("aria-invalid", "true");
      // What was shown before stays.
      return;
    }
    state.applied = input.value;
    for (const choice of [sessions.value, clients.value]) {
      if (choice !== "") tests.push(Filter.parse(choice, data));
    }
    state.matching = tests.length === 0
      ? data.exchanges
      : data.exchanges.filter((it) => tests.every((test) => test(it)));
    update();
  };

  /** Calls `act` before the next frame, once. */
  const scheduled = new Set();
  const schedule = (act) => {
    if (scheduled.has(act)) return;
    scheduled.add(act);
    requestAnimationFrame(() => {
      scheduled.delete(act);
      act();
    });
  };

  // --- Time ----------------------------------------------------------------------------------

  /** Shows a span of time, within that of all exchanges. */
  const show = (from, to) => {
    const length = Math.min(Math.max(to - from, SHORTEST), all.to - all.from);
    state.from = Math.min(Math.max(from, all.from), all.to - length);
    state.to = state.from + length;
    update();
  };

  const zoom = (factor) => {
    const length = state.to - state.from;
    let middle = state.from + length / 2;
    const it = state.chosen;
    // What is chosen stays where it can be seen.
    if (it && startOf(it) <= state.to && endOf(it) >= state.from) {
      middle = Math.min(Math.max((startOf(it) + endOf(it)) / 2, state.from), state.to);
    }
    show(middle - (length * factor) / 2, middle + (length * factor) / 2);
  };

  const pan = (part) => {
    const by = (state.to - state.from) * part;
    show(state.from + by, state.to + by);
  };

  const isZoomed = () => state.from > all.from || state.to < all.to;

  // --- List ----------------------------------------------------------------------------------

  const list = byId("list");
  const table = byId("rows");
  const body = table.tBodies[0];

  const update = () => {
    const visible = isZoomed()
      ? state.matching.filter((it) => startOf(it) <= state.to && endOf(it) >= state.from)
      : state.matching;
    state.items = inOrder(visible);
    if (!visible.includes(state.chosen)) state.chosen = null;
    const some = visible.length < data.all ? ` of ${data.all.toLocaleString("en")}` : "";
    count.textContent = `${visible.length.toLocaleString("en")}${some} exchanges` +
      (isZoomed() ? `, ${duration(state.to - state.from)} shown` : "");
    drawAxis();
    drawMap();
    drawRows();
    drawExchange();
  };

  const inOrder = (exchanges) => {
    if (state.order === "duration") {
      return exchanges.slice().sort((a, b) => (elapsedOf(b) ?? -1) - (elapsedOf(a) ?? -1) || a.n - b.n);
    }
    if (state.order !== "session") return exchanges;
    const groups = new Map();
    for (const it of exchanges) {
      if (!groups.has(it.session.number)) groups.set(it.session.number, []);
      groups.get(it.session.number).push(it);
    }
    return [...groups.values()].flatMap((group) => [{ session: group[0].session, group: group.length }, ...group]);
  };

  /** Draws the rows from the one at the top of the list to the one at its bottom. */
  const drawRows = (most = null) => {
    const first = most === null ? Math.max(Math.floor(list.scrollTop / ROW) - SPARE, 0) : 0;
    const visible = most ?? Math.ceil(LIST / ROW) + 2 * SPARE;
    const last = Math.min(first + visible, state.items.length);
    const rows = [];
    if (first > 0) rows.push(spacer(first));
    for (let at = first; at < last; at += 1) {
      rows.push(state.items[at].group ? groupRow(state.items[at], at) : exchangeRow(state.items[at], at));
    }
    if (last < state.items.length && most === null) rows.push(spacer(state.items.length - last));
    if (state.items.length === 0) {
      rows.push(make("tr", { class: "empty" }, make("td", { colspan: columns() }, "No exchange matches.")));
    }
    body.replaceChildren(...rows);
    table.setAttribute("aria-rowcount", String(state.items.length + 1));
    markChosen();
  };

  const redrawRows = () => drawRows();

  /** Number of columns: a narrow window has fewer. */
  const columns = () => [...table.tHead.rows[0].cells].filter((cell) => cell.offsetWidth > 0).length;

  const spacer = (rows) => {
    const cell = make("td", { colspan: columns() });
    cell.style.height = `${rows * ROW}px`;
    return make("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  };

  const groupRow = ({ session, group }, at) => {
    const ends = `${session.clientName ?? ""} ${session.client} \u2192 ${session.serverName ?? ""} ${session.server}${session.path ?? ""}`;
    return make("tr", { class: "group", "aria-rowindex": String(at + 2) },
      make("td", { colspan: columns() }, make("strong", {}, `s${session.number}`), ` ${ends}, ${several(group, "exchange")}`));
  };

  const callOf = (it) => [
    make("span", { class: "method" }, `${it.origin === "server" ? "\u2190 " : ""}${it.method}`),
    it.name === null ? null : " ",
    it.name === null ? null : make("span", { class: "name" }, it.name),
  ];

  const exchangeRow = (it, at) => {
    const row = make("tr", { id: `x${it.n}`, "aria-rowindex": String(at + 2), "aria-selected": "false" },
      make("td", { class: "n" }, String(it.n)),
      make("td", { class: "time" }, timeOfDay(it.start)),
      make("td", { class: "session" }, `s${it.session.number}`),
      make("td", { class: "call", title: `${it.method} ${it.name ?? ""}` }, ...callOf(it)),
      make("td", { class: `status ${it.tone}` }, it.status),
      make("td", { class: "n" }, elapsedText(it)),
      make("td", { class: "timeline", title: partsText(it) }, timeline(it)));
    row.addEventListener("click", () => choose(it));
    return row;
  };

  const partsText = (it) => {
    if (!it.response) return `${it.status}: ${elapsedText(it) || "time not known"}`;
    const parts = [["send", it.request.took], ["wait", it.response.after], ["receive", it.response.took]];
    return parts.map(([name, took]) => `${name} ${duration(ns(took))}`).join(", ");
  };

  const place = (time) =>
    Math.round((Math.min(Math.max((time - state.from) / (state.to - state.from), 0), 1)) * WIDTH);

  const timeline = (it) => {
    const svg = make("svg", { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const part = (kind, from, to) => {
      if (to < state.from || from > state.to) return;
      const [x, end] = [place(from), place(to)];
      const width = Math.max(end - x, LEAST);
      svg.append(make("rect", { class: kind, x: Math.max(Math.min(x, WIDTH - width), 0), y: 1, height: 8, width }));
    };
    if (isOpen(it)) {
      part("open", it.start, endOf(it));
      return svg;
    }
    part("wait", it.start, Math.max(endOf(it), it.start));
    if (ns(it.request.took) > 0) part("send", it.start, sentAt(it));
    part("receive", answeredAt(it), endOf(it));
    return svg;
  };

  const drawAxis = () => {
    const length = state.to - state.from;
    const labels = [0, 1, 2, 3].map((third) =>
      third === 0 ? timeOfDay(state.from) : `+${duration(Math.round((length / 3) * third))}`);
    byId("axis").replaceChildren(...labels.map((label) => make("span", {}, label)));
  };

  const markChosen = () => {
    for (const row of body.querySelectorAll("[aria-selected=true]")) row.setAttribute("aria-selected", "false");
    const row = state.chosen && byId(`x${state.chosen.n}`);
    if (row) {
      row.setAttribute("aria-selected", "true");
      table.setAttribute("aria-activedescendant", row.id);
    } else {
      table.removeAttribute("aria-activedescendant");
    }
  };

  const choose = (it) => {
    state.chosen = it;
    reveal(state.items.indexOf(it));
    drawRows();
    drawExchange();
  };

  /** Scrolls the list, not the page, so that a row can be seen. */
  const reveal = (at) => {
    const head = table.tHead.offsetHeight;
    const [top, bottom] = [at * ROW, (at + 1) * ROW];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom + head > list.scrollTop + list.clientHeight) {
      list.scrollTop = bottom + head - list.clientHeight;
    }
  };

  /** Moves the choice by a number of exchanges. */
  const move = (by) => {
    const { items } = state;
    const exchanges = items.filter((item) => !item.group);
    if (exchanges.length === 0) return;
    // Without a choice a step leads to the first or the last.
    const at = state.chosen ? exchanges.indexOf(state.chosen) : by > 0 ? -1 : exchanges.length;
    const step = state.chosen || !Number.isFinite(by) ? by : Math.sign(by);
    choose(exchanges[Math.min(Math.max(at + step, 0), exchanges.length - 1)]);
  };

  const KEYS = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(12),
    PageUp: () => move(-12),
    Home: () => move(-Infinity),
    End: () => move(Infinity),
    ArrowLeft: () => pan(-0.25),
    ArrowRight: () => pan(0.25),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    0: () => show(all.from, all.to),
    Enter: () => {
      if (state.chosen) byId("exchange-title")?.focus();
    },
  };

  const buildList = () => {
    byId("static-note")?.remove();
    list.removeAttribute("tabindex");
    list.removeAttribute("role");
    list.removeAttribute("aria-label");
    list.classList.add("live");
    for (const [name, value] of [["role", "grid"], ["tabindex", "0"], ["aria-label", "Exchanges"], ["aria-describedby", "keys"]]) {
      table.setAttribute(name, value);
    }
    byId("legend").append(make("span", { id: "keys", class: "keys" },
      "Keys in the list: \u2191 \u2193 choose, + \u2212 zoom, \u2190 \u2192 move in time, 0 all, Enter details, / filter"));
    list.addEventListener("scroll", () => schedule(redrawRows), { passive: true });
    const resized = new ResizeObserver(() => schedule(redrawRows));
    resized.observe(list);
    signal.addEventListener("abort", () => resized.disconnect());
    table.addEventListener("keydown", (event) => {
      const act = KEYS[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
  };

  // --- Map of durations ------------------------------------------------------------------------

  const heat = byId("heat");
  const map = heat && {
    chart: heat.querySelector(".chart"),
    cells: heat.querySelector("svg"),
    failures: heat.querySelector(".failures"),
    view: make("div", { class: "view", hidden: true }),
    original: null,
  };
  const [gridStart, gridWidth, gridColumns, firstClass, lastClass] = (data.grid ?? []).map(Number);

  const classOf = (ns) => {
    let at = 0;
    while (at < data.bounds.length && data.bounds[at] <= ns) at += 1;
    return Math.min(Math.max(at, firstClass), lastClass);
  };

  /** The whole is that of the page; of a part only what is on the page can be counted. */
  const drawMap = () => {
    if (!map) return;
    map.view.hidden = !isZoomed();
    const span = gridWidth * gridColumns;
    map.view.style.left = `${((state.from - gridStart) / span) * 100}%`;
    map.view.style.width = `${((state.to - state.from) / span) * 100}%`;
    if (state.matching === data.exchanges) {
      map.cells.replaceChildren(...map.original.cells);
      map.failures.replaceChildren(...map.original.failures);
      return;
    }
    const rows = lastClass - firstClass + 1;
    const cells = new Map();
    const failed = new Set();
    for (const it of state.matching) {
      const column = Math.min(Math.max(Math.floor((it.start - gridStart) / gridWidth), 0), gridColumns - 1);
      if (hasFailed(it)) failed.add(column);
      if (isOpen(it) || !["ok", "tool_error", "error"].includes(it.status)) continue;
      const key = column * rows + (rows - 1 - (classOf(elapsedOf(it)) - firstClass));
      cells.set(key, (cells.get(key) ?? 0) + 1);
    }
    const bits = (count) => 31 - Math.clz32(count);
    const most = bits(Math.max(1, ...cells.values())) + 1;
    const paths = ["", "", "", "", ""];
    for (const [key, count] of cells) {
      const shade = Math.min(Math.floor((bits(count) * 5) / most), 4);
      paths[shade] += `M${Math.floor(key / rows)} ${key % rows}h1v1h-1z`;
    }
    map.cells.replaceChildren(...paths.map((d, at) => make("path", { class: `h${at + 1}`, d })));
    const d = [...failed].map((column) => `M${column} 0h1v1h-1z`).join("");
    map.failures.replaceChildren(make("path", { d }));
  };

  /** A span that is drawn on the map becomes the span of time that is shown. */
  const buildMap = () => {
    if (!map) return;
    map.original = { cells: [...map.cells.children], failures: [...map.failures.children] };
    map.chart.append(map.view);
    const area = make("div", { class: "area" });
    area.append(map.view);
    map.chart.append(area);
    const timeAt = (event) => {
      const box = area.getBoundingClientRect();
      const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      return gridStart + part * gridWidth * gridColumns;
    };
    let from = null;
    area.addEventListener("pointerdown", (event) => {
      from = timeAt(event);
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      const to = timeAt(event);
      area.title = `${timeOfDay(to)} UTC; drag to zoom, double-click for all`;
      if (from === null) return;
      const span = gridWidth * gridColumns;
      map.view.hidden = false;
      map.view.style.left = `${((Math.min(from, to) - gridStart) / span) * 100}%`;
      map.view.style.width = `${(Math.abs(to - from) / span) * 100}%`;
    });
    area.addEventListener("pointerup", (event) => {
      const [begin, to] = [from, timeAt(event)];
      from = null;
      if (begin !== null && Math.abs(to - begin) > (gridWidth * gridColumns) / 200) {
        show(Math.min(begin, to), Math.max(begin, to));
      } else {
        drawMap();
      }
    });
    area.addEventListener("pointercancel", () => {
      from = null;
      drawMap();
    });
    area.addEventListener("dblclick", () => show(all.from, all.to));
  };

  // --- The chosen exchange ---------------------------------------------------------------------

  const pane = byId("exchange");

  const packetsOf = (it) => {
    if (it.inFiles) return it.inFiles.packets;
    const last = Math.max(it.request.last, it.response?.last ?? 0);
    const first = Math.min(it.request.first, it.response?.first ?? it.request.first);
    return first === last ? String(first) : `${first}-${last}`;
  };

  /** The same as in Rust (base::files). */
  const wiresharkOf = (it) => {
    if (it.inFiles) return it.inFiles.wireshark;
    const streams = [...new Set([it.stream, it.answeredOn].filter((stream) => stream !== null))].sort((a, b) => a - b);
    const connection = streams.length === 1
      ? `tcp.stream == ${streams[0]}`
      : `tcp.stream in {${streams.join(", ")}}`;
    const ranges = [it.request, it.response].filter(Boolean).map(({ first, last }) => [first, last]);
    ranges.sort((a, b) => a[0] - b[0]);
    const joined = [];
    for (const [first, last] of ranges) {
      const end = joined.at(-1);
      if (end && first <= end[1] + 1) end[1] = Math.max(end[1], last);
      else joined.push([first, last]);
    }
    const words = joined.map(([first, last]) => (first === last ? String(first) : `${first}..${last}`));
    if (joined.length === 1 && joined[0][0] === joined[0][1]) return `${connection} && frame.number == ${words[0]}`;
    return `${connection} && frame.number in {${words.join(", ")}}`;
  };

  const copyable = (text) => {
    const code = make("code", { class: "wireshark" }, text);
    const copy = button("Copy the display filter", "copy", async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        copy.textContent = "selected";
      }
    });
    return [code, " ", copy];
  };

  const link = (n) => make("a", { href: `#x${n}` }, `#${n}`);

  const factsOf = (it) => {
    const facts = [];
    const fact = (term, ...parts) => facts.push(make("div", {}, make("dt", {}, term), make("dd", {}, ...parts)));
    const { session } = it;
    fact("status", make("span", { class: `status ${it.tone}` }, it.status),
      it.cause ? ` (${it.cause})` : "", it.error !== null ? `, error ${it.error}` : "");
    if (it.errorMessage) fact("message", it.errorMessage);
    fact("duration", elapsedText(it) || "not known", it.response ? ` (${partsText(it)})` : "");
    if (it.asked) fact("user", `${duration(ns(it.asked[1]))}, ${several(it.asked[0], "question")} of the server`);
    if (it.why) fact("why", it.why);
    fact("id", it.idIsText ? JSON.stringify(it.id) : it.id);
    fact("session", `s${session.number}`, session.id ? ` ${session.id}` : "", `, ${session.transport}`,
      it.rev ? `, ${it.rev}` : "");
    fact("client", it.client, session.clientName ? ` ${session.clientName}` : "");
    fact("server", `${session.server}${session.path ?? ""}`, session.serverName ? ` ${session.serverName}` : "");
    if (it.http !== null) fact("HTTP", `${it.http}, version ${it.httpVersion ?? "not known"}`);
    if (it.tls) fact("TLS", [it.tls.version, it.tls.sni, it.tls.alpn].filter(Boolean).join(", "));
    fact("size", `request ${bytes(it.request.bytes)}`, it.response ? `, response ${bytes(it.response.bytes)}` : "");
    if (it.progress > 0) fact("progress", several(it.progress, "notification"));
    if (it.retrans > 0) fact("retransmissions", String(it.retrans));
    if (it.parent !== null) fact("within", link(it.parent));
    if (it.continues !== null) fact("continues", link(it.continues));
    if (it.degraded.length > 0) fact("degraded", it.degraded.join(", "));
    if (it.findings.length > 0) fact("findings", it.findings.join(", "));
    fact("packets", packetsOf(it));
    fact("Wireshark", ...copyable(wiresharkOf(it)));
    return make("dl", { class: "facts" }, ...facts);
  };

  const otherSide = (side) => (side === "client" ? "server" : "client");

  /** What client and server sent, in order. */
  const stepsOf = (it) => {
    const steps = [];
    const step = (time, from, text, more = "", tone = "") => steps.push({ time, from, text, more, tone });
    const messageOf = ({ first, last, bytes: size }) =>
      `${bytes(size)}, packet${first === last ? "" : "s"} ${first === last ? first : `${first}-${last}`}`;
    step(it.start, it.origin, `${it.method} ${it.name ?? ""}`.trim(), messageOf(it.request));
    const hasOwnAck = it.ack !== null && (!it.response || sentAt(it) + ns(it.ack) < answeredAt(it));
    if (hasOwnAck && it.http !== null) step(sentAt(it) + ns(it.ack), "server", `HTTP ${it.http}`);
    for (const note of data.notes.get(it.n) ?? []) {
      step(note.time, note.from, note.method, `${bytes(note.bytes)}, packet ${note.packet}`);
    }
    for (const child of children.get(it.n) ?? []) {
      step(child.start, child.origin, `#${child.n} ${child.method} ${child.name ?? ""}`.trim(), messageOf(child.request));
      if (child.response) step(endOf(child), otherSide(child.origin), `#${child.n} ${child.status}`, messageOf(child.response), child.tone);
    }
    if (it.response) {
      step(endOf(it), otherSide(it.origin), it.status === "ok" ? "result" : it.status, messageOf(it.response), it.tone);
    }
    if (it.waited && (!it.response || it.status === "cancelled")) {
      step(it.start + ns(it.waited[0]), null, it.cause ?? it.status, `packet ${it.waited[1]}`, it.tone);
    }
    return steps.sort((a, b) => a.time - b.time);
  };

  const diagramOf = (it) => {
    const steps = stepsOf(it);
    const shown = steps.length > STEPS ? [...steps.slice(0, STEPS - 10), null, ...steps.slice(-10)] : steps;
    const items = shown.map((step) => {
      if (step === null) return make("li", { class: "gap" }, several(steps.length - STEPS, "more message"));
      const { time, from, text, more, tone } = step;
      const way = from === null ? "end" : from === "client" ? "right" : "left";
      const hidden = from === null ? "" : `${from} to ${otherSide(from)}: `;
      return make("li", { class: way },
        make("span", { class: "t" }, `+${duration(time - it.start)}`),
        make("span", { class: "lane" },
          make("span", { class: "label" }, make("span", { class: "hidden" }, hidden),
            make("span", { class: `text ${tone}` }, text), " ", make("span", { class: "more" }, more)),
          make("span", { class: "arrow", "aria-hidden": "true" })));
    });
    const progress = (data.notes.get(it.n) ?? []).filter((note) => note.method === "notifications/progress");
    if (it.progress > progress.length) {
      const more = several(it.progress - progress.length, "progress notification");
      items.push(make("li", { class: "gap" }, `${more} not in this page`));
    }
    const { session } = it;
    return make("div", { class: "diagram" },
      make("div", { class: "ends", "aria-hidden": "true" },
        make("span", {}, session.clientName ?? "client"), make("span", {}, session.serverName ?? "server")),
      make("ol", { "aria-label": "Messages" }, ...items));
  };

  const drawExchange = () => {
    const it = state.chosen;
    pane.hidden = it === null;
    if (it === null) return pane.replaceChildren();
    const title = make("h3", { id: "exchange-title", tabindex: "-1" }, `#${it.n} `, ...callOf(it));
    return pane.replaceChildren(title, make("div", { class: "columns" }, factsOf(it), diagramOf(it)));
  };

  // --- Links and keys of the page --------------------------------------------------------------

  /** Follows a link to an exchange. */
  const follow = () => {
    const n = /^#x([0-9]+)$/.exec(location.hash)?.[1];
    const it = n && index.get(Number(n));
    if (!it) return;
    if (!state.items.includes(it)) setFilter("");
    choose(it);
    byId("exchanges").scrollIntoView();
    table.focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const found = event.target.closest("a[data-filter], a[href^='#x']");
    if (!found) return;
    if (found.dataset.filter !== undefined) {
      event.preventDefault();
      setFilter(found.dataset.filter);
      byId("exchanges").scrollIntoView();
      input.focus({ preventScroll: true });
    } else if (found.hash === location.hash) {
      event.preventDefault();
      follow();
    }
  }, { signal });
  addEventListener("hashchange", follow, { signal });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  }, { signal });
  addEventListener("beforeprint", () => drawRows(PRINTED), { signal });
  addEventListener("afterprint", () => drawRows(), { signal });

  // --- The view --------------------------------------------------------------------------------

  /** Times that do not depend on the first request: nanoseconds since 1970. */
  const absolute = (after) => data.base + BigInt(Math.round(after));
  const relative = (time) => Number(time - data.base);

  /** Returns what the reader has chosen. */
  const save = () => ({
    filter: input.value,
    applied: state.applied,
    session: sessions.value,
    client: clients.value,
    order: state.order,
    span: isZoomed() ? [absolute(state.from), absolute(state.to)] : null,
    chosen: state.chosen?.n ?? null,
    top: list.scrollTop,
    unfolded: [...unfolded],
  });

  /** Shows what was chosen on a page with older data. */
  const restore = () => {
    input.value = view.applied ?? "";
    for (const [choice, value] of [[sessions, view.session], [clients, view.client], [order, view.order]]) {
      if ([...choice.options].some((option) => option.value === value)) choice.value = value;
    }
    state.order = order.value;
    state.chosen = index.get(view.chosen) ?? null;
    if (view.span) show(...view.span.map(relative));
    applyFilter();
    if (view.filter !== undefined && view.filter !== input.value) {
      input.value = view.filter;
      applyFilter();
    }
    list.scrollTop = view.top ?? 0;
    drawRows();
  };

  ROW = body.rows[0].getBoundingClientRect().height || ROW;
  buildControls();
  buildList();
  buildMap();
  update();
  if (view === null) follow();
  else restore();
  return { stop: () => listening.abort(), save };
};
