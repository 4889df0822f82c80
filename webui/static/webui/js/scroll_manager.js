// @ts-check
/** The only owner of the scroll position: keeps the end in view until the reader scrolls up. It tells "top". */

const NEAR_END_PX = 60;

export class ScrollManager extends EventTarget {
  #box;
  #jump;
  #isPinned = true;
  #lastTop = 0;

  /** @param {HTMLElement} box @param {HTMLElement} jump */
  constructor(box, jump) {
    super();
    this.#box = box;
    this.#jump = jump;
    box.addEventListener("scroll", () => {
      if (box.scrollTop < this.#lastTop - 3) this.#isPinned = false;
      if (this.#distance() < NEAR_END_PX) this.#isPinned = true;
      this.#lastTop = box.scrollTop;
      jump.hidden = this.#isPinned;
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
    this.#jump.hidden = this.#isPinned || this.#distance() < NEAR_END_PX;
  }

  /** @param {() => void} change something is added above; the reader must not be moved by it */
  keepPlace(change) {
    const fromEnd = this.#box.scrollHeight - this.#box.scrollTop;
    change();
    this.#box.scrollTop = this.#box.scrollHeight - fromEnd;
    this.#lastTop = this.#box.scrollTop;
  }

  #distance() {
    return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
  }
}
