// @ts-check
/** What has been read: an answer that is on the screen, in a page that is being looked at. The rest is counted. */
import { api } from "api";
import { pageState } from "texts";
/** @typedef {import("conversation_view").ConversationView} ConversationView */

export class Reading {
  #conversation;
  #unreadCount = pageState.unread_count - (pageState.conversation?.is_unread && document.visibilityState === "visible" ? 1 : 0);
  #name = document.title;
  /** @type {string | null} what the server is being told about */
  #telling = null;

  /** @param {ConversationView} conversation */
  constructor(conversation) {
    this.#conversation = conversation;
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Whether this conversation is before the person's eyes. @param {string} id */
  isSeen(id) {
    return id === this.#conversation.id && document.visibilityState === "visible";
  }

  /** @param {number} unreadCount of all of the person's conversations, leaving out the one before their eyes */
  count(unreadCount) {
    this.#unreadCount = unreadCount;
    this.look();
  }

  /** Something changed: see whether the open conversation has been read by that, and name the page. */
  look() {
    const { id, title, isUnread, isAnswering } = this.#conversation;
    if (title) this.#name = `${title} – Parley`;
    document.title = this.#unreadCount > 0 ? `(${this.#unreadCount}) ${this.#name}` : this.#name;
    if (!id || !isUnread || isAnswering || !this.isSeen(id) || this.#telling === id) return;
    this.#telling = id;
    // Not told to the person when it fails: it stays unread, and the next look tries again.
    api.markRead(id).catch(() => {}).finally(() => (this.#telling = null));
  }
}
