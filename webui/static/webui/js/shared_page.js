// @ts-check
/** A shared conversation: the server has written its texts; here they are shown as in the chat, and can be copied. */
import "chat_message";
import { localTimes } from "local_times";
import { pageState } from "texts";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */

const elements = /** @type {NodeListOf<ChatMessage>} */ (document.querySelectorAll("chat-message"));
elements.forEach((element, index) => element.show(pageState.messages[index].text));
document.addEventListener("problem", (event) => {
  const place = /** @type {HTMLElement} */ (document.getElementById("problem"));
  place.textContent = /** @type {CustomEvent} */ (event).detail;
  place.hidden = false;
});
localTimes();
