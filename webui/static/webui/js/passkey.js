// @ts-check
/**
 * Forms with `data-passkey` ("get" or "create"): the browser's ceremony first, then the form is sent with its answer.
 * Stands alone, with nothing but the platform, so that the account pages need neither an import map nor texts.
 */

/** @typedef {{publicKey: PublicKeyCredentialRequestOptionsJSON & PublicKeyCredentialCreationOptionsJSON}} Options */

for (const form of document.querySelectorAll("form[data-passkey]")) enhance(/** @type {HTMLFormElement} */ (form));

/** @param {HTMLFormElement} form */
function enhance(form) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=submit]"));
  if (!isSupported()) {
    button.disabled = true;
    part(form, "unsupported").hidden = false;
    return;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    part(form, "refused").hidden = true;
    try {
      const credential = await ask(form.dataset.passkey ?? "", await optionsOf(form));
      /** @type {HTMLInputElement} */ (form.elements.namedItem("credential")).value = JSON.stringify(credential);
      form.submit(); // not requestSubmit(), which would come back here
    } catch {
      part(form, "refused").hidden = false;
      button.disabled = false;
    }
  });
}

/** A passkey belongs to a name: browsers refuse to make one for an address of numbers. */
function isSupported() {
  const isNumbers = /^[\d.]+$|^\[/.test(location.hostname);
  return !isNumbers && "PublicKeyCredential" in window && "parseCreationOptionsFromJSON" in PublicKeyCredential;
}

/** @param {HTMLFormElement} form @returns {Promise<Options>} those in the page, else fresh ones from where the form goes */
async function optionsOf(form) {
  const block = form.querySelector("#passkey-options");
  const found = block
    ? JSON.parse(block.textContent ?? "")
    : await fetch(form.action, { headers: { "X-Requested-With": "XMLHttpRequest" } }).then((answer) => answer.json());
  return found.request_options ?? found.creation_options;
}

/** @param {string} ceremony @param {Options} options */
async function ask(ceremony, { publicKey }) {
  if (ceremony === "create") {
    // Kept on the device and guarded there, so that it can stand in for the password.
    const selection = /** @type {const} */ ({ residentKey: "required", requireResidentKey: true, userVerification: "required" });
    publicKey.authenticatorSelection = { ...publicKey.authenticatorSelection, ...selection };
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

/** @param {HTMLFormElement} form @param {string} name */
function part(form, name) {
  return /** @type {HTMLElement} */ (form.querySelector(`[data-part=${name}]`));
}

export {};
