// @ts-check
/** Colours for code. Loaded with the first code block that names a language. */
import DOMPurify from "dompurify";
import hljs from "highlight";
/** @typedef {import("code_block").CodeBlock} CodeBlock */

const LONGEST = 50_000;
const ALLOWED = { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], ALLOW_DATA_ATTR: false, RETURN_DOM_FRAGMENT: true };

/** @param {CodeBlock} block */
export function highlight(block) {
  const language = block.dataset.language ?? "";
  const text = block.code.textContent ?? "";
  if (!hljs.getLanguage(language) || text.length > LONGEST) return;
  const { value } = hljs.highlight(text, { language, ignoreIllegals: true });
  block.code.replaceChildren(DOMPurify.sanitize(value, ALLOWED));
}
