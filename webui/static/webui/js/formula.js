// @ts-check
/** Sets formulas as MathML, which browsers lay out themselves. Loaded with the first formula. */
import DOMPurify from "dompurify";
import temml from "temml";

// Classes are Temml's own: without `trust` a formula can name none.
const ALLOWED = {
  USE_PROFILES: { mathMl: true },
  ADD_ATTR: ["class"],
  FORBID_ATTR: ["style", "id", "href"],
  RETURN_DOM_FRAGMENT: true,
};
const OPTIONS = { throwOnError: true, trust: false, maxSize: [20, 240], maxExpand: 500 };

/** @param {HTMLElement} place holds a formula as it was written, and keeps it where it cannot be set */
export function typeset(place) {
  const source = place.textContent ?? "";
  const signs = source.startsWith("$") && !source.startsWith("$$") ? 1 : 2;
  const draft = document.createElement("div");
  try {
    temml.render(source.slice(signs, -signs), draft, { ...OPTIONS, displayMode: place.dataset.formula === "display" });
  } catch {
    return;
  }
  // The frame of \boxed is a style, and styles are not let through.
  for (const framed of draft.querySelectorAll("[style*=border]")) framed.setAttribute("class", "boxed");
  place.replaceChildren(DOMPurify.sanitize(draft, ALLOWED));
  place.dataset.formula += " set";
}
