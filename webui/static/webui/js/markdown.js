// @ts-check
/**
 * Markdown of a model, which is as hostile as any text, made into elements: marked reads it, DOMPurify lets through
 * what stands on the list below and nothing else. HTML in it is text. It knows nothing of streaming.
 */
import { CodeBlock } from "code_block";
import DOMPurify from "dompurify";
import { formulaSyntax, hidesUnderline } from "formula_syntax";
import { Marked } from "marked";
import { escaped, fromTemplate, texts } from "texts";
/** @typedef {import("marked").Token} Token */

// Headings of the page itself end with h2, the author of a message.
const PAGE_HEADINGS = 2;
const LINKS = /^(?:https?|mailto):/i;

// No style, id, name or class: text shall neither dress as the page nor take the place of its variables.
const PLAIN_ATTRIBUTES = [
  ...["target", "rel", "start", "align", "type", "checked", "disabled", "aria-label"],
  ...["data-language", "data-formula"],
];
const ALLOWED = {
  ALLOWED_TAGS: [
    ...["p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "del", "a", "code", "pre", "blockquote"],
    ...["ul", "ol", "li", "input", "table", "thead", "tbody", "tr", "th", "td", "div", "span"],
  ],
  ALLOWED_ATTR: ["href", ...PLAIN_ATTRIBUTES],
  ALLOWED_URI_REGEXP: LINKS,
  ADD_URI_SAFE_ATTR: PLAIN_ATTRIBUTES,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** @param {string} href @returns {URL | null} null for what must not be followed from here */
function address(href) {
  if (!LINKS.test(href) || !URL.canParse(href)) return null;
  return new URL(href);
}

/** @param {URL} url @param {string} label HTML */
const link = (url, label) =>
  `<a href="${escaped(url.href)}" target="_blank" rel="noopener noreferrer nofollow">${label}</a>`;

/** @type {Record<string, (this: {parser: {parseInline(tokens: Token[]): string}}, token: any) => string>} */
const renderer = {
  heading({ tokens, depth }) {
    const level = Math.min(depth + PAGE_HEADINGS, 6);
    return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
  },
  link({ href, tokens, raw }) {
    const url = address(href);
    return url ? link(url, this.parser.parseInline(tokens)) : escaped(raw);
  },
  // Loading an image tells its host who reads, and what the model was made to put into the address.
  image({ href, text, raw }) {
    const url = address(href);
    if (!url?.host) return escaped(raw);
    const label = texts.image_from.replace("{host}", url.host);
    return link(url, escaped(text ? `${text} (${label})` : label));
  },
  code({ text, lang }) {
    const language = /^\S*/.exec(lang ?? "")?.[0] ?? "";
    return `<pre data-language="${escaped(language)}"><code>${escaped(text.replace(/\n+$/, ""))}</code></pre>`;
  },
  checkbox({ checked }) {
    const label = escaped(checked ? texts.task_done : texts.task_open);
    return `<input type="checkbox" disabled aria-label="${label}"${checked ? " checked" : ""}> `;
  },
  html: ({ text }) => escaped(text),
};

const nothing = () => undefined;
const asUsual = false;
const marked = new Marked({
  gfm: true,
  extensions: formulaSyntax,
  renderer,
  tokenizer: {
    html: nothing,
    tag: nothing,
    lheading: (/** @type {string} */ source) => (hidesUnderline(source) ? nothing() : asUsual),
  },
});

/**
 * The blocks of a text; their `raw` in a row is the text again.
 * @param {string} text
 * @returns {Token[] & {links: Record<string, unknown>}}
 */
export const blocksOf = (text) => marked.lexer(text);

/**
 * @param {Token[]} blocks
 * @returns {DocumentFragment} one element for each block that shows anything
 */
export function rendered(blocks) {
  if (!blocks.length) return document.createDocumentFragment();
  const fragment = DOMPurify.sanitize(marked.parser(blocks), ALLOWED);
  for (const node of [...fragment.childNodes]) if (!node.textContent?.trim() && node.nodeType === Node.TEXT_NODE) node.remove();
  for (const pre of fragment.querySelectorAll("pre")) {
    pre.replaceWith(CodeBlock.create(pre.dataset.language ?? "", pre.textContent ?? ""));
  }
  for (const table of fragment.querySelectorAll("table")) {
    const box = fromTemplate("table-box");
    table.replaceWith(box);
    box.append(table);
  }
  return fragment;
}
