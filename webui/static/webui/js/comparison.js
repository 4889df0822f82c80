// @ts-check
/**
 * Two answers to one question beside each other, and a vote. The pair stands in the address's #, so that a reload comes
 * back to it. Both are ordinary siblings in the tree; leaving without a vote changes nothing.
 */
import { api } from "api";
import { ChatMessage } from "chat_message";
import { openDialog } from "dialog";
import { texts } from "texts";
/** @typedef {import("conversation_view").ConversationView} ConversationView */
/** @typedef {import("stream_client").StreamClient} StreamClient */

const HASH = /^#compare=([\w-]+),([\w-]+)$/;
/** States of an answer that can be judged; one that was imported is "sent". */
const WHOLE = ["completed", "cancelled", "sent"];
const VERDICTS = ["left", "right", "tie", "neither"];

export class Comparison {
  #view;
  #client;
  #dialog = openDialog("comparison-dialog");
  #sides = { left: "", right: "" };
  /** @type {string | null} */
  #verdict = null;
  #listening = new AbortController();

  /** @param {ConversationView} view @param {StreamClient} client */
  constructor(view, client) {
    this.#view = view;
    this.#client = client;
    this.#dialog.addEventListener("changed", () => this.#update()); // an answer came to its end
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#dialog.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
      if (button?.dataset.verdict) this.#vote(button.dataset.verdict);
      if (button?.dataset.action === "withdraw-vote") this.#vote(null);
    });
    this.#dialog.addEventListener("close", () => {
      this.#listening.abort();
      history.replaceState(null, "", location.pathname + location.search);
      view.refresh().catch(() => {}); // the transcript behind is told again when the server is back
    });
  }

  /** @param {ConversationView} view @param {StreamClient} client come back to what the address names */
  static reopen(view, client) {
    const [, left, right] = HASH.exec(location.hash) ?? [];
    if (left && view.id) new Comparison(view, client).#show(left, right);
  }

  /** @param {ChatMessage} reply offer what it can be compared with; ask at once where there is one way only */
  async begin(reply) {
    // A reply that has just been streamed may not have been read from the server yet.
    const message = reply.message ?? (await api.message(this.#view.id ?? "", reply.dataset.messageId ?? ""));
    const others = message.sibling_ids.filter((id) => id !== message.id);
    const model = /** @type {HTMLSelectElement | null} */ (this.#dialog.querySelector("select"));
    if (!others.length && !model) {
      this.#ask(reply, message);
      return;
    }
    const choose = this.#part("choose");
    choose.hidden = false;
    for (const id of others) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "chip";
      button.textContent = texts.version.replace("{number}", String(message.sibling_ids.indexOf(id) + 1));
      button.addEventListener("click", () => this.#show(message.id, id));
      this.#part("versions").append(button);
    }
    this.#part("with-version").hidden = !others.length;
    choose.querySelector("[data-action=ask]")?.addEventListener("click", () => this.#ask(reply, message, model?.value));
  }

  /** @param {ChatMessage} reply @param {import("texts").Message} message @param {string} [modelChoice] who writes the other */
  #ask(reply, message, modelChoice) {
    if (!this.#client.isOpen) return this.#say(texts.request_failed);
    if (this.#view.isAnswering) return this.#say(texts.still_answering);
    /** @param {string} type @param {(detail: any) => void} then */
    const on = (type, then) =>
      this.#client.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail), { signal: this.#listening.signal });
    on("accepted", (accepted) => {
      const isOurs = accepted.client_message_id === null && accepted.message_id === message.parent_id;
      if (isOurs) this.#show(message.id, accepted.reply_id);
    });
    on("refused", (refusal) => refusal.ref === message.id && this.#say(refusal.message));
    on("state", ({ isOpen }) => isOpen || this.#say(texts.request_failed));
    this.#part("choose").hidden = true;
    this.#view.regenerate(reply, modelChoice);
  }

  /** @param {string} left @param {string} right */
  async #show(left, right) {
    this.#listening.abort();
    this.#listening = new AbortController();
    this.#sides = { left, right };
    history.replaceState(null, "", `#compare=${left},${right}`);
    this.#part("choose").hidden = true;
    try {
      const id = this.#view.id ?? "";
      const [first, second, { verdict }] = await Promise.all([api.message(id, left), api.message(id, right), api.verdict(left, right)]);
      this.#verdict = verdict;
      this.#place("left", first);
      this.#place("right", second);
      this.#part("pair").hidden = this.#part("vote").hidden = false;
      this.#part("pair").focus(); // what had the focus may have gone, and keys would reach nothing
      this.#update();
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message);
    }
  }

  /** @param {"left" | "right"} side @param {import("texts").Message} message */
  #place(side, message) {
    const element = ChatMessage.create("assistant");
    element.set(message);
    this.#part(side).replaceChildren(element);
    if (message.generation && element.isAnswering) this.#client.follow(message.generation.id, element);
  }

  /** @param {string | null} verdict null takes it back */
  async #vote(verdict) {
    const { left, right } = this.#sides;
    try {
      await api.vote(left, right, verdict);
      this.#verdict = verdict;
      this.#say("");
      if (!verdict) this.#part("pair").focus(); // the button that was pressed goes
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message);
    }
    this.#update();
  }

  #update() {
    const states = [...this.#dialog.querySelectorAll("chat-message")].map((each) => /** @type {ChatMessage} */ (each).state);
    const isReady = states.every((state) => WHOLE.includes(state));
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (this.#dialog.querySelectorAll("[data-verdict]"))) {
      button.disabled = !isReady;
      button.setAttribute("aria-pressed", String(button.dataset.verdict === this.#verdict));
    }
    this.#part("withdraw").hidden = !this.#verdict;
    this.#part("said").textContent = this.#verdict ? texts.vote_kept : isReady ? "" : texts.vote_later;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const verdict = VERDICTS[Number(event.key) - 1];
    const isWriting = /** @type {Element} */ (event.target).closest("input, select, textarea");
    if (!verdict || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {HTMLElement} */ (this.#dialog.querySelector(`[data-verdict=${verdict}]`)).click(); // nothing while disabled
  }

  /** @param {string} problem */
  #say(problem) {
    this.#part("problem").hidden = !problem;
    this.#part("problem").textContent = problem;
  }

  /** @param {string} name @returns {HTMLElement} */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#dialog.querySelector(`[data-part=${name}]`));
  }
}
