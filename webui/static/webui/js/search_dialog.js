// @ts-check
/** The search over all conversations: results as one types, chosen by keys. Loaded when it is first opened. */
import { api } from "api";
import { openDialog } from "dialog";
import { fromTemplate, texts } from "texts";
/** @typedef {import("texts").SearchResult} SearchResult */

const PAUSE_MS = 120;
const RECENT = 8;

export function openSearch() {
  if (!document.querySelector("dialog.search")) new SearchDialog();
}

class SearchDialog {
  #dialog = openDialog("search-dialog");
  #box = /** @type {HTMLInputElement} */ (this.#dialog.querySelector("input"));
  #list = /** @type {HTMLElement} */ (this.#dialog.querySelector("[role=listbox]"));
  #status = /** @type {HTMLElement} */ (this.#dialog.querySelector("[role=status]"));
  #chips = /** @type {NodeListOf<HTMLElement>} */ (this.#dialog.querySelectorAll("[data-filter]"));
  #timer = 0;
  /** Counts the questions, so that an answer to an older one is known and dropped. */
  #asked = 0;
  /** The results of what stands in the box are on their way; Enter means the first of those, not of what is shown. */
  #isAsking = false;
  #opensFirst = false;
  /** Conversations of which a message is shown; their titles, which mostly repeat it, are left out. @type {Set<string>} */
  #shown = new Set();

  constructor() {
    this.#box.addEventListener("input", () => this.#ask(PAUSE_MS));
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("pointermove", (event) => {
      const option = /** @type {Element} */ (event.target).closest("[role=option]");
      if (option) this.#choose(/** @type {HTMLElement} */ (option), false);
    });
    for (const chip of this.#chips) chip.addEventListener("click", () => this.#toggle(chip.dataset.filter ?? ""));
    this.#ask(0);
  }

  /** @returns {HTMLElement[]} */
  get #options() {
    return [...this.#list.children].filter((each) => each instanceof HTMLElement);
  }

  get #chosen() {
    return /** @type {HTMLElement | null} */ (this.#list.querySelector("[aria-selected=true]"));
  }

  /** @param {number} pauseMs */
  #ask(pauseMs) {
    const text = this.#box.value.trim();
    const number = ++this.#asked;
    this.#isAsking = text !== "";
    this.#opensFirst = false;
    for (const chip of this.#chips) chip.ariaPressed = String(words(text).includes(chip.dataset.filter ?? ""));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        const page = text ? await api.search(text) : { items: await recent(), next_cursor: null };
        if (number !== this.#asked) return;
        this.#shown.clear();
        this.#list.replaceChildren();
        this.#add(text, page);
        if (!text) this.#say(this.#options.length ? texts.recent : "");
        this.#choose(this.#options[0] ?? null);
        this.#list.parentElement?.scrollTo(0, 0);
        this.#isAsking = false;
        if (this.#opensFirst) this.#chosen?.click();
      } catch (error) {
        if (number === this.#asked) this.#fail(error);
      }
    }, pauseMs);
  }

  /** @param {string} text @param {{items: SearchResult[], next_cursor: string | null}} page */
  #add(text, page) {
    for (const each of page.items) if (each.message_id) this.#shown.add(each.conversation_id);
    const results = page.items.filter((each) => each.message_id || !this.#shown.has(each.conversation_id));
    this.#list.append(...results.map(option));
    const count = this.#options.length;
    if (page.next_cursor) this.#list.append(this.#more(text, page.next_cursor));
    this.#options.forEach((each, index) => (each.id = `search-result-${index}`));
    this.#say(count ? texts.results_found.replace("{count}", count + (page.next_cursor ? "+" : "")) : texts.no_results);
  }

  /** @param {string} text @param {string} cursor */
  #more(text, cursor) {
    const button = fromTemplate("search-more");
    button.addEventListener("click", async () => {
      const number = this.#asked;
      try {
        const page = await api.search(text, cursor);
        if (number !== this.#asked || !button.isConnected) return;
        const at = this.#options.indexOf(button);
        button.remove();
        this.#add(text, page);
        this.#choose(this.#options[at] ?? this.#options.at(-1) ?? null);
      } catch (error) {
        this.#fail(error);
      }
      this.#box.focus();
    });
    return button;
  }

  /** @param {HTMLElement | null} option @param {boolean} [isByKey] */
  #choose(option, isByKey = true) {
    if (option && option === this.#chosen) return;
    this.#chosen?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    if (option) this.#box.setAttribute("aria-activedescendant", option.id);
    else this.#box.removeAttribute("aria-activedescendant");
    if (isByKey) option?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const isOpener = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (isOpener) {
      event.preventDefault(); // it would go to the browser's address bar
      this.#dialog.close();
    }
    if (event.target !== this.#box || event.isComposing) return;
    const options = this.#options;
    const at = options.indexOf(/** @type {HTMLElement} */ (this.#chosen));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to !== undefined && options.length) {
      event.preventDefault();
      this.#choose(options[(to + options.length) % options.length]);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      if (this.#isAsking) this.#opensFirst = true;
      else this.#chosen?.click();
    }
  }

  /** @param {string} filter */
  #toggle(filter) {
    const all = words(this.#box.value);
    const others = all.filter((word) => word !== filter);
    this.#box.value = [...(others.length < all.length ? [] : [filter]), ...others].join(" ");
    this.#box.focus();
    this.#ask(0);
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#isAsking = false;
    this.#list.replaceChildren();
    this.#choose(null);
    this.#say(/** @type {Error} */ (error).message);
  }

  /** @param {string} text */
  #say(text) {
    this.#status.textContent = text;
  }
}

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter(Boolean);

/** @returns {Promise<SearchResult[]>} */
async function recent() {
  const { items } = await api.conversations({ limit: 30 });
  const newest = items.toSorted((a, b) => b.updated_at.localeCompare(a.updated_at)).slice(0, RECENT);
  return newest.map((each) => ({
    conversation_id: each.id,
    title: each.title,
    is_archived: each.is_archived,
    folder_name: null,
    message_id: null,
    written_at: each.updated_at,
    snippet: [{ text: each.title, is_match: false }],
  }));
}

/** @param {SearchResult} result */
function option(result) {
  const element = /** @type {HTMLAnchorElement} */ (fromTemplate("search-result"));
  const [title, snippet, place] = ["title", "snippet", "place"].map(
    (name) => /** @type {HTMLElement} */ (element.querySelector(`.search__${name}`)),
  );
  const time = /** @type {HTMLTimeElement} */ (element.querySelector("time"));
  const where = [
    ...(result.is_archived ? [texts.in_archive] : []),
    ...(result.folder_name === null ? [] : [texts.in_folder.replace("{name}", result.folder_name)]),
  ];
  element.href = `/c/${result.conversation_id}/${result.message_id ? `?message=${result.message_id}` : ""}`;
  if (result.message_id || !result.title) title.textContent = result.title || texts.new_chat;
  else title.append(...result.snippet.map(marked));
  if (result.message_id) snippet.append(...result.snippet.map(marked));
  snippet.hidden = !result.message_id;
  place.textContent = where.join(" · ");
  place.hidden = !where.length;
  time.dateTime = result.written_at;
  time.textContent = dateOf(new Date(result.written_at));
  time.title = new Date(result.written_at).toLocaleString();
  return element;
}

/** @param {{text: string, is_match: boolean}} part */
function marked(part) {
  if (!part.is_match) return document.createTextNode(part.text);
  const mark = document.createElement("mark");
  mark.textContent = part.text;
  return mark;
}

/** @param {Date} date */
function dateOf(date) {
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return date.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short", year });
}
