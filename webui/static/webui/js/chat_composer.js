// @ts-check
/** Where a person writes. Keeps the draft of each conversation over reloads; tells "send" and "stop". */
import { pageState, texts } from "texts";

const hasTouchKeyboard = matchMedia("(pointer: coarse)").matches;

export class ChatComposer extends EventTarget {
  #form;
  #box;
  #button;
  #alert;
  #isAnswering = false;
  #isConnected = true; // until told otherwise: what is sent before the socket is open goes out with it
  #draftKey = "";

  /** @param {HTMLFormElement} form */
  constructor(form) {
    super();
    this.#form = form;
    this.#box = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
    this.#button = /** @type {HTMLButtonElement} */ (form.querySelector(".composer__send"));
    this.#alert = /** @type {HTMLElement} */ (form.querySelector(".composer__alert"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#isAnswering) this.#stop();
      else this.#send();
    });
    this.#box.addEventListener("input", () => this.#onInput());
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#isAnswering && this.#stop());
  }

  /** @param {string | null} conversationId nothing happens where it is open already */
  open(conversationId) {
    const key = `parley.draft.${conversationId ?? "new"}`;
    if (key === this.#draftKey) return;
    this.#draftKey = key;
    if (!this.#box.value) this.#box.value = localStorage.getItem(this.#draftKey) ?? "";
    this.#fit();
    this.#update();
    if (!hasTouchKeyboard) this.#box.focus();
  }

  /** @param {boolean} isAnswering */
  setAnswering(isAnswering) {
    this.#isAnswering = isAnswering;
    this.#update();
  }

  /** @param {boolean} isConnected */
  setConnected(isConnected) {
    this.#isConnected = isConnected;
    this.#update();
  }

  /** @param {string} text empty to take it away */
  warn(text) {
    this.#alert.textContent = text;
    this.#alert.hidden = !text;
  }

  #send() {
    const text = this.#box.value;
    if (!text.trim() || !this.#isConnected) return;
    if (text.length > pageState.max_message_chars) {
      const fields = { length: text.length, limit: pageState.max_message_chars };
      this.warn(texts.too_long.replace(/\{(\w+)\}/g, (_, name) => String(fields[/** @type {"length"} */ (name)])));
      return;
    }
    this.warn("");
    this.#box.value = "";
    this.#onInput();
    this.dispatchEvent(new CustomEvent("send", { detail: text }));
    if (!hasTouchKeyboard) this.#box.focus(); // after a click on the button as well
  }

  #stop() {
    this.dispatchEvent(new CustomEvent("stop"));
  }

  #onInput() {
    if (this.#box.value) localStorage.setItem(this.#draftKey, this.#box.value);
    else localStorage.removeItem(this.#draftKey);
    this.#fit();
    this.#update();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || hasTouchKeyboard) return;
    event.preventDefault();
    // While an input method composes (Chinese, Japanese …), Enter chooses a word; Safari says so by 229 alone.
    if (event.isComposing || event.keyCode === 229 || this.#isAnswering) return;
    this.#form.requestSubmit();
  }

  #fit() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }

  #update() {
    this.#form.classList.toggle("is-answering", this.#isAnswering);
    this.#button.setAttribute("aria-label", this.#isAnswering ? texts.stop : texts.send);
    this.#button.title = this.#isAnswering ? texts.stop : texts.send;
    this.#button.disabled = this.#isAnswering ? false : !this.#isConnected || !this.#box.value.trim();
  }
}
