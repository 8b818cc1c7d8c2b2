
/**
 * Keeps the page of `mcpdump web` current. The server says when there is something new (Server-Sent
 * Events at `updates`); then the page is fetched anew and its parts are replaced, while filter, choice,
 * scrolling and focus stay. Nothing is replaced while the reader drags, selects text, has a list of
 * choices open, or has paused it.
 */
(() => {
  /** Parts that are replaced. */
  const PARTS = ["header", "nav", "main"];

  const versionOf = (page) => Number(page.querySelector("meta[name=mcpdump-version]").content);

  let page = startPage();
  let shown = versionOf(document);
  /** The newest version that the server told of. */
  let newest = shown;
  const is = { fetching: false, dragging: false, paused: false, over: false };

  const state = document.createElement("span");
  state.setAttribute("role", "status");
  const pause = document.createElement("button");
  pause.type = "button";
  pause.textContent = "Pause";
  pause.setAttribute("aria-pressed", "false");
  const bar = document.createElement("p");
  bar.className = "live";
  bar.append(state, " ", pause);
  document.querySelector("nav").before(bar);

  const show = (text) => {
    // Screen readers announce each assignment.
    if (state.textContent !== text) state.textContent = text;
  };

  /** Elements that can have the focus. */
  const FOCUSABLE = "a[href], button, input, select, summary, [tabindex]";

  /** What tells elements without an id apart: where they lead, or what they are called. */
  const wordsOf = (element) =>
    [
      element.tagName,
      element.getAttribute("href") ?? element.getAttribute("aria-label") ?? (element.className || element.textContent),
    ].join(" ");

  /** Names the element with the focus, to find its like on the next page. */
  const nameOf = (element) => {
    if (!element?.closest(PARTS.join())) return null;
    if (element.id) return { id: element.id };
    const words = wordsOf(element);
    const alike = [...document.querySelectorAll(FOCUSABLE)].filter((other) => wordsOf(other) === words);
    return { words, at: alike.indexOf(element) };
  };

  const find = (name) => {
    if (name.id) return document.getElementById(name.id);
    return [...document.querySelectorAll(FOCUSABLE)].filter((other) => wordsOf(other) === name.words)[name.at];
  };

  const topOf = (element) => element.getBoundingClientRect().top;
  const isVisible = (element) => topOf(element) >= 0 && topOf(element) < innerHeight;

  /**
   * Returns what the reader looks at, and how far it is from the top of the window: what has the
   * focus, else the first section that begins in the window, else the one that fills it.
   */
  const lookedAt = (name) => {
    if (scrollY === 0) return null;
    const focused = name && find(name);
    if (focused && isVisible(focused)) return { name, top: topOf(focused) };
    const sections = [...document.querySelectorAll("main section[id]")];
    const section = sections.find(isVisible) ?? sections.findLast((section) => topOf(section) < 0);
    return section ? { name: { id: section.id }, top: topOf(section) } : null;
  };

  /** Scrolls so that what is read stays in its place, though what is above it became longer. */
  const scrollBack = (left, top, place) => {
    scrollTo(left, top);
    const same = place && find(place.name);
    if (same) scrollBy(0, topOf(same) - place.top);
  };

  const replace = (next) => {
    const [view, focused] = [page.save(), document.activeElement];
    const name = nameOf(focused);
    const [place, left, top] = [lookedAt(name), scrollX, scrollY];
    const caret = focused?.selectionStart ?? null;
    page.stop();
    for (const part of PARTS) {
      const [old, fresh] = [document.querySelector(part), next.querySelector(part)];
      old.replaceWith(document.adoptNode(fresh));
    }
    document.getElementById("data").textContent = next.getElementById("data").textContent;
    page = startPage(view);
    scrollBack(left, top, place);
    const target = name && find(name);
    if (target && target !== document.activeElement) {
      target.focus({ preventScroll: true });
      if (caret !== null) target.setSelectionRange?.(caret, caret);
    }
  };

  /** Whether a list of choices is open; where browsers do not tell, whether it has the focus. */
  const isChoosing = () =>
    CSS.supports("selector(select:open)")
      ? document.querySelector("select:open") !== null
      : document.activeElement?.tagName === "SELECT";

  const isSelecting = () => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.rangeCount > 0;
  };

  /** Whether the page must stay as it is: the reader is at work on it, or wants it so. */
  const isHeld = () => is.dragging || is.paused || isSelecting() || isChoosing();

  const refresh = async () => {
    if (newest === shown || is.fetching || document.hidden || isHeld()) return;
    is.fetching = true;
    try {
      const response = await fetch("./", { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const next = new DOMParser().parseFromString(await response.text(), "text/html");
      // The reader may have begun to drag meanwhile: the next refresh replaces.
      if (!isHeld()) {
        replace(next);
        shown = versionOf(next);
        newest = Math.max(newest, shown);
      }
    } catch {
      show("mcpdump does not answer; this is what it told last");
      return;
    } finally {
      is.fetching = false;
    }
    // What came meanwhile.
    if (newest !== shown && !isHeld()) setTimeout(refresh, 100);
  };

  const source = new EventSource("updates");
  source.addEventListener("open", () => show(is.paused ? "paused" : "live"));
  source.addEventListener("page", (event) => {
    newest = Number(event.data);
    refresh();
  });
  source.addEventListener("end", () => {
    is.over = true;
    is.paused = false;
    source.close();
    pause.remove();
    show("complete: everything was read");
    refresh();
  });
  source.addEventListener("error", () => {
    if (!is.over) show("mcpdump does not answer; this is what it told last");
  });

  pause.addEventListener("click", () => {
    is.paused = !is.paused;
    pause.setAttribute("aria-pressed", String(is.paused));
    pause.textContent = is.paused ? "Resume" : "Pause";
    show(is.paused ? "paused" : "live");
    refresh();
  });
  addEventListener("pointerdown", () => {
    is.dragging = true;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, () => {
      is.dragging = false;
      // After the click that follows.
      setTimeout(refresh);
    });
  }
  document.addEventListener("selectionchange", refresh);
  // What is chosen takes effect first.
  for (const end of ["change", "focusout", "keyup"]) addEventListener(end, () => setTimeout(refresh));
  document.addEventListener("visibilitychange", refresh);
})();
