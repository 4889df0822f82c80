// @ts-check
/**
 * A temporary chat ends when it is ended, or when its tab opens another chat: a reload, or a sign-in on the way, must not
 * lose a conversation under way, and no page can tell the one from the other while it is being left. A tab that is closed
 * leaves its chat to the server, which erases it within the hour.
 */
import { api } from "api";

const KEY = "parley.temporary";

/** @param {string | null} openId the conversation that this page shows */
export function eraseWhatWasLeft(openId) {
  const left = sessionStorage.getItem(KEY);
  if (left && left !== openId) erase(left).catch(() => {}); // it is gone already, or will be within the hour
}

/** @param {string} id a temporary chat is open in this tab */
export function remember(id) {
  sessionStorage.setItem(KEY, id);
}

/** @param {string} id */
export async function erase(id) {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(`parley.draft.${id}`);
  await api.deleteConversation(id);
}

// Going back must not bring to view what was erased.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector(".chat[data-temporary]")) location.reload();
});
