// @ts-check
/** Makes the settings pages quicker: a choice of `form[data-instant]` takes effect at once, and times are local ones.
 * Stands alone, like passkey.js. */

for (const time of document.querySelectorAll("time[datetime]")) {
  const options = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "short" });
  const moment = new Date(/** @type {HTMLTimeElement} */ (time).dateTime);
  time.textContent = moment.toLocaleString(document.documentElement.lang, options);
}

for (const form of document.querySelectorAll("form[data-instant]")) enhance(/** @type {HTMLFormElement} */ (form));

/** @param {HTMLFormElement} form */
function enhance(form) {
  const problem = /** @type {HTMLElement} */ (form.querySelector("[data-part=problem]"));
  /** @type {HTMLElement} */ (form.querySelector("[type=submit]")).hidden = true;
  // One after the other, so that the last choice is the one that is kept.
  let saving = Promise.resolve();
  form.addEventListener("change", () => {
    const choices = new FormData(form);
    for (const name of ["theme", "contrast"]) document.documentElement.dataset[name] = String(choices.get(name));
    saving = saving.then(() => save(form.action, choices)).then((isSaved) => void (problem.hidden = isSaved));
  });
}

/** @param {string} address @param {FormData} choices */
async function save(address, choices) {
  const headers = { "X-Requested-With": "XMLHttpRequest" };
  const answer = await fetch(address, { method: "POST", body: choices, headers, keepalive: true }).catch(() => null);
  return answer?.status === 204;
}

export {};
