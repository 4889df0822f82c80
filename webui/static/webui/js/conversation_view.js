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
/** @typedef {import("message_queue").MessageQueue} MessageQueue */
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
  modelChoice = pageState.conversation?.model_choice ?? "";
  #transcript;
  #client;
  #outbox;
  #queue;
  #scroll;
  #window;
  /** @type {string | null} the end of the branch, loaded or not */
  #headId = pageState.conversation?.head_id ?? null;
  /** The server knows of a running reply that this page has not seen yet. */
  #isBehind = false;
  /** Requests for the path are numbered, since their answers may come in another order than they were asked for. */
  #asked = 0;
  /** An answer to this one or an earlier one is out of date. */
  #outdated = 0;
  /** @type {string | null} the reply that another is asked for, until the server has heard of it: its lists show it still */
  #replaced = null;
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
    this.#window = new ConversationWindow(transcript, scroll);
    client.addEventListener("accepted", (event) => this.#onAccepted(/** @type {CustomEvent} */ (event).detail));
    client.addEventListener("refused", (event) => this.#onRefused(/** @type {CustomEvent} */ (event).detail));
    client.addEventListener("hint", (event) => {
      const changed = /** @type {CustomEvent} */ (event).detail.conversation_id;
      if (changed === null || changed === this.id) this.#try(this.refresh());
    });
    client.addEventListener("differs", () => this.#try(this.refresh()));
    client.addEventListener("state", () => {
      if (!client.isOpen && !client.isHolding) this.#replaced = null; // whether the server heard of it its lists will tell
      this.#sendWaiting();
    });
    queue.addEventListener("changed", () => this.#changed());
    transcript.addEventListener("changed", () => this.#changed());
    transcript.addEventListener("rerun", (event) => this.#rerun(event));
    transcript.addEventListener("edited", () => this.#try(this.refresh()));
    transcript.addEventListener("regenerate", (event) => this.regenerate(/** @type {ChatMessage} */ (event.target)));
    transcript.addEventListener("answer-alone", (event) => this.regenerate(/** @type {ChatMessage} */ (event.target), undefined, false));
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

  get title() {
    return this.about?.title ?? "";
  }

  /** Whether there is an answer in it that its owner has not looked at. */
  get isUnread() {
    return this.about?.is_unread ?? false;
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
    return !this.isBusy && this.#window.isAtEnd && !["completed", "sent"].includes(this.#transcript.last?.state ?? "");
  }

  /** Show what came with the page, and send what an earlier page could not. */
  open() {
    this.#window.replace({ ...pageState, items: pageState.messages });
    this.#followUnfinished();
    for (const sending of this.#outbox.all) {
      if (sending.conversation_id === this.id) this.#transcript.addPending(sending.client_message_id, sending.text);
      this.#client.sendMessage(sending);
    }
    const place = this.id ?? this.#transcript.elements[0]?.dataset.clientMessageId;
    if (place) this.#queue.open(place);
    this.#changed();
    if (!pageState.message_id) this.#scroll.toEnd();
    else this.#point(pageState.message_id, pageState.is_current_branch);
  }

  /** The conversation is going away; what comes of it is no longer asked for. */
  leave() {
    this.id = null;
  }

  /**
   * @param {string} text a message below the last reply, now or when that has ended
   * @param {Partial<Sending>} [more] what goes with it
   */
  send(text, more) {
    if (this.isBusy) return this.#queue.add(text);
    this.#sendNext(newId(), text, more);
    this.#scroll.toEnd();
  }

  /** @param {string} id a waiting message: the running reply is stopped for it */
  sendNow(id) {
    this.#queue.hurry(id);
    if (this.isAnswering) this.stop();
  }

  /** @param {string} choice who writes from the next reply on; a new conversation takes it along with its first message */
  chooseModel(choice) {
    this.modelChoice = choice;
    if (!this.id) return;
    const work = api.changeSettings(this.id, { model_choice: choice }).catch(async (error) => {
      await this.refresh(); // the chooser goes back to what holds
      throw error;
    });
    this.#try(work);
  }

  stop() {
    const id = this.#transcript.answering?.dataset.generationId;
    if (id) this.#client.stop(id);
  }

  /** Take the path from the server; what is being streamed goes on undisturbed. */
  async refresh() {
    const number = this.#asked + 1;
    const page = await this.#ask(this.#window.where);
    if (page && number > this.#outdated) this.#take(page, () => this.#window.refresh(page), number);
  }

  /** @param {{around?: string}} [where] what is shown instead; the newest, if not said */
  async #show(where = {}) {
    const number = this.#asked + 1;
    const page = await this.#ask(where);
    if (page) this.#take(page, () => this.#window.replace(page), number);
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
    this.#asked++;
    const page = await api.messages(asked, where);
    return asked === this.id ? page : null;
  }

  /** What is being asked for may lack what the server has just said. */
  #askAgain() {
    if (this.#asked === this.#outdated) return;
    this.#outdated = this.#asked;
    this.#try(this.refresh());
  }

  /** @param {any} page @param {() => void} show @param {number} number of its request */
  #take(page, show, number) {
    show();
    const replaced = this.#replaced && this.#transcript.find(this.#replaced);
    if (replaced) this.#transcript.cutFrom(replaced);
    this.#outdated = Math.max(this.#outdated, number);
    this.about = page.conversation;
    this.modelChoice = page.conversation.model_choice;
    this.#transcript.dataset.trainingUse = page.conversation.training_use;
    this.#headId = page.conversation.head_id;
    this.#isBehind = false;
    this.#followUnfinished();
    this.#changed();
  }

  /** Send the first of the waiting messages when its turn has come. */
  #sendWaiting() {
    const [next] = this.#queue.all;
    if (!next || !this.#queue.isSender || !this.#client.isReady || this.isBusy) return;
    if (this.holdsBack && !next.is_urgent) return;
    if (!this.#window.isAtEnd) return this.#try(this.#showLatest()); // it follows the last reply, which is not here
    this.#sendNext(next.client_message_id, next.text); // puts it into the outbox, so that it is never nowhere
    this.#queue.remove(next.client_message_id);
  }

  /** @param {string} id @param {string} text @param {Partial<Sending>} [more] */
  #sendNext(id, text, more) {
    const lastReply = this.#transcript.elements.findLast((element) => element.dataset.role === "assistant");
    this.#following.add(id);
    this.#send(id, text, (this.#window.isAtEnd ? lastReply?.dataset.messageId : this.#headId) ?? null, more);
  }

  /** @param {string} id @param {string} text @param {string | null} parentId @param {Partial<Sending>} [more] */
  #send(id, text, parentId, more) {
    if (!this.id && !this.#transcript.last) this.#queue.open(id);
    /** @type {Sending} */
    const sending = { client_message_id: id, conversation_id: this.id, parent_id: parentId, text, ...more };
    if (!this.id) Object.assign(sending, { model_choice: this.modelChoice, is_temporary: this.isTemporary });
    this.#transcript.addPending(id, text);
    this.#hand(sending);
    if (this.#window.isAtEnd) this.#window.shrink();
    else this.#try(this.#showLatest());
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
    this.#client.follow(generationId, element, isKnownToServer);
  }

  #followUnfinished() {
    for (const element of this.#transcript.elements) {
      const generation = element.message?.generation;
      if (generation && element.isAnswering) this.#follow(element, generation.id);
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
      const id = (this.id = /** @type {string} */ (accepted.conversation_id));
      this.about = {
        ...{ id, title: "", head_id: null, is_temporary: isTemporary, is_pinned: false, is_archived: false },
        ...{ folder_id: null, is_unread: false, model_choice: this.modelChoice, training_use: null },
      };
      this.#tell("begun", id);
      this.#queue.moveTo(this.id);
    }
    this.#following.delete(accepted.client_message_id);
    if (accepted.conversation_id !== this.id) return;
    this.#replaced = null;
    this.#askAgain();
    if (!this.#window.isAtEnd) {
      this.#try(this.#showLatest());
      return;
    }
    // With a person of the desk nobody writes a reply at once.
    if (accepted.reply_id) this.#follow(this.#transcript.addReply(accepted.reply_id), accepted.generation_id, true);
    this.#changed();
  }

  /** @param {any} refusal */
  #onRefused({ ref, code, message, retryable }) {
    const element = this.#transcript.elements.find((e) => e.dataset.clientMessageId === ref && !e.dataset.messageId);
    if (element && code === "conversation.busy" && this.#following.delete(ref)) return this.#wait(ref, element);
    if (!retryable) this.#outbox.refused(ref);
    if (!element) {
      this.#replaced = null;
      if (code !== "generation.not_found") this.#tell("problem", message); // it has gone: the page shows as much
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

  /**
   * @param {ChatMessage} reply @param {string} [modelChoice] who writes, if not whom the conversation chose
   * @param {boolean} [usesApprovedAnswers] false: what the model itself says is wanted
   */
  regenerate(reply, modelChoice, usesApprovedAnswers = true) {
    if (this.isAnswering || !reply.dataset.messageId) return;
    this.#replaced = reply.dataset.messageId;
    this.#client.regenerate(this.#replaced, modelChoice, usesApprovedAnswers);
    this.#transcript.cutFrom(reply);
    this.#changed();
    this.#scroll.toEnd();
  }

  /** @param {ChatMessage} element */
  #retry(element) {
    if (element.dataset.role === "assistant") return this.regenerate(element);
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
