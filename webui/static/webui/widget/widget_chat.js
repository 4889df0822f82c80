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
import { Files, showAttachments } from "widget_files";
import * as forms from "widget_forms";
import { host } from "widget_host";
import { frameState, part } from "widget_look";
import { currentToken, forgetVisitor, isOutdated, keepToken } from "widget_token";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */
/** @typedef {import("chat_transcript").ChatTranscript} ChatTranscript */

// A shorter outage is not worth a word.
const OUTAGE_MS = 500;
const SOUND_KEY = `parley.sound.${frameState.site_id}`;
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
  #files;
  #isShown = false;
  #isConnected = false;
  #wantsPerson = false;
  #outage = 0;
  #mode = "";
  /** Ids of what others wrote and the visitor has seen. @type {Set<string>} */
  #seen = new Set();
  #told = "";

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
    this.#files = new Files(find("#composer"), () => this.#view.id, (problem) => this.#composer.warn(problem));
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
    document.addEventListener("keydown", (event) => this.#onKey(event));
    this.#view.open();
    for (const { id, role, created_at } of /** @type {any[]} */ (pageState.messages)) {
      if (role !== "user" && Date.parse(created_at) <= Date.parse(this.#about?.read_at ?? "")) this.#seen.add(id);
    }
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
    const isDone = this.#view.id || storage.getItem(`parley.introduced.${frameState.site_id}`);
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

  #introduce() {
    find(".widget__foot").hidden = true;
    find("#suggestions").hidden = true;
    forms.showIntroduction(this.#who.missing, async (said) => {
      await this.#become();
      await visitorApi.introduce({ ...said, page: this.#page });
      storage.setItem(`parley.introduced.${frameState.site_id}`, "1");
      find(".widget__foot").hidden = false;
      this.#update();
      this.#composer.focus();
    });
  }

  /** @param {string} text */
  async #send(text) {
    try {
      await this.#become();
    } catch (error) {
      this.#composer.takeBack(text);
      this.#composer.warn(/** @type {Error} */ (error).message);
      return;
    }
    this.#view.send(text, { attachment_ids: this.#files.ids, page: this.#page });
    this.#files.clear();
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
    this.#showMode();
    this.#tellUnread();
    const status = find(".answer-status");
    const said = this.#view.isAnswering ? this.#transcript.answering?.place || texts.answering : status.textContent ? texts.answer_ready : "";
    if (status.textContent !== said) status.textContent = said;
  }

  /** @param {ChatMessage} element what the chat page does not show */
  #dress(element) {
    const message = /** @type {any} */ (element.message);
    if (!message) return;
    if (message.role === "agent") /** @type {HTMLElement} */ (element.querySelector("[data-part=author]")).textContent = message.author_name || texts.person;
    showAttachments(element, message.attachments ?? []);
  }

  #showMode() {
    const about = this.#about;
    const mode = about?.mode ?? "assistant";
    const withPerson = about?.agent ? texts.with_person.replace("{name}", about.agent) : texts.with_somebody;
    const said = { assistant: texts.with_assistant, waiting: texts.with_waiting, person: withPerson, resolved: texts.with_resolved };
    part("with").textContent = said[/** @type {keyof typeof said} */ (mode)];
    find("#app").dataset.mode = mode;
    find("[data-action=person]").hidden = mode === "waiting" || mode === "person";
    if (this.#mode && mode !== this.#mode) host.emit("handoff", { mode });
    this.#mode = about ? mode : "";
    if (!this.#view.id) return;
    const wantsForm = about?.wants_form && frameState.has_offline_form && !this.#who.email;
    if (wantsForm && !forms.isShown("email")) {
      forms.showOfflineForm();
      this.#who = { ...this.#who, email: "asked" }; // once, and again only on another page
    }
    if (mode !== "waiting" && forms.isShown("email") && this.#who.email === "asked") forms.closeForm(); // somebody came
    const isUnrated = mode === "resolved" && about.satisfaction === null;
    if (isUnrated && !forms.isShown("rating")) forms.showRating(this.#view.id);
    else if (!isUnrated && forms.isShown("rating")) forms.closeForm();
  }

  /** How much the visitor has not seen while the chat was closed, for the page's button. */
  #tellUnread() {
    const told = this.#transcript.elements.filter(({ dataset, isAnswering }) => dataset.role !== "user" && dataset.messageId && !isAnswering);
    const unseen = told.filter(({ dataset }) => !this.#seen.has(dataset.messageId ?? ""));
    const last = told.at(-1);
    const isNews = this.#isConnected && last !== undefined && last.dataset.messageId !== this.#told && unseen.includes(last);
    if (last) this.#told = last.dataset.messageId ?? "";
    if (isNews) host.emit("message", { role: last.dataset.role });
    if (isNews && !this.#isShown && storage.getItem(SOUND_KEY)) ring();
    if (this.#isShown && unseen.length) {
      for (const { dataset } of unseen) this.#seen.add(dataset.messageId ?? "");
      if (this.#view.id) visitorApi.markRead(this.#view.id).catch(() => {}); // it is told again with the next
    }
    const count = this.#isShown ? 0 : unseen.length;
    const preview = count ? (last?.text ?? "").replace(/[*_`#>]/g, "").slice(0, 160) : "";
    host.tell("unread", { count, preview, label: texts.new_messages.replace("{count}", String(count)) });
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
      transcript: () => this.#view.id && forms.showTranscriptForm(this.#view.id, this.#who.email.includes("@") ? this.#who.email : ""),
      sound: () => this.#toggleSound(),
    };
    if (actions[action]) Promise.resolve(actions[action]()).catch((error) => this.#composer.warn(error.message));
  }

  #toggleSound() {
    const isOn = !storage.getItem(SOUND_KEY);
    if (isOn) storage.setItem(SOUND_KEY, "1");
    else storage.removeItem(SOUND_KEY);
    find("[data-action=sound] span").textContent = isOn ? texts.sound_off : texts.sound_on;
    if (isOn) ring();
  }

  /** Esc closes; Tab goes round within the chat, which is a dialog over the page. @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key === "Escape" && !event.defaultPrevented && !find("#widget-menu").matches(":popover-open")) host.tell("close");
    if (event.key !== "Tab") return;
    const all = [...document.querySelectorAll("button, input, textarea, a[href], [tabindex='0'], summary")];
    const reachable = /** @type {HTMLElement[]} */ (all.filter((each) => each.checkVisibility({ visibilityProperty: true }) && !(/** @type {any} */ (each).disabled)));
    const end = event.shiftKey ? reachable[0] : reachable.at(-1);
    if (document.activeElement !== end) return;
    event.preventDefault();
    (event.shiftKey ? reachable.at(-1) : reachable[0])?.focus();
  }
}

/** Two short tones, made here: nothing is loaded for them. */
function ring() {
  const context = new AudioContext();
  [660, 880].forEach((frequency, index) => {
    const tone = new OscillatorNode(context, { frequency });
    const volume = new GainNode(context, { gain: 0.06 });
    tone.connect(volume).connect(context.destination);
    tone.start(context.currentTime + index * 0.12);
    tone.stop(context.currentTime + index * 0.12 + 0.1);
  });
  setTimeout(() => context.close(), 1000);
}
