// @ts-check
/** The menu that says until when a conversation, or many at once, is put aside. */
import { Menu } from "menu";

const HOUR_MS = 3_600_000;
const MORNING = 9; // o'clock, here

/** @param {(ids: string[], until: string | null) => void} snooze null: not any longer @returns {(ids: string[], button: HTMLElement) => void} opens it */
export function snoozeMenu(snooze) {
  /** @type {Menu<string[]>} */
  const menu = new Menu(/** @type {HTMLElement} */ (document.getElementById("snooze-menu")));
  for (const [name, until] of Object.entries(moments)) {
    menu.addEventListener(name, (event) => snooze(/** @type {CustomEvent} */ (event).detail, until()?.toISOString() ?? null));
  }
  return (ids, button) => menu.open(ids, button);
}

/** @type {Record<string, () => Date | null>} */
const moments = {
  hour: () => new Date(Date.now() + HOUR_MS),
  four_hours: () => new Date(Date.now() + 4 * HOUR_MS),
  tomorrow: () => morningIn(1),
  week: () => morningIn((8 - new Date().getDay()) % 7 || 7),
  wake: () => null,
};

/** @param {number} days */
function morningIn(days) {
  const moment = new Date();
  moment.setDate(moment.getDate() + days);
  moment.setHours(MORNING, 0, 0, 0);
  return moment;
}
