// @ts-check
/**
 * One message. A person's text is set as text; a reply's is Markdown (rich_text.js), read again whenever some has come.
 * States: pending, sent, refused (a person's); queued, running, completed, cancelled, failed (a reply's).
 */
import { fromTemplate, texts } from "texts";
/** @typedef {import("texts").Message} Message */
/** @typedef {import("feedback_buttons").FeedbackButtons} FeedbackButtons */
/** @typedef {import("branch_picker").BranchPicker} BranchPicker */

// What reads Markdown is a third of the page, and a new chat has none to read: it comes with the first message.
/** @type {typeof import("rich_text").RichText | null} */
let RichText = null;
/** @type {Promise<void> | null} */
let loading = null;

/** Until then replies are shown as they were written. */
export function loadMarkdown() {
  loading ??= import("rich_text").then((module) => void (RichText = module.RichText));
  return loading;
}

export class ChatMessage extends HTMLElement {
  /** @type {Message | null} */
  message = null;
  #shown = "";
  /** @type {import("rich_text").RichText | null} */
  #rich = null;

  connectedCallback() {
    if (this.dataset.bound) return;
    this.dataset.bound = "1";
    loadMarkdown();
    this.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button[data-action]");
      const action = /** @type {HTMLElement | null} */ (button)?.dataset.action;
      if (action === "copy") this.#copy();
      else if (action === "edit") import("message_editor").then(({ editMessage }) => editMessage(this));
      else if (action) this.#tell(action);
    });
  }

  /** @param {string} role @returns {ChatMessage} */
  static create(role) {
    return /** @type {ChatMessage} */ (fromTemplate(`${role}-message`));
  }

  get state() {
    return this.dataset.state ?? "";
  }

  /** What was written, as it was written. */
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
    if (!isStreaming) {
      this.#shown = message.text;
      this.#render();
    }
    const author = this.querySelector("[data-part=author]");
    if (author) author.textContent = message.author_name;
    this.#reveal("dropped", (message.generation?.dropped_messages ?? 0) > 0);
    this.#reveal("cut", message.generation?.finish_reason === "length");
    this.#reveal("missing", !message.text && !message.generation);
    this.#reveal("stopped", message.generation?.state === "cancelled");
    this.#reveal("edited", message.edited_at !== null);
    this.fail(message.generation?.error?.message ?? "");
    this.#showSources(message.generation);
    /** @type {FeedbackButtons | null} */ (this.querySelector("feedback-buttons"))?.set(message.feedback);
    /** @type {BranchPicker | null} */ (this.querySelector("branch-picker"))?.set(message.id, message.sibling_ids);
  }

  /** @param {string} text */
  show(text) {
    this.#shown = text;
    this.#render();
  }

  /**
   * Apply an event that is not text.
   * @param {any} event
   */
  note(event) {
    if (event.kind !== "started") this.#render(true); // whoever waits for the end must find the whole text
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

  /**
   * No worker has taken the reply yet. (It is shown after a moment, by CSS: most replies begin before.)
   * @param {{ahead: number, workers: string}} place
   */
  wait({ ahead, workers }) {
    const text = {
      none: texts.no_worker,
      starting: texts.model_starting,
      ready: ahead ? texts.waiting_ahead.replace("{ahead}", String(ahead)) : texts.waiting,
    }[workers];
    /** @type {HTMLElement} */ (this.querySelector("[data-part=place]")).textContent = text ?? "";
    this.#tell("changed");
  }

  /** What is said of a reply that waits for a worker; empty when it does not. */
  get place() {
    return this.state === "queued" ? (this.querySelector("[data-part=place]")?.textContent ?? "") : "";
  }

  /** @param {string} reason empty when there is none */
  fail(reason) {
    this.#reveal("failure", reason !== "");
    /** @type {HTMLElement} */ (this.querySelector("[data-part=failure-text]")).textContent = reason;
  }

  #render(isWhole = !this.isAnswering) {
    const place = /** @type {HTMLElement} */ (this.querySelector(".message-text"));
    if (this.dataset.role === "assistant" && RichText) {
      this.#rich ??= new RichText(place);
      if (isWhole) this.#rich.finish(this.#shown);
      else this.#rich.grow(this.#shown);
      return;
    }
    if (place.textContent !== this.#shown) place.textContent = this.#shown;
    if (this.dataset.role === "assistant") loadMarkdown().then(() => this.#render());
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

  /** @param {import("texts").Generation | null} generation */
  #showSources(generation) {
    const part = /** @type {HTMLElement | null} */ (this.querySelector("[data-part=sources]"));
    if (!part) return;
    const knowledge = generation?.knowledge ?? "";
    part.dataset.knowledge = knowledge;
    part.hidden = !["served", "offered", "context"].includes(knowledge);
    part.querySelector("ul")?.replaceChildren(...(generation?.sources ?? []).map(sourceElement));
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

/** @param {import("texts").Source} source @returns {HTMLElement} the question that an answer was approved for, by whom and when */
function sourceElement({ id, question, approved_at, approved_by }) {
  const element = fromTemplate("source");
  /** @param {string} name */
  const part = (name) => /** @type {HTMLElement} */ (element.querySelector(`[data-part=${name}]`));
  part("question").textContent = question;
  if (part("question") instanceof HTMLAnchorElement) part("question").setAttribute("href", `/approved-answers/${id}/`);
  part("approved-at").textContent = new Date(approved_at).toLocaleDateString();
  part("approved-at").setAttribute("datetime", approved_at);
  part("approved-by").textContent = approved_by && ` · ${approved_by}`;
  return element;
}

customElements.define("chat-message", ChatMessage);
