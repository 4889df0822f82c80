// @ts-check
/** Says outside of the page that a visitor waits, or that something snoozed is back: in the tab's title, and, where the
 * agent asked for it by the button, by the browser. The notices of several tabs carry the same tag, so that only one is
 * shown. */
import { texts } from "texts";
import { toast } from "toast";

/** @typedef {{count: number, newest: string, returned: string}} Waiting */

const KEY = "parley.desk.notices";
const title = document.title;

export class Notices {
  #button = /** @type {HTMLButtonElement} */ (document.getElementById("notify"));
  #newest;
  #returned;

  /** @param {Waiting} waiting as the page was made */
  constructor({ newest, returned }) {
    this.#newest = newest;
    this.#returned = returned;
    document.getElementById("list")?.append(this.#button);
    this.#button.addEventListener("click", async () => {
      if ((await Notification.requestPermission()) === "granted") localStorage.setItem(KEY, "on");
      this.#offer();
    });
    this.#offer();
  }

  get #isOn() {
    return "Notification" in window && Notification.permission === "granted" && localStorage.getItem(KEY) === "on";
  }

  #offer() {
    this.#button.hidden = !("Notification" in window) || Notification.permission === "denied" || this.#isOn;
  }

  /** @param {Waiting} waiting */
  show({ count, newest, returned }) {
    document.title = count ? `(${count}) ${title}` : title;
    if (newest > this.#newest && !document.hasFocus()) this.#notify(texts.desk_visitor_waits, newest);
    if (returned > this.#returned) {
      // The list may be long: who looks at it would not see where it came back.
      if (document.hasFocus()) toast(texts.desk_returned);
      else this.#notify(texts.desk_returned, returned);
    }
    if (newest > this.#newest) this.#newest = newest;
    if (returned > this.#returned) this.#returned = returned;
  }

  /** @param {string} text @param {string} moment */
  #notify(text, moment) {
    if (!this.#isOn) return;
    const notice = new Notification(text, { tag: `parley-desk-${moment}` });
    notice.addEventListener("click", () => {
      window.focus();
      notice.close();
    });
  }
}
