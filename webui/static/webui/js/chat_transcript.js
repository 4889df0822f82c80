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
    return this.elements.at(-1) ?? null;
  }

  get answering() {
    return this.elements.find((element) => element.isAnswering) ?? null;
  }

  /**
   * Show exactly this path below what is older than it. Messages that wait for the server's answer stay at the end.
   * @param {Message[]} messages
   */
  set(messages) {
    const known = new Map(this.elements.map((element) => [element.dataset.messageId, element]));
    const pending = this.elements.filter((element) => !element.dataset.messageId);
    const sent = new Map(pending.map((element) => [element.dataset.clientMessageId, element]));
    const first = messages[0] && known.get(messages[0].id);
    const older = first ? this.elements.slice(0, this.elements.indexOf(first)) : [];
    const shown = messages.map((message) => {
      const element = known.get(message.id) ?? sent.get(message.client_message_id ?? "") ?? ChatMessage.create(message.role);
      element.set(message);
      return element;
    });
    this.#replace([...older, ...shown, ...pending.filter((element) => !shown.includes(element))]);
  }

  /** @param {Message[]} messages what is older than all that is shown */
  addOlder(messages) {
    const elements = messages.map((message) => {
      const element = ChatMessage.create(message.role);
      element.set(message);
      return element;
    });
    this.prepend(...elements);
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
    const known = this.elements.find((element) => element.dataset.messageId === replyId);
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

customElements.define("chat-transcript", ChatTranscript);
