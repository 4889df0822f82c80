// @ts-check
/** Esc closes the chat; Tab goes round within it, which is a dialog over the page. */
import { host } from "widget_host";

const STOPS = "button, input, textarea, a[href], [tabindex='0'], summary";

/** @param {KeyboardEvent} event */
function onKey(event) {
  const isMenuOpen = document.getElementById("widget-menu")?.matches(":popover-open");
  if (event.key === "Escape" && !event.defaultPrevented && !isMenuOpen) host.tell("close");
  if (event.key === "Tab") stayWithin(event);
}

/** @param {KeyboardEvent} event */
function stayWithin(event) {
  const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(STOPS)]);
  const reachable = all.filter((each) => each.checkVisibility({ visibilityProperty: true }) && !(/** @type {any} */ (each).disabled));
  const end = event.shiftKey ? reachable[0] : reachable.at(-1);
  if (document.activeElement !== end) return;
  event.preventDefault();
  (event.shiftKey ? reachable.at(-1) : reachable[0])?.focus();
}

export const listenForKeys = () => document.addEventListener("keydown", onKey);
