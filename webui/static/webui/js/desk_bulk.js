// @ts-check
/** The bar with what is done to all chosen conversations at once. */
import { texts } from "texts";

/**
 * @param {import("desk_list").CaseList} list
 * @param {(what: import("desk_api").Bulk) => void} change
 * @param {(ids: string[], button: HTMLElement) => void} snooze
 */
export function bulkBar(list, change, snooze) {
  const bar = /** @type {HTMLElement} */ (document.getElementById("bulk"));
  bar.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
    const ids = [...list.chosen];
    if (button?.dataset.action === "clear") list.clearChosen();
    if (button?.dataset.action === "snooze") snooze(ids, button);
    if (button?.dataset.action === "resolve") change({ ids, action: "resolve" });
    if (button?.dataset.action === "assign_me") change({ ids, action: "assign" });
  });
  bar.addEventListener("change", (event) => {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    if (select.value) change({ ids: [...list.chosen], action: "label", label: select.value });
    select.value = "";
  });
  list.addEventListener("chosen", () => {
    bar.hidden = list.chosen.size === 0;
    /** @type {HTMLElement} */ (bar.querySelector("[data-part=count]")).textContent = texts.desk_chosen.replace("{count}", String(list.chosen.size));
  });
  document.getElementById("list")?.append(bar);
}
