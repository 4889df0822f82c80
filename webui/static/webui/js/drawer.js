// @ts-check
/** The sidebar's coming and going: on narrow screens a drawer over the page, on wide ones a column that can be hidden. */
import { api } from "api";

const isNarrow = matchMedia("(max-width: 48rem)");
const SWIPE_PX = 60;

export class Drawer {
  #root;
  #app = /** @type {HTMLElement} */ (document.getElementById("app"));
  #scrim = /** @type {HTMLElement} */ (document.getElementById("scrim"));
  #opener = /** @type {HTMLElement} */ (document.querySelector(".chat__menu"));

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#opener.addEventListener("click", () => this.open(true));
    this.#scrim.addEventListener("click", () => this.open(false));
    root.querySelector(".sidebar__close")?.addEventListener("click", () => this.open(false));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !isNarrow.matches) return;
      event.preventDefault(); // it closes this, and stops no reply
      this.open(false);
    });
    this.#closeBySwipe();
  }

  toggle() {
    this.open(isNarrow.matches ? this.#scrim.hidden : this.#app.classList.contains("is-wide"));
  }

  /** @param {boolean} isOpen */
  open(isOpen) {
    if (isNarrow.matches) {
      this.#root.classList.toggle("is-open", isOpen);
      this.#scrim.hidden = !isOpen;
    } else {
      this.#app.classList.toggle("is-wide", !isOpen);
      api.prefer({ shows_sidebar: isOpen }).catch(() => {}); // it is hidden here all the same
    }
    this.#opener.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) /** @type {HTMLElement} */ (this.#root.querySelector(".sidebar__close")).focus();
    else this.#opener.focus();
  }

  /** A finger that moves towards the edge takes the drawer along. */
  #closeBySwipe() {
    let [x, y] = [0, 0];
    this.#root.addEventListener("touchstart", ({ touches: [finger] }) => ([x, y] = [finger.clientX, finger.clientY]), { passive: true });
    this.#root.addEventListener("touchend", ({ changedTouches: [finger] }) => {
      const [dx, dy] = [x - finger.clientX, Math.abs(y - finger.clientY)];
      if (isNarrow.matches && dx > SWIPE_PX && dx > 2 * dy) this.open(false);
    });
  }
}
