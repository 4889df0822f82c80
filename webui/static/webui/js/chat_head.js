// @ts-check
/** The head of the page: the title, and what can be done with the open conversation. It tells which button was pressed. */
import { texts } from "texts";
/** @typedef {import("texts").OpenConversation} OpenConversation */

const PARTS = /** @type {const} */ (["temporary", "end", "share", "options"]);

export class ChatHead extends EventTarget {
  #title;
  /** @type {Record<string, HTMLElement>} */
  #buttons = {};

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.#title = /** @type {HTMLElement} */ (root.querySelector(".chat__title"));
    for (const part of PARTS) {
      const button = /** @type {HTMLElement} */ (root.querySelector(`[data-part=${part}]`));
      button.addEventListener("click", () => this.dispatchEvent(new CustomEvent(part, { detail: button })));
      this.#buttons[part] = button;
    }
  }

  /**
   * @param {OpenConversation | null} open null while nothing has been stored
   * @param {boolean} isTemporary
   * @param {boolean} isBlank nothing has been said, so one can still choose
   */
  show(open, isTemporary, isBlank) {
    this.#buttons.temporary.hidden = !isBlank;
    this.#buttons.temporary.setAttribute("aria-pressed", String(isTemporary));
    this.#buttons.end.hidden = !open || !isTemporary;
    this.#buttons.share.hidden = this.#buttons.options.hidden = !open || isTemporary;
    if (this.#title.querySelector("form")) return; // somebody is writing a title
    const title = isTemporary ? texts.temporary_chat : open?.title || texts.new_chat;
    if (this.#title.textContent !== title) this.#title.textContent = title;
  }
}
