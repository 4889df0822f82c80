// @ts-check
/**
 * Where formulas stand in Markdown: $…$, $$…$$, \( \) and \[ \]. It finds them; formula.js sets them.
 * Until that has happened, and when it cannot, they are shown as they were written.
 */
const BLOCK = /^ {0,3}(?:\$\$(?!\$)(?:(?!\$\$|\n[ \t]*\n)[^])+\$\$|\\\[(?:(?!\\\]|\n[ \t]*\n)[^])+\\\])[ \t]*(?:\n|$)/;
// Its end has not been written yet. What looks like a list or a heading in it shall not become one for a moment.
const OPEN_BLOCK = /^ {0,3}(?:\$\$(?!\$)(?:(?!\$\$|\n[ \t]*\n)[^])*|\\\[(?:(?!\\\]|\n[ \t]*\n)[^])*)$/;
const DISPLAY = /^(?:\$\$(?!\$)(?:\\[^]|[^\\$])+\$\$|\\\[(?:(?!\\\])[^])+\\\])/;
const INLINE = /^(?:\$(?![\s$])(?:\\.|[^\\$\n`])+(?<!\s)\$(?![\w$])|\\\((?:(?!\\\))[^])+\\\))/;
// "from $5 to 10$": a number and then plain words between the signs are prices.
const PRICES = /^\$[\d.,]+[^\\]*\s[a-z]{2,}\s[^\\]*$/i;

const BLOCK_START = /(?<=\n) {0,3}(?:\$\$|\\\[)/;
const UNDERLINE = /(?<=\n) {0,3}(?:=+|-+)[ \t]*(?:\n|$)/;

/**
 * Does a formula begin before the line that would make all above it a heading? Then that line belongs to the formula.
 * @param {string} source
 */
export function hidesUnderline(source) {
  const formula = source.match(BLOCK_START)?.index ?? Infinity;
  return formula < (source.match(UNDERLINE)?.index ?? 0);
}

/** @param {string} source */
const inlineFormula = (source) => {
  const found = INLINE.exec(source)?.[0];
  return found && !PRICES.test(found) ? found : undefined;
};

/** Extensions for marked; how the tokens are shown stands in markdown.js. */
export const formulaSyntax = [
  {
    name: "formula-block",
    level: "block",
    /** @param {string} source */
    start: (source) => source.match(BLOCK_START)?.index,
    /** @param {string} source */
    tokenizer(source) {
      const raw = BLOCK.exec(source)?.[0];
      if (raw) return { type: "formula-block", kind: "display", raw };
      const open = OPEN_BLOCK.exec(source)?.[0];
      return open && { type: "formula-block", kind: "open", raw: open };
    },
  },
  {
    name: "formula",
    level: "inline",
    /** @param {string} source */
    start: (source) => source.match(/\$|\\[([]/)?.index,
    /** @param {string} source */
    tokenizer(source) {
      const display = DISPLAY.exec(source)?.[0];
      if (display) return { type: "formula", kind: "display", raw: display };
      const inline = inlineFormula(source);
      return inline && { type: "formula", kind: "inline", raw: inline };
    },
  },
];
