// @ts-check
/**
 * What one reviewer has in hand: the item that is looked at and the next, so that nobody waits after a decision. It is
 * shown as decided at once and told to the server afterwards; where that fails, the item comes back with its reason.
 * Knows nothing of elements: it tells by events what has changed.
 */
import { reviewApi } from "review_api";
/** @typedef {import("review_api").Item} Item */
/** @typedef {import("review_api").Decision} Decision */

const HELD = 2;

export class Sitting extends EventTarget {
  /** @type {Item[]} the first is looked at */
  #items = [];
  /** @type {string[]} what was given back: it is not offered again */
  #passed = [];
  /** @type {Set<string>} what is decided here, and not yet for the server, which would offer it again */
  #deciding = new Set();
  /** @type {string[]} what was decided, to be undone */
  #decided = [];
  // One request after the other, so that what is taken next is asked for when the decision before has arrived.
  #work = Promise.resolve();
  #cause;

  /** @param {string | null} cause of one kind alone */
  constructor(cause) {
    super();
    this.#cause = cause;
  }

  /** @returns {Item | null} */
  get current() {
    return this.#items[0] ?? null;
  }

  /** @param {string | null} reviewId begins with this one */
  begin(reviewId = null) {
    this.#then(async () => {
      if (reviewId) {
        this.#items.unshift(await reviewApi.take(reviewId));
        this.#tell("shown");
      }
      await this.#preload();
    }, (error) => this.begin(error.code === "review.taken" ? null : reviewId));
  }

  /** @param {Decision} decision */
  decide(decision) {
    const item = this.#advance();
    if (!item) return;
    this.#deciding.add(item.id);
    this.#then(async () => {
      try {
        const { state } = await this.#holding(item, () => reviewApi.decide(item.id, decision));
        this.#decided.push(item.id);
        this.#tell("decided", { item, decision, state });
      } catch (error) {
        this.#items.unshift(item);
        this.#tell("shown");
        this.#tell("refused", { item, decision });
        this.#fail(error, () => this.current === item && this.decide(decision));
        return;
      } finally {
        this.#deciding.delete(item.id);
      }
      await this.#preload();
    }, () => this.#then(() => this.#preload(), () => this.begin()));
  }

  /** Give back what is looked at. */
  pass() {
    const item = this.#advance();
    if (!item) return;
    this.#passed.push(item.id);
    this.#then(async () => {
      await reviewApi.giveBack(item.id).catch(() => null); // it goes back by itself, when its time is over
      this.#tell("passed");
      await this.#preload();
    }, () => this.begin());
  }

  undo() {
    this.#then(async () => {
      const id = this.#decided.pop();
      if (!id) return this.#tell("nothing_to_undo");
      try {
        this.#items.unshift(await reviewApi.undo(id));
      } catch (error) {
        this.#decided.push(id);
        throw error;
      }
      this.#tell("undone");
      this.#tell("shown");
      for (const item of this.#items.splice(HELD)) await reviewApi.giveBack(item.id).catch(() => null);
    }, () => this.undo());
  }

  /** @param {Item} item @param {import("review_api").Rules} rules */
  makeTest(item, rules) {
    return this.#holding(item, () => reviewApi.makeTest(item.id, rules));
  }

  /**
   * Do something with an item; where its time is over and nobody else has taken it, after taking it again.
   * @template T @param {Item} item @param {() => Promise<T>} act @returns {Promise<T>}
   */
  async #holding(item, act) {
    try {
      return await act();
    } catch (error) {
      if (/** @type {any} */ (error).code !== "review.not_held") throw error;
      await reviewApi.take(item.id);
      return act();
    }
  }

  /** @returns {Item | null} what was looked at; the next one is shown from now on */
  #advance() {
    const item = this.#items.shift() ?? null;
    if (item) this.#tell("shown");
    return item;
  }

  async #preload() {
    while (this.#items.length < HELD && (await this.#fetch())) {
      if (this.#items.length === 1) this.#tell("shown"); // it was waited for
    }
    if (!this.current) this.#tell("empty");
  }

  async #fetch() {
    const without = [...this.#passed, ...this.#deciding, ...this.#items.map((item) => item.id)].slice(-200);
    const { item, waiting } = await reviewApi.next(this.#cause, without);
    this.#tell("waiting", Object.values(waiting).reduce((sum, count) => sum + count, 0));
    if (item) this.#items.push(item);
    return item;
  }

  /** @param {() => Promise<void> | void} work @param {(error: any) => void} again what trying again means, where it fails */
  #then(work, again) {
    this.#work = this.#work.then(work).catch((error) => this.#fail(error, () => again(error)));
  }

  /** @param {unknown} error @param {() => void} again */
  #fail(error, again) {
    this.#tell("problem", { error, again });
  }

  /** @param {string} type @param {any} [detail] */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
