// @ts-check
/** The server tells times in UTC; people read them in their own. */

/** @param {HTMLTimeElement} element @param {string} iso */
export function localTime(element, iso) {
  element.dateTime = iso;
  element.textContent = new Date(iso).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

export function localTimes() {
  for (const element of document.querySelectorAll("time")) localTime(element, element.dateTime);
}
