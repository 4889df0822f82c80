// @ts-check
/**
 * One message. Its text is set as text, never as markup, and at most once per frame while it streams.
 * States: pending, sent, refused (a person's); queued, running, completed, cancelled, failed (a reply's).
 */
import { fromTemplate, texts } from "texts";
/** @typedef {import("texts").Message} Message */
/** @typedef {import("feedback_buttons").FeedbackButtons} FeedbackButtons */
/** @typedef {import("branch_picker").BranchPicker} BranchPicker */

export class ChatMessage extends HTMLElement {
  /** @type {Message | null} */
  message = null;
  #shown = "";
  #frame = 0;

  connectedCallback() {
    if (this.dataset.bound) return;
    this.dataset.bound = "1";
    this.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button[data-action]");
      const action = /** @type {HTMLElement | null} */ (button)?.dataset.action;
      if (action === "copy") this.#copy();
      else if (action === "edit") this.#edit();
      else if (action && action !== "cancel") this.#tell(action);
    });
  }

  /** @param {string} role @returns {ChatMessage} */
  static create(role) {
    return /** @type {ChatMessage} */ (fromTemplate(`${role}-message`));
  }

  get state() {
    return this.dataset.state ?? "";
  }

  get text() {
    return this.#shown;
  }

  get isAnswering() {
    return this.state === "queued" || this.state === "running";
  }

  /**
   * Show a message as the server has it. The text of a reply that is being followed belongs to whoever follows it.
   * @param {Message} message
   */
  set(message) {
    const isStreaming = this.isAnswering && message.generation && ["queued", "running"].includes(message.generation.state);
    this.message = message;
    this.dataset.messageId = message.id;
    this.dataset.state = message.generation?.state ?? "sent";
    if (!isStreaming) this.show(message.text);
    this.#reveal("dropped", (message.generation?.dropped_messages ?? 0) > 0);
    this.#reveal("cut", message.generation?.finish_reason === "length");
    this.#reveal("missing", !message.text && !message.generation);
    this.#reveal("stopped", message.generation?.state === "cancelled");
    this.fail(message.generation?.error?.message ?? "");
    /** @type {FeedbackButtons | null} */ (this.querySelector("feedback-buttons"))?.set(message.id, message.rating);
    /** @type {BranchPicker} */ (this.querySelector("branch-picker")).set(message.id, message.sibling_ids);
  }

  /** @param {string} text */
  show(text) {
    this.#shown = text;
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#render());
    if (document.hidden) this.#render(); // no frames come in the background
  }

  /**
   * Apply an event that is not text.
   * @param {any} event
   */
  note(event) {
    this.#render(); // whoever waits for the end must find the whole text
    if (event.kind === "started") {
      this.dataset.state = "running";
      this.#reveal("dropped", event.dropped_messages > 0);
    } else if (event.kind === "finished") {
      this.dataset.state = event.finish_reason === "cancelled" ? "cancelled" : "completed";
      this.#reveal("stopped", event.finish_reason === "cancelled");
      this.#reveal("cut", event.finish_reason === "length");
    } else {
      this.dataset.state = "failed";
      this.fail(event.message);
    }
    this.#tell("changed");
  }

  /** @param {string} reason empty when there is none */
  fail(reason) {
    this.#reveal("failure", reason !== "");
    /** @type {HTMLElement} */ (this.querySelector("[data-part=failure-text]")).textContent = reason;
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const place = /** @type {HTMLElement} */ (this.querySelector(".message-text"));
    const node = /** @type {Text | null} */ (place.firstChild);
    if (node && this.#shown.startsWith(node.data)) node.appendData(this.#shown.slice(node.data.length));
    else place.textContent = this.#shown;
    this.#tell("grown");
  }

  async #copy() {
    const button = /** @type {HTMLElement} */ (this.querySelector("[data-action=copy]"));
    try {
      await navigator.clipboard.writeText(this.#shown);
      button.classList.add("is-done");
      button.title = texts.copied;
      setTimeout(() => button.classList.remove("is-done"), 1500);
    } catch {
      this.#tell("problem", texts.copy_failed);
    }
  }

  #edit() {
    if (this.querySelector("form.edit")) return;
    const form = fromTemplate("edit-form");
    const box = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
    const close = () => {
      form.remove();
      this.classList.remove("is-editing");
    };
    box.value = this.#shown;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!box.value.trim()) return;
      close();
      this.#tell("rerun", box.value);
    });
    form.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") close();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
    });
    form.querySelector("[data-action=cancel]")?.addEventListener("click", close);
    this.classList.add("is-editing");
    this.querySelector(".message__body")?.after(form);
    box.focus();
  }

  /** @param {string} part @param {boolean} isShown */
  #reveal(part, isShown) {
    const element = /** @type {HTMLElement | null} */ (this.querySelector(`[data-part=${part}]`));
    if (element) element.hidden = !isShown;
  }

  /** @param {string} type @param {any} [detail] */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}

customElements.define("chat-message", ChatMessage);
