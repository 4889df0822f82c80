// @ts-check
/**
 * The only owner of the scroll position: keeps the end in view until the reader scrolls up. It tells "top" and "bottom"
 * when the reader comes near an edge of what is loaded, and "latest" when they want to see the end and it is not here.
 */

const NEAR_END_PX = 60;
const NEAR_EDGE_PX = 800;
const POINTED_MS = 2500;

export class ScrollManager extends EventTarget {
  #box;
  #jump;
  #isPinned = true;
  #lastTop = 0;
  #hasNewer = false;

  /** @param {HTMLElement} box @param {HTMLElement} jump */
  constructor(box, jump) {
    super();
    this.#box = box;
    this.#jump = jump;
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
    const growth = new ResizeObserver(() => this.follow());
    for (const element of [box, ...box.children]) growth.observe(element);
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
    this.#jump.hidden = !this.#hasNewer && (this.#isPinned || this.#distance() < NEAR_END_PX);
  }

  #distance() {
    return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
  }
}
