// @ts-check
/**
 * The only owner of the scroll position: keeps the end in view until the reader scrolls up, and counts what came
 * below since. It tells "top".
 */
import { pageState, texts } from "texts";

const NEAR_END_PX = 60;

export class ScrollManager extends EventTarget {
  #box;
  #jump;
  #unread;
  #transcript;
  #isPinned = true;
  #lastTop = 0;
  /** The last message when the end was in view. @type {Element | null} */
  #lastSeen = null;

  /** @param {HTMLElement} box @param {HTMLElement} jump */
  constructor(box, jump) {
    super();
    this.#box = box;
    this.#jump = jump;
    this.#unread = /** @type {HTMLElement} */ (jump.querySelector("[data-part=unread]"));
    this.#transcript = /** @type {HTMLElement} */ (box.querySelector("chat-transcript"));
    box.addEventListener("scroll", () => {
      if (box.scrollTop < this.#lastTop - 3) this.#isPinned = false;
      if (this.#distance() < NEAR_END_PX) this.#isPinned = true;
      this.#lastTop = box.scrollTop;
      this.#showJump();
      if (box.scrollTop < 200) this.dispatchEvent(new Event("top"));
    }, { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.follow()).observe(box);
  }

  toEnd() {
    this.#isPinned = true;
    this.follow();
  }

  /** Keep the end in view, if it was. */
  follow() {
    if (this.#isPinned) this.#box.scrollTop = this.#box.scrollHeight;
    this.#lastTop = this.#box.scrollTop;
    this.#showJump();
  }

  /** A reply grows. Its beginning is in view; whether to go along is a matter of taste. */
  followReply() {
    if (pageState.preferences.follows_reply) return this.follow();
    this.#isPinned &&= this.#distance() < NEAR_END_PX;
    this.#showJump();
  }

  /** @param {() => void} change something is added above; the reader must not be moved by it */
  keepPlace(change) {
    const fromEnd = this.#box.scrollHeight - this.#box.scrollTop;
    change();
    this.#box.scrollTop = this.#box.scrollHeight - fromEnd;
    this.#lastTop = this.#box.scrollTop;
  }

  #showJump() {
    if (this.#isPinned) this.#lastSeen = this.#transcript.lastElementChild;
    this.#jump.hidden = this.#isPinned;
    let unread = 0;
    for (let each = this.#lastSeen?.nextElementSibling; each; each = each.nextElementSibling) unread += 1;
    this.#unread.hidden = unread === 0;
    const text = unread ? texts.unread.replace("{count}", String(unread)) : "";
    if (this.#unread.textContent !== text) this.#unread.textContent = text;
  }

  #distance() {
    return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
  }
}
