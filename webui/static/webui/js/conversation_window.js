// @ts-check
/**
 * The stretch of a branch that is loaded. It moves up and down with the reader and holds a bounded number of messages,
 * so that a conversation of thousands costs the browser no more than a short one.
 */
import { api } from "api";
/** @typedef {import("chat_transcript").ChatTranscript} ChatTranscript */
/** @typedef {import("scroll_manager").ScrollManager} ScrollManager */
/** @typedef {import("texts").Message} Message */
/** @typedef {{items: Message[], next_leaf_id: string | null, next_after_id: string | null}} Page */

const LARGEST = 200;
const AT_THE_END = 50;

export class ConversationWindow {
  #transcript;
  #scroll;
  // What is asked for above and below; null where the branch begins or ends.
  /** @type {string | null} */
  #olderLeafId = null;
  /** @type {string | null} */
  #newerAfterId = null;
  #isLoading = false;

  /** @param {ChatTranscript} transcript @param {ScrollManager} scroll */
  constructor(transcript, scroll) {
    this.#transcript = transcript;
    this.#scroll = scroll;
  }

  get isAtEnd() {
    return this.#newerAfterId === null;
  }

  /** Where a request for what is around the loaded stretch looks. */
  get where() {
    const lastId = this.#transcript.last?.dataset.messageId;
    return this.isAtEnd || !lastId ? {} : { around: lastId };
  }

  /** @param {Page} page in place of what is loaded */
  replace(page) {
    this.#transcript.replace(page.items);
    this.#olderLeafId = page.next_leaf_id;
    this.#endAt(page.next_after_id);
  }

  /** @param {Page} page what the server says now, asked for by `where` */
  refresh(page) {
    if (!this.isAtEnd) {
      this.#transcript.update(page.items);
      return;
    }
    this.#transcript.set(page.items);
    if (this.#transcript.elements[0]?.dataset.messageId === page.items[0]?.id) this.#olderLeafId = page.next_leaf_id;
  }

  /** @param {string} conversationId */
  async loadOlder(conversationId) {
    const leafId = this.#olderLeafId;
    const page = leafId && (await this.#load(conversationId, { leaf_id: leafId }));
    if (!page || this.#olderLeafId !== leafId) return; // another stretch is loaded by now
    this.#olderLeafId = page.next_leaf_id;
    this.#scroll.keepPlace(() => this.#transcript.addOlder(page.items));
    if (this.#transcript.isPending) return;
    if (this.#transcript.removeAfter(LARGEST)) this.#endAt(this.#transcript.last?.dataset.messageId ?? null);
  }

  /** @param {string} conversationId @returns {Promise<boolean>} whether anything came */
  async loadNewer(conversationId) {
    const afterId = this.#newerAfterId;
    const page = afterId && (await this.#load(conversationId, { after: afterId }));
    if (!page || this.#newerAfterId !== afterId) return false;
    this.#transcript.addNewer(page.items);
    this.#endAt(page.next_after_id);
    this.#removeOlder(LARGEST);
    return true;
  }

  /** What is written at the end is laid out at each word; what was read far above it need not be. */
  shrink() {
    if (this.isAtEnd) this.#removeOlder(AT_THE_END);
  }

  /** @param {number} count */
  #removeOlder(count) {
    this.#scroll.keepPlace(() => {
      this.#olderLeafId = this.#transcript.removeBefore(count) ?? this.#olderLeafId;
    });
  }

  /** @param {string | null} newerAfterId */
  #endAt(newerAfterId) {
    this.#newerAfterId = newerAfterId;
    this.#scroll.hasNewer = !this.isAtEnd;
  }

  /** @param {string} conversationId @param {{leaf_id?: string, after?: string}} where @returns {Promise<Page | null>} */
  async #load(conversationId, where) {
    if (this.#isLoading) return null;
    this.#isLoading = true;
    try {
      return await api.messages(conversationId, where);
    } finally {
      this.#isLoading = false;
    }
  }
}
