// @ts-check
/**
 * Which keys mean what. Knows how keys are named, compared and shown, and tells by an event with the action's name that
 * its keys were pressed; what the actions do is page_actions.js's business.
 *
 * Keys are written as "Mod+Shift+O": modifiers in the order Mod, Ctrl, Alt, Shift, then a key. Mod is ⌘ on Apple's
 * machines and Ctrl elsewhere.
 */
import { pageState } from "texts";

export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/** Every action with its default keys, in the order of the sheet. Its name for people is texts[`shortcut_${name}`]. */
export const DEFAULT_KEYS = {
  new_chat: "Mod+Shift+O",
  search: "Mod+K",
  toggle_sidebar: "Mod+Shift+S",
  previous_chat: "Alt+ArrowUp",
  next_chat: "Alt+ArrowDown",
  temporary_chat: "Mod+Shift+'",
  delete_chat: "Mod+Shift+Backspace",
  focus_composer: "Shift+Escape",
  stop: "Escape",
  copy_reply: "Mod+Shift+C",
  copy_code: "Mod+Shift+;",
  settings: "Mod+.",
  show_shortcuts: "Mod+/",
};
/** @typedef {keyof typeof DEFAULT_KEYS} Action */
export const ACTIONS = /** @type {Action[]} */ (Object.keys(DEFAULT_KEYS));

// What browsers keep for themselves or people need for writing; a page that took these would be in the way.
const RESERVED = new Set(
  ["A", "C", "F", "L", "N", "P", "Q", "R", "T", "V", "W", "X", "Z", "Shift+N", "Shift+P", "Shift+R", "Shift+T",
    "Shift+W", "Shift+V", "Shift+Z", "Tab", "Shift+Tab", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "+", "-",
    "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    .map((keys) => `Mod+${keys}`)
    .concat("F1", "F3", "F5", "F6", "F7", "F11", "F12", "Alt+F4", "Alt+ArrowLeft", "Alt+ArrowRight", "Alt+Tab"),
);
/** @type {Record<string, string>} where a key stands when Shift changes what it writes */
const BY_CODE = {
  Semicolon: ";", Quote: "'", Comma: ",", Period: ".", Slash: "/", Backslash: "\\", Backquote: "`", Minus: "-",
  Equal: "=", BracketLeft: "[", BracketRight: "]", Space: "Space",
};
/** @type {Record<string, string>} */
const SHOWN = {
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc",
  ...(isApple
    ? { Mod: "⌘", Ctrl: "⌃", Alt: "⌥", Shift: "⇧", Backspace: "⌫", Enter: "⏎", Delete: "⌦" }
    : { Mod: "Ctrl" }),
};

/** @param {Action} action @param {Record<string, string>} [own] */
export const keysOf = (action, own = pageState.preferences.shortcuts) => own[action] ?? DEFAULT_KEYS[action];

/** @param {string} keys @returns {string[]} one piece for each key, as it is printed on this machine's keyboard */
export const shown = (keys) => keys.split("+").map((key) => SHOWN[key] ?? key);

/**
 * The names under which a press of keys may be known, the best first: by place, since Shift changes what a key writes;
 * and by what it writes, since signs stand elsewhere on other keyboards ("/" is Shift+7 on a German one).
 * @param {KeyboardEvent} event
 * @returns {string[]} empty for a modifier alone
 */
export function namesOf(event) {
  const { key, code } = event;
  if (["Control", "Meta", "Alt", "AltGraph", "Shift", "Dead", "Process", "Unidentified"].includes(key)) return [];
  const [mod, ctrl] = isApple ? [event.metaKey, event.ctrlKey] : [event.ctrlKey, false];
  if (!isApple && event.metaKey) return [];
  const held = [mod && "Mod", ctrl && "Ctrl", event.altKey && "Alt"].filter(Boolean);
  const shift = event.shiftKey ? ["Shift"] : [];
  const byPlace = /^[a-z]$/i.test(key) ? key.toUpperCase() : (code.match(/^(?:Key|Digit)(.)$/)?.[1] ?? BY_CODE[code] ?? key);
  const names = [[...held, ...shift, byPlace].join("+")];
  if (/^[^\p{Letter}\p{Number}\s]$/u.test(key)) names.push([...held, key].join("+"));
  return names;
}

/**
 * Why these keys cannot be had; null when they can.
 * @param {string} keys
 * @param {Action} action
 * @param {Record<string, string>} own
 * @returns {null | {problem: "shortcut_needs_modifier" | "shortcut_reserved" | "shortcut_taken", by?: Action}}
 */
export function obstacleTo(keys, action, own) {
  if (RESERVED.has(keys)) return { problem: "shortcut_reserved" };
  if (!/Mod|Ctrl|Alt|Escape|^(Shift\+)?F\d/.test(keys)) return { problem: "shortcut_needs_modifier" };
  const by = ACTIONS.find((each) => each !== action && keysOf(each, own) === keys);
  return by ? { problem: "shortcut_taken", by } : null;
}

export class Shortcuts extends EventTarget {
  constructor() {
    super();
    document.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // While an input method composes, keys belong to it; Safari says so by 229 alone.
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (!pageState.preferences.has_shortcuts) return;
    const names = namesOf(event);
    const action = ACTIONS.find((each) => names.includes(keysOf(each)));
    if (!action) return;
    if (names[0] !== "Escape") event.preventDefault(); // it also leaves full screen, and closes what the browser opened
    if (!event.repeat) this.dispatchEvent(new CustomEvent("action", { detail: action }));
  }
}
