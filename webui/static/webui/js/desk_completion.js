// @ts-check
/**
 * Choices above a text box: ready replies after "/", people after "@". It replaces the sign and the letters behind it by
 * what was chosen. Keys: arrows choose, Enter or Tab takes, Escape closes.
 */
import { fromTemplate } from "texts";

/** @typedef {{name: string, text: string, detail?: string}} Choice `name` is what is typed, `text` what is put in */

const MOST = 8;
const TYPED = /(^|\s)([/@])([\p{L}\p{N}_-]*)$/u;

export class Completion {
  #box;
  #choicesOf;
  /** @type {HTMLElement | null} */
  #list = null;
  /** @type {Choice[]} */
  #choices = [];
  #at = 0;

  /** @param {HTMLTextAreaElement} box @param {(sign: string) => Choice[]} choicesOf all there are behind this sign */
  constructor(box, choicesOf) {
    this.#box = box;
    this.#choicesOf = choicesOf;
    box.addEventListener("input", () => this.#look());
    box.addEventListener("blur", () => setTimeout(() => this.#close(), 150)); // a click on a choice comes first
    box.addEventListener("keydown", (event) => this.#onKey(event));
  }

  get #typed() {
    return TYPED.exec(this.#box.value.slice(0, this.#box.selectionStart));
  }

  #look() {
    const [, , sign, letters] = this.#typed ?? [];
    const wanted = (letters ?? "").toLowerCase();
    const fits = (/** @type {Choice} */ { name }) => name.toLowerCase().includes(wanted);
    this.#choices = sign ? this.#choicesOf(sign).filter(fits).slice(0, MOST) : [];
    if (!this.#choices.length) return this.#close();
    this.#at = 0;
    this.#draw();
  }

  #draw() {
    if (!this.#list) {
      this.#list = fromTemplate("completion");
      this.#list.id = "completion-list";
      this.#box.before(this.#list);
      this.#box.setAttribute("aria-controls", this.#list.id);
    }
    this.#list.replaceChildren(...this.#choices.map((choice, at) => this.#option(choice, at)));
    this.#box.setAttribute("aria-activedescendant", `completion-${this.#at}`);
    this.#list.children[this.#at].scrollIntoView({ block: "nearest" });
  }

  /** @param {Choice} choice @param {number} at */
  #option({ name, text, detail }, at) {
    const option = document.createElement("li");
    option.id = `completion-${at}`;
    option.role = "option";
    option.ariaSelected = String(at === this.#at);
    const title = document.createElement("strong");
    title.textContent = name;
    option.append(title, ` ${detail ?? text}`);
    option.dir = "auto";
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#take(at);
    });
    return option;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.#list || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#at = (this.#at + step + this.#choices.length) % this.#choices.length;
      this.#draw();
    } else if (event.key === "Enter" || event.key === "Tab") this.#take(this.#at);
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** @param {number} at */
  #take(at) {
    const typed = this.#typed;
    const choice = this.#choices[at];
    if (!typed || !choice) return;
    const end = this.#box.selectionStart;
    const begin = end - typed[2].length - typed[3].length;
    this.#box.setRangeText(choice.text, begin, end, "end");
    this.#close();
    this.#box.dispatchEvent(new Event("input"));
    this.#box.focus();
  }

  #close() {
    this.#list?.remove();
    this.#list = null;
    this.#box.removeAttribute("aria-activedescendant");
    this.#box.removeAttribute("aria-controls");
  }
}
