// @ts-check
/** The panel below a rated reply: why, in words of one's own, and what would have been right. It can be taken back. */
import { api } from "api";
import { fromTemplate } from "texts";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */
/** @typedef {import("feedback_buttons").FeedbackButtons} FeedbackButtons */

/** @param {FeedbackButtons} buttons @param {boolean} isStored whether it was said before, so that something may have become of it */
export function openFeedbackPanel(buttons, isStored) {
  const message = /** @type {ChatMessage} */ (buttons.closest("chat-message"));
  const rating = buttons.feedback?.rating ?? "down";
  message.querySelector(".feedback-panel")?.remove();
  const form = /** @type {HTMLFormElement} */ (fromTemplate("feedback-panel"));
  const alert = /** @type {HTMLElement} */ (form.querySelector("[role=alert]"));
  const comment = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("comment"));
  const correction = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("correction"));

  for (const part of form.querySelectorAll("fieldset")) part.hidden = part.dataset.rating !== rating;
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-training-use]"))) {
    part.hidden = part.dataset.trainingUse !== trainingUse();
  }
  /** @type {HTMLElement} */ (form.querySelector("[data-part=correction]")).hidden = rating === "up";
  const chips = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll(`fieldset[data-rating=${rating}] input`)]);
  for (const chip of chips) chip.checked = buttons.feedback?.reasons.includes(chip.value) ?? false;
  comment.value = buttons.feedback?.comment ?? "";
  correction.value = buttons.feedback?.correction ?? "";

  const close = () => {
    form.remove();
    /** @type {HTMLElement | null} */ (buttons.querySelector(`[data-rating=${rating}]`))?.focus();
  };
  /** @param {import("texts").Feedback | null} feedback */
  const give = async (feedback) => {
    try {
      await buttons.give(feedback);
      close();
    } catch (error) {
      alert.textContent = /** @type {Error} */ (error).message; // what was written stays in the panel
      alert.hidden = false;
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const reasons = chips.filter((chip) => chip.checked).map((chip) => chip.value);
    give({ rating, reasons, comment: comment.value, correction: correction.value });
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("click", (event) => {
    const action = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-action]"))?.dataset.action;
    if (!action) return;
    event.stopPropagation(); // these are no actions of the message
    if (action === "withdraw") give(null);
    if (action === "close") close();
    if (action === "prefill") {
      correction.value = message.text;
      correction.focus();
    }
  });
  if (isStored) tellStage(form, message.dataset.messageId ?? "");
  message.append(form);
  form.scrollIntoView({ block: "nearest" });
  chips[0].focus({ preventScroll: true });
}

/** @param {HTMLElement} form @param {string} messageId */
async function tellStage(form, messageId) {
  const { stage, text } = await api.life(messageId).catch(() => ({ stage: "received", text: "" }));
  if (stage === "received" || stage === "not_allowed") return; // the panel says as much by itself
  const line = /** @type {HTMLElement} */ (form.querySelector("[data-part=stage]"));
  /** @type {HTMLElement} */ (line.firstElementChild).textContent = text;
  line.hidden = false;
}

const trainingUse = () => /** @type {HTMLElement | null} */ (document.querySelector("chat-transcript"))?.dataset.trainingUse;
