// @ts-check
/**
 * The only owner of the scroll position: keeps the end in view until the reader scrolls up, and counts what came below
 * since. It tells "top" and "bottom" when the reader comes near an edge of what is loaded, and "latest" when they want to
 * see the end and it is not here.
 */
import { pageState, texts } from "texts";

const NEAR_END_PX = 60;
const NEAR_EDGE_PX = 800;
const POINTED_MS = 2500;

export class ScrollManager extends EventTarget {
  #box;
  #jump;
  #unread;
  #transcript;
  #isPinned = true;
  #lastTop = 0;
  #hasNewer = false;
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
      const top = box.scrollTop;
      const distance = this.#distance();
      if (top < this.#lastTop - 3) this.#isPinned = false;
      if (distance < NEAR_END_PX) this.#isPinned = !this.#hasNewer;
      this.#lastTop = top;
      this.#showJump();
      if (top < NEAR_EDGE_PX) this.dispatchEvent(new Event("top"));
      if (this.#hasNewer && distance < NEAR_EDGE_PX) this.dispatchEvent(new Event("bottom"));
    }, { passive: true });
    jump.addEventListener("click", () => (this.#hasNewer ? this.dispatchEvent(new Event("latest")) : this.toEnd()));
    // An observer hears of growth after the browser has laid it out anyway; asking at each change would lay out again.
    const growth = new ResizeObserver(() => this.followReply());
    for (const element of box.children) growth.observe(element);
    new ResizeObserver(() => this.follow()).observe(box);
  }

  /** @param {boolean} hasNewer the end of what is loaded is not the end of the conversation */
  set hasNewer(hasNewer) {
    this.#hasNewer = hasNewer;
    if (hasNewer) this.#isPinned = false;
    this.#showJump();
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

  /** @param {number} distance */
  by(distance) {
    this.#box.scrollTop += distance;
    this.#lastTop = this.#box.scrollTop;
  }

  /** @param {HTMLElement} element the reader came for this one */
  pointAt(element) {
    this.#isPinned = false;
    element.scrollIntoView({ block: "center" });
    this.#lastTop = this.#box.scrollTop;
    element.classList.add("is-pointed-at");
    setTimeout(() => element.classList.remove("is-pointed-at"), POINTED_MS);
  }

  #showJump() {
    if (this.#isPinned) this.#lastSeen = this.#transcript.lastElementChild;
    this.#jump.hidden = this.#isPinned && !this.#hasNewer;
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
