// @ts-check
/**
 * Markdown of a model, which is as hostile as any text, made into elements: marked reads it, and for each of its tokens
 * stands below what it is shown as. No HTML is written and none is read, so there is nothing to be sanitized: text
 * becomes text, and no element or attribute is there but those below. It knows nothing of streaming.
 */
import { withCharacters } from "character_references";
import { CodeBlock } from "code_block";
import { formulaSyntax, hidesUnderline } from "formula_syntax";
import { Marked } from "marked";
import { fromTemplate, texts } from "texts";
/**
 * @typedef {import("marked").Token} Token
 * @typedef {(name: string, tokens: Token[]) => HTMLElement} Inside an element of that name with what stands in the token
 */

// Headings of the page itself end with h2, the author of a message.
const PAGE_HEADINGS = 2;
const LINKS = /^(?:https?|mailto):/i;
// Elements within elements, as far as anybody reads them; browsers lay them out by calling themselves.
const DEEPEST = 100;

/** @param {string} href @returns {URL | null} null for what must not be followed from here */
function address(href) {
  if (!LINKS.test(href) || !URL.canParse(href)) return null;
  return new URL(href);
}

/** @param {HTMLElement} element @param {Record<string, string>} attributes No style, id, name or class: text shall
 *   neither dress as the page nor take the place of its variables. */
function withAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** @param {string} name @param {(Node | string)[]} children */
function element(name, ...children) {
  const made = document.createElement(name);
  for (const child of children) made.append(child);
  return made;
}

/** @param {URL} url @param {HTMLElement} place */
const leadingTo = (url, place) =>
  withAttributes(place, { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" });

/** @param {{header: boolean, align: string | null, tokens: Token[]}[]} cells @param {Inside} inside */
function row(cells, inside) {
  const made = cells.map(({ header, align, tokens }) => withAttributes(inside(header ? "th" : "td", tokens), align ? { align } : {}));
  return element("tr", ...made);
}

/** @type {Record<string, (token: any, inside: Inside, isInLink: boolean) => Node | string>} */
const SHOWN = {
  space: () => "",
  def: () => "",
  text: ({ text }) => withCharacters(text),
  escape: ({ text }) => withCharacters(text),
  br: () => element("br"),
  hr: () => element("hr"),
  strong: ({ tokens }, inside) => inside("strong", tokens),
  em: ({ tokens }, inside) => inside("em", tokens),
  del: ({ tokens }, inside) => inside("del", tokens),
  codespan: ({ text }) => element("code", text),
  paragraph: ({ tokens }, inside) => inside("p", tokens),
  blockquote: ({ tokens }, inside) => inside("blockquote", tokens),
  heading: ({ tokens, depth }, inside) => inside(`h${Math.min(depth + PAGE_HEADINGS, 6)}`, tokens),
  list({ ordered, start, items }, inside) {
    const list = inside(ordered ? "ol" : "ul", items);
    return ordered && start !== 1 ? withAttributes(list, { start }) : list;
  },
  list_item: ({ tokens }, inside) => inside("li", tokens),
  checkbox({ checked }) {
    const box = { type: "checkbox", disabled: "", "aria-label": checked ? texts.task_done : texts.task_open };
    const fragment = document.createDocumentFragment();
    fragment.append(withAttributes(element("input"), checked ? { ...box, checked: "" } : box), " ");
    return fragment;
  },
  code({ text, lang }) {
    const language = /^\S*/.exec(lang ?? "")?.[0] ?? "";
    return CodeBlock.create(language, text.replace(/\n+$/, ""));
  },
  table({ header, rows }, inside) {
    const table = element("table", element("thead", row(header, inside)));
    if (rows.length) table.append(element("tbody", ...rows.map((/** @type {any} */ cells) => row(cells, inside))));
    const box = fromTemplate("table-box");
    box.append(table);
    return box;
  },
  link({ href, tokens, raw }, inside, isInLink) {
    const url = isInLink ? null : address(href);
    return url ? leadingTo(url, inside("a", tokens)) : raw;
  },
  // Loading an image tells its host who reads, and what the model was made to put into the address.
  image({ href, text, raw }, inside, isInLink) {
    const url = address(href);
    if (!url?.host) return raw;
    const host = texts.image_from.replace("{host}", url.host);
    const label = text ? `${text} (${host})` : host;
    return isInLink ? label : leadingTo(url, element("a", label));
  },
  formula: ({ kind, raw }) => withAttributes(element("span", raw), { "data-formula": kind }),
  "formula-block": ({ kind, raw }) => withAttributes(element("div", raw.trim()), { "data-formula": kind }),
};

/** @param {ParentNode} place @param {Token[]} tokens @param {number} depth @param {boolean} isInLink */
function fill(place, tokens, depth, isInLink) {
  /** @type {Inside} */
  const inside = (name, within) => {
    const made = document.createElement(name);
    if (depth < DEEPEST) fill(made, within, depth + 1, isInLink || name === "a");
    else made.append(...within.map(({ raw }) => raw));
    return made;
  };
  for (const token of tokens) {
    // In a list without empty lines a text has words of its own kinds within, and no paragraph around them.
    if (token.type === "text" && token.tokens) fill(place, token.tokens, depth, isInLink);
    else place.append(SHOWN[token.type](token, inside, isInLink));
  }
}

const nothing = () => undefined;
const asUsual = false;
const marked = new Marked({
  gfm: true,
  extensions: formulaSyntax,
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
  const fragment = document.createDocumentFragment();
  fill(fragment, blocks, 0, false);
  fragment.normalize(); // words that stand behind one another are one text, which grows
  return fragment;
}
