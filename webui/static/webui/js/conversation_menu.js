// @ts-check
/** The menu of one conversation in the sidebar: rename, pin, archive, delete. It tells what was chosen. */
import { arrowKeys, itemsOf } from "menu_keys";
import { texts } from "texts";
/** @typedef {import("texts").Conversation} Conversation */

export class ConversationMenu extends EventTarget {
  #root;
  /** @type {Conversation | null} */
  #conversation = null;
  /** @type {HTMLElement | null} */
  #opener = null;

  /** @param {HTMLElement} root an element with the `popover` attribute */
  constructor(root) {
    super();
    this.#root = root;
    root.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button && this.#conversation) this.#choose(button.dataset.action ?? "");
    });
    arrowKeys(root);
    root.addEventListener("toggle", (event) => {
      const isOpen = /** @type {ToggleEvent} */ (event).newState === "open";
      this.#opener?.setAttribute("aria-expanded", String(isOpen));
    });
  }

  /** @param {Conversation} conversation @param {HTMLElement} opener the button it belongs to */
  open(conversation, opener) {
    this.#conversation = conversation;
    this.#opener = opener;
    this.#label("pin", conversation.is_pinned ? texts.unpin : texts.pin);
    this.#label("archive", conversation.is_archived ? texts.unarchive : texts.archive);
    this.#root.showPopover();
    const place = opener.getBoundingClientRect();
    const top = Math.min(place.bottom + 4, innerHeight - this.#root.offsetHeight - 8);
    const left = Math.min(place.left, innerWidth - this.#root.offsetWidth - 8);
    this.#root.style.top = `${Math.max(8, top)}px`;
    this.#root.style.left = `${Math.max(8, left)}px`;
    itemsOf(this.#root)[0].focus();
  }

  /** @param {string} action */
  #choose(action) {
    this.#root.hidePopover();
    this.dispatchEvent(new CustomEvent(action, { detail: this.#conversation }));
  }

  /** @param {string} action @param {string} text */
  #label(action, text) {
    /** @type {HTMLElement} */ (this.#root.querySelector(`[data-action=${action}] span`)).textContent = text;
  }
}
