// @ts-check
/** How conversations and folders stand in the sidebar: elements out of what the server says. */
import { fromTemplate, texts } from "texts";
/** @typedef {import("texts").Conversation} Conversation */
/** @typedef {import("texts").Folder} Folder */

const OPEN_FOLDERS_KEY = "parley.open_folders";

/** @param {Conversation[]} conversations pinned ones first, then the last changed @param {string | null} openId */
export function byDay(conversations, openId) {
  /** @type {Node[]} */
  const items = [];
  let group = "";
  for (const conversation of conversations) {
    const its = groupOf(conversation);
    if (its !== group) items.push(label((group = its)));
    items.push(entry(conversation, openId));
  }
  return items;
}

/** @param {Folder} folder @param {string | null} openId */
export function folderEntry(folder, openId) {
  const item = fromTemplate("folder-entry");
  const details = /** @type {HTMLDetailsElement} */ (item.querySelector("details"));
  item.dataset.folderId = folder.id;
  /** @type {HTMLElement} */ (item.querySelector("summary span")).textContent = folder.name;
  /** @type {HTMLElement} */ (item.querySelector("summary .mark")).hidden = folder.unread_count === 0;
  item.querySelector("ul")?.append(...folder.conversations.items.map((each) => entry(each, openId)));
  /** @type {HTMLElement} */ (item.querySelector(".folder__more")).hidden = !folder.conversations.next_cursor;
  item.querySelector(":scope > button")?.setAttribute("aria-label", texts.options_of.replace("{title}", folder.name));
  item.classList.toggle("is-current", folder.conversations.items.some((each) => each.id === openId));
  details.open = openFolders().has(folder.id);
  details.addEventListener("toggle", () => rememberOpen(folder.id, details.open));
  return item;
}

/** Whether the person has the folder open, on this device. @param {string} id @param {boolean} isOpen */
export function rememberOpen(id, isOpen) {
  const open = openFolders();
  if (isOpen) open.add(id);
  else open.delete(id);
  localStorage.setItem(OPEN_FOLDERS_KEY, JSON.stringify([...open]));
}

/** @returns {Set<string>} */
function openFolders() {
  return new Set(JSON.parse(localStorage.getItem(OPEN_FOLDERS_KEY) ?? "[]"));
}

/**
 * Exchange what is in the list; the focus stays on the same control of the same conversation or folder.
 * @param {HTMLElement} list @param {Node[]} items
 */
export function exchange(list, items) {
  const focused = document.activeElement;
  const owner = /** @type {HTMLElement | null} */ (list.contains(focused) ? focused?.closest("li") : null);
  const controls = "summary, a, button";
  const at = owner ? [...owner.querySelectorAll(controls)].indexOf(/** @type {Element} */ (focused)) : -1;
  list.replaceChildren(...items);
  if (!owner || at < 0) return;
  const { conversationId, folderId } = owner.dataset;
  const again = list.querySelector(conversationId ? `[data-conversation-id="${conversationId}"]` : `[data-folder-id="${folderId}"]`);
  /** @type {HTMLElement | undefined} */ (again?.querySelectorAll(controls)[at])?.focus();
}

/** @param {Conversation} conversation */
function groupOf(conversation) {
  if (conversation.is_pinned) return texts.pinned;
  const changed = new Date(conversation.updated_at);
  const today = new Date().setHours(0, 0, 0, 0);
  const days = Math.round((today - changed.setHours(0, 0, 0, 0)) / 86_400_000);
  if (days <= 0) return texts.today;
  if (days === 1) return texts.yesterday;
  return days <= 7 ? texts.last_seven_days : texts.earlier;
}

/** @param {string} text */
function label(text) {
  const item = document.createElement("li");
  item.className = "sidebar__label";
  item.textContent = text;
  return item;
}

/** @param {Conversation} conversation @param {string | null} openId */
function entry(conversation, openId) {
  const item = fromTemplate("conversation-entry");
  const link = /** @type {HTMLAnchorElement} */ (item.querySelector("a"));
  const mark = /** @type {HTMLElement} */ (item.querySelector(".mark"));
  const title = conversation.title || texts.new_chat;
  item.dataset.conversationId = conversation.id;
  link.href = `/c/${conversation.id}/`;
  link.textContent = title;
  if (conversation.id === openId) link.setAttribute("aria-current", "page");
  item.querySelector("button")?.setAttribute("aria-label", texts.options_of.replace("{title}", title));
  mark.hidden = !conversation.is_answering && !conversation.is_unread;
  mark.classList.add(conversation.is_answering ? "mark--answering" : "mark--unread");
  mark.ariaLabel = conversation.is_answering ? texts.being_answered : texts.new_answer;
  return item;
}
