// @ts-check
/**
 * A menu of buttons that opens beside the button it belongs to. It tells what was chosen, and of what, by an event
 * that has the name of the button's `data-action`.
 */
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
      if (button && this.#subject) this.#choose(button.dataset.action ?? "");
    });
    arrowKeys(root);
    root.addEventListener("toggle", (event) => {
      const isOpen = /** @type {ToggleEvent} */ (event).newState === "open";
      this.opener?.setAttribute("aria-expanded", String(isOpen));
    });
  }

  /** @param {Subject} subject @param {HTMLElement} opener the button it belongs to */
  open(subject, opener) {
    this.#subject = subject;
    this.opener = opener;
    this.#root.showPopover();
    const place = opener.getBoundingClientRect();
    const top = Math.min(place.bottom + 4, innerHeight - this.#root.offsetHeight - 8);
    const left = Math.min(place.left, innerWidth - this.#root.offsetWidth - 8);
    this.#root.style.top = `${Math.max(8, top)}px`;
    this.#root.style.left = `${Math.max(8, left)}px`;
    itemsOf(this.#root)[0].focus();
  }

  /** @param {string} action @param {string} text */
  label(action, text) {
    /** @type {HTMLElement} */ (this.#root.querySelector(`[data-action=${action}] span`)).textContent = text;
  }

  /** @param {string} action */
  #choose(action) {
    this.#root.hidePopover();
    this.dispatchEvent(new CustomEvent(action, { detail: this.#subject }));
  }
}

/** Arrows go from item to item, Escape closes it and nothing behind it. @param {HTMLElement} root a popover */
export function arrowKeys(root) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = itemsOf(root);
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    items[(at + step + items.length) % items.length].focus();
  });
}

/** @param {HTMLElement} root */
export function itemsOf(root) {
  const all = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("a, button"));
  return [...all].filter((item) => !item.hidden);
}
