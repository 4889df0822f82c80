// @ts-check
/**
 * A reply's Markdown in an element, while it is being written and after. Blocks that are closed are never touched again;
 * only the last one is read anew when text comes, and in an open code block nothing is. When the text is whole, the
 * elements are those of one rendering of the whole.
 */
import { CodeBlock } from "code_block";
import { blocksOf, rendered } from "markdown";
import { morph } from "morph";

/**
 * A code block that has not ended: where its code begins, where the line that is being written begins, and what ends it.
 * @typedef {{code: HTMLElement, begin: number, line: number, end: RegExp}} Fence
 */

const PLAIN = /^[\p{L}\p{M}\p{N} ,.?!'"()-]+$/u;

export class RichText {
  #place;
  #source = "";
  #isWhole = false;
  // How much of the text, and how many elements, stand in closed blocks.
  #closedLength = 0;
  #closedNodes = 0;
  #hasDefinitions = false;
  /** @type {Fence | null} */
  #fence = null;

  /** @param {HTMLElement} place what stands in it is replaced */
  constructor(place) {
    this.#place = place;
    place.replaceChildren();
    place.classList.add("rich-text");
  }

  /** @param {string} text the text so far */
  grow(text) {
    const source = normalized(text);
    const fresh = !this.#isWhole && source.startsWith(this.#source) ? source.slice(this.#source.length) : null;
    if (fresh === null) this.#reopen();
    this.#source = source;
    this.#isWhole = false;
    const isShown = fresh !== null && (this.#fence ? this.#appendToFence(this.#fence) : this.#appendToText(fresh));
    if (!isShown) this.#render();
  }

  /** @param {string} text the whole text */
  finish(text) {
    const source = normalized(text);
    if (this.#isWhole && source === this.#source) return;
    if (this.#isWhole || !source.startsWith(this.#source)) this.#reopen();
    this.#source = source;
    this.#isWhole = true;
    this.#render();
    // A link's address may be told anywhere in the text, also below where it is used.
    if (!this.#hasDefinitions) return;
    this.#reopen();
    this.#render();
  }

  #reopen() {
    this.#closedLength = 0;
    this.#closedNodes = 0;
    this.#fence = null;
  }

  #render() {
    const open = this.#source.slice(this.#closedLength);
    const blocks = blocksOf(open);
    this.#hasDefinitions ||= Object.keys(blocks.links).length > 0;
    const closing = this.#isWhole ? blocks.length : closedBlocks(blocks, open);
    const fragment = rendered(blocks.slice(0, closing));
    const closed = fragment.childNodes.length;
    fragment.append(rendered(blocks.slice(closing)));
    morph(this.#place, fragment, this.#closedNodes);
    if (closed) dress([...this.#place.childNodes].slice(this.#closedNodes, this.#closedNodes + closed));
    this.#closedNodes += closed;
    for (const block of blocks.slice(0, closing)) this.#closedLength += block.raw.length;
    this.#fence = this.#isWhole ? null : this.#fenceAt(blocks.at(-1));
  }

  /** @param {import("marked").Token | undefined} block */
  #fenceAt(block) {
    const [head, sign] = block?.type === "code" ? (/^(`{3,}|~{3,})[^\n]*\n/.exec(block.raw) ?? []) : [];
    const element = this.#place.lastChild;
    if (!block || !head || !sign || !(element instanceof CodeBlock)) return null;
    const begin = this.#source.length - block.raw.length + head.length;
    return { code: element.code, begin, line: begin, end: new RegExp(`^ {0,3}${sign}[~\`]* *$`) };
  }

  /**
   * Letters behind letters of a line mean nothing but themselves, and most of what comes is that. What they mean after
   * all is put right when the block is read again, at the next sign or at its end.
   * @param {string} fresh @returns {boolean} false where it must be read
   */
  #appendToText(fresh) {
    if (!PLAIN.test(fresh)) return false;
    /** @type {Node | null} */
    let node = this.#place;
    while (node?.lastChild) node = node.lastChild;
    const before = this.#source.slice(this.#source.lastIndexOf("\n", this.#source.length - fresh.length - 1) + 1, -fresh.length);
    const last = before.slice(-1);
    if (!(node instanceof Text) || !/\p{L}/u.test(before) || !PLAIN.test(last) || !node.data.endsWith(last)) return false;
    if (node.parentElement?.closest("a, code, [data-formula]")) return false;
    node.appendData(fresh);
    return true;
  }

  /** @param {Fence} fence @returns {boolean} false when it has ended */
  #appendToFence(fence) {
    for (let end; (end = this.#source.indexOf("\n", fence.line)) >= 0; fence.line = end + 1) {
      if (fence.end.test(this.#source.slice(fence.line, end))) return false;
    }
    const line = this.#source.slice(fence.line);
    if (fence.end.test(line)) return false;
    // What may become the end is not shown as code for a moment.
    const shown = this.#source.slice(fence.begin, /^ *[`~]*$/.test(line) ? fence.line : undefined).replace(/\n+$/, "");
    const text = fence.code.firstChild;
    if (text instanceof Text && shown.startsWith(text.data)) text.appendData(shown.slice(text.length));
    else fence.code.textContent = shown;
    return true;
  }
}

/** Line ends as marked reads them, so that lengths agree; and no NUL, which HTML has no place for. @param {string} text */
const normalized = (text) => text.replace(/\r\n?/g, "\n").replaceAll("\0", "\uFFFD");

/**
 * How many blocks no further text can change: those before the last block whose first line is complete. One line is
 * needed, because "2" below a list is a paragraph until a dot follows. What stands below a paragraph
 * without an empty line may become a part of it, when a later line is not what made it a heading, a table or a list.
 * @param {import("marked").Token[]} blocks @param {string} text
 */
function closedBlocks(blocks, text) {
  let closed = 0;
  let at = 0;
  blocks.forEach((block, index) => {
    const isBound = blocks[index - 1]?.type === "paragraph";
    if (block.type !== "space" && !isBound && text.indexOf("\n", at) >= 0) closed = index;
    at += block.raw.length;
  });
  return closed;
}

/** Colours and set formulas, once there are any to be dressed. @param {Node[]} nodes */
function dress(nodes) {
  const elements = /** @type {HTMLElement[]} */ (nodes.filter((node) => node instanceof HTMLElement));
  const within = (/** @type {string} */ selector) =>
    /** @type {any[]} */ (elements.flatMap((e) => (e.matches(selector) ? [e] : [...e.querySelectorAll(selector)])));
  const codes = within("code-block:not([data-language=''])");
  const formulas = within("[data-formula=inline], [data-formula=display]");
  if (codes.length) import("highlighting").then(({ highlight }) => codes.forEach(highlight));
  if (formulas.length) import("formula").then(({ typeset }) => formulas.forEach(typeset));
}
