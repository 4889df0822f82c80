// @ts-check
/** Tells the people of the desk that the visitor writes, and never what: with the first letter, now and then while they
 * go on, and once when the box is empty again. Who just stops is forgotten by the server after six seconds. */

const AGAIN_MS = 4_000;

export class Typing {
  #tell;
  #saidAt = -Infinity;

  /** @param {HTMLTextAreaElement} box @param {(isTyping: boolean) => void} tell */
  constructor(box, tell) {
    this.#tell = tell;
    box.addEventListener("input", () => (box.value ? this.#go() : this.end()));
  }

  #go() {
    const now = performance.now();
    if (now - this.#saidAt < AGAIN_MS) return;
    this.#saidAt = now;
    this.#tell(true);
  }

  /** It was sent, or taken back. */
  end() {
    if (this.#saidAt === -Infinity) return;
    this.#saidAt = -Infinity;
    this.#tell(false);
  }
}
