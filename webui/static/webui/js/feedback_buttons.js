// @ts-check
/**
 * Two thumbs. A thumb marks at once, and is taken back where the server refuses; a thumb down opens the panel that asks
 * why, a thumb up offers it. Pressed again, a thumb goes back to neutral, unless more was said: then the panel opens.
 */
import { api } from "api";
import { texts } from "texts";
/** @typedef {import("texts").Feedback} Feedback */

export class FeedbackButtons extends HTMLElement {
  /** @type {Feedback | null} */
  feedback = null;

  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
      if (button?.dataset.rating) this.#choose(button.dataset.rating);
      else if (button) this.#openPanel();
    });
  }

  /** @param {Feedback | null} feedback */
  set(feedback) {
    this.#show(feedback);
  }

  /**
   * Store it, or take it back with null. Tells the panel by throwing what did not work.
   * @param {Feedback | null} feedback
   */
  async give(feedback) {
    const before = this.feedback;
    this.#show(feedback);
    try {
      await api.giveFeedback(this.#message?.dataset.messageId ?? "", feedback);
    } catch (error) {
      this.#show(before);
      throw error;
    }
  }

  /** The reply, which knows its id as soon as it is being written; its feedback is read from the server only later. */
  get #message() {
    return /** @type {HTMLElement | null} */ (this.closest("chat-message"));
  }

  /** @param {string} rating */
  async #choose(rating) {
    const { comment = "", correction = "" } = this.feedback ?? {};
    const isPressed = this.feedback?.rating === rating;
    if (isPressed && hasMore(this.feedback)) return this.#openPanel();
    try {
      // The reasons belong to the other thumb; what was written is kept.
      const giving = this.give(isPressed ? null : { rating, reasons: [], comment, correction });
      if (!isPressed && rating === "down") await this.#openPanel({ isStored: false });
      else this.#message?.querySelector(".feedback-panel")?.remove();
      await giving;
    } catch (error) {
      this.dispatchEvent(new CustomEvent("problem", { bubbles: true, detail: /** @type {Error} */ (error).message }));
    }
  }

  async #openPanel({ isStored = true } = {}) {
    const { openFeedbackPanel } = await import("feedback_panel");
    openFeedbackPanel(this, isStored);
  }

  /** @param {Feedback | null} feedback */
  #show(feedback) {
    this.feedback = feedback;
    for (const button of this.querySelectorAll("button[data-rating]")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.rating === feedback?.rating));
    }
    const more = /** @type {HTMLElement} */ (this.querySelector(".feedback-buttons__more"));
    more.hidden = !feedback;
    more.textContent = hasMore(feedback) ? texts.your_feedback : texts.tell_more;
  }
}

/** @param {Feedback | null} feedback */
function hasMore(feedback) {
  return Boolean(feedback && (feedback.reasons.length || feedback.comment || feedback.correction));
}

customElements.define("feedback-buttons", FeedbackButtons);
