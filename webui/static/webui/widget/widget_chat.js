// @ts-check
/** The chat in the frame, put together from the chat page's own parts. Each tells by events; here they hear of each other. */
import "feedback_buttons";
import "chat_transcript";
import { ChatComposer } from "chat_composer";
import { loadMarkdown } from "chat_message";
import { ConversationView } from "conversation_view";
import { MessageQueue } from "message_queue";
import { Outbox } from "outbox";
import { ScrollManager } from "scroll_manager";
import { storage } from "storage";
import { pageState, texts } from "texts";
import { visitorApi } from "widget_api";
import { WidgetClient } from "widget_client";
import { host } from "widget_host";
import { listenForKeys } from "widget_keys";
import { frameState } from "widget_look";
import { Mode } from "widget_mode";
import { currentToken, forgetVisitor, isOutdated, keepToken } from "widget_token";
import { Typing } from "widget_typing";
import { showSound, toggleSound, Unread } from "widget_unread";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */
/** @typedef {import("chat_transcript").ChatTranscript} ChatTranscript */

// A shorter outage is not worth a word.
const OUTAGE_MS = 500;
const INTRODUCED_KEY = `parley.introduced.${frameState.site_id}`;
const NOBODY = { name: "", email: "", missing: frameState.pre_chat.map(({ name }) => name), page: null };

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
/** @param {EventTarget} source @param {string} type @param {(detail: any) => void} then */
const on = (source, type, then) => source.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail));

export class WidgetChat {
  #page;
  #who;
  #transcript = /** @type {ChatTranscript} */ (find("chat-transcript"));
  #composer = new ChatComposer(/** @type {HTMLFormElement} */ (find("#composer")), frameState.site_id);
  #client = new WidgetClient(frameState.site_id);
  #scroll;
  #view;
  /** @type {import("chosen_files").ChosenFiles | null} */
  #files = null;
  #isShown = false;
  #isConnected = false;
  #wantsPerson = false;
  #outage = 0;
  #mode = new Mode();
  #unread;
  #typing;

  /** @param {string} page where the visitor is */
  static async begin(page) {
    let visit = NOBODY;
    if (currentToken()) {
      visit = await visitorApi.visit().catch((error) => {
        if (error.status !== 401) throw error;
        forgetVisitor(); // it has expired, or was taken back
        return NOBODY;
      });
    }
    if (visit.page) {
      const { conversation, items, ...window } = /** @type {any} */ (visit.page);
      Object.assign(pageState, window, { conversation, conversation_id: conversation.id, messages: items });
      if (items.length) await loadMarkdown();
    }
    return new WidgetChat(visit, page);
  }

