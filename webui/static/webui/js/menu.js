// @ts-check
/** A popover of buttons that belongs to whatever it was opened for. It tells what was chosen, by the button's action. */

/** @template Subject */
export class Menu extends EventTarget {
  #root;
  /** @type {Subject | null} */
  #subject = null;
  /** @type {HTMLElement | null} the button it belongs to at the moment */
  opener = null;

  /** @param {HTMLElement} root an element with the `popover` attribute */
  constructor(root) {
    super();
    this.#root = root;
    root.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button && this.#subject !== null) this.#choose(button.dataset.action ?? "");
    });
    root.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("toggle", (event) => {
      const isOpen = /** @type {ToggleEvent} */ (event).newState === "open";
      this.opener?.setAttribute("aria-expanded", String(isOpen));
    });
  }

  /** @param {Subject} subject @param {HTMLElement} opener */
  open(subject, opener) {
    this.#subject = subject;
    this.opener = opener;
    this.#root.showPopover();
    const place = opener.getBoundingClientRect();
    const top = Math.min(place.bottom + 4, innerHeight - this.#root.offsetHeight - 8);
    const left = Math.min(place.left, innerWidth - this.#root.offsetWidth - 8);
    this.#root.style.top = `${Math.max(8, top)}px`;
    this.#root.style.left = `${Math.max(8, left)}px`;
    this.#items[0].focus();
  }

  /** @param {string} action @param {string} text */
  label(action, text) {
    /** @type {HTMLElement} */ (this.#root.querySelector(`[data-action=${action}] span`)).textContent = text;
  }

  get #items() {
    return [...this.#root.querySelectorAll("button")];
  }

  /** @param {string} action */
  #choose(action) {
    this.#root.hidePopover();
    this.dispatchEvent(new CustomEvent(action, { detail: this.#subject }));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") event.stopPropagation(); // it closes this menu, not the drawer behind it
    if (!step) return;
    event.preventDefault();
    const items = this.#items;
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    items[(at + step + items.length) % items.length].focus();
  }
}
