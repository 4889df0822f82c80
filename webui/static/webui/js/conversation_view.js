// @ts-check
/**
 * The conversation that is being looked at: keeps the transcript equal to what the server says, and carries what the
 * person does with it to the server. It tells by "updated" that something changed and by "problem" what did not work.
 */
import { api } from "api";
import { ChatMessage } from "chat_message";
import { ConversationWindow } from "conversation_window";
import { newId, pageState } from "texts";
/** @typedef {import("chat_transcript").ChatTranscript} ChatTranscript */
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
  #scroll;
  #window;
  /** @type {string | null} the end of the branch, loaded or not */
  #headId = pageState.head_id;

  /** @param {ChatTranscript} transcript @param {StreamClient} client @param {Outbox} outbox @param {ScrollManager} scroll */
  constructor(transcript, client, outbox, scroll) {
    super();
    this.#transcript = transcript;
    this.#client = client;
    this.#outbox = outbox;
    this.#scroll = scroll;
    this.#window = new ConversationWindow(transcript, scroll);
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
      this.#try(this.#showVersion(/** @type {CustomEvent} */ (event).detail, /** @type {Element} */ (event.target)));
    });
    scroll.addEventListener("top", () => this.id && this.#try(this.#window.loadOlder(this.id)));
    scroll.addEventListener("bottom", () => {
      if (this.id) this.#try(this.#window.loadNewer(this.id).then((hasCome) => hasCome && this.#followUnfinished()));
    });
    scroll.addEventListener("latest", () => this.#try(this.#showLatest()));
  }

  get isAnswering() {
    return this.#transcript.answering !== null;
  }

  /** Show what came with the page, and send what an earlier page could not. */
  open() {
    this.#window.replace({ ...pageState, items: pageState.messages });
    this.#followUnfinished();
    for (const sending of this.#outbox.all) {
      if (sending.conversation_id === this.id) this.#transcript.addPending(sending.client_message_id, sending.text);
      this.#client.sendMessage(sending);
    }
    this.#tell("updated");
    if (!pageState.message_id) this.#scroll.toEnd();
    else this.#point(pageState.message_id, pageState.is_current_branch);
  }

  /** The conversation is going away; what comes of it is no longer asked for. */
  leave() {
    this.id = null;
  }

  /** @param {string} text a message below the last reply */
  send(text) {
    const last = this.#transcript.last;
    if (!this.#window.isAtEnd) this.#send(text, this.#headId);
    else this.#send(text, last?.dataset.role === "assistant" ? (last.dataset.messageId ?? null) : null);
  }

  stop() {
    const id = this.#transcript.answering?.dataset.generationId;
    if (id) this.#client.stop(id);
  }

  /** Take the path from the server; what is being streamed goes on undisturbed. */
  async refresh() {
    const page = await this.#ask(this.#window.where);
    if (page) this.#take(page, () => this.#window.refresh(page));
  }

  /** @param {{around?: string}} [where] what is shown instead; the newest, if not said */
  async #show(where = {}) {
    const page = await this.#ask(where);
    if (page) this.#take(page, () => this.#window.replace(page));
  }

  async #showLatest() {
    await this.#show();
    this.#scroll.toEnd();
  }

  /** @param {string} messageId @param {Element} picker where it was chosen, and where the reader's eye is */
  async #showVersion(messageId, picker) {
    if (!this.id) return;
    const top = picker.getBoundingClientRect().top;
    await api.lookAt(this.id, messageId);
    await this.#show({ around: messageId });
    const shown = this.#transcript.find(messageId)?.querySelector("branch-picker");
    if (shown) this.#scroll.by(shown.getBoundingClientRect().top - top);
  }

  /** @param {string} messageId @param {boolean} isCurrentBranch */
  #point(messageId, isCurrentBranch) {
    const element = this.#transcript.find(messageId);
    if (element) this.#scroll.pointAt(element);
    if (this.id && !isCurrentBranch) this.#try(api.lookAt(this.id, messageId).then(() => this.refresh()));
  }

  /** @param {{around?: string}} where @returns {Promise<any>} null when another conversation is shown by now */
  async #ask(where) {
    const asked = this.id;
    if (!asked) return null;
    const page = await api.messages(asked, where);
    return asked === this.id ? page : null;
  }

  /** @param {any} page @param {() => void} show */
  #take(page, show) {
    show();
    this.title = page.conversation.title;
    this.#headId = page.conversation.head_id;
    this.#followUnfinished();
    this.#tell("updated");
  }

  /** @param {string} text @param {string | null} parentId */
  #send(text, parentId) {
    const sending = { client_message_id: newId(), conversation_id: this.id, parent_id: parentId, text };
    this.#transcript.addPending(sending.client_message_id, text);
    this.#hand(sending);
  }

  /** @param {Sending} sending */
  #hand(sending) {
    this.#outbox.put(sending);
    this.#client.sendMessage(sending);
    this.#tell("updated");
    if (!this.#window.isAtEnd) this.#try(this.#showLatest());
    else {
      this.#window.shrink();
      this.#scroll.toEnd();
    }
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
      this.id = accepted.conversation_id;
      history.replaceState(null, "", `/c/${this.id}/`);
    }
    if (accepted.conversation_id !== this.id) return;
    if (!this.#window.isAtEnd) {
      this.#try(this.#showLatest());
      return;
    }
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