  /** @param {any} visit @param {string} page */
  constructor(visit, page) {
    this.#who = visit;
    this.#page = page;
    this.#scroll = new ScrollManager(find("#scroll"), find("#jump"));
    const queue = new MessageQueue(frameState.site_id);
    this.#view = new ConversationView(this.#transcript, this.#client, new Outbox(frameState.site_id), queue, this.#scroll);
    // That it was read is told again with the next, where it does not get through.
    const markRead = () => this.#view.id && visitorApi.markRead(this.#view.id).catch(() => {});
    this.#unread = new Unread(pageState.messages, this.#about?.read_at, markRead);
    const box = /** @type {HTMLTextAreaElement} */ (find("#composer textarea"));
    this.#typing = new Typing(box, (isTyping) => this.#view.id && this.#client.tellTyping(this.#view.id, isTyping));
    on(this.#composer, "send", (text) => this.#send(text));
    on(this.#composer, "stop", () => this.#view.stop());
    on(this.#view, "updated", () => this.#update());
    on(this.#view, "begun", () => this.#begun());
    for (const each of [this.#view, this.#transcript]) on(each, "problem", (text) => this.#composer.warn(text));
    on(this.#client, "state", (state) => this.#onState(state));
    this.#client.catchUp = () => this.#view.refresh().catch((error) => this.#composer.warn(error.message));
    find("#suggestions").addEventListener("click", (event) => {
      const chip = /** @type {Element} */ (event.target).closest("button");
      if (chip) this.#send(chip.textContent ?? "");
    });
    document.addEventListener("click", (event) => this.#onClick(event));
    listenForKeys();
    showSound();
    this.#view.open();
    if (this.#view.id || this.#transcript.isPending) this.#connect();
    this.#update();
    if (!this.#view.id && this.#needsIntroduction) this.#introduce();
  }

  /** @param {string} page */
  open(page) {
    this.moveTo(page);
    this.#scroll.toEnd();
  }

  shown() {
    this.#isShown = true;
    const form = find("#panel input, #panel textarea");
    if (form && this.#needsIntroduction) form.focus();
    else if (find("#composer").hidden) find("[data-action=close]").focus();
    else this.#composer.focus();
    this.#scroll.toEnd();
    this.#update();
  }

  hidden() {
    this.#isShown = false;
  }

  /** @param {string} page */
  moveTo(page) {
    this.#page = page;
  }

  get #about() {
    return /** @type {any} */ (this.#view.about);
  }

  get #needsIntroduction() {
    const isAsked = frameState.pre_chat.length > 0 || frameState.asks_training_consent;
    const isDone = this.#view.id || storage.getItem(INTRODUCED_KEY);
    return isAsked && !isDone && (this.#who.missing.length > 0 || frameState.asks_training_consent);
  }

  /** Nobody becomes a visitor before they have something to say. */
  async #become() {
    if (!currentToken()) keepToken((await visitorApi.open()).token);
  }

  #connect() {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#client.connect();
  }

  async #attach() {
    const { ChosenFiles } = await import("chosen_files");
    this.#files ??= new ChosenFiles(find("#composer"), {
      upload: visitorApi.upload,
      conversationId: () => this.#view.id,
      warn: (problem) => this.#composer.warn(problem),
    });
    this.#files.choose();
  }

  async #showTranscriptForm() {
    const { showTranscriptForm } = await import("widget_forms");
    if (this.#view.id) showTranscriptForm(this.#view.id, this.#who.email);
  }

  async #introduce() {
    find(".widget__foot").hidden = true;
    find("#suggestions").hidden = true;
    const { showIntroduction } = await import("widget_forms");
    showIntroduction(this.#who.missing, async (said) => {
      await this.#become();
      await visitorApi.introduce({ ...said, page: this.#page });
      storage.setItem(INTRODUCED_KEY, "1");
      find(".widget__foot").hidden = false;
      this.#update();
      this.#composer.focus();
    });
  }

  /** @param {string} text */
  async #send(text) {
    if (this.#files?.isUploading) return this.#composer.takeBack(text); // the file would miss the message
    try {
      await this.#become();
    } catch (error) {
      this.#composer.takeBack(text);
      this.#composer.warn(/** @type {Error} */ (error).message);
      return;
    }
    this.#view.send(text, { attachment_ids: this.#files?.ids ?? [], page: this.#page });
    this.#files?.clear();
    this.#typing.end();
    this.#connect();
    host.emit("message", { role: "user" });
  }

  #begun() {
    if (this.#wantsPerson) this.#askForPerson();
  }

  async #askForPerson() {
    this.#wantsPerson = !this.#view.id;
    if (!this.#view.id) return this.#send(texts.ask_for_person);
    await visitorApi.askForPerson(this.#view.id);
    await this.#view.refresh();
  }

  async #end() {
    if (!this.#view.id) return;
    await visitorApi.end(this.#view.id);
    await this.#view.refresh();
  }

  /** @param {{isOpen: boolean, reason?: string}} state */
  #onState({ isOpen, reason }) {
    const banner = find("#banner");
    this.#composer.setConnected(isOpen);
    if (isOpen) {
      clearTimeout(this.#outage);
      this.#outage = 0;
      banner.hidden = true;
      return;
    }
    if (reason === texts.session_ended && isOutdated()) location.reload(); // another page has become somebody else
    banner.textContent = reason === texts.session_ended ? texts.signed_in_elsewhere : (reason ?? "");
    this.#outage ||= setTimeout(() => (banner.hidden = false), OUTAGE_MS);
  }

  #update() {
    this.#composer.open(this.#view.id);
    this.#composer.setAnswering(this.#view.isAnswering);
    const isBlank = this.#transcript.elements.length === 0;
    find(".welcome").hidden = !isBlank;
    find("#suggestions").hidden = !isBlank || this.#needsIntroduction || !frameState.site_texts.suggestions.length;
    for (const each of document.querySelectorAll("[data-needs=conversation]")) /** @type {HTMLElement} */ (each).hidden = !this.#view.id;
    find(".widget__attach").hidden = !this.#view.id;
    for (const element of this.#transcript.elements) this.#dress(element);
    this.#mode.show(this.#view.id && this.#about, Boolean(this.#who.email));
    this.#unread.tell(this.#transcript.elements, { isShown: this.#isShown, isConnected: this.#isConnected });
    const status = find(".answer-status");
    const said = this.#view.isAnswering ? this.#transcript.answering?.place || texts.answering : status.textContent ? texts.answer_ready : "";
    if (status.textContent !== said) status.textContent = said;
  }

  /** @param {ChatMessage} element what the chat page does not show */
  #dress(element) {
    const message = /** @type {any} */ (element.message);
    if (!message) return;
    if (message.role === "agent") /** @type {HTMLElement} */ (element.querySelector("[data-part=author]")).textContent = message.author_name || texts.person;
    if (message.attachments?.length) import("widget_files").then(({ showAttachments }) => showAttachments(element, message.attachments));
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const action = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-action]"))?.dataset.action ?? "";
    // In so small a window the panel below an answer is taller than what can be seen: it is read from its beginning.
    if (/** @type {Element} */ (event.target).closest("feedback-buttons")) {
      setTimeout(() => document.querySelector(".feedback-panel")?.scrollIntoView({ block: "start" }), 150);
    }
    const menu = find("#widget-menu");
    if (menu.contains(/** @type {Node} */ (event.target))) menu.hidePopover();
    /** @type {Record<string, () => unknown>} */
    const actions = {
      person: () => this.#askForPerson(),
      end: () => this.#end(),
      transcript: () => this.#showTranscriptForm(),
      attach: () => this.#attach(),
      sound: toggleSound,
    };
    if (actions[action]) Promise.resolve(actions[action]()).catch((error) => this.#composer.warn(error.message));
  }
}
