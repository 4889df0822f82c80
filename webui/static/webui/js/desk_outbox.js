// @ts-check
/**
 * Sends what agents wrote, in the order in which they wrote it. What cannot be sent now is kept in this browser, over
 * reloads, and goes out when the server is back, under the same id, so that it is stored once.
 */
import { deskApi } from "desk_api";
import { Outbox } from "outbox";
/** @typedef {import("outbox").Sending} Sending */

const AGAIN_MS = 3000;

export class DeskOutbox extends EventTarget {
  #kept;
  #isSending = false;
  #timer = 0;

  /** @param {string} personId */
  constructor(personId) {
    super();
    this.#kept = new Outbox(`desk.${personId}`);
  }

  /** @param {string | null} caseId @returns {Sending[]} what is on its way there */
  of(caseId) {
    return this.#kept.all.filter((sending) => sending.conversation_id === caseId);
  }

  /** @param {Sending} sending */
  put(sending) {
    this.#kept.put(sending);
    this.flush();
  }

  /** @param {string} clientId @returns {Sending | undefined} */
  find(clientId) {
    return this.#kept.find(clientId);
  }

  /** @param {string} clientId what was refused is not to be sent */
  discard(clientId) {
    this.#kept.accepted(clientId);
  }

  /** @param {string} clientId what was refused is sent once more */
  retry(clientId) {
    const sending = this.#kept.find(clientId);
    if (sending) this.put({ ...sending, isRefused: false });
  }

  async flush() {
    clearTimeout(this.#timer);
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let next; (next = this.#kept.all.find((sending) => !sending.isRefused)); ) await this.#send(next);
    } catch {
      this.#timer = setTimeout(() => this.flush(), AGAIN_MS);
    } finally {
      this.#isSending = false;
    }
  }

  /** @param {Sending} sending */
  async #send(sending) {
    const clientId = sending.client_message_id;
    try {
      await deskApi.send(sending);
    } catch (error) {
      const { code, retryable, message } = /** @type {any} */ (error);
      if (!code || retryable) throw error; // later
      this.#kept.refused(clientId);
      this.#tell("refused", { sending, reason: message });
      return;
    }
    this.#kept.accepted(clientId);
    this.#tell("sent", { sending });
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
