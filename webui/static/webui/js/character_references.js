// @ts-check
/**
 * `&copy;` and its like, which Markdown takes from HTML. Browsers know all 2,231 names, so they are asked: the one place
 * where we have markup parsed, and nothing but a single reference gets there.
 */
const REFERENCE = /&(?:#\d{1,7}|#x[\da-f]{1,6}|\w+);/gi;
const WHOLE = new RegExp(`^${REFERENCE.source}$`, "i");

/** @param {string} text */
const onlyReference = (text) => (WHOLE.test(text) ? text : "");
/** @type {{createHTML(text: string): string}} named in the page's policy (Trusted Types) */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("character-references", { createHTML: onlyReference });
const reader = document.createElement("template");

/** @param {string} reference @returns {string} what it stands for, itself where it means nothing */
function character(reference) {
  reader.innerHTML = (policy ?? { createHTML: onlyReference }).createHTML(reference);
  return reader.content.textContent ?? "";
}

/** @param {string} text */
export const withCharacters = (text) => text.replace(REFERENCE, character);
