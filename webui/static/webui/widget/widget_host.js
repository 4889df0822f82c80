// @ts-check
/**
 * The page around the frame: hears what it says and tells it what it may know. Only a page of the site's origins is
 * heard (a preview: our own page), and what it says is taken as a wish, never as a fact about anybody.
 */
import { frameState } from "widget_look";

class Host extends EventTarget {
  /** @type {string | null} the page's, as the browser says; known with its first message */
  origin = null;

  constructor() {
    super();
    addEventListener("message", (event) => {
      const isAllowed = frameState.allowed_origins.includes(event.origin);
      if (event.source !== parent || !isAllowed || event.data?.parley !== 1) return;
      this.origin = event.origin;
      this.dispatchEvent(new CustomEvent(String(event.data.type), { detail: event.data }));
    });
  }

  get isThere() {
    return parent !== window;
  }

  /** @param {string} type @param {object} [fields] */
  tell(type, fields) {
    // Before the page has spoken nobody is known to be there; what is told then says nothing.
    if (this.isThere && (this.origin || type === "loaded")) parent.postMessage({ parley: 1, type, ...fields }, this.origin ?? "*");
  }

  /** @param {string} name @param {any} [detail] an event for the page's own scripts */
  emit(name, detail) {
    this.tell("event", { name, detail });
  }

  /** @param {string} type @param {(message: any) => void} then */
  on(type, then) {
    this.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail));
  }
}

export const host = new Host();
