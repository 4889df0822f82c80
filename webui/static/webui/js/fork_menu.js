// @ts-check
/** Going on from a message in a new conversation: with the path up to it, or with all branches. */
import { api } from "api";
import { Menu } from "menu";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */

/** @type {Menu<ChatMessage>} */
const menu = new Menu(/** @type {HTMLElement} */ (document.getElementById("fork-menu")));

for (const scope of ["path", "all"]) {
  menu.addEventListener(scope, async (event) => {
    const message = /** @type {ChatMessage} */ (/** @type {CustomEvent} */ (event).detail);
    try {
      const { conversation_id } = await api.fork(message.dataset.messageId ?? "", scope);
      location.assign(`/c/${conversation_id}/`);
    } catch (error) {
      const detail = /** @type {Error} */ (error).message;
      message.dispatchEvent(new CustomEvent("problem", { bubbles: true, detail }));
    }
  });
}

/** @param {ChatMessage} message */
export function openForkMenu(message) {
  menu.open(message, /** @type {HTMLElement} */ (message.querySelector("[data-action=fork]")));
}
