// @ts-check
/** The sheet of shortcuts: shows them, takes new keys for one, switches all off. What is changed follows the person. */
import { openDialog } from "dialog";
import { prefer } from "preferences";
import { ACTIONS, DEFAULT_KEYS, keysOf, namesOf, obstacleTo, shown } from "shortcuts";
import { fromTemplate, pageState, texts } from "texts";
/** @typedef {import("shortcuts").Action} Action */

export function openShortcutSheet() {
  const dialog = openDialog("shortcut-sheet");
  const list = /** @type {HTMLElement} */ (dialog.querySelector(".shortcuts"));
  const status = /** @type {HTMLElement} */ (dialog.querySelector("[role=status]"));
  const isOn = /** @type {HTMLInputElement} */ (dialog.querySelector("[name=has_shortcuts]"));
  const own = () => pageState.preferences.shortcuts;
  isOn.checked = pageState.preferences.has_shortcuts;
  isOn.addEventListener("change", () => keep({ has_shortcuts: isOn.checked }));
  dialog.querySelector("[data-action=reset]")?.addEventListener("click", () => keep({ shortcuts: {} }));
  list.replaceChildren(...ACTIONS.map(row));
  render();

  /** @param {Action} action */
  function row(action) {
    const element = fromTemplate("shortcut");
    const button = /** @type {HTMLButtonElement} */ (element.querySelector("button"));
    /** @type {HTMLElement} */ (element.querySelector("span")).textContent = texts[`shortcut_${action}`];
    element.dataset.action = action;
    button.addEventListener("click", () => listen(button));
    button.addEventListener("blur", () => button.classList.contains("is-listening") && render());
    button.addEventListener("keydown", (event) => button.classList.contains("is-listening") && take(event, action));
    return element;
  }

  function render() {
    for (const action of ACTIONS) {
      const button = /** @type {HTMLButtonElement} */ (list.querySelector(`[data-action=${action}] button`));
      const keys = shown(keysOf(action));
      button.classList.remove("is-listening");
      button.replaceChildren(...keys.map(keycap));
      button.setAttribute("aria-label", `${texts[`shortcut_${action}`]}: ${keys.join(" ")}. ${texts.shortcut_change}`);
    }
  }

  /** @param {HTMLButtonElement} button */
  function listen(button) {
    render();
    say("");
    button.classList.add("is-listening");
    button.textContent = texts.shortcut_press;
    button.setAttribute("aria-label", texts.shortcut_press);
  }

  /** @param {KeyboardEvent} event @param {Action} action */
  function take(event, action) {
    if (event.isComposing || event.key === "Tab") return; // Tab leaves, and that ends the listening
    event.preventDefault();
    if (event.key === "Escape" && action !== "stop" && !event.shiftKey) return render();
    const [keys] = namesOf(event);
    if (!keys) return;
    const obstacle = obstacleTo(keys, action, own());
    if (obstacle) return say(texts[obstacle.problem].replace("{other}", obstacle.by ? texts[`shortcut_${obstacle.by}`] : ""));
    const { [action]: _, ...others } = own();
    keep({ shortcuts: keys === DEFAULT_KEYS[action] ? others : { ...others, [action]: keys } });
  }

  /** @param {Partial<import("texts").Preferences>} change */
  async function keep(change) {
    const kept = prefer(change);
    render();
    try {
      await kept;
      say(texts.saved);
    } catch (error) {
      say(/** @type {Error} */ (error).message);
    }
    isOn.checked = pageState.preferences.has_shortcuts;
    render();
  }

  /** @param {string} text */
  function say(text) {
    status.textContent = text;
  }
}

/** @param {string} key */
function keycap(key) {
  const element = document.createElement("kbd");
  element.textContent = key;
  return element;
}
