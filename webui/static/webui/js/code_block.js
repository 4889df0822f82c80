// @ts-check
/** Code in a reply: what language it is in, copying, and wrapping of long lines. Colours come from highlighting.js. */
import { fromTemplate, texts } from "texts";

export class CodeBlock extends HTMLElement {
  connectedCallback() {
    if (this.dataset.bound) return;
    this.dataset.bound = "1";
    this.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
      if (button?.dataset.part === "copy") this.#copy(button);
      if (button?.dataset.part === "wrap") {
        button.setAttribute("aria-pressed", String(this.classList.toggle("is-wrapped")));
      }
    });
  }

  /** @param {string} language @param {string} text @returns {CodeBlock} */
  static create(language, text) {
    const block = /** @type {CodeBlock} */ (fromTemplate("code-block"));
    block.dataset.language = language;
    block.code.textContent = text;
    /** @type {HTMLElement} */ (block.querySelector("[data-part=language]")).textContent = language;
    return block;
  }

  get code() {
    return /** @type {HTMLElement} */ (this.querySelector("code"));
  }

  /** @param {HTMLElement} button */
  async #copy(button) {
    try {
      await navigator.clipboard.writeText(this.code.textContent ?? "");
    } catch {
      this.dispatchEvent(new CustomEvent("problem", { bubbles: true, detail: texts.copy_failed }));
      return;
    }
    button.dataset.label ??= button.textContent ?? "";
    button.textContent = texts.copied;
    setTimeout(() => (button.textContent = button.dataset.label ?? ""), 1500);
  }
}

customElements.define("code-block", CodeBlock);
