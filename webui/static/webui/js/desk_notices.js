// @ts-check
/** Says outside of the page that a visitor waits: in the tab's title, and, where the agent asked for it by the button, by
 * the browser. The notices of several tabs carry the same tag, so that only one is shown. */
import { texts } from "texts";

const KEY = "parley.desk.notices";
const title = document.title;

export class Notices {
  #button = /** @type {HTMLButtonElement} */ (document.getElementById("notify"));
  #newest = "";

  /** @param {string} newest the newest moment since when somebody has been waiting, as the page was made */
  constructor(newest) {
    this.#newest = newest;
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

  /** @param {{count: number, newest: string}} waiting */
  show({ count, newest }) {
    document.title = count ? `(${count}) ${title}` : title;
    if (newest > this.#newest && this.#isOn && !document.hasFocus()) {
      const notice = new Notification(texts.desk_visitor_waits, { tag: `parley-desk-${newest}` });
      notice.addEventListener("click", () => {
        window.focus();
        notice.close();
      });
    }
    if (newest > this.#newest) this.#newest = newest;
  }
}
