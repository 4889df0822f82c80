// @ts-check
/** One line on what became of feedback. The server puts it into the page; this asks again now and then, and puts it away. */
import { api } from "api";

// What is told here is seldom, and never urgent.
const PAUSE_MS = 60_000;

export class News {
  #element;
  #lookedAt = Date.now();

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
    const form = /** @type {HTMLFormElement} */ (element.querySelector("form"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      element.hidden = true;
      const headers = { "X-Requested-With": "XMLHttpRequest" };
      fetch(form.action, { method: "POST", body: new FormData(form), headers, keepalive: true }).catch(() => {}); // it comes again
    });
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  async look() {
    if (Date.now() - this.#lookedAt < PAUSE_MS || !this.#element.hidden) return;
    this.#lookedAt = Date.now();
    const { text } = await api.news().catch(() => ({ text: null }));
    if (!text) return;
    /** @type {HTMLElement} */ (this.#element.querySelector("[data-part=text]")).textContent = text;
    this.#element.hidden = false;
  }
}
