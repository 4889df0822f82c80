// @ts-check
/** Another text for one's own message: Save keeps its replies, "rerun" asks again with a message beside it. */
import { api } from "api";
import { fromTemplate } from "texts";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */

/** @param {ChatMessage} message */
export function editMessage(message) {
  if (message.querySelector("form.edit")) return;
  const form = /** @type {HTMLFormElement} */ (fromTemplate("edit-form"));
  const box = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
  const alert = /** @type {HTMLElement} */ (form.querySelector("[role=alert]"));
  const before = message.text;
  box.value = before;

  const close = () => {
    form.remove();
    message.classList.remove("is-editing");
    /** @type {HTMLElement | null} */ (message.querySelector("[data-action=edit]"))?.focus();
  };
  const save = async () => {
    if (!box.value.trim()) return;
    try {
      if (box.value !== before) await api.editMessage(message.dataset.messageId ?? "", box.value);
    } catch (error) {
      alert.textContent = /** @type {Error} */ (error).message; // what was written stays in the box
      alert.hidden = false;
      return;
    }
    close();
    message.dispatchEvent(new CustomEvent("edited", { bubbles: true }));
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!box.value.trim()) return;
    close();
    message.dispatchEvent(new CustomEvent("rerun", { bubbles: true, detail: box.value }));
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const withCommand = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") close();
    else if (withCommand && event.key === "Enter") form.requestSubmit();
    else if (withCommand && event.key.toLowerCase() === "s") {
      event.preventDefault(); // the browser would save the page
      save();
    }
  });
  form.addEventListener("click", (event) => {
    event.stopPropagation(); // these are no actions of the message
    const action = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-action]"))?.dataset.action;
    if (action === "save") save();
    if (action === "cancel") close();
  });
  message.classList.add("is-editing");
  message.querySelector(".message__body")?.after(form);
  box.focus();
}
