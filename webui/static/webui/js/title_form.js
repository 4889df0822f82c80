// @ts-check
/** A title is written where it stands: in the list, or in the head of the page. */
import { fromTemplate } from "texts";

/**
 * @param {Element} place whose content makes room for the field; the caller fills it again
 * @param {string} title
 * @returns {Promise<string>} the new title; empty when there is none
 */
export function editTitle(place, title) {
  const form = /** @type {HTMLFormElement} */ (fromTemplate("title-form"));
  const box = /** @type {HTMLInputElement} */ (form.querySelector("input"));
  box.value = title;
  return new Promise((resolve) => {
    let isOver = false;
    /** @param {string} written */
    const close = (written) => {
      isOver = true; // taking the form away blurs it
      form.remove();
      resolve(written);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const written = box.value.trim();
      close(written === title ? "" : written);
    });
    form.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") close("");
    });
    box.addEventListener("blur", () => isOver || form.requestSubmit());
    place.replaceChildren(form);
    box.select();
  });
}
