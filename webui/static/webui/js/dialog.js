// @ts-check
/** A dialog that is copied from a template when it is asked for and goes away when it is closed. */
import { fromTemplate } from "texts";

/**
 * Open a `<template id>` whose element is a `<dialog class="dialog">`. Escape, the backdrop and any
 * `[data-action=close]` inside close it; the browser gives the focus back to where it was.
 * @param {string} id
 * @returns {HTMLDialogElement}
 */
export function openDialog(id) {
  const dialog = /** @type {HTMLDialogElement} */ (fromTemplate(id));
  dialog.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target === dialog || target.closest("[data-action=close]")) dialog.close();
  });
  // Keys that mean something here shall not reach the page behind.
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
