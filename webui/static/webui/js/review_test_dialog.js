// @ts-check
/** The form that makes a test of what is judged, filled with what was changed in the answer. */
import { openDialog } from "dialog";
/** @typedef {import("review_api").Item} Item */

/** @param {Item} item @param {(rules: import("review_api").Rules) => Promise<unknown>} make @param {() => void} made */
export function openTestDialog(item, make, made) {
  const dialog = openDialog("test-dialog");
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  const problem = /** @type {HTMLElement} */ (dialog.querySelector("[role=alert]"));
  const field = (/** @type {string} */ name) => /** @type {HTMLTextAreaElement} */ (form.elements.namedItem(name));
  for (const name of /** @type {const} */ (["must_contain", "must_not_contain"])) field(name).value = item.suggested[name].join("\n");
  if (item.cause === "unsafe") field("refuses").value = "true";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const lines = (/** @type {string} */ name) => field(name).value.split("\n").filter((line) => line.trim());
    const refuses = /** @type {Record<string, boolean | null>} */ ({ true: true, false: false })[field("refuses").value] ?? null;
    try {
      await make({ must_contain: lines("must_contain"), must_not_contain: lines("must_not_contain"), refuses });
      dialog.close();
      made();
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
    }
  });
}
