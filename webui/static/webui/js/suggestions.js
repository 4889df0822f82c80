// @ts-check
/**
 * What one could ask next. Plain rules on the last question and its reply choose among sentences of ours; the model has
 * no part in it (docs/decisions/0006), and nothing here says that it has.
 */
import { pageState, texts } from "texts";

const AT_MOST = 3;
const LONG_CHARS = 900;
const STARTERS = ["start_explain", "start_write", "start_plan", "start_code"];

/** The first that apply are shown. @type {{applies: (reply: string) => boolean, texts: string[]}[]} */
const RULES = [
  { applies: (reply) => isForeign(reply), texts: ["ask_translate"] },
  { applies: (reply) => /^ {0,3}(```|~~~)/m.test(reply), texts: ["ask_steps", "ask_test"] },
  { applies: (reply) => (reply.match(/^\s*([-*•]|\d+[.)])\s/gm) ?? []).length > 1, texts: ["ask_first_point"] },
  { applies: (reply) => reply.length > LONG_CHARS, texts: ["ask_summary"] },
  { applies: () => true, texts: ["ask_example", "ask_simpler", "ask_why"] },
];

/** @param {string} question @param {string} reply @returns {string[]} names of texts, without what was just asked */
export function suggestionsFor(question, reply) {
  const names = RULES.filter((rule) => rule.applies(reply)).flatMap((rule) => rule.texts);
  return names.filter((name) => texts[name] !== question.trim()).slice(0, AT_MOST);
}

/**
 * Whether most letters of the reply are of another script than those of the page.
 * @param {string} reply
 */
function isForeign(reply) {
  const letters = reply.match(/\p{Letter}/gu)?.length ?? 0;
  const han = reply.match(/\p{Script=Han}/gu)?.length ?? 0;
  const latin = reply.match(/\p{Script=Latin}/gu)?.length ?? 0;
  const own = document.documentElement.lang.startsWith("zh") ? han : latin;
  return letters > 20 && own < letters / 2;
}

/** The chips below the last finished reply and on a new chat. It tells "ask" with the sentence that was chosen. */
export class Suggestions extends EventTarget {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.#root = root;
    root.addEventListener("click", (event) => {
      const chip = /** @type {Element} */ (event.target).closest("button");
      if (chip) this.dispatchEvent(new CustomEvent("ask", { detail: chip.textContent }));
    });
  }

  /**
   * @param {import("chat_transcript").ChatTranscript} transcript
   * @param {boolean} isBusy
   */
  show(transcript, isBusy) {
    const [question, reply] = transcript.elements.slice(-2);
    let names = /** @type {string[]} */ ([]);
    if (!transcript.last) names = STARTERS;
    else if (reply?.state === "completed" && reply.text.trim()) names = suggestionsFor(question.text, reply.text);
    const isShown = pageState.preferences.shows_suggestions && !isBusy && names.length > 0;
    this.#root.hidden = !isShown;
    if (!isShown || this.#root.dataset.shown === names.join()) return;
    this.#root.dataset.shown = names.join();
    this.#root.replaceChildren(...names.map((name) => chip(texts[name])));
  }
}

/** @param {string} text */
function chip(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.textContent = text;
  return button;
}
