// @ts-check
/** The waiting messages above the composer, each with Send now, Edit and Delete. It tells what was chosen. */
import { fromTemplate, texts } from "texts";
/** @typedef {import("message_queue").MessageQueue} MessageQueue */
/** @typedef {import("message_queue").Waiting} Waiting */

export class WaitingList extends EventTarget {
  #root;
  #list;
  #note;
  #queue;
  #shown = "";

  /** @param {HTMLElement} root @param {MessageQueue} queue */
  constructor(root, queue) {
    super();
    this.#root = root;
    this.#queue = queue;
    this.#list = /** @type {HTMLElement} */ (root.querySelector("ul"));
    this.#note = /** @type {HTMLElement} */ (root.querySelector("p"));
    this.#list.addEventListener("click", (event) => this.#onClick(/** @type {Element} */ (event.target)));
  }

  /** @param {boolean} isHeld nothing will send them but the person */
  show(isHeld) {
    const all = this.#queue.all;
    const note = isHeld ? texts.waiting_held : texts.waiting_for_the_end;
    this.#root.hidden = !all.length;
    if (this.#note.textContent !== note) this.#note.textContent = note;
    const shown = JSON.stringify(all);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#list.replaceChildren(...all.map(item));
  }

  /** @param {Element} target */
  #onClick(target) {
    const action = /** @type {HTMLElement | null} */ (target.closest("button"))?.dataset.action;
    const id = /** @type {HTMLElement | null} */ (target.closest("li"))?.dataset.id;
    const waiting = this.#queue.all.find((each) => each.client_message_id === id);
    if (action && waiting) this.dispatchEvent(new CustomEvent(action, { detail: waiting }));
  }
}

/** @param {Waiting} waiting */
function item(waiting) {
  const element = fromTemplate("waiting-message");
  element.dataset.id = waiting.client_message_id;
  /** @type {HTMLElement} */ (element.querySelector(".waiting__text")).textContent = waiting.text;
  return element;
}
