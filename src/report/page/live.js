
/**
 * Keeps the page of `mcpdump web` current. The server says when there is something new (Server-Sent
 * Events at `updates`); then the page is fetched anew and its parts are replaced, while filter, choice,
 * scrolling and focus stay. Nothing is replaced while the reader drags, selects text, or has paused it.
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

  /** Names the element with the focus, to find its like on the next page. */
  const nameOf = (element) => {
    if (!element || element === document.body) return null;
    if (element.id) return `#${CSS.escape(element.id)}`;
    const label = element.getAttribute("aria-label");
    return label && element.closest("#controls") ? `#controls [aria-label="${CSS.escape(label)}"]` : null;
  };

  const replace = (next) => {
    const [view, focused] = [page.save(), document.activeElement];
    const [name, left, top] = [nameOf(focused), scrollX, scrollY];
    const caret = focused?.selectionStart ?? null;
    page.stop();
    for (const part of PARTS) {
      const [old, fresh] = [document.querySelector(part), next.querySelector(part)];
      old.replaceWith(document.adoptNode(fresh));
    }
    document.getElementById("data").textContent = next.getElementById("data").textContent;
    page = startPage(view);
    scrollTo(left, top);
    const target = name && document.querySelector(name);
    if (target && target !== document.activeElement) {
      target.focus({ preventScroll: true });
      if (caret !== null) target.setSelectionRange?.(caret, caret);
    }
  };

  const isSelecting = () => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.rangeCount > 0;
  };

  const refresh = async () => {
    if (newest === shown || is.fetching || is.dragging || is.paused || document.hidden || isSelecting()) return;
    is.fetching = true;
    try {
      const response = await fetch("./", { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const next = new DOMParser().parseFromString(await response.text(), "text/html");
      // The reader may have begun to drag meanwhile: the next refresh replaces.
      if (!is.dragging && !is.paused && !isSelecting()) {
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
    if (newest !== shown) setTimeout(refresh, 100);
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
  document.addEventListener("visibilitychange", refresh);
})();
