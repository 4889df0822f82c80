// @ts-check
/** Two thumbs. The button shows the choice at once and takes it back when the server refuses. */
import { api } from "api";

export class FeedbackButtons extends HTMLElement {
  #messageId = "";
  /** @type {string | null} */
  #rating = null;

  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button) this.#choose(button.dataset.rating === this.#rating ? null : (button.dataset.rating ?? null));
    });
  }

  /** @param {string} messageId @param {string | null} rating */
  set(messageId, rating) {
    this.#messageId = messageId;
    this.#show(rating);
  }

  /** @param {string | null} rating */
  async #choose(rating) {
    const before = this.#rating;
    this.#show(rating);
    try {
      await api.rate(this.#messageId, rating);
    } catch (error) {
      this.#show(before);
      this.dispatchEvent(new CustomEvent("problem", { bubbles: true, detail: /** @type {Error} */ (error).message }));
    }
  }

  /** @param {string | null} rating */
  #show(rating) {
    this.#rating = rating;
    for (const button of this.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.rating === rating));
    }
  }
}

customElements.define("feedback-buttons", FeedbackButtons);
