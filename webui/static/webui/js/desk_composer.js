// @ts-check
/**
 * Where an agent writes: a reply to the visitor, or a private note to colleagues, each with a draft of its own that a
 * reload does not lose. It tells "send" and "typing". Stands in the open case and is bound anew with it.
 */
import { ChosenFiles } from "chosen_files";
import { deskApi } from "desk_api";
import { Completion } from "desk_completion";
import { Kept } from "kept";
import { pageState, texts } from "texts";
/** @typedef {"reply" | "note"} Kind */

const hasTouchKeyboard = matchMedia("(pointer: coarse)").matches;
const TYPING_MS = 4000;

export class DeskComposer extends EventTarget {
  /** @type {Kept<string>} */
  #drafts;
  #caseId = "";
  /** @type {HTMLFormElement | null} */
  #form = null;
  /** The suggestion that the reply was made of. @type {string | null} */
  #draftId = null;
  #typingTimer = 0;
  /** @type {ChosenFiles | null} */
  #files = null;
  /** Those chosen for a case, by its id: they wait while another case is open. @type {Map<string, import("chosen_files").Uploaded[]>} */
  #chosen = new Map();
  isTyping = false;

  /** @param {string} personId */
  constructor(personId) {
    super();
    this.#drafts = new Kept("draft", personId);
  }

  /** @param {string | null} caseId @param {() => any} stateOf what the server says of the case: canned, agents */
  bind(caseId, stateOf) {
    this.#caseId = caseId ?? "";
    this.#draftId = null;
    this.#form = /** @type {HTMLFormElement | null} */ (document.getElementById("desk-composer"));
    if (!this.#form) return;
    this.#files = this.#filesOf(this.#caseId);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    new Completion(this.#box, (sign) => {
      if (sign === "@") return this.kind === "note" ? stateOf().agents : [];
      return stateOf().canned;
    });
    this.#box.addEventListener("input", () => this.#onInput());
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    const tabs = this.#tabs;
    for (const tab of tabs) {
      tab.addEventListener("click", () => this.choose(/** @type {Kind} */ (tab.dataset.kind)));
      tab.addEventListener("keydown", (event) => {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") tabs.find((each) => each !== tab)?.click();
      });
    }
    this.choose("reply", false);
  }

  /** @param {string} caseId */
  #filesOf(caseId) {
    const chosen = this.#chosen.get(caseId) ?? [];
    this.#chosen.set(caseId, chosen);
    const form = /** @type {HTMLFormElement} */ (this.#form);
    const warn = (/** @type {string} */ problem) => this.#form === form && this.warn(problem);
    const files = new ChosenFiles(form, { upload: deskApi.upload, conversationId: () => caseId, warn, changed: () => this.#form === form && this.#fit() }, chosen);
    form.querySelector("[data-action=attach]")?.addEventListener("click", () => files.choose());
    return files;
  }

  get kind() {
    return /** @type {Kind} */ (this.#form?.dataset.kind ?? "reply");
  }

  get #box() {
    return /** @type {HTMLTextAreaElement} */ (this.#form?.querySelector("textarea"));
  }

  get #tabs() {
    return /** @type {HTMLElement[]} */ ([...(this.#form?.querySelectorAll("[role=tab]") ?? [])]);
  }

  /** @param {Kind} kind @param {boolean} [isFocused] */
  choose(kind, isFocused = true) {
    if (!this.#form) return;
    this.#form.dataset.kind = kind;
    for (const tab of this.#tabs) {
      const isChosen = tab.dataset.kind === kind;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    this.#form.querySelector("[role=tabpanel]")?.setAttribute("aria-labelledby", `tab-${kind}`);
    this.#box.setAttribute("aria-label", texts[`desk_${kind}_label`]);
    this.#box.placeholder = texts[`desk_${kind}_hint`];
    this.#box.value = this.#drafts.read(this.#place) ?? "";
    this.#fit();
    if (isFocused) this.#box.focus();
  }

  /** Put a suggestion into the box to be changed. @param {string} draftId @param {string} text */
  edit(draftId, text) {
    this.choose("reply");
    this.#draftId = draftId;
    this.#box.value = text;
    this.#onInput();
    this.#box.setSelectionRange(text.length, text.length);
  }

  /** @param {string} text empty to take it away */
  warn(text) {
    const alert = /** @type {HTMLElement | null | undefined} */ (this.#form?.querySelector(".composer__alert"));
    if (!alert) return;
    alert.textContent = text;
    alert.hidden = !text;
  }

  get #place() {
    return `desk.${this.#caseId}.${this.kind}`;
  }

  #send() {
    const isReply = this.kind === "reply";
    const ids = isReply ? (this.#files?.ids ?? []) : [];
    const text = this.#box.value.trim() ? this.#box.value : ids.length ? (this.#files?.names ?? "") : "";
    if (!this.#canSend) return;
    const limit = /** @type {any} */ (pageState).max_message_chars;
    if (text.length > limit) return this.warn(texts.too_long.replace("{length}", String(text.length)).replace("{limit}", limit));
    this.warn("");
    const draftId = isReply ? this.#draftId : null;
    this.#draftId = null;
    if (isReply) this.#files?.clear();
    this.#box.value = "";
    this.#onInput();
    this.#type(false);
    this.dispatchEvent(new CustomEvent("send", { detail: { text, kind: this.kind, draftId, attachmentIds: ids } }));
    if (!hasTouchKeyboard) this.#box.focus();
  }

  #onInput() {
    this.#drafts.write(this.#place, this.#box.value || null);
    if (!this.#box.value) this.#draftId = null;
    this.#fit();
    this.#type(this.kind === "reply" && this.#box.value !== "");
  }

  /** @param {boolean} isTyping */
  #type(isTyping) {
    clearTimeout(this.#typingTimer);
    if (isTyping) this.#typingTimer = setTimeout(() => this.#type(false), TYPING_MS);
    if (isTyping === this.isTyping) return;
    this.isTyping = isTyping;
    this.dispatchEvent(new Event("typing"));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || hasTouchKeyboard) return;
    event.preventDefault();
    // While an input method composes (Chinese, Japanese …), Enter chooses a word; Safari says so by 229 alone.
    if (event.isComposing || event.keyCode === 229) return;
    this.#form?.requestSubmit();
  }

  #fit() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight}px`;
    /** @type {HTMLButtonElement} */ (this.#form?.querySelector(".composer__send")).disabled = !this.#canSend;
  }

  get #canSend() {
    const hasText = this.#box.value.trim() !== "";
    if (this.kind === "note") return hasText;
    return !this.#files?.isUploading && (hasText || (this.#files?.ids.length ?? 0) > 0);
  }
}
