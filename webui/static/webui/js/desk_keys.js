// @ts-check
/** Keys of the inbox, and the dialog in which every action is found by its name (⌘K, Ctrl K elsewhere). */
import { openDialog } from "dialog";
import { isApple, namesOf, shown } from "shortcuts";
import { pageState, texts } from "texts";

/** @typedef {{label: string, keys?: string, run: () => void}} Action */

/** @param {() => Action[]} actions what can be done now */
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (!pageState.preferences.has_shortcuts) return;
    const names = namesOf(event);
    const action = names.includes("Mod+K") ? { run: () => openPalette(actions()) } : actions().find(({ keys }) => keys && names.includes(keys));
    if (!action) return;
    event.preventDefault();
    if (!event.repeat) action.run();
  });
}

/** @param {Action[]} actions */
export function openPalette(actions) {
  if (document.querySelector("dialog.palette")) return;
  const dialog = openDialog("palette");
  const box = /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
  const list = /** @type {HTMLElement} */ (dialog.querySelector("[role=listbox]"));
  let at = 0;
  /** @type {Action[]} */
  let fitting = [];
  const run = (/** @type {Action | undefined} */ action) => {
    if (!action) return;
    dialog.close();
    action.run();
  };
  const draw = () => {
    list.replaceChildren(...fitting.map((action, index) => option(action, index, index === at, () => run(action))));
    if (fitting.length) box.setAttribute("aria-activedescendant", `palette-${at}`);
    else box.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const look = () => {
    const words = box.value.toLowerCase().split(/\s+/);
    fitting = actions.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
    at = 0;
    draw();
  };
  box.addEventListener("input", look);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && fitting.length) at = (at + step + fitting.length) % fitting.length;
    else if (event.key === "Enter") run(fitting[at]);
    else return;
    event.preventDefault();
    draw();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(isApple ? event.metaKey : event.ctrlKey)) return;
    event.preventDefault(); // it would go to the browser's address bar
    dialog.close();
  });
  look();
}

/** @param {Action} action @param {number} index @param {boolean} isChosen @param {() => void} run */
function option({ label, keys }, index, isChosen, run) {
  const element = document.createElement("li");
  element.id = `palette-${index}`;
  element.role = "option";
  element.ariaSelected = String(isChosen);
  const name = document.createElement("span");
  name.textContent = label;
  element.append(name);
  if (keys) {
    const hint = document.createElement("span");
    hint.append(...shown(keys).map((key) => Object.assign(document.createElement("kbd"), { textContent: key })));
    element.append(hint);
  }
  element.addEventListener("click", run);
  return element;
}

/** The actions' names, as far as the page's head does not show them. @param {string} name */
export const labelOf = (name) => texts[`desk_${name}`];
