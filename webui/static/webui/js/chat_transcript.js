// @ts-check
/** The visible path of a conversation as a list of <chat-message>. It merges what the server says into what is shown. */
import { ChatMessage } from "chat_message";
/** @typedef {import("texts").Message} Message */

export class ChatTranscript extends HTMLElement {
  /** @returns {ChatMessage[]} */
  get elements() {
    return /** @type {ChatMessage[]} */ ([...this.children]);
  }

  get last() {
    return /** @type {ChatMessage | null} */ (this.lastElementChild);
  }

  get answering() {
    return this.elements.find((element) => element.isAnswering) ?? null;
  }

  /** Is there a message that the server has not answered yet? */
  get isPending() {
    return this.elements.some((element) => !element.dataset.messageId);
  }

  /** @param {string} messageId */
  find(messageId) {
    return this.elements.find((element) => element.dataset.messageId === messageId) ?? null;
  }

  /**
   * Show exactly this path below what is older than it. Messages that wait for the server's answer stay at the end.
   * @param {Message[]} messages
   */
  set(messages) {
    const first = messages[0] && this.find(messages[0].id);
    this.#show(first ? this.elements.slice(0, this.elements.indexOf(first)) : [], messages);
  }

  /** @param {Message[]} messages show exactly these */
  replace(messages) {
    this.#show([], messages);
  }

  /** @param {ChatMessage[]} older @param {Message[]} messages */
  #show(older, messages) {
    const known = new Map(this.elements.map((element) => [element.dataset.messageId, element]));
    const pending = this.elements.filter((element) => !element.dataset.messageId);
    const sent = new Map(pending.map((element) => [element.dataset.clientMessageId, element]));
    const shown = messages.map((message) => {
      const element = known.get(message.id) ?? sent.get(message.client_message_id ?? "") ?? ChatMessage.create(message.role);
      element.set(message);
      return element;
    });
    this.#replace([...older, ...shown, ...pending.filter((element) => !shown.includes(element))]);
  }

  /** @param {Message[]} messages what is older than all that is shown */
  addOlder(messages) {
    this.prepend(...messages.map(elementOf));
  }

  /** @param {Message[]} messages what is newer than all that is shown */
  addNewer(messages) {
    this.append(...messages.map(elementOf));
  }

  /** @param {number} count keep so many of the oldest @returns {boolean} whether there were more */
  removeAfter(count) {
    const removed = this.elements.slice(count);
    for (const element of removed) element.remove();
    return removed.length > 0;
  }

  /** @param {number} count keep so many of the newest @returns {string | null} the last one that went */
  removeBefore(count) {
    const removed = this.elements.slice(0, -count);
    for (const element of removed) element.remove();
    return removed.at(-1)?.dataset.messageId ?? null;
  }

  /** @param {Message[]} messages bring those of them up to date that are shown */
  update(messages) {
    for (const message of messages) this.find(message.id)?.set(message);
  }

  /**
   * Show what a person has just written, before the server has answered.
   * @param {string} clientMessageId
   * @param {string} text
   */
  addPending(clientMessageId, text) {
    const element = ChatMessage.create("user");
    element.dataset.clientMessageId = clientMessageId;
    element.dataset.state = "pending";
    this.append(element);
    element.show(text);
    return element;
  }

  /**
   * The empty reply that will be written below a message.
   * @param {string} replyId
   */
  addReply(replyId) {
    const known = this.find(replyId);
    if (known) return known;
    const element = ChatMessage.create("assistant");
    element.dataset.messageId = replyId;
    element.dataset.state = "queued";
    this.append(element);
    return element;
  }

  /** @param {ChatMessage} element the first to be taken away, with all below it */
  cutFrom(element) {
    for (const each of this.elements.slice(this.elements.indexOf(element))) each.remove();
  }

  /** @param {ChatMessage[]} elements */
  #replace(elements) {
    const wanted = new Set(elements);
    for (const element of this.elements) if (!wanted.has(element)) element.remove();
    // Elements that stand right are not touched, so that selection and focus survive.
    elements.forEach((element, index) => {
      if (this.children[index] !== element) this.insertBefore(element, this.children[index] ?? null);
    });
  }
}

/** @param {Message} message */
function elementOf(message) {
  const element = ChatMessage.create(message.role);
  element.set(message);
  return element;
}

customElements.define("chat-transcript", ChatTranscript);
