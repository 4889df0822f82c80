// @ts-check
/** A short notice, with a way back where there is one. It survives going to another page, since that is what deleting leads to. */
import { fromTemplate, texts } from "texts";

const SHOWN_MS = 8000;
const SHORT_MS = 3000; // nothing to decide

/** @param {string} text @param {() => void} [undo] */
export function toast(text, undo) {
  document.querySelector(".toast")?.remove();
  const element = fromTemplate("toast");
  const button = /** @type {HTMLButtonElement} */ (element.querySelector("button"));
  /** @type {HTMLElement} */ (element.querySelector("span")).textContent = text;
  button.textContent = texts.undo;
  button.hidden = !undo;
  let timer = setTimeout(() => element.remove(), undo ? SHOWN_MS : SHORT_MS);
  const hold = () => clearTimeout(timer);
  const letGo = () => (timer = setTimeout(() => element.remove(), SHOWN_MS));
  element.addEventListener("pointerenter", hold);
  element.addEventListener("focusin", hold);
  element.addEventListener("pointerleave", letGo);
  element.addEventListener("focusout", letGo);
  button.addEventListener("click", () => {
    hold();
    element.remove();
    undo?.();
  });
  document.body.append(element);
}
