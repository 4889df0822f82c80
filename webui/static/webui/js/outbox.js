// @ts-check
/**
 * What a person has sent and the server has not yet accepted. It outlives the page: the next one sends it again, under
 * the same id, so that the server stores it once.
 * @typedef {{client_message_id: string, conversation_id: string | null, parent_id: string | null, text: string,
 *   model_choice?: string, is_temporary?: boolean, attachment_ids?: string[], page?: string}} Sending
 */
import { storage } from "storage";

export class Outbox {
  #key;
  /** @type {Record<string, Sending & {isRefused?: boolean}>} */
  #sendings;

  /** @param {string} personId what one person wrote is not sent for the next at the same browser */
  constructor(personId) {
    this.#key = `parley.pending.${personId}`;
    this.#sendings = JSON.parse(storage.getItem(this.#key) ?? "{}");
    // What was refused stayed on its page with its text; this page does not send it again.
    for (const [id, sending] of Object.entries(this.#sendings)) if (sending.isRefused) delete this.#sendings[id];
    this.#keep();
  }

  get all() {
    return Object.values(this.#sendings);
  }

  /** @param {string} clientMessageId */
  find(clientMessageId) {
    return this.#sendings[clientMessageId];
  }

  /** @param {Sending} sending */
  put(sending) {
    this.#sendings[sending.client_message_id] = sending;
    this.#keep();
  }

  /** @param {string} clientMessageId */
  accepted(clientMessageId) {
    delete this.#sendings[clientMessageId];
    this.#keep();
  }

  /** @param {string} clientMessageId */
  refused(clientMessageId) {
    const sending = this.#sendings[clientMessageId];
    if (!sending) return;
    sending.isRefused = true;
    this.#keep();
  }

  #keep() {
    storage.setItem(this.#key, JSON.stringify(this.#sendings));
  }
}
