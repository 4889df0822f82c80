// @ts-check
/**
 * What a person wrote while a reply was being written, by conversation. It outlives the page. When several tabs show
 * the conversation, one of them sends: the one that holds the lock, which passes on when that tab goes. Should two send
 * all the same, the server stores each message once, by its id.
 * @typedef {{client_message_id: string, text: string, is_urgent?: boolean}} Waiting
 */
import { Kept } from "kept";
import { newId } from "texts";

export class MessageQueue extends EventTarget {
  /** @type {Kept<Waiting[]>} */
  #kept;
  #place = "";
  #isSender = false;

  /** @param {string} personId */
  constructor(personId) {
    super();
    this.#kept = new Kept("waiting", personId);
    addEventListener("storage", (event) => event.key === this.#kept.key(this.#place) && this.#tell());
  }

  /** Whether this tab is the one that sends. */
  get isSender() {
    return this.#isSender;
  }

  get all() {
    return this.#kept.read(this.#place) ?? [];
  }

  /** @param {string} place the conversation's id; while it has none, that of the message that begins it */
  open(place) {
    this.#place = place;
    this.#isSender = false;
    this.#tell();
    // Without HTTPS there are no locks, and a browser may deny them to a frame on another site; what the server refuses
    // because it is busy then comes back to the queue.
    if (!navigator.locks) return this.#becomeSender(place);
    const locked = navigator.locks.request(this.#kept.key(place), () => (this.#becomeSender(place), new Promise(() => {})));
    locked.catch(() => this.#becomeSender(place));
  }

  /** @param {string} place the conversation has got its id */
  moveTo(place) {
    const all = this.all;
    this.#write([]);
    this.#place = place;
    this.#write(all);
    this.open(place);
  }

  /** @param {string} text */
  add(text) {
    this.#write([...this.all, { client_message_id: newId(), text }]);
  }

  /** @param {Waiting} waiting its turn had not come */
  putBack(waiting) {
    this.#write([waiting, ...this.#without(waiting.client_message_id)]);
  }

  /** @param {string} id let it be the next, however the running reply ends */
  hurry(id) {
    const waiting = this.all.find((each) => each.client_message_id === id);
    if (waiting) this.putBack({ ...waiting, is_urgent: true });
  }

  /** @param {string} id */
  remove(id) {
    this.#write(this.#without(id));
  }

  /** @param {string} id */
  #without(id) {
    return this.all.filter((each) => each.client_message_id !== id);
  }

  /** @param {Waiting[]} all */
  #write(all) {
    this.#kept.write(this.#place, all.length ? all : null);
    this.#tell();
  }

  /** @param {string} place */
  #becomeSender(place) {
    if (place !== this.#place) return;
    this.#isSender = true;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("changed"));
  }
}
