// @ts-check
/**
 * The conversation that is being looked at: keeps the transcript equal to what the server says, and carries what the
 * person does with it to the server. It tells by "updated" that something changed and by "problem" what did not work.
 */
import { api } from "api";
import { ChatMessage } from "chat_message";
import { newId, pageState } from "texts";
/** @typedef {import("chat_transcript").ChatTranscript} ChatTranscript */
/** @typedef {import("message_queue").MessageQueue} MessageQueue */
/** @typedef {import("outbox").Outbox} Outbox */
/** @typedef {import("outbox").Sending} Sending */
/** @typedef {import("scroll_manager").ScrollManager} ScrollManager */
/** @typedef {import("stream_client").StreamClient} StreamClient */

export class ConversationView extends EventTarget {
  /** @type {string | null} null until the first message of a new conversation is accepted */
  id = pageState.conversation_id;
  title = "";
  #transcript;
  #client;
  #outbox;
  #queue;
  #scroll;
  #olderLeafId = pageState.next_leaf_id;
  #isLoadingOlder = false;
  /** The server knows of a running reply that this page has not seen yet. */
  #isBehind = false;
  /** @type {Set<string>} ids of messages that follow whatever is the last reply, so that they may wait for the next */
  #following = new Set();

  /**
   * @param {ChatTranscript} transcript @param {StreamClient} client @param {Outbox} outbox @param {MessageQueue} queue
   * @param {ScrollManager} scroll
   */
  constructor(transcript, client, outbox, queue, scroll) {
    super();
    this.#queue = queue;
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
    client.addEventListener("state", () => this.#sendWaiting());
    queue.addEventListener("changed", () => this.#changed());
    transcript.addEventListener("changed", () => this.#changed());
    transcript.addEventListener("rerun", (event) => this.#rerun(event));
    transcript.addEventListener("regenerate", (event) => this.#regenerate(/** @type {ChatMessage} */ (event.target)));
    transcript.addEventListener("retry", (event) => this.#retry(/** @type {ChatMessage} */ (event.target)));
    transcript.addEventListener("look-at", (event) => {
      const messageId = /** @type {CustomEvent} */ (event).detail;
      if (this.id) this.#try(api.lookAt(this.id, messageId).then(() => this.refresh()));
    });
    scroll.addEventListener("top", () => this.#try(this.#loadOlder()));
  }

  get isAnswering() {
    return this.#transcript.answering !== null;
  }

  /** A reply is being written, or will be as soon as the server has the question: what is written now must wait. */
  get isBusy() {
    return this.isAnswering || this.#isBehind || this.#transcript.elements.some((element) => element.state === "pending");
  }

  /** Whether waiting messages go on only by the person's hand: the last reply was stopped, or it failed. */
  get holdsBack() {
    return !this.isBusy && this.#transcript.last?.state !== "completed";
  }

  /** Show what came with the page, and send what an earlier page could not. */
  open() {
    this.#transcript.set(pageState.messages);
    this.#followUnfinished();
    for (const sending of this.#outbox.all) {
      if (sending.conversation_id === this.id) this.#transcript.addPending(sending.client_message_id, sending.text);
      this.#client.sendMessage(sending);
    }
    const place = this.id ?? this.#transcript.elements[0]?.dataset.clientMessageId;
    if (place) this.#queue.open(place);
    this.#changed();
    this.#scroll.toEnd();
  }

  /** The conversation is going away; what comes of it is no longer asked for. */
  leave() {
    this.id = null;
  }

  /** @param {string} text a message below the last reply, now or when that has ended */
  send(text) {
    if (this.isBusy) return this.#queue.add(text);
    this.#sendNext(newId(), text);
    this.#scroll.toEnd();
  }

  /** @param {string} id a waiting message: the running reply is stopped for it */
  sendNow(id) {
    this.#queue.hurry(id);
    if (this.isAnswering) this.stop();
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
    this.title = page.conversation.title;
    this.#isBehind = false;
    this.#followUnfinished();
    this.#changed();
  }

  /** Send the first of the waiting messages when its turn has come. */
  #sendWaiting() {
    const [next] = this.#queue.all;
    if (!next || !this.#queue.isSender || !this.#client.isReady || this.isBusy) return;
    if (this.holdsBack && !next.is_urgent) return;
    this.#sendNext(next.client_message_id, next.text); // puts it into the outbox, so that it is never nowhere
    this.#queue.remove(next.client_message_id);
  }

  /** @param {string} id @param {string} text */
  #sendNext(id, text) {
    const lastReply = this.#transcript.elements.findLast((element) => element.dataset.role === "assistant");
    this.#following.add(id);
    this.#send(id, text, lastReply?.dataset.messageId ?? null);
  }

  /** @param {string} id @param {string} text @param {string | null} parentId */
  #send(id, text, parentId) {
    if (!this.id && !this.#transcript.last) this.#queue.open(id);
    this.#transcript.addPending(id, text);
    this.#hand({ client_message_id: id, conversation_id: this.id, parent_id: parentId, text });
  }

  /** @param {Sending} sending */
  #hand(sending) {
    this.#outbox.put(sending);
    this.#client.sendMessage(sending);
    this.#changed();
  }

  /** @param {ChatMessage} element @param {string} generationId @param {boolean} [isKnownToServer] */
  #follow(element, generationId, isKnownToServer = false) {
    element.dataset.generationId = generationId;
    const reader = {
      show: (/** @type {string} */ text) => element.show(text),
      note: (/** @type {any} */ event) => element.note(event),
      wait: (/** @type {any} */ place) => element.wait(place),
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
    this.#outbox.accepted(accepted.client_message_id);
    const question = this.#transcript.elements.find((e) => e.dataset.clientMessageId === accepted.client_message_id);
    if (question && !question.dataset.messageId) {
      question.dataset.messageId = accepted.message_id;
      question.dataset.state = "sent";
      question.fail("");
    }
    if (!this.id && question) {
      this.id = /** @type {string} */ (accepted.conversation_id);
      history.replaceState(null, "", `/c/${this.id}/`);
      this.#queue.moveTo(this.id);
    }
    this.#following.delete(accepted.client_message_id);
    if (accepted.conversation_id !== this.id) return;
    this.#follow(this.#transcript.addReply(accepted.reply_id), accepted.generation_id, true);
    this.#changed();
  }

  /** @param {any} refusal */
  #onRefused({ ref, code, message, retryable }) {
    const element = this.#transcript.elements.find((e) => e.dataset.clientMessageId === ref && !e.dataset.messageId);
    if (element && code === "conversation.busy" && this.#following.delete(ref)) return this.#wait(ref, element);
    if (!retryable) this.#outbox.refused(ref);
    if (!element) {
      this.#tell("problem", message);
      this.#try(this.refresh());
      return;
    }
    element.dataset.state = "refused";
    element.fail(message);
    this.#changed();
  }

  /** Another tab was faster: what was sent here waits for the end of that reply. @param {string} id @param {ChatMessage} element */
  #wait(id, element) {
    this.#isBehind = true;
    element.remove();
    this.#queue.putBack({ client_message_id: id, text: element.text });
    this.#outbox.accepted(id);
    this.#try(this.refresh());
  }

  /** @param {Event} event an edited question takes the place of the one it was made from */
  #rerun(event) {
    const element = /** @type {ChatMessage} */ (event.target);
    const parentId = element.message?.parent_id ?? null;
    this.#transcript.cutFrom(element);
    this.#send(newId(), /** @type {CustomEvent} */ (event).detail, parentId);
    this.#scroll.toEnd();
  }

  /** @param {ChatMessage} reply */
  #regenerate(reply) {
    if (this.isAnswering || !reply.dataset.messageId) return;
    this.#client.regenerate(reply.dataset.messageId);
    this.#transcript.cutFrom(reply);
    this.#changed();
    this.#scroll.toEnd();
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

  #changed() {
    this.#tell("updated");
    this.#sendWaiting();
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
