// @ts-check
/**
 * The one script that a site's pages load (docs/widget.md). It draws a button, keeps a frame and passes messages between
 * the page and the frame; it reads nothing of the page but its address, and asks the network for nothing by itself.
 *
 * It must never hurt its host: until the frame has said that it is ready nothing is shown, and nothing lies over the page
 * before the frame has said that it is open. A frame that does not answer takes its button away with it. Styles are set
 * by CSSOM alone and no markup is parsed, so that the strictest policy of the host holds.
 */
(() => {
  /** @typedef {import("./parley-widget").ParleyOptions} Options */
  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  /** @type {any} */
  const early = /** @type {any} */ (window).Parley;
  if (!script || early?.boot) return; // loaded twice
  const HOST = new URL(script.src).origin;
  const START_MS = 20_000;
  const OPEN_MS = 4_000;
  // It lies over something of the page; the badge stays.
  const PREVIEW_MS = 8_000;
  const SANDBOX = "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-downloads";

  const STYLES = `
    :host { all: initial; }
    [hidden] { display: none !important; }
    button { all: unset; box-sizing: border-box; cursor: pointer; }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1e1d1a; }
    .launcher { position: fixed; bottom: max(20px, env(safe-area-inset-bottom)); display: flex; align-items: center;
      gap: 10px; min-width: 56px; height: 56px; padding: 0 16px; border-radius: 28px; z-index: 2147483000;
      font: 600 16px/1 system-ui, sans-serif; box-shadow: 0 2px 8px rgb(0 0 0 / 20%), 0 8px 28px rgb(0 0 0 / 18%); }
    .right { right: 20px; } .left { left: 20px; }
    .launcher svg { width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 1.8;
      stroke-linejoin: round; stroke-linecap: round; }
    .badge { position: absolute; top: -4px; right: -4px; min-width: 22px; padding: 4px 6px; box-sizing: border-box;
      border-radius: 11px; background: #b3261e; color: #fff; font: 700 12px/1.15 system-ui, sans-serif; text-align: center; }
    .preview { position: fixed; bottom: 90px; max-width: min(300px, calc(100vw - 40px)); padding: 12px 16px;
      border-radius: 14px; background: #fff; color: #1e1d1a; font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere;
      box-shadow: 0 2px 8px rgb(0 0 0 / 14%), 0 8px 28px rgb(0 0 0 / 14%); z-index: 2147483000; }
    iframe { position: fixed; width: 0; height: 0; border: 0; visibility: hidden; pointer-events: none; }
    iframe.open { bottom: 92px; width: min(400px, calc(100vw - 40px)); height: min(700px, calc(100vh - 112px));
      visibility: visible; pointer-events: auto; border-radius: 16px; background: Canvas; z-index: 2147483001;
      box-shadow: 0 4px 16px rgb(0 0 0 / 16%), 0 16px 56px rgb(0 0 0 / 24%); }
    @media (max-width: 480px), (max-height: 420px) {
      iframe.open { inset: 0; width: 100%; height: 100vh; height: 100dvh; border-radius: 0; }
      .open ~ .launcher, .open ~ .preview { display: none; }
    }
    @media print { .launcher, .preview, iframe { display: none !important; } }`;

  /** @type {Record<string, Set<(detail: any) => void>>} */
  const listeners = {};
  /** @type {Options} */
  let options = {};
  /** @type {{root: HTMLElement, frame: HTMLIFrameElement, launcher: HTMLButtonElement, label: HTMLElement,
   *   badge: HTMLElement, preview: HTMLButtonElement} | null} */
  let parts = null;
  let isReady = false;
  let isOpen = false;
  let wantsOpen = false;
  let timer = 0;
  /** @type {Element | null} */
  let cameFrom = null;
  /** @type {{resolve: () => void, reject: (problem: Error) => void}[]} */
  let identifying = [];

  /** @param {string} name @param {any} [detail] */
  const emit = (name, detail) => listeners[name]?.forEach((listener) => listener(detail));
  const page = () => location.origin + location.pathname; // a query may hold what is nobody's business
  /** @param {string} type @param {object} [fields] */
  const post = (type, fields) => parts?.frame.contentWindow?.postMessage({ parley: 1, type, ...fields }, HOST);
  const isPhone = () => matchMedia("(max-width: 480px), (max-height: 420px)").matches;

  /** @template {keyof HTMLElementTagNameMap} Name @param {Name} name @param {string} className */
  function make(name, className) {
    const element = document.createElement(name);
    element.className = className;
    return element;
  }

  function icon() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M20 11.5a8 7.500 0 0 1-8 7.500 9 9 0 0 1-3.500-.7L4.500 19.500l1-3.500A7 7 0 0 1 4 11.500 8 7.500 0 0 1 12 4a8 7.500 0 0 1 8 7.500Z");
    svg.append(path);
    return svg;
  }

  function build() {
    const root = document.createElement("parley-widget");
    root.style.setProperty("all", "initial", "important");
    const shadow = root.attachShadow({ mode: "closed" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    shadow.adoptedStyleSheets = [sheet];
    const frame = make("iframe", "");
    frame.setAttribute("sandbox", SANDBOX);
    frame.referrerPolicy = "no-referrer";
    frame.title = "Chat";
    const locale = options.locale ? `?locale=${encodeURIComponent(options.locale)}` : "";
    frame.src = `${HOST}/widget/${encodeURIComponent(options.site ?? "")}/${locale}`;
    const launcher = make("button", "launcher");
    launcher.type = "button";
    const label = make("span", "");
    const badge = make("span", "badge");
    launcher.append(icon(), label, badge);
    launcher.addEventListener("click", toggle);
    const preview = make("button", "preview");
    preview.type = "button";
    preview.addEventListener("click", open);
    for (const each of [launcher, badge, preview]) each.hidden = true;
    shadow.append(frame, preview, launcher);
    // Not into the body: pages that replace it as they go (Turbo and its like) keep what stands beside it.
    document.documentElement.append(root);
    parts = { root, frame, launcher, label, badge, preview };
    timer = setTimeout(giveUp, START_MS);
  }

  /** The frame did not answer: nothing of us stays on the page. */
  function giveUp() {
    shutdown();
    emit("unavailable");
  }

  /** @param {any} launcher */
  function dress({ color, text_color, position, title, open_label, text, has_launcher }) {
    if (!parts) return;
    const { frame, launcher: button, label, preview } = parts;
    for (const each of [frame, button, preview]) {
      each.classList.toggle("left", position === "left");
      each.classList.toggle("right", position !== "left");
    }
    button.style.backgroundColor = color;
    button.style.color = text_color;
    button.setAttribute("aria-label", text || open_label);
    button.setAttribute("aria-expanded", String(isOpen));
    label.textContent = text;
    label.hidden = !text;
    frame.title = title;
    button.hidden = !(options.launcher ?? has_launcher);
  }

  /** @param {MessageEvent} event */
  function hear(event) {
    const message = event.data;
    if (!parts || event.origin !== HOST || event.source !== parts.frame.contentWindow || message?.parley !== 1) return;
    if (message.type === "loaded") {
      const { identity, theme, locale } = options;
      post("boot", { identity, theme, locale, page: page() });
    } else if (message.type === "ready") {
      clearTimeout(timer);
      const isFirst = !isReady;
      isReady = true;
      dress(message.launcher);
      if (isFirst) emit("ready");
      if (wantsOpen || isOpen) {
        isOpen = false; // the frame has begun anew
        open();
      }
    } else if (message.type === "opened") reveal();
    else if (message.type === "close") close();
    else if (message.type === "unread") showUnread(message);
    else if (message.type === "identified") {
      for (const { resolve, reject } of identifying.splice(0)) message.ok ? resolve() : reject(new Error(message.message));
      emit(message.ok ? "identified" : "identity-refused", message.ok ? undefined : message.message);
      if (!message.ok) delete options.identity;
    } else if (message.type === "event") emit(String(message.name), message.detail);
  }

  /** @param {{count: number, preview: string, label: string}} unread */
  function showUnread({ count, preview: text, label }) {
    if (!parts) return;
    const { badge, preview, launcher } = parts;
    badge.textContent = String(count);
    badge.hidden = !count;
    launcher.setAttribute("aria-description", count ? label : "");
    const isNews = preview.textContent !== text;
    preview.textContent = text;
    if (isNews || !count) preview.hidden = !count || !text || isOpen || launcher.hidden;
    if (isNews) setTimeout(() => preview.textContent === text && (preview.hidden = true), PREVIEW_MS);
    emit("unread", count);
  }

  function open() {
    wantsOpen = !isReady;
    if (!parts || !isReady || isOpen) return;
    cameFrom = document.activeElement;
    post("open", { page: page() });
    clearTimeout(timer);
    timer = setTimeout(giveUp, OPEN_MS);
  }

  function reveal() {
    if (!parts || isOpen) return;
    clearTimeout(timer);
    isOpen = true;
    parts.frame.classList.add("open");
    parts.preview.hidden = true;
    parts.launcher.setAttribute("aria-expanded", "true");
    fit();
    parts.frame.focus();
    post("shown");
    emit("open");
  }

  function close() {
    wantsOpen = false;
    if (!parts || !isOpen) return;
    isOpen = false;
    parts.frame.classList.remove("open");
    parts.frame.style.removeProperty("height");
    parts.frame.style.removeProperty("top");
    parts.launcher.setAttribute("aria-expanded", "false");
    post("hidden");
    const back = cameFrom instanceof HTMLElement && cameFrom.isConnected && ![document.body, parts.root].includes(cameFrom);
    (back ? /** @type {HTMLElement} */ (cameFrom) : parts.launcher).focus({ preventScroll: true });
    emit("close");
  }

  const toggle = () => (isOpen ? close() : open());

  /** Safari lays the keyboard over the page; the frame ends above it. */
  function fit() {
    const seen = window.visualViewport;
    if (!parts || !isOpen || !seen || !isPhone() || seen.scale > 1.01) return;
    parts.frame.style.setProperty("height", `${seen.height}px`);
    parts.frame.style.setProperty("top", `${seen.offsetTop}px`);
  }

  function shutdown() {
    clearTimeout(timer);
    parts?.root.remove();
    parts = null;
    isReady = isOpen = wantsOpen = false;
    for (const { reject } of identifying.splice(0)) reject(new Error("Parley was shut down."));
  }

  /** @param {Options} [given] */
  function boot(given) {
    if (parts) return update(given);
    options = { site: script?.dataset.site, locale: script?.dataset.locale, ...options, ...given };
    if (options.site) build();
  }

  /** @param {Options} [given] */
  function update(given = {}) {
    options = { ...options, ...given };
    if (given.theme) post("theme", { theme: given.theme });
    if (given.locale) post("locale", { locale: given.locale });
    if (given.identity) post("identify", { identity: given.identity });
    if (parts && given.launcher !== undefined) parts.launcher.hidden = !given.launcher;
  }

  const Parley = {
    boot,
    update,
    shutdown,
    open,
    close,
    toggle,
    /** @param {string} identity */
    identify(identity) {
      const done = /** @type {Promise<void>} */ (new Promise((resolve, reject) => identifying.push({ resolve, reject })));
      done.catch(() => {}); // whoever listens to the event instead need not catch it
      update({ identity });
      return done;
    },
    /** @param {string} locale */
    setLocale: (locale) => update({ locale }),
    /** @param {"auto" | "light" | "dark"} theme */
    setTheme: (theme) => update({ theme }),
    /** @param {string} name @param {(detail: any) => void} listener */
    on: (name, listener) => void (listeners[name] ??= new Set()).add(listener),
    /** @param {string} name @param {(detail: any) => void} listener */
    off: (name, listener) => void listeners[name]?.delete(listener),
    reset() {
      delete options.identity;
      close();
      post("reset");
    },
    /** @param {any[]} command name and arguments, as pages queue them before this script is there */
    push: ([name, ...values]) => /** @type {any} */ (Parley)[name]?.(...values),
  };
  /** @type {any} */ (window).Parley = Parley;

  addEventListener("message", hear);
  window.visualViewport?.addEventListener("resize", fit);
  window.visualViewport?.addEventListener("scroll", fit);
  const moved = () => isReady && post("page", { page: page() });
  /** @type {any} */ (window).navigation?.addEventListener("navigatesuccess", moved);
  addEventListener("popstate", moved);
  if (Array.isArray(early)) for (const command of early) Parley.push(command);
  const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ work) => setTimeout(work, 200));
  const whenIdle = () => idle(() => script.dataset.site && boot(), { timeout: 5_000 });
  if (document.readyState === "complete") whenIdle();
  else addEventListener("load", whenIdle, { once: true });
})();
