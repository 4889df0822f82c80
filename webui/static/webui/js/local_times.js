// @ts-check
/** The server tells times in UTC; people read them in their own. */

/** @param {HTMLTimeElement} element @param {string} iso */
export function localTime(element, iso) {
  element.dateTime = iso;
  element.textContent = new Date(iso).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

/** @param {Document} page */
export function localTimes(page = document) {
  for (const element of page.querySelectorAll("time")) localTime(element, element.dateTime);
}
