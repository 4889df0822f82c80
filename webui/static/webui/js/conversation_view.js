// @ts-check
/**
 * The conversation that is being looked at: keeps the transcript equal to what the server says, and carries what the
 * person does with it to the server. It tells by "updated" that something changed and by "problem" what did not work.
 */
import { api } from "api";
import { ChatMessage } from "chat_message";
import { newId, pageState } from "texts";
/** @typedef {import("chat_transcript").ChatTranscript} ChatTranscript */
/** @typedef {import("outbox").Outbox} Outbox */
/** @typedef {import("outbox").Sending} Sending */
/** @typedef {import("scroll_manager").ScrollManager} ScrollManager */
/** @typedef {import("stream_client").StreamClient} StreamClient */

export class ConversationView extends EventTarget {
  /** @type {string | null} null until the first message of a new conversation is accepted */
  id = pageState.conversation_id;
  /** @type {import("texts").OpenConversation | null} */
  about = pageState.conversation;
  #wantsTemporary = false;
  #transcript;
  #client;
  #outbox;
  #scroll;
  #olderLeafId = pageState.next_leaf_id;
  #isLoadingOlder = false;

  /** @param {ChatTranscript} transcript @param {StreamClient} client @param {Outbox} outbox @param {ScrollManager} scroll */
  constructor(transcript, client, outbox, scroll) {
    super();
    this.#transcript = transcript;
    this.#client = client;
    this.#outbox = outbox;
    this.#scroll = scroll;
    client.addEventListener("accepted", (event) => this.#onAccepted(/** @type {CustomEvent} */ (event).detail));
    client.addEventListener("refused", (event) => this.#onRefused(/** @type {CustomEvent} */ (event).detail));
    client.addEventListener("hint", (event) => {
      const changed = /** @type {CustomEvent} */ (event).detail.conversation_id;
      if (changed === null || changed === this.id) this.#try(this.refresh());
    });
    client.addEventListener("differs", () => this.#try(this.refresh()));
    transcript.addEventListener("changed", () => this.#tell("updated"));
    transcript.addEventListener("rerun", (event) => this.#rerun(event));
    transcript.addEventListener("regenerate", (event) => this.#regenerate(/** @type {ChatMessage} */ (event.target)));
    transcript.addEventListener("retry", (event) => this.#retry(/** @type {ChatMessage} */ (event.target)));
    transcript.addEventListener("look-at", (event) => {
      const messageId = /** @type {CustomEvent} */ (event).detail;
      if (this.id) this.#try(api.lookAt(this.id, messageId).then(() => this.refresh()));
    });
    scroll.addEventListener("top", () => this.#try(this.#loadOlder()));
  }

  get isTemporary() {
    return this.about?.is_temporary ?? this.#wantsTemporary;
  }

  /** @param {boolean} isTemporary whether the conversation that the next message begins is kept */
  setTemporary(isTemporary) {
    this.#wantsTemporary = isTemporary;
    this.#tell("updated");
  }

  /** @param {string} title empty to leave it as it is */
  retitle(title) {
    if (this.about && title) this.about = { ...this.about, title };
    this.#tell("updated");
  }

  get isAnswering() {
    return this.#transcript.answering !== null;
  }

  /** Show what came with the page, and send what an earlier page could not. */
  open() {
    this.#transcript.set(pageState.messages);
    this.#followUnfinished();
    for (const sending of this.#outbox.all) {
      if (sending.conversation_id === this.id) this.#transcript.addPending(sending.client_message_id, sending.text);
      this.#client.sendMessage(sending);
    }
    this.#tell("updated");
    this.#scroll.toEnd();
  }

  /** The conversation is going away; what comes of it is no longer asked for. */
  leave() {
    this.id = null;
  }

  /** @param {string} text a message below the last reply */
  send(text) {
    const last = this.#transcript.last;
    this.#send(text, last?.dataset.role === "assistant" ? (last.dataset.messageId ?? null) : null);
  }

  stop() {
    const id = this.#transcript.answering?.dataset.generationId;
    if (id) this.#client.stop(id);
  }

  /** Take the path from the server; what is being streamed goes on undisturbed. */
  async refresh() {
    if (!this.id) return;
    const asked = this.id;
    const page = await api.messages(asked);
    if (asked !== this.id) return;
    if (this.#transcript.elements.length <= page.items.length) this.#olderLeafId = page.next_leaf_id;
    this.#transcript.set(page.items);
    this.about = page.conversation;
    this.#followUnfinished();
    this.#tell("updated");
  }

  /** @param {string} text @param {string | null} parentId */
  #send(text, parentId) {
    const sending = { client_message_id: newId(), conversation_id: this.id, parent_id: parentId, text, is_temporary: this.isTemporary };
    this.#transcript.addPending(sending.client_message_id, text);
    this.#hand(sending);
  }

  /** @param {Sending} sending */
  #hand(sending) {
    this.#outbox.put(sending);
    this.#client.sendMessage(sending);
    this.#tell("updated");
    this.#scroll.toEnd();
  }

  /** @param {ChatMessage} element @param {string} generationId @param {boolean} [isKnownToServer] */
  #follow(element, generationId, isKnownToServer = false) {
    element.dataset.generationId = generationId;
    const reader = {
      show: (/** @type {string} */ text) => element.show(text),
      note: (/** @type {any} */ event) => element.note(event),
    };
    this.#client.follow(generationId, reader, isKnownToServer);
  }

  #followUnfinished() {
    for (const element of this.#transcript.elements) {
      const generation = element.message?.generation;
      if (generation && element.isAnswering) this.#follow(element, generation.id);
    }
  }

  async #loadOlder() {
    if (!this.id || !this.#olderLeafId || this.#isLoadingOlder) return;
    this.#isLoadingOlder = true;
    try {
      const page = await api.messages(this.id, this.#olderLeafId);
      this.#olderLeafId = page.next_leaf_id;
      this.#scroll.keepPlace(() => this.#transcript.addOlder(page.items));
    } finally {
      this.#isLoadingOlder = false;
    }
  }

  /** @param {any} accepted */
  #onAccepted(accepted) {
    const isTemporary = this.#outbox.find(accepted.client_message_id)?.is_temporary ?? false;
    this.#outbox.accepted(accepted.client_message_id);
    const question = this.#transcript.elements.find((e) => e.dataset.clientMessageId === accepted.client_message_id);
    if (question && !question.dataset.messageId) {
      question.dataset.messageId = accepted.message_id;
      question.dataset.state = "sent";
      question.fail("");
    }
    if (!this.id && question) {
      const id = (this.id = accepted.conversation_id);
      this.about = { id, title: "", head_id: null, is_temporary: isTemporary, is_pinned: false, is_archived: false };
      history.replaceState(null, "", `/c/${this.id}/`);
    }
    if (accepted.conversation_id !== this.id) return;
    this.#follow(this.#transcript.addReply(accepted.reply_id), accepted.generation_id, true);
    this.#tell("updated");
    this.#scroll.toEnd();
  }

  /** @param {any} refusal */
  #onRefused({ ref, message, retryable }) {
    const element = this.#transcript.elements.find((e) => e.dataset.clientMessageId === ref && !e.dataset.messageId);
    if (!retryable) this.#outbox.refused(ref);
    if (!element) {
      this.#tell("problem", message);
      this.#try(this.refresh());
      return;
    }
    element.dataset.state = "refused";
    element.fail(message);
    this.#tell("updated");
  }

  /** @param {Event} event an edited question takes the place of the one it was made from */
  #rerun(event) {
    const element = /** @type {ChatMessage} */ (event.target);
    const parentId = element.message?.parent_id ?? null;
    this.#transcript.cutFrom(element);
    this.#send(/** @type {CustomEvent} */ (event).detail, parentId);
  }

  /** @param {ChatMessage} reply */
  #regenerate(reply) {
    if (this.isAnswering || !reply.dataset.messageId) return;
    this.#client.regenerate(reply.dataset.messageId);
    this.#transcript.cutFrom(reply);
  }

  /** @param {ChatMessage} element */
  #retry(element) {
    if (element.dataset.role === "assistant") return this.#regenerate(element);
    const sending = this.#outbox.find(element.dataset.clientMessageId ?? "");
    if (!sending) return;
    element.dataset.state = "pending";
    element.fail("");
    this.#hand(sending);
  }

  /** @param {Promise<unknown>} work */
  #try(work) {
    work.catch((error) => this.#tell("problem", error.message));
  }

  /** @param {string} type @param {any} [detail] */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
