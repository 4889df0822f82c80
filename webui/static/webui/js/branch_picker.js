// @ts-check
/** ‹ 2/3 › under a message that has siblings; asks for another by a "look-at" event. */

export class BranchPicker extends HTMLElement {
  /** @type {string[]} */
  #siblings = [];
  #index = 0;

  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      const next = button && this.#siblings[this.#index + Number(button.dataset.step)];
      if (next) this.dispatchEvent(new CustomEvent("look-at", { bubbles: true, detail: next }));
    });
  }

  /** @param {string} messageId @param {string[]} siblings */
  set(messageId, siblings) {
    this.#siblings = siblings;
    this.#index = siblings.indexOf(messageId);
    this.hidden = siblings.length < 2;
    /** @type {HTMLElement} */ (this.querySelector("[data-part=position]")).textContent =
      `${this.#index + 1}/${siblings.length}`;
    const [previous, next] = this.querySelectorAll("button");
    previous.disabled = this.#index <= 0;
    next.disabled = this.#index >= siblings.length - 1;
  }
}

customElements.define("branch-picker", BranchPicker);
