// @ts-check
/** Keys of a menu that is a popover: arrows go from item to item, Escape closes it and nothing behind it. */

/** @param {HTMLElement} root */
export function arrowKeys(root) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = itemsOf(root);
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    items[(at + step + items.length) % items.length].focus();
  });
}

/** @param {HTMLElement} root */
export function itemsOf(root) {
  const all = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("a, button"));
  return [...all].filter((item) => !item.hidden);
}
