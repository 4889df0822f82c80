// @ts-check
/** The menu at the foot of the sidebar. The platform opens it (`popovertarget`); this adds keys and one event. */
import { arrowKeys, itemsOf } from "menu";

const menu = /** @type {HTMLElement} */ (document.getElementById("account-menu"));

arrowKeys(menu);
menu.addEventListener("toggle", (event) => {
  if (/** @type {ToggleEvent} */ (event).newState === "open") itemsOf(menu)[0].focus();
});
menu.addEventListener("click", (event) => {
  if (!(/** @type {Element} */ (event.target).closest("[data-action=shortcuts]"))) return;
  menu.hidePopover();
  document.dispatchEvent(new Event("shortcuts"));
});
