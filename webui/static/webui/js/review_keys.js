// @ts-check
/** Single keys of the review page. They are off while somebody writes, and where the person wants no shortcuts. */
import { openDialog } from "dialog";
import { prefer } from "preferences";
import { pageState } from "texts";

/** @type {Record<string, string>} */
const ACTIONS = {
  a: "accept", e: "edit", r: "reject", s: "skip", t: "test", n: "later", j: "later", u: "undo", "?": "keys",
  1: "1", 2: "2", 3: "3", 4: "4", 5: "5",
};

/** @param {(action: string) => void} act told which action's key was pressed; a digit is its own */
export function listen(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || event.repeat) return;
    if (event.ctrlKey || event.metaKey || event.altKey || !pageState.preferences.has_shortcuts) return;
    if (/** @type {Element} */ (event.target).closest("input, textarea, select, dialog")) return;
    // Where letters are others, the key stands where it does on a Latin keyboard.
    const key = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : (/^Key(.)$/.exec(event.code)?.[1].toLowerCase() ?? event.key);
    if (!Object.hasOwn(ACTIONS, key)) return;
    event.preventDefault();
    act(ACTIONS[key]);
  });
}

export function openKeysSheet() {
  const dialog = openDialog("keys-dialog");
  const isOn = /** @type {HTMLInputElement} */ (dialog.querySelector("[name=has_shortcuts]"));
  const problem = /** @type {HTMLElement} */ (dialog.querySelector("[role=alert]"));
  isOn.checked = pageState.preferences.has_shortcuts;
  isOn.addEventListener("change", async () => {
    try {
      await prefer({ has_shortcuts: isOn.checked });
      problem.hidden = true;
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
    }
    isOn.checked = pageState.preferences.has_shortcuts;
  });
}
