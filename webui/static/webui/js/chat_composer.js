// @ts-check
/**
 * Where a person writes. Keeps the draft of each conversation over reloads; tells "send" and "stop". While a reply is
 * being written its button is Stop, and what is sent by Enter, or by the small button beside it, is to wait.
 */
import { Kept } from "kept";
import { pageState, texts } from "texts";

const hasTouchKeyboard = matchMedia("(pointer: coarse)").matches;

export class ChatComposer extends EventTarget {
  #form;
  #box;
  #button;
  #queueButton;
  #alert;
  /** @type {Kept<string>} */
  #drafts;
  #isAnswering = false;
  #isConnected = true; // until told otherwise: what is sent before the socket is open goes out with it
  #place = "";

  /** @param {HTMLFormElement} form @param {string} personId */
  constructor(form, personId) {
    super();
    this.#form = form;
    this.#drafts = new Kept("draft", personId);
    this.#box = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
    this.#button = /** @type {HTMLButtonElement} */ (form.querySelector(".composer__send"));
    this.#queueButton = /** @type {HTMLButtonElement} */ (form.querySelector(".composer__queue"));
    this.#alert = /** @type {HTMLElement} */ (form.querySelector(".composer__alert"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#button.addEventListener("click", (event) => {
      if (!this.#isAnswering) return;
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("stop"));
    });
    this.#box.addEventListener("input", () => this.#onInput());
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {string | null} conversationId nothing happens where it is open already */
  open(conversationId) {
    const place = conversationId ?? "new";
    if (place === this.#place) return;
    if (this.#box.value) {
      this.#drafts.write(this.#place, null); // what was begun at a new chat goes with it
      this.#drafts.write(place, this.#box.value);
    } else this.#box.value = this.#drafts.read(place) ?? "";
    this.#place = place;
    this.#fit();
    this.#update();
    this.refocus();
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

  focus() {
    this.#box.focus();
  }

  /** After a press elsewhere; it would bring up the keyboard of a phone. */
  refocus() {
    if (!hasTouchKeyboard) this.focus();
  }

  /** @param {string} text to be changed; what stands in the box already stays below it */
  takeBack(text) {
    this.#box.value = [text, this.#box.value].filter(Boolean).join("\n\n");
    this.#onInput();
    this.#box.focus();
    this.#box.setSelectionRange(text.length, text.length);
  }

  #send() {
    const text = this.#box.value;
    if (!text.trim() || (!this.#isConnected && !this.#isAnswering)) return;
    if (text.length > pageState.max_message_chars) {
      const fields = { length: text.length, limit: pageState.max_message_chars };
      this.warn(texts.too_long.replace(/\{(\w+)\}/g, (_, name) => String(fields[/** @type {"length"} */ (name)])));
      return;
    }
    this.warn("");
    this.#box.value = "";
    this.dispatchEvent(new CustomEvent("send", { detail: text }));
    this.#onInput(); // the draft goes when the text is kept elsewhere
    this.refocus(); // after a click on the button as well
  }

  #onInput() {
    this.#drafts.write(this.#place, this.#box.value || null);
    this.#fit();
    this.#update();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || hasTouchKeyboard) return;
    event.preventDefault();
    // While an input method composes (Chinese, Japanese …), Enter chooses a word; Safari says so by 229 alone.
    if (event.isComposing || event.keyCode === 229) return;
    this.#form.requestSubmit();
  }

  #fit() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }

  #update() {
    const hasText = this.#box.value.trim() !== "";
    this.#form.classList.toggle("is-answering", this.#isAnswering);
    this.#button.setAttribute("aria-label", this.#isAnswering ? texts.stop : texts.send);
    this.#button.title = this.#isAnswering ? texts.stop : texts.send;
    this.#button.disabled = this.#isAnswering ? false : !this.#isConnected || !hasText;
    this.#queueButton.disabled = !this.#isAnswering || !hasText;
  }
}
